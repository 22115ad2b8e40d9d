// Hot path: a digest allocates nothing.
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
        key.withUnsafeBytes { FlowHasher(secret: $0, scenario: scenario) }
    }

    private static func number(of code: HMAC<SHA256>.MAC) -> UInt64 {
        code.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
    }
}

/// Keys of one scenario's flows → digests.
///
/// What is the same for all keys is hashed once, and a digest allocates nothing.
///
/// Source: RFC 2104, 2 and 4.
struct FlowHasher {
    /// The padded secret and what stands before each key.
    private var inner = SHA256Text()
    /// The secret, padded otherwise.
    private var outer = SHA256Text()

    fileprivate init(secret: UnsafeRawBufferPointer, scenario: String) {
        var pad = Array(secret)
        if secret.count > SHA256Text.blockLength {
            var long = SHA256Text()
            long.append(secret)
            long.end().withBytes { pad = Array($0) }
        }
        pad += Array(repeating: 0, count: SHA256Text.blockLength - pad.count)
        pad.map { $0 ^ 0x36 }.withUnsafeBytes { inner.append($0) }
        pad.map { $0 ^ 0x5c }.withUnsafeBytes { outer.append($0) }
        (Array(scenario.utf8) + [0]).withUnsafeBytes { inner.append($0) }
    }

    /// The first eight bytes, as a big-endian number, of the HMAC-SHA256 of the scenario's id, a zero
    /// byte and the key.
    func digest(of key: UnsafeRawBufferPointer) -> UInt64 {
        var inner = inner
        var outer = outer
        inner.append(key)
        inner.end().withBytes { outer.append($0) }
        return outer.end().first
    }
}
