import Crypto

/// Why bytes are no whole bundle, and where: entries and bytes count from 0.
package enum EvidenceError: Error, Sendable, Hashable, CustomStringConvertible {
    case notABundle
    /// Its digest does not follow from its bytes and what stands before it.
    case damaged(entry: Int, offset: Int)
    case truncated(entry: Int, offset: Int)
    /// Bytes follow the end.
    case trailing(offset: Int)
    /// The end tells another number of entries.
    case count(told: UInt64, entries: Int)

    package var description: String {
        switch self {
        case .notABundle: "byte 0: this is no bundle of jouleflow-collector"
        case .damaged(let entry, let offset):
            "entry \(entry), at byte \(offset), was altered: its digest is another"
        case .truncated(let entry, let offset):
            "ends at byte \(offset), in entry \(entry), before its end"
        case .trailing(let offset): "byte \(offset): something follows the end"
        case .count(let told, let entries):
            "the end tells \(told) entries before it, and there are \(entries)"
        }
    }
}

/// One entry of a bundle. docs/bundle.md tells the bytes.
package struct EvidenceFrame: Sendable, Hashable {
    /// What a bundle begins with.
    package static let magic = Array("JFBUNDL1".utf8)
    /// Bytes of a payload; a longer one is refused.
    package static let maximumPayload = 4 << 20
    /// Length and type, before the payload.
    static let head = 5
    static let digest = 32

    /// Counts from 0.
    package let number: Int
    /// Where it begins, counted from 0.
    package let offset: Int
    package let type: UInt8
    package let payload: [UInt8]
}

/// Makes the bytes of a bundle: each entry's digest is of its own bytes and of the digest before it, so
/// that the last one is of all of them.
package struct EvidenceWriter {
    private var digest = Array(SHA256.hash(data: EvidenceFrame.magic))
    private var count: UInt64 = 0

    package init() {}

    /// The bytes of the next entry, at most ``EvidenceFrame/maximumPayload`` of payload.
    package mutating func entry(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = littleEndian(UInt64(payload.count), 4)
        bytes.append(type)
        bytes += payload
        digest = Array(SHA256.hash(data: digest + bytes))
        count += 1
        return bytes + digest
    }

    /// The bytes of the last entry, and the digest of the whole bundle.
    package mutating func end() -> (bytes: [UInt8], digest: [UInt8]) {
        let bytes = entry(EvidenceType.end.rawValue, littleEndian(count, 8))
        return (bytes, digest)
    }
}

/// Cuts the bytes of a bundle into its entries, and holds one of them at a time.
package struct EvidenceReader {
    private var buffer: [UInt8] = []
    private var taken = 0
    private var offset = 0
    private var count = 0
    private var hasBegun = false
    /// Of all that was read; after the end, of the whole bundle.
    package private(set) var digest: [UInt8] = []
    private var isOver = false

    private static let chunk = 1 << 18

    package init() {}

    /// The next entry; `nil` after the end. `read` gives at most as many bytes as it is asked for, none at
    /// the end. Throws ``EvidenceError`` and what `read` throws.
    package mutating func next(_ read: (Int) throws -> [UInt8]) throws -> EvidenceFrame? {
        if !hasBegun {
            guard try fill(EvidenceFrame.magic.count, read),
                take(EvidenceFrame.magic.count) == EvidenceFrame.magic
            else { throw EvidenceError.notABundle }
            hasBegun = true
            digest = Array(SHA256.hash(data: EvidenceFrame.magic))
        }
        if isOver {
            guard try !fill(1, read) else { throw EvidenceError.trailing(offset: offset) }
            return nil
        }
        let start = offset
        guard try fill(EvidenceFrame.head, read) else { throw cut }
        let head = take(EvidenceFrame.head)
        let length = head[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= EvidenceFrame.maximumPayload else {
            throw EvidenceError.damaged(entry: count, offset: start)
        }
        guard try fill(length + EvidenceFrame.digest, read) else { throw cut }
        let payload = take(length)
        var hash = SHA256()
        hash.update(data: digest)
        hash.update(data: head)
        hash.update(data: payload)
        let told = take(EvidenceFrame.digest)
        digest = Array(hash.finalize())
        guard told == digest else { throw EvidenceError.damaged(entry: count, offset: start) }
        if head[4] == EvidenceType.end.rawValue { try finish(payload, start) }
        defer { count += 1 }
        return EvidenceFrame(number: count, offset: start, type: head[4], payload: payload)
    }

    private mutating func finish(_ payload: [UInt8], _ start: Int) throws {
        isOver = true
        guard payload.count == 8 else {
            throw EvidenceError.damaged(entry: count, offset: start)
        }
        let told = payload.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard told == UInt64(count) else { throw EvidenceError.count(told: told, entries: count) }
    }

    private var cut: EvidenceError { .truncated(entry: count, offset: offset + available) }
    private var available: Int { buffer.count - taken }

    /// False where fewer than `count` bytes are left.
    private mutating func fill(_ count: Int, _ read: (Int) throws -> [UInt8]) throws -> Bool {
        while available < count {
            let more = try read(Self.chunk)
            if more.isEmpty { return false }
            if taken > 0 {
                buffer.removeFirst(taken)
                taken = 0
            }
            buffer += more
        }
        return true
    }

    /// As many bytes as were filled.
    private mutating func take(_ count: Int) -> [UInt8] {
        defer {
            taken += count
            offset += count
        }
        return Array(buffer[taken..<taken + count])
    }
}

/// The lowest `count` bytes of a number, the lowest first.
func littleEndian(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
}
