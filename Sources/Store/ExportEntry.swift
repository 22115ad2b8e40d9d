package import Chain
import CRC32C
package import Metering

/// One entry of an export: what a store holds, on its way to another. docs/export.md tells the bytes.
package enum ExportEntry: Sendable, Hashable {
    case manifest([UInt8])
    /// What follows, up to the next of these, is of this run.
    case run(ExportedRun)
    case batch(ExportedBatch)
    /// Records of the run that its agent no longer had.
    case loss(first: UInt64, last: UInt64)
    case alert(Alert)
    /// The SHA-256 of all bytes before this entry. The last of a whole export.
    case end([UInt8])

    /// What an export begins with.
    package static let magic = Array("JFEXPRT1".utf8)
    /// Length and type before an entry's payload.
    package static let head = 5
    /// Bytes of a payload; a longer one is refused.
    package static let maximumPayload = 4 << 20

    /// The entry's bytes: length, type, payload, CRC-32C of type and payload.
    package var bytes: [UInt8] {
        let (type, payload) = content
        var checksum = CRC32C()
        checksum.update([type])
        checksum.update(payload)
        var entry = ExportWriter()
        entry.append(UInt32(payload.count))
        entry.bytes.append(type)
        entry.bytes += payload
        entry.append(checksum.value)
        return entry.bytes
    }

    /// The entry without its frame.
    package var content: (type: UInt8, payload: [UInt8]) {
        var payload = ExportWriter()
        let type: UInt8
        switch self {
        case .manifest(let bytes):
            type = 1
            payload.bytes = bytes
        case .run(let run):
            type = 2
            payload.append(Array(run.agent.utf8))
            payload.append([
                run.run.rawValue, run.firstSeen.rawValue, run.predecessor?.run.rawValue ?? 0,
                run.predecessor?.last ?? 0,
            ])
            payload.bytes += run.key.bytes
        case .batch(let batch):
            type = 3
            payload.append([batch.first, batch.receivedAt.rawValue])
            payload.bytes += batch.previous.bytes + batch.signature
            for record in batch.records { payload.append(record) }
        case .loss(let first, let last):
            type = 4
            payload.append([first, last])
        case .alert(let alert):
            type = 5
            for text in [alert.agent, alert.kind.rawValue, alert.text] {
                payload.append(Array(text.utf8))
            }
            payload.append([alert.first.rawValue, alert.last.rawValue, alert.count])
        case .end(let digest):
            type = 6
            payload.bytes = digest
        }
        return (type, payload.bytes)
    }

    /// The length of the payload whose first bytes, ``head`` of them, these are; `nil` where it is beyond
    /// ``maximumPayload``.
    package static func payloadLength(_ head: [UInt8]) -> Int? {
        var reader = ExportReader(head)
        guard let length = reader.number(4), length <= maximumPayload else { return nil }
        return Int(length)
    }

    /// The entry in exactly these bytes; `nil` where they are none, or were altered.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.head + 4, let length = Self.payloadLength(bytes),
            bytes.count == Self.head + length + 4
        else { return nil }
        let body = Array(bytes[4..<bytes.count - 4])
        var stored = ExportReader(Array(bytes[(bytes.count - 4)...]))
        guard stored.number(4) == UInt64(CRC32C.checksum(body)) else { return nil }
        self.init(type: body[0], payload: Array(body[1...]))
    }

    /// The entry of a type in a payload; `nil` where it is none.
    package init?(type: UInt8, payload: [UInt8]) {
        var reader = ExportReader(payload)
        guard let entry = Self.entry(type, &reader), reader.isAtEnd else { return nil }
        self = entry
    }

    private static func entry(_ type: UInt8, _ reader: inout ExportReader) -> Self? {
        switch type {
        case 1: return .manifest(reader.rest())
        case 2: return ExportedRun(&reader).map { .run($0) }
        case 3: return ExportedBatch(&reader).map { .batch($0) }
        case 4:
            guard let first = reader.number(8), let last = reader.number(8), first >= 1,
                first <= last
            else { return nil }
            return .loss(first: first, last: last)
        case 5: return Alert(&reader).map { .alert($0) }
        case 6:
            let digest = reader.rest()
            return digest.count == 32 ? .end(digest) : nil
        default: return nil
        }
    }
}

/// A run as an export tells of it.
package struct ExportedRun: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    package let key: VerifyingKey
    /// When the key came first.
    package let firstSeen: Timestamp
    package let predecessor: Predecessor?
}

/// A batch as an export holds it: what its agent signed.
package struct ExportedBatch: Sendable, Hashable {
    package let first: UInt64
    /// When the first of the records came.
    package let receivedAt: Timestamp
    package let previous: ChainHead
    package let signature: [UInt8]
    package let records: [[UInt8]]

    package init(
        first: UInt64, receivedAt: Timestamp, previous: ChainHead, signature: [UInt8],
        records: [[UInt8]]
    ) {
        self.first = first
        self.receivedAt = receivedAt
        self.previous = previous
        self.signature = signature
        self.records = records
    }
}

extension ExportedRun {
    fileprivate init?(_ reader: inout ExportReader) {
        guard let agent = reader.text(), let run = reader.number(8), let seen = reader.number(8),
            let before = reader.number(8), let last = reader.number(8),
            let key = VerifyingKey(reader.rest())
        else { return nil }
        self.init(
            agent: agent, run: RunID(run), key: key, firstSeen: Timestamp(seen),
            predecessor: before == 0 ? nil : Predecessor(run: RunID(before), last: last))
    }
}

extension ExportedBatch {
    fileprivate init?(_ reader: inout ExportReader) {
        guard let first = reader.number(8), let received = reader.number(8),
            let previous = reader.take(ChainHead.size).flatMap({ ChainHead($0) }),
            let signature = reader.take(VerifyingKey.signatureSize)
        else { return nil }
        var records: [[UInt8]] = []
        while !reader.isAtEnd {
            guard let length = reader.number(4), let bytes = reader.take(Int(length)) else {
                return nil
            }
            records.append(bytes)
        }
        guard 1...StoreLimits.batchRecords ~= records.count else { return nil }
        self.init(
            first: first, receivedAt: Timestamp(received), previous: previous,
            signature: signature, records: records)
    }
}

extension Alert {
    fileprivate init?(_ reader: inout ExportReader) {
        guard let agent = reader.text(), let kind = reader.text().flatMap(AlertKind.init),
            let text = reader.text(), let first = reader.number(8), let last = reader.number(8),
            let count = reader.number(8)
        else { return nil }
        self.init(
            agent: agent, kind: kind, text: text, first: Timestamp(first), last: Timestamp(last),
            count: count)
    }
}

/// Puts numbers and bytes one after another, little-endian.
private struct ExportWriter {
    var bytes: [UInt8] = []

    mutating func append(_ number: UInt32) { append(UInt64(number), 4) }

    mutating func append(_ numbers: [UInt64]) {
        for number in numbers { append(number, 8) }
    }

    /// With their length before them.
    mutating func append(_ other: [UInt8]) {
        append(UInt32(other.count))
        bytes += other
    }

    private mutating func append(_ number: UInt64, _ count: Int) {
        for index in 0..<count {
            bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index)))
        }
    }
}

/// Takes numbers and bytes one after another; `nil` where there are not enough.
private struct ExportReader {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ count: Int) -> [UInt8]? {
        guard count <= bytes.count - at else { return nil }
        defer { at += count }
        return Array(bytes[at..<at + count])
    }

    mutating func number(_ count: Int) -> UInt64? {
        take(count)?.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() -> String? {
        number(4).flatMap { take(Int($0)) }.flatMap { String(validating: $0, as: UTF8.self) }
    }

    mutating func rest() -> [UInt8] { take(bytes.count - at) ?? [] }
}
