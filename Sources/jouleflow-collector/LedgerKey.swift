import ArgumentParser
import Chain

/// A public key on the command line.
enum LedgerKey {
    @Sendable
    static func parse(_ text: String) throws -> VerifyingKey {
        guard let key = VerifyingKey(hexadecimal: text) else {
            throw ValidationError("A key is an Ed25519 public key in 64 hexadecimal digits.")
        }
        return key
    }
}
