import Crypto

/// The secret that keys of flows are hashed with: no key leaves the host, and nobody without the
/// secret can tell which key a digest is of.
package struct FlowSecret: Sendable {
    /// Bytes that a secret has at least and at most.
    package static let lengths = 16...4096

    private let key: SymmetricKey

    /// - Parameter bytes: as many as `lengths` says; others give `nil`.
    package init?(_ bytes: [UInt8]) {
        guard Self.lengths.contains(bytes.count) else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// A secret of 32 random bytes.
    package static func random() -> (secret: FlowSecret, bytes: [UInt8]) {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return (FlowSecret(key: SymmetricKey(data: bytes)), bytes)
    }

    private init(key: SymmetricKey) { self.key = key }

    /// What tells this secret from others, and nothing about it: the first eight bytes, as a
    /// big-endian number, of the HMAC-SHA256 of "jouleflow flow secret".
    package var identity: UInt64 {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Array("jouleflow flow secret".utf8))
        return Self.number(of: code.finalize())
    }

    /// Makes ready to hash the keys of one scenario.
    func hasher(of scenario: String) -> FlowHasher {
        var code = HMAC<SHA256>(key: key)
        code.update(data: Array(scenario.utf8) + [0])
        return FlowHasher(code: code)
    }

    fileprivate static func number(of code: HMAC<SHA256>.MAC) -> UInt64 {
        code.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
    }
}

/// Keys of one scenario's flows → digests.
struct FlowHasher {
    fileprivate let code: HMAC<SHA256>

    /// The first eight bytes, as a big-endian number, of the HMAC-SHA256 of the scenario's id, a zero
    /// byte and the key.
    func digest(of key: UnsafeRawBufferPointer) -> UInt64 {
        var code = code
        code.update(data: key)
        return FlowSecret.number(of: code.finalize())
    }
}
