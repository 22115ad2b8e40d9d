import Metering
import Records
import Store
import Wire

@testable import Collector

/// An agent of a host whose flows cost what is told: records of windows of one length.
struct WeighedAgent: Sendable {
    /// What differs from a plain record of a host that serves.
    struct Change: OptionSet, Sendable {
        let rawValue: Int

        static let doubtful = Change(rawValue: 1)
        static let carried = Change(rawValue: 2)
        static let cpuUnknown = Change(rawValue: 4)
        static let energyUnknown = Change(rawValue: 8)
        static let encrypted = Change(rawValue: 16)
    }

    let name: String
    let length: UInt64
    /// Whether it counts exchanges, or only serves those that another host counts.
    let counts: Bool
    /// CPU seconds of an exchange by scenario, and joules of a CPU second.
    var costs = [0.048, 0.014, 0.006, 0.002]
    var joulesPerCPUSecond = 10.0
    var exchangesPerFlow: UInt64 = 1
    var source = EnergySourceKind.rapl
    var knowsIdle = true
    /// What is busy beside the services draws as much of a CPU second as they do.
    var idleMilliwatts: UInt64 = 99_500
    /// CPUs that other programs of the host use at most; now and then, whatever the flows do.
    var otherCPUs = 0.0
    /// What its manifest calls the four that it counts.
    var scenarios = StandardWeights.scenarios
    /// The digest of its rules.
    var rules = String(repeating: "0", count: 64)
    /// How its scenarios' flows are told apart, and under which secret; empty: not told.
    var flows: [ScenarioFlows] = []
    var secret: UInt64 = 0
    /// The digest of its first flow that is told apart over hosts; `nil` where it tells none.
    var firstDigest: UInt64?
    /// Seconds after each window without a record.
    var pause: UInt64 = 0
    /// What it makes of its manifest's bytes, which an agent of another kind could have written.
    var rewriting: @Sendable ([UInt8]) -> [UInt8] = { $0 }
    /// What it makes of a record, by its place from 0.
    var altering: [Int: @Sendable (inout Record) -> Void] = [:]
    private let run: RunID
    private let signer: Signer

    static let idleWatts = 100.0
    static let backgroundCPUs = 0.1

    init(_ name: String, length: UInt64, counts: Bool = true, run: RunID = RunID(0xA1FA)) {
        self.name = name
        self.length = length
        self.counts = counts
        self.run = run
        signer = Signer(name, run: run)
    }

    private var manifest: Manifest {
        Manifest(
            agent: name, hostName: name, bootID: "b", softwareVersion: "1", simulated: true,
            windowLength: .seconds(length), source: source, scope: source.scope,
            zones: [
                ZoneDescription(
                    control: "intel-rapl", name: "package-0", parent: "",
                    kind: source == .model ? .model : .package, counted: true, source: source)
            ],
            services: [ServiceDescription(name: "s", ports: [8080], countsFlows: true)],
            scenarios: scenarios, rulesDigest: rules, model: .standard,
            idle: knowsIdle ? IdlePower(milliwatts: idleMilliwatts, origin: .configured) : nil,
            scenarioFlows: flows, flowSecretID: secret)
    }

    /// Stores a record of each row of exchanges, one after another from `start` on, in seconds.
    func store(
        _ rows: [[UInt64]], from start: UInt64, in store: SQLiteRecordStore, seed: UInt64 = 1,
        noiseJoules: Double = 1, changes: [Int: Change] = [:]
    ) throws {
        let manifest = manifest
        let bytes = rewriting(try RecordCodec.encode(manifest))
        let digest = RecordCodec.digest(ofManifest: bytes)
        try store.store(manifest: digest, bytes: bytes)
        _ = try store.open(signer.greeting())
        var random = SplitMix(state: seed)
        let records = try rows.enumerated().flatMap { index, exchanges in
            let told = try completions(index, exchanges, digest, start)
            let record = try record(
                index, after: told == nil ? index : 2 * index + 1,
                Timestamp((start + UInt64(index) * (length + pause)) * 1_000_000_000),
                exchanges, digest, Double.random(in: -noiseJoules...noiseJoules, using: &random),
                changes[index] ?? [])
            return [told, record].compactMap { $0 }
        }
        let batches = try stride(from: 0, to: records.count, by: 200).map { first in
            try IncomingBatch.verified(
                signer.batch(
                    Array(records[first..<min(records.count, first + 200)]),
                    from: UInt64(first + 1)),
                of: signer.hello(), at: Timestamp(1)
            ) { _ in manifest }
        }
        for outcome in try store.store(batches) { _ = try outcome.get() }
    }

    /// An entry before each record, with the digests of the first scenario's flows: 10,000 numbers for each window.
    private func completions(
        _ index: Int, _ exchanges: [UInt64], _ manifest: ManifestDigest, _ start: UInt64
    ) throws -> [UInt8]? {
        guard let firstDigest else { return nil }
        let start = Timestamp((start + UInt64(index) * (length + pause)) * 1_000_000_000)
        let first = firstDigest + UInt64(index) * 10_000
        return try RecordCodec.encode(
            Completions(
                run: run, sequence: UInt64(2 * index + 1), manifest: manifest,
                window: Window(
                    start: start, end: start + .seconds(length), duration: .seconds(length)),
                flows: (0..<exchanges[0] / exchangesPerFlow).map {
                    FlowCompletion(scenario: 0, digest: first + $0, flows: 1)
                }))
    }

    private func record(
        _ index: Int, after entries: Int, _ start: Timestamp, _ exchanges: [UInt64],
        _ digest: ManifestDigest,
        _ noise: Double, _ change: Change
    ) throws -> [UInt8] {
        let seconds = Double(length)
        let cpu =
            Self.backgroundCPUs * seconds
            + zip(costs, exchanges).reduce(0) { $0 + $1.0 * Double($1.1) }
        var random = SplitMix(state: UInt64(index + 1) / 5)
        let other = otherCPUs * Double.random(in: 0...1, using: &random) * seconds
        let joules = max(0, Self.idleWatts * seconds + joulesPerCPUSecond * (cpu + other) + noise)
        let energy = Microjoules(UInt64(joules * 1e6))
        let carried = CarriedEnergy(energy: Microjoules(5_000_000), time: .seconds(length))
        var partition = EnergyPartition(scenarios: exchanges.count)
        partition.undivided = change.contains(.carried) ? energy + carried.energy : energy
        partition.undividedReason = .idleUnknown
        let isKnown = !change.contains(.energyUnknown)
        let zone: ZoneEnergy =
            source == .model ? .estimated(energy, .modelled) : .measured(energy)
        var record = Record(
            run: run, sequence: UInt64(entries + 1), manifest: digest,
            window: Window(
                start: start, end: start + .seconds(length), duration: .seconds(length)),
            flags: change.contains(.doubtful) ? [.simulated, .countsDoubtful] : [.simulated],
            zones: [isKnown ? zone : .lost(.readFailed)],
            energy: isKnown ? .known(partition.undivided) : .unknown(.readFailed),
            carried: change.contains(.carried) ? carried : nil,
            partition: isKnown ? partition : nil,
            processor: ProcessorTime(
                hostBusy: .known(Nanoseconds(UInt64((cpu + other + 0.05 * seconds) * 1e9))),
                services: [
                    change.contains(.cpuUnknown)
                        ? .unknown(.notFound) : .known(Nanoseconds(UInt64(cpu * 1e9)))
                ]),
            tally: tally(exchanges, change))
        altering[index]?(&record)
        return try RecordCodec.encode(record)
    }

    private func tally(_ exchanges: [UInt64], _ change: Change) -> Tally {
        var tally = Tally(
            scenarios: exchanges.map { count in
                guard counts else { return ScenarioTally(observation: .noRule) }
                var one = ScenarioTally(
                    observation: change.contains(.encrypted) ? .encrypted : .seen)
                one.requests = count
                one.completed = count / exchangesPerFlow
                one.flows = one.completed
                one.incomplete = count - one.completed
                return one
            }, services: [ServiceTally(scenarios: exchanges.count)])
        tally.services[0].flows = tally.scenarios.map(\.flows)
        if counts {
            // Health checks match no scenario.
            tally.exchanges = exchanges.reduce(3, +)
            tally.services[0].otherRequests = 3
        }
        return tally
    }
}

/// A generator with a seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
