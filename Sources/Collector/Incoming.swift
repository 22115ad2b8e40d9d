import Metering
import Records
import Store

/// Why what an agent sent is not kept. The connection ends; nothing of it is stored.
enum Refusal: Error, Hashable, CustomStringConvertible {
    /// The manifest names another agent than the Hello did.
    case otherAgent(String)
    /// A record's own identity is not the one it was sent under.
    case identity(sequence: UInt64, expected: UInt64)
    case otherRun(UInt64)

    /// Throws unless these bytes are a manifest of the agent.
    static func check(manifest bytes: [UInt8], of agent: String) throws {
        let named = try RecordCodec.decodeManifest(bytes).agent
        guard named == agent else { throw Refusal.otherAgent(named) }
    }

    var description: String {
        switch self {
        case .otherAgent(let name): "the manifest is that of agent \(name)"
        case .identity(let sequence, let expected):
            "record \(sequence) was sent as record \(expected)"
        case .otherRun(let run): "a record belongs to run \(String(run, radix: 16))"
        }
    }
}

extension IncomingRecord {
    /// The records of a batch, each checked to be the one it was sent as. Their bytes stay as they
    /// came.
    static func checked(
        _ batch: [[UInt8]], run: RunID, first: UInt64
    ) throws -> [IncomingRecord] {
        try batch.enumerated().map { index, bytes in
            let header = try RecordCodec.header(of: bytes)
            guard header.run == run else { throw Refusal.otherRun(header.run.rawValue) }
            let expected = first &+ UInt64(index)
            guard header.sequence == expected else {
                throw Refusal.identity(sequence: header.sequence, expected: expected)
            }
            return IncomingRecord(
                sequence: header.sequence, window: header.window, manifest: header.manifest,
                bytes: bytes)
        }
    }
}
