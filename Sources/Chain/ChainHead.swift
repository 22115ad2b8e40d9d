import Crypto

/// The hash of a run's records up to one of them: whoever has the records can compute it, and none can
/// be altered, taken out or put in without it being another.
///
/// | head | is the SHA-256 of |
/// |---|---|
/// | before a run's first record | `JFCHAIN1`, the run, the run before it, the last record of that one |
/// | after a record | the head before it, then the record's bytes as they are stored and sent |
///
/// Numbers are 64 bits, little-endian; run and record are 0 where there was no run before.
package struct ChainHead: Sendable, Hashable {
    /// Bytes of a head.
    package static let size = 32
    private static let magic = Array("JFCHAIN1".utf8)

    /// ``size`` bytes.
    package let bytes: [UInt8]

    /// `nil` unless it is ``size`` bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = Array(bytes)
    }

    /// The head before a run's first record. `predecessor` is the run that its agent made before and
    /// the number of the last record of that one.
    package init(startOf run: UInt64, after predecessor: (run: UInt64, last: UInt64)?) {
        var bytes = Self.magic
        for number in [run, predecessor?.run ?? 0, predecessor?.last ?? 0] {
            bytes.append(littleEndian: number)
        }
        self.bytes = Array(SHA256.hash(data: bytes))
    }

    private init(_ digest: SHA256.Digest) { bytes = Array(digest) }

    /// The head after a record.
    package func appending(_ record: [UInt8]) -> ChainHead {
        var hash = SHA256()
        hash.update(data: bytes)
        hash.update(data: record)
        return ChainHead(hash.finalize())
    }

    /// The head after each of the records that follow one another.
    package func heads(after records: [[UInt8]]) -> [ChainHead] {
        var heads: [ChainHead] = []
        heads.reserveCapacity(records.count)
        for record in records { heads.append((heads.last ?? self).appending(record)) }
        return heads
    }

    /// The head after records that follow one another.
    package func appending(_ records: [[UInt8]]) -> ChainHead {
        records.reduce(self) { $0.appending($1) }
    }
}

extension ChainHead: CustomStringConvertible {
    package var description: String { bytes.hexadecimal }
}

extension [UInt8] {
    mutating func append(littleEndian value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    /// Two lower-case digits a byte.
    package var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
