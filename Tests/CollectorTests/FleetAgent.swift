import Metering
import Records
import Store
import Wire

@testable import Collector

/// A sample agent whose credit flows are told apart over hosts: before the record of each window
/// stand two entries of completions at most.
struct FleetAgent {
    let base: SampleAgent
    let manifest: [UInt8]

    init(_ name: String, secret: UInt64 = 9) throws {
        base = try SampleAgent(name)
        var manifest = try RecordCodec.decodeManifest(base.manifest)
        manifest.rules =
            [("apply", 0), ("callback", 0), ("", 1), ("pay", 2), ("ask", 3)].map {
                RuleDescription(scenario: $0.1, name: $0.0)
            }
        manifest.scenarioFlows = [
            ScenarioFlows(refusalCounts: true, deduplication: .fleet),
            ScenarioFlows(refusalCounts: false, deduplication: .host),
            ScenarioFlows(refusalCounts: false, deduplication: .host),
            ScenarioFlows(refusalCounts: false, deduplication: .none),
        ]
        manifest.flowSecretID = secret
        self.manifest = try RecordCodec.encode(manifest)
    }

    var digest: ManifestDigest { RecordCodec.digest(ofManifest: manifest) }

    /// The entries of window `number` from 1, sequences 3 n − 2 to 3 n: the first half of the
    /// flows' digests, one more at least, and the record.
    ///
    /// Where they are cut off, the record is of a window in which no agent ran.
    func entries(
        _ number: UInt64, _ digests: [UInt64], cutOff: Bool = false
    ) throws -> [[UInt8]] {
        var record = try RecordCodec.decode(base.record(number))
        record.sequence = number * 3
        record.manifest = digest
        let flows = UInt64(digests.count)
        var credit = ScenarioTally(observation: .seen)
        credit.completed = flows - min(flows, 1)
        credit.refused = min(flows, 1)
        credit.flows = flows
        credit.duplicates = number
        credit.requests = flows + number
        record.tally.scenarios[0] = credit
        record.tally.services[0].flows[0] = flows
        let requests = record.tally.scenarios.map(\.requests)
        record.tally.ruleHits = [requests[0], 0] + requests[1...]
        if cutOff { record.stop() }
        let half = digests.count / 2
        return try [
            completions(of: record, 3 * number - 2, digests[..<half]),
            completions(of: record, 3 * number - 1, digests[half...]),
            RecordCodec.encode(record),
        ]
    }

    /// Where there is none, an entry that tells of a flow of a scenario without digests: nothing
    /// of it is taken.
    private func completions(
        of record: Record, _ sequence: UInt64, _ digests: ArraySlice<UInt64>
    ) throws -> [UInt8] {
        try RecordCodec.encode(
            Completions(
                run: record.run, sequence: sequence, manifest: record.manifest,
                window: record.window,
                flows: digests.isEmpty
                    ? [FlowCompletion(scenario: 1, digest: 1, flows: 1)]
                    : digests.map { FlowCompletion(scenario: 0, digest: $0, flows: 1) }))
    }

    /// Keeps one entry, as if it had arrived in a batch of its own.
    func keep(_ entry: [UInt8], in store: SQLiteRecordStore) throws {
        let sequence = try RecordCodec.header(of: entry).sequence
        try base.signer.keep([entry], from: sequence, under: manifest, in: store)
    }
}

extension Record {
    fileprivate mutating func stop() {
        flags.insert(.agentStopped)
        energy = .unknown(.agentStopped)
        partition = nil
        zones = zones.map { _ in .lost(.agentStopped) }
        tally.scenarios = tally.scenarios.map { _ in ScenarioTally(observation: .notCaptured) }
        tally.services = [ServiceTally(scenarios: tally.scenarios.count)]
        tally.ruleHits = []
    }
}
