import CRC32C
import Crypto
package import Metering
import SwiftProtobuf

/// Records, completions and manifests ↔ bytes. Pure. The layout is told in `proto/record.proto`.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | length of the payload, little-endian |
/// | 4 | 4 | CRC-32C of the payload, little-endian |
/// | 8 | length | payload: one `Record` or `Completions` message |
///
/// A manifest is the bare bytes of its message: its digest guards it. Both decode alone, without
/// each other. Whoever stores either keeps the bytes as received.
package enum RecordCodec {
    /// Bytes of a record's or manifest's message; a longer one is refused.
    package static let maximumPayload = 65_536
    /// Length and checksum in front of a record's payload.
    package static let frameOverhead = 8
    /// Bytes of a manifest's name or other text; a longer one is refused.
    package static let maximumText = 256
    /// Zones of a record or manifest; more are refused.
    package static let maximumZones = 256
    /// Scenarios of a record or manifest; more are refused.
    package static let maximumScenarios = 256
    /// Services of a record or manifest; more are refused.
    package static let maximumServices = 256
    /// Rules of a record or manifest; more are refused.
    package static let maximumRules = 16_384
    /// Flows of one entry of completions; more are refused, and belong into a further entry.
    package static let maximumCompletions = 4096
    /// Flows that one completion adds; more are refused.
    package static let maximumFlowsOfCompletion: UInt64 = 1_000_000

    /// The framed bytes of a record; without its rules' hits where it would be too long, or they do
    /// not sum to its requests.
    ///
    /// Refuses a record whose arrays disagree in length or exceed the limits, whose run or sequence
    /// is 0, whose window ends before it starts, or that divides an unknown energy.
    package static func encode(_ record: Record) throws(RecordError) -> [UInt8] {
        var message = try Jouleflow_V1_Record(record)
        do throws(RecordError) {
            return framed(try serialize(message))
        } catch {
            guard case .tooLong = error, !message.ruleHits.isEmpty else { throw error }
            message.dropRuleHits()
            return framed(try serialize(message))
        }
    }

    /// The framed bytes of completions.
    ///
    /// Refuses none and more than ``maximumCompletions`` of them, flows of 0 and beyond
    /// ``maximumFlowsOfCompletion``, and what it refuses of a record's header.
    package static func encode(_ completions: Completions) throws(RecordError) -> [UInt8] {
        framed(try serialize(Jouleflow_V1_Completions(completions)))
    }

    private static func framed(_ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(frameOverhead + payload.count)
        bytes.append(littleEndian: UInt32(payload.count))
        bytes.append(littleEndian: CRC32C.checksum(payload))
        bytes += payload
        return bytes
    }

    /// The record in exactly these framed bytes.
    package static func decode(_ bytes: [UInt8]) throws(RecordError) -> Record {
        try parse(Jouleflow_V1_Record.self, try payload(of: bytes)).record()
    }

    /// The completions in exactly these framed bytes.
    package static func decodeCompletions(_ bytes: [UInt8]) throws(RecordError) -> Completions {
        try parse(Jouleflow_V1_Completions.self, try payload(of: bytes)).completions()
    }

    /// Where the record or completions in these framed bytes belong. Checks the frame, its checksum and the
    /// fields it returns; builds nothing else.
    package static func header(of bytes: [UInt8]) throws(RecordError) -> RecordHeader {
        try RecordHeader(parse(Jouleflow_V1_RecordHeader.self, try payload(of: bytes)))
    }

    /// The bytes of a manifest, without its rules' names where it would be too long. The same
    /// manifest always gives the same bytes.
    package static func encode(_ manifest: Manifest) throws(RecordError) -> [UInt8] {
        var message = try Jouleflow_V1_Manifest(manifest)
        do throws(RecordError) {
            return try serialize(message)
        } catch {
            guard case .tooLong = error, !message.rules.isEmpty else { throw error }
            message.dropRuleNames()
            return try serialize(message)
        }
    }

    /// The manifest in exactly these bytes. Its scenarios are each named once.
    package static func decodeManifest(_ bytes: [UInt8]) throws(RecordError) -> Manifest {
        guard bytes.count <= maximumPayload else {
            throw .tooLong(length: bytes.count, limit: maximumPayload)
        }
        return try parse(Jouleflow_V1_Manifest.self, bytes[...]).manifest()
    }

    /// The digest by which records name the manifest of these bytes: the first 8 bytes of their
    /// SHA-256, read big-endian.
    package static func digest(ofManifest bytes: [UInt8]) -> ManifestDigest {
        ManifestDigest(SHA256.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    private static func payload(of bytes: [UInt8]) throws(RecordError) -> ArraySlice<UInt8> {
        guard bytes.count >= frameOverhead else {
            throw .truncated(needed: frameOverhead, got: bytes.count)
        }
        let length = Int(bytes.littleEndian(at: 0))
        guard length <= maximumPayload else {
            throw .tooLong(length: length, limit: maximumPayload)
        }
        let end = frameOverhead + length
        guard bytes.count >= end else { throw .truncated(needed: end, got: bytes.count) }
        guard bytes.count == end else { throw .trailing(bytes: bytes.count - end) }
        let stored = bytes.littleEndian(at: 4)
        let computed = bytes.withUnsafeBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[frameOverhead...]))
        }
        guard stored == computed else { throw .checksum(stored: stored, computed: computed) }
        return bytes[frameOverhead...]
    }

    private static func serialize(
        _ message: some SwiftProtobuf.Message
    ) throws(RecordError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try message.serializedBytes() } catch { throw .malformed }
        guard bytes.count <= maximumPayload else {
            throw .tooLong(length: bytes.count, limit: maximumPayload)
        }
        return bytes
    }

    private static func parse<Message: SwiftProtobuf.Message>(
        _ type: Message.Type, _ bytes: ArraySlice<UInt8>
    ) throws(RecordError) -> Message {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        do {
            return try Message(serializedBytes: Array(bytes), options: options)
        } catch { throw .malformed }
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian value: UInt32) {
        for shift in [0, 8, 16, 24] as [UInt32] {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    fileprivate func littleEndian(at offset: Int) -> UInt32 {
        self[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
