import Metering
import Records

/// A generator whose seed makes a failure repeatable (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

extension SeededGenerator {
    /// Numbers of every size, zero and the largest among them.
    mutating func number() -> UInt64 {
        switch Int.random(in: 0..<8, using: &self) {
        case 0: 0
        case 1: .max
        default: next() >> UInt64.random(in: 0..<64, using: &self)
        }
    }

    mutating func one<Value>(of values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func many<Value>(_ count: Int, _ make: (inout Self) -> Value) -> [Value] {
        (0..<count).map { _ in make(&self) }
    }

    mutating func zone() -> ZoneEnergy {
        switch one(of: EnergyState.all) {
        case .measured: .measured(Microjoules(number()))
        case .bridged: .bridged(Microjoules(number()), one(of: EnergyReason.all))
        case .estimated: .estimated(Microjoules(number()), one(of: EnergyReason.all))
        case .lost: .lost(one(of: EnergyReason.all))
        case .deferred: .deferred(one(of: EnergyReason.all))
        }
    }

    mutating func cpuTime() -> Known<Nanoseconds, ProcessorUnknown> {
        Bool.random(using: &self)
            ? .known(Nanoseconds(number())) : .unknown(one(of: ProcessorUnknown.all))
    }

    mutating func scenario() -> ScenarioTally {
        var tally = ScenarioTally(observation: one(of: Observation.all))
        tally.requests = number()
        tally.completed = number()
        tally.flows = number()
        tally.refused = number()
        tally.failed = number()
        tally.incomplete = number()
        tally.duplicates = one(of: [0, number()])
        return tally
    }

    mutating func service(scenarios: Int) -> ServiceTally {
        var tally = ServiceTally(scenarios: scenarios)
        tally.packets = number()
        tally.encryptedConnections = number()
        tally.otherRequests = number()
        tally.flows = many(scenarios) { $0.number() }
        return tally
    }

    mutating func busy(scenarios: Int) -> BusyTime {
        var busy = BusyTime(scenarios: 0)
        busy.scenarios = many(scenarios) { Nanoseconds($0.number()) }
        busy.other = Nanoseconds(number())
        return busy
    }

    mutating func losses() -> TrafficLosses {
        var losses = TrafficLosses()
        losses.kernelDrops = number()
        losses.interfaceDrops = number()
        losses.gaps = number()
        losses.gapBytes = number()
        losses.evicted = number()
        losses.unpairedRequests = number()
        losses.unpairedResponses = number()
        losses.malformed = number()
        losses.undecoded = number()
        losses.late = number()
        losses.uncaptured = number()
        losses.undatedDrops = number()
        losses.unread = number()
        losses.shed = number()
        losses.forgottenKeys = number()
        losses.keyless = number()
        losses.unfinished = number()
        return losses
    }

    mutating func partition(scenarios: Int) -> EnergyPartition {
        var parts = EnergyPartition(scenarios: 0)
        parts.scenarios = many(scenarios) { Microjoules($0.number()) }
        parts.other = Microjoules(number())
        parts.background = Microjoules(number())
        parts.unmonitored = Microjoules(number())
        parts.idle = Microjoules(number())
        parts.undivided = Microjoules(number())
        parts.undividedReason = one(of: UndividedReason.all + [nil])
        return parts
    }

    mutating func record() -> Record {
        let scenarios = Int.random(in: 0...6, using: &self)
        let services = Int.random(in: 0...3, using: &self)
        var tally = Tally(
            scenarios: many(scenarios) { $0.scenario() },
            services: many(services) { $0.service(scenarios: scenarios) })
        if Bool.random(using: &self) { tally.losses = losses() }
        tally.packets = number()
        tally.exchanges = number()
        tally.ruleHits = ruleHits(of: tally.scenarios)
        if Bool.random(using: &self) {
            for index in 0..<services { tally.services[index].busy = busy(scenarios: scenarios) }
        }
        let times = [number(), number()].sorted()
        let isKnown = Bool.random(using: &self)
        return Record(
            run: RunID(max(1, number())), sequence: max(1, number()),
            manifest: ManifestDigest(number()),
            window: Window(
                start: Timestamp(times[0]), end: Timestamp(times[1]),
                duration: Nanoseconds(number())),
            flags: RecordFlags(rawValue: number()),
            zones: many(Int.random(in: 0...8, using: &self)) { $0.zone() },
            energy: isKnown
                ? .known(Microjoules(number())) : .unknown(one(of: EnergyReason.all)),
            carried: isKnown && Bool.random(using: &self)
                ? CarriedEnergy(
                    energy: Microjoules(number()), time: Nanoseconds(max(1, number()))) : nil,
            partition: isKnown && Bool.random(using: &self)
                ? partition(scenarios: scenarios) : nil,
            processor: ProcessorTime(
                hostBusy: cpuTime(), services: many(services) { $0.cpuTime() }),
            tally: tally, spoolDropped: number(),
            clockError: Bool.random(using: &self) ? number() : nil)
    }

    /// Hits of any number of rules as a decoder tells them: of none, of one rule for each scenario,
    /// or spread over rules between which others have none.
    mutating func ruleHits(of scenarios: [ScenarioTally]) -> [UInt64] {
        var requests = scenarios.map(\.requests)
        while requests.last == 0 { requests.removeLast() }
        guard !requests.isEmpty, Bool.random(using: &self) else { return requests }
        let isFull = Int.random(in: 0..<200, using: &self) == 0
        let count = isFull ? RecordCodec.maximumRules : one(of: [1, 2, 7, 300])
        var hits = Array(repeating: UInt64(0), count: count)
        var left = requests.reduce(0, &+)
        for _ in 0..<Int.random(in: 0...20, using: &self) where left > 0 {
            let part = UInt64.random(in: 0...left, using: &self)
            hits[Int.random(in: 0..<count, using: &self)] += part
            left -= part
        }
        hits[count - 1] += left
        while hits.last == 0 { hits.removeLast() }
        return hits.isEmpty ? requests : hits
    }

    mutating func completions(_ counts: ClosedRange<Int> = 1...40) -> Completions {
        let times = [number(), number()].sorted()
        return Completions(
            run: RunID(max(1, number())), sequence: max(1, number()),
            manifest: ManifestDigest(number()),
            window: Window(
                start: Timestamp(times[0]), end: Timestamp(times[1]),
                duration: Nanoseconds(number())),
            flows: many(Int.random(in: counts, using: &self)) {
                FlowCompletion(
                    scenario: $0.one(of: [0, 1, 3, 255]), digest: $0.number(),
                    flows: $0.one(of: [1, 1, 1, 20, 1_000_000]))
            })
    }

    mutating func text() -> String {
        String(many(Int.random(in: 1...12, using: &self)) { $0.one(of: Array("aZ0-授")) })
    }

    mutating func manifest() -> Manifest {
        let names = many(Int.random(in: 0...5, using: &self)) { ScenarioID($0.text()) }
        let scenarios = names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.element)
        let flows = one(of: [true, false]) ? many(scenarios.count) { $0.scenarioFlows() } : []
        return Manifest(
            agent: text(), hostName: text(), bootID: text(), softwareVersion: text(),
            simulated: Bool.random(using: &self), windowLength: Nanoseconds(max(1, number())),
            source: one(of: EnergySourceKind.all), scope: one(of: EnergyScope.all),
            zones: many(Int.random(in: 0...4, using: &self)) {
                ZoneDescription(
                    control: $0.text(), name: $0.text(), parent: $0.text(),
                    kind: $0.one(of: ZoneKind.all), counted: Bool.random(using: &$0),
                    source: $0.one(of: EnergySourceKind.all))
            },
            services: many(Int.random(in: 0...4, using: &self)) {
                ServiceDescription(
                    name: $0.text(),
                    ports: $0.many(3) { UInt16.random(in: 0 ... .max, using: &$0) },
                    countsFlows: Bool.random(using: &$0),
                    workers: $0.one(of: [0, 1, 65_536]), reservedPercent: $0.one(of: [0, 1, 100]))
            },
            scenarios: scenarios,
            rulesDigest: text(), model: one(of: AttributionModel.all),
            idle: one(
                of: [nil, .configured, .learned(windows: 40, low: 5, high: 9)]
                    as [IdlePower.Origin?]
            )
            .map { IdlePower(milliwatts: number(), origin: $0) },
            rules: scenarios.indices.flatMap { scenario in
                many(Int.random(in: 0...3, using: &self)) {
                    RuleDescription(scenario: scenario, name: $0.one(of: ["", $0.text()]))
                }
            },
            scenarioFlows: flows,
            flowSecretID: flows.contains { $0.deduplication == .fleet } ? max(1, number()) : 0,
            idleRule: one(of: IdleRule.all))
    }

    private mutating func scenarioFlows() -> ScenarioFlows {
        ScenarioFlows(
            refusalCounts: Bool.random(using: &self), deduplication: one(of: Deduplication.all))
    }
}

extension RawRepresentable<UInt8> {
    /// Every case of an enum of the vocabularies.
    static var all: [Self] { (0...UInt8.max).compactMap(Self.init(rawValue:)) }
}

extension Record {
    /// A busy ten seconds of a server with two sockets: four zones, four scenarios, one service.
    static var typical: Record {
        let counts: [(UInt64, UInt64, UInt64)] = [
            (310, 14, 3), (640, 22, 5), (1_120, 9, 8), (3_870, 0, 12),
        ]
        let scenarios = zip(StandardWeights.scenarios, counts).map { id, counts in
            let (completed, refused, failed) = counts
            var scenario = ScenarioTally(observation: .seen)
            scenario.requests = completed + refused + failed
            scenario.completed = completed
            scenario.flows = completed + (id.refusalIsCompleteFlow ? refused : 0)
            scenario.refused = refused
            scenario.failed = failed
            return scenario
        }
        var tally = Tally(scenarios: scenarios, services: [ServiceTally(scenarios: 4)])
        tally.services[0].flows = tally.scenarios.map(\.flows)
        tally.services[0].packets = 71_840
        tally.services[0].otherRequests = 214
        tally.packets = 71_840
        tally.exchanges = 6_182
        tally.ruleHits = tally.scenarios.map(\.requests)
        let zones: [UInt64] = [812_345_678, 97_654_321, 798_765_432, 91_234_567]
        var partition = EnergyPartition(scenarios: 4)
        partition.scenarios = [351_234_567, 212_345_678, 158_765_432, 182_345_679].map(
            Microjoules.init)
        partition.other = Microjoules(31_234_567)
        partition.unmonitored = Microjoules(64_074_075)
        partition.idle = Microjoules(800_000_000)
        return Record(
            run: RunID(0x1122_3344_5566_7788), sequence: 123_456,
            manifest: ManifestDigest(0x99AA_BBCC_DDEE_FF01),
            window: Window(
                start: Timestamp(1_780_000_000_000_000_000),
                end: Timestamp(1_780_000_010_000_000_000), duration: Nanoseconds(10_000_031_415)),
            zones: zones.map { .measured(Microjoules($0)) },
            energy: .known(Microjoules(zones.reduce(0, +))), partition: partition,
            processor: ProcessorTime(
                hostBusy: .known(Nanoseconds(81_234_567_890)),
                services: [.known(Nanoseconds(64_123_456_789))]),
            tally: tally, clockError: 34_512)
    }
}
