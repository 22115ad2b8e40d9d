import Chain

/// The key that an agent signs its batches with, in a file that is made with the state directory and
/// stays: another key is another agent to who verifies.
enum SigningKeyFile {
    static let lengths = SigningKey.size...SigningKey.size

    /// The key in the file. Where there is none, a new one, which signs nothing before it is kept.
    static func key(
        _ path: String
    ) throws(SecretFileError) -> (key: SigningKey, isNew: Bool) {
        let file = SecretFile(path, of: .signing)
        guard let bytes = try file.readIfThere() else { return (SigningKey(), true) }
        guard let key = SigningKey(bytes) else { throw file.error(.badLength(bytes.count)) }
        return (key, false)
    }

    /// Puts a new key into the file.
    static func keep(_ key: SigningKey, _ path: String) throws(SecretFileError) {
        try SecretFile(path, of: .signing).make(key.bytes)
    }
}
