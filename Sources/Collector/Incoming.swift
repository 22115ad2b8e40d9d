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

    /// The manifest in these bytes. Throws unless they are one of the agent.
    @discardableResult
    static func check(manifest bytes: [UInt8], of agent: String) throws -> Manifest {
        let manifest = try RecordCodec.decodeManifest(bytes)
        guard manifest.agent == agent else { throw Refusal.otherAgent(manifest.agent) }
        return manifest
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
    /// The entries of a batch, each checked to be the one it was sent as. Their bytes stay as they
    /// came. `manifest` gives the one that an entry names, or throws.
    static func checked(
        _ batch: [[UInt8]], run: RunID, first: UInt64,
        manifest: (ManifestDigest) throws -> Manifest
    ) throws -> [IncomingRecord] {
        try batch.enumerated().map { index, bytes in
            let header = try RecordCodec.header(of: bytes)
            guard header.run == run else { throw Refusal.otherRun(header.run.rawValue) }
            let expected = first &+ UInt64(index)
            guard header.sequence == expected else {
                throw Refusal.identity(sequence: header.sequence, expected: expected)
            }
            let manifest = try manifest(header.manifest)
            return IncomingRecord(
                sequence: header.sequence, window: header.window, manifest: header.manifest,
                kind: header.kind, counts: !header.flags.contains(.agentStopped),
                completions: header.kind == .completions
                    ? Completions.told(in: bytes, under: manifest)?.incoming(manifest) ?? [] : [],
                bytes: bytes)
        }
    }
}

extension Completions {
    /// The completions in these bytes; `nil` where they do not decode or speak of a scenario whose
    /// flows the manifest does not tell apart over hosts. What the window's record counted is then
    /// more than what its completions tell, and a report says so.
    static func told(in bytes: [UInt8], under manifest: Manifest) -> Completions? {
        guard let completions = try? RecordCodec.decodeCompletions(bytes) else { return nil }
        let fits = completions.flows.allSatisfy { flow in
            flow.scenario < manifest.scenarioFlows.count
                && manifest.scenarioFlows[flow.scenario].deduplication == .fleet
        }
        return fits ? completions : nil
    }

    fileprivate func incoming(_ manifest: Manifest) -> [IncomingCompletion] {
        flows.map { flow in
            IncomingCompletion(
                secret: manifest.flowSecretID, scenario: manifest.scenarios[flow.scenario].name,
                digest: flow.digest, flows: flow.flows)
        }
    }
}
