import Chain

/// The key that an agent signs its batches with, in a file that is made with the state directory and
/// stays: another key is another agent to who verifies.
enum SigningKeyFile {
    static let lengths = SigningKey.size...SigningKey.size

    /// The key in the file, which is made where it is missing.
    static func key(_ path: String) throws(SecretFileError) -> SigningKey {
        let file = SecretFile(path, of: .signing, lengths: lengths)
        let bytes = try file.readOrMake { SigningKey().bytes }
        guard let key = SigningKey(bytes) else { throw file.error(.badLength(bytes.count)) }
        return key
    }
}
