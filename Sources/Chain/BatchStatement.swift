import Crypto

/// What an agent signs of each batch that it sends: these records, in this order, after what came
/// before.
///
/// The bytes that are signed:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | `JFBATCH1` |
/// | 8 | 8 | run |
/// | 16 | 8 | number of the first record |
/// | 24 | 8 | number of the last record |
/// | 32 | 32 | head before the first |
/// | 64 | 32 | head after the last |
/// | 96 | all that follow | the agent's id in UTF-8 |
package struct BatchStatement: Sendable, Hashable {
    private static let magic = Array("JFBATCH1".utf8)

    package let agent: String
    package let run: UInt64
    package let first: UInt64
    package let last: UInt64
    /// Before the first record.
    package let previous: ChainHead
    /// After the last record.
    package let head: ChainHead

    package init(
        agent: String, run: UInt64, first: UInt64, last: UInt64, previous: ChainHead,
        head: ChainHead
    ) {
        self.agent = agent
        self.run = run
        self.first = first
        self.last = last
        self.previous = previous
        self.head = head
    }

    /// The statement of the records from `first` on, at least one.
    package init(
        agent: String, run: UInt64, first: UInt64, records: [[UInt8]], previous: ChainHead
    ) {
        self.init(
            agent: agent, run: run, first: first, last: first &+ UInt64(records.count) &- 1,
            previous: previous, head: previous.appending(records))
    }

    /// What is signed.
    package var bytes: [UInt8] {
        var bytes = Self.magic
        for number in [run, first, last] { bytes.append(littleEndian: number) }
        return bytes + previous.bytes + head.bytes + Array(agent.utf8)
    }
}

/// The key with which an agent signs; Ed25519.
///
/// Source: RFC 8032.
package struct SigningKey: Sendable {
    /// Bytes of a key as it is kept.
    package static let size = 32

    private let key: Curve25519.Signing.PrivateKey

    /// A new key, from the system's randomness.
    package init() { key = Curve25519.Signing.PrivateKey() }

    /// `nil` unless it is ``size`` bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
        else { return nil }
        self.key = key
    }

    /// The key as it is kept: ``size`` bytes, secret.
    package var bytes: [UInt8] { Array(key.rawRepresentation) }

    /// The key for everyone else.
    package var verifying: VerifyingKey { VerifyingKey(key.publicKey) }

    /// ``VerifyingKey/signatureSize`` bytes; `nil` where the library fails.
    package func signature(of statement: BatchStatement) -> [UInt8]? {
        (try? key.signature(for: statement.bytes)).map { Array($0) }
    }
}

/// The key by which anyone can tell that an agent signed; Ed25519.
package struct VerifyingKey: Sendable, Hashable {
    /// Bytes of a key.
    package static let size = 32
    /// Bytes of a signature.
    package static let signatureSize = 64

    /// ``size`` bytes, not secret.
    package let bytes: [UInt8]

    /// `nil` unless it is ``size`` bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size,
            (try? Curve25519.Signing.PublicKey(rawRepresentation: Array(bytes))) != nil
        else { return nil }
        self.bytes = Array(bytes)
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) { bytes = Array(key.rawRepresentation) }

    /// Whether the key's owner signed the statement.
    package func verifies(_ signature: [UInt8], of statement: BatchStatement) -> Bool {
        verifies(signature, ofBytes: statement.bytes)
    }

    /// Whether the key's owner signed these bytes.
    package func verifies(_ signature: [UInt8], ofBytes message: [UInt8]) -> Bool {
        guard signature.count == Self.signatureSize,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }

    /// A key in 64 hexadecimal digits.
    package init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 2 * Self.size else { return nil }
        var bytes: [UInt8] = []
        for at in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[at..<at + 2], as: UTF8.self)
            guard pair.allSatisfy(\.isHexDigit), let byte = UInt8(pair, radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        self.init(bytes)
    }

    /// How people tell keys apart: the first 16 hexadecimal digits of the key's SHA-256.
    package var fingerprint: String { Array(SHA256.hash(data: bytes).prefix(8)).hexadecimal }
}
