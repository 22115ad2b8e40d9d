import Chain
import Metering
import Records
import Store
import Synchronization
import Wire

/// Why what an agent sent is not kept. The connection ends; nothing of it is stored.
enum Refusal: Error, Hashable, CustomStringConvertible {
    /// The manifest names another agent than the Hello did.
    case otherAgent(String)
    /// A record's own identity is not the one it was sent under.
    case identity(sequence: UInt64, expected: UInt64)
    case otherRun(UInt64)
    /// The batch is not signed by the key that the Hello named.
    case signature(first: UInt64)
    /// The Hello's key is none.
    case key

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
        case .signature(let first):
            "the batch from record \(first) is not signed with the key of its agent"
        case .key: "the agent's public key is none"
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
        var latest: (digest: ManifestDigest, manifest: Manifest)?
        return try batch.enumerated().map { index, bytes in
            let header = try RecordCodec.header(of: bytes)
            guard header.run == run else { throw Refusal.otherRun(header.run.rawValue) }
            let expected = first &+ UInt64(index)
            guard header.sequence == expected else {
                throw Refusal.identity(sequence: header.sequence, expected: expected)
            }
            let manifest =
                latest?.digest == header.manifest
                ? latest?.manifest : try manifest(header.manifest)
            guard let manifest else { throw StoreError.manifestMissing(header.manifest) }
            latest = (header.manifest, manifest)
            return IncomingRecord(
                sequence: header.sequence, window: header.window, manifest: header.manifest,
                kind: header.kind, counts: !header.flags.contains(.agentStopped),
                completions: header.kind == .completions
                    ? Completions.told(in: bytes, under: manifest)?.incoming(manifest) ?? [] : [],
                bytes: bytes)
        }
    }
}

extension IncomingBatch {
    /// A batch whose signature is its agent's, and whose records are what they were sent as.
    static func verified(
        _ batch: Batch, of hello: Hello, at now: Timestamp, endsGap: Bool = true,
        manifest: @escaping @Sendable (ManifestDigest) throws -> Manifest
    ) throws -> IncomingBatch {
        guard let key = VerifyingKey(hello.publicKey) else { throw Refusal.key }
        guard let previous = ChainHead(batch.previous) else {
            throw Refusal.signature(first: batch.first)
        }
        let heads = previous.heads(after: batch.records)
        let statement = BatchStatement(
            agent: hello.agent, run: hello.run, first: batch.first,
            last: batch.first &+ UInt64(batch.records.count) &- 1, previous: previous,
            head: heads.last ?? previous)
        guard key.verifies(batch.signature, of: statement) else {
            throw Refusal.signature(first: batch.first)
        }
        let run = RunID(hello.run)
        let records = try IncomingRecord.checked(
            batch.records, run: run, first: batch.first, manifest: manifest)
        let incoming = IncomingBatch(
            agent: hello.agent, run: run, records: records, previous: previous, heads: heads,
            signature: batch.signature, key: key, receivedAt: now, endsGap: endsGap,
            parts: RecordParts.of(records, manifest: manifest))
        guard let incoming else {
            throw StoreError.tooLarge(
                what: "batch", bytes: records.count, limit: StoreLimits.batchRecords)
        }
        return incoming
    }
}

/// The manifests that records name, read once for all connections.
final class KnownManifests: Sendable {
    /// Manifests kept; beyond it all are forgotten and read again.
    private static let most = 4_096

    private let store: any RecordStore
    private let known = Mutex<[ManifestDigest: Manifest]>([:])

    init(_ store: any RecordStore) { self.store = store }

    /// The manifest of this digest. Throws unless it is stored and one of the agent.
    func manifest(_ digest: ManifestDigest, of agent: String) throws -> Manifest {
        if let manifest = known.withLock({ $0[digest] }) {
            guard manifest.agent == agent else { throw Refusal.otherAgent(manifest.agent) }
            return manifest
        }
        guard let bytes = try store.manifest(digest) else {
            throw StoreError.manifestMissing(digest)
        }
        let manifest = try Refusal.check(manifest: bytes, of: agent)
        known.withLock { known in
            if known.count >= Self.most { known.removeAll() }
            known[digest] = manifest
        }
        return manifest
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

    func incoming(_ manifest: Manifest) -> [IncomingCompletion] {
        flows.map { flow in
            IncomingCompletion(
                secret: manifest.flowSecretID, scenario: manifest.scenarios[flow.scenario].name,
                digest: flow.digest, flows: flow.flows)
        }
    }
}
