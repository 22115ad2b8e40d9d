import Chain

/// The key that an agent signs its batches with, in a file that is made with the state directory and
/// stays: another key is another agent to who verifies.
enum SigningKeyFile {
    static let lengths = SigningKey.size...SigningKey.size

    /// The key in the file, which is made where it is missing, and whether it was.
    static func key(
        _ path: String
    ) throws(SecretFileError) -> (key: SigningKey, isNew: Bool) {
        let file = SecretFile(path, of: .signing, lengths: lengths)
        var isNew = false
        let bytes = try file.readOrMake {
            isNew = true
            return SigningKey().bytes
        }
        guard let key = SigningKey(bytes) else { throw file.error(.badLength(bytes.count)) }
        return (key, isNew)
    }
}
