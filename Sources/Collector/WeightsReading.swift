import Assessment
import Metering
import Records
import Rounds
import Store
import Weights

/// What one host did in one stretch.
struct WeightsCell: Sendable {
    var seconds = 0.0
    /// Of the clock, what records cover: what two of them cover counts once.
    var covered: Nanoseconds = .zero
    var cpuSeconds = 0.0
    var busySeconds = 0.0
    var joules = 0.0
    /// Idle power by the time, where ``Unknown/idle`` is known.
    var idleJoules = 0.0
    /// What of them falls to the services, where ``Unknown/services`` is known.
    var services = ServiceUse()
    var unknown: Unknown = []

    /// What some record of the stretch does not tell.
    struct Unknown: OptionSet, Sendable {
        let rawValue: UInt8

        static let counts = Unknown(rawValue: 1)
        static let cpu = Unknown(rawValue: 2)
        static let busy = Unknown(rawValue: 4)
        static let energy = Unknown(rawValue: 8)
        static let idle = Unknown(rawValue: 16)

        /// What joules of the services take.
        static let services: Unknown = [.cpu, .busy, .energy, .idle]
    }
}

/// How often a scenario took place, by stretch, on all hosts.
struct WeightsCounts: Sendable {
    private(set) var exchanges: [UInt64]
    private(set) var flows: [UInt64]
    /// Of all stretches: while these fit, the sums of any stretches do.
    private var all = (exchanges: 0 as UInt64, flows: 0 as UInt64)

    init(stretches: Int) {
        exchanges = Array(repeating: 0, count: stretches)
        flows = exchanges
    }

    /// Adds counts; false, and nothing is added, where a sum would not fit.
    mutating func add(_ exchanges: UInt64, _ flows: UInt64 = 0, at index: Int) -> Bool {
        let one = all.exchanges.addingReportingOverflow(exchanges)
        let other = all.flows.addingReportingOverflow(flows)
        guard !one.overflow, !other.overflow else { return false }
        all = (one.partialValue, other.partialValue)
        self.exchanges[index] += exchanges
        self.flows[index] += flows
        return true
    }

    /// Takes flows out that were counted elsewhere.
    mutating func takeOut(flows count: UInt64, at index: Int) {
        flows[index] -= min(count, flows[index])
    }
}

/// Stored records, added up by stretch.
struct WeightsReading {
    let request: WeightsRequest
    private(set) var hosts: [String: [WeightsCell]] = [:]
    private(set) var scenarios: [ScenarioID: WeightsCounts] = [:]
    /// By host, of records whose counts can be used.
    private(set) var rules: [String: WeightsRules] = [:]
    /// What records cover of all time, by host.
    private var spans: [String: IntervalSet] = [:]
    /// Exchanges of no scenario, by stretch.
    private(set) var other: WeightsCounts
    private(set) var misaligned: UInt64 = 0
    /// Records that cannot be read, or are kept as of another time or host than they tell.
    private(set) var unreadable: UInt64 = 0
    /// Records that tell what no host can have done, and where the first few are.
    private(set) var implausible: UInt64 = 0
    private(set) var implausiblePlaces: [String] = []
    private(set) var simulated = false
    private(set) var sources: Set<EnergySourceKind> = []
    private let store: any RecordStore
    private let wanted: Set<String>?
    private let layers: [String: Set<ScenarioID>]?
    /// Those of a plan; `nil` without one.
    private let planned: Set<ScenarioID>?
    /// Of scenarios whose flows are told apart over hosts.
    private(set) var fleet: [ScenarioID: WeightsFleet] = [:]
    /// Whether the store's rows of completions are not what its records say.
    private(set) var hasAlteredCompletions = false
    /// What completions told of the window whose record is to come.
    private var told: ToldFlows?
    private var manifests: [ManifestDigest: Manifest?] = [:]
    private var entries = ReadEntries()

    /// Windows of these say too little of what took place in them.
    private static let unusable: RecordFlags = [
        .clockStepped, .suspended, .countsDoubtful, .agentStopped,
    ]
    private static let places = 4

    /// `wanted` are the hosts that take part, `nil` for all.
    init(_ request: WeightsRequest, _ store: any RecordStore, wanted: Set<String>?) {
        self.request = request
        self.store = store
        self.wanted = wanted
        other = WeightsCounts(stretches: request.stretches.count)
        if case .planned(let plan, _) = request.hosts {
            layers = Dictionary(
                plan.hosts.map { host in
                    let counted = plan.scenarios.filter {
                        $0.countingHosts.isEmpty || $0.countingHosts.contains(host.id)
                    }
                    return (host.id, Set(counted.map(\.id)))
                }, uniquingKeysWith: { $0.union($1) })
            planned = Set(plan.scenarios.map(\.id))
        } else {
            layers = nil
            planned = nil
        }
    }

    /// Reads what the stretches hold.
    mutating func read() throws {
        guard let first = request.stretches.first, let last = request.stretches.last else { return }
        let isWanted = { [wanted] agent in wanted?.contains(agent) ?? true }
        let counts = { [layers] (agent: String, scenario: String) in
            layers?[agent]?.contains(ScenarioID(scenario)) ?? true
        }
        var repeats = Repeats()
        try store.forEachRecord(from: first.start, to: last.end) {
            try take($0)
        } repeated: {
            if isWanted($0.agent), counts($0.agent, $0.scenario) { repeats.add($0) }
        }
        takeOut(repeats)
        var misplaced: UInt64 = 0
        try store.forEachMisplaced(
            from: first.start, to: last.end, receivedBy: Timestamp(.max), read: entries,
            window: { try? RecordCodec.header(of: $0).window }
        ) { if isWanted($0.agent) { misplaced += 1 } }
        unreadable = unreadable.addingClamped(misplaced)
        noteLackingRules()
    }

    /// What has no rule for a scenario knows nothing of it, and 0 is not what took place.
    private mutating func noteLackingRules() {
        for (host, rules) in rules {
            for range in rules.lacking.values.flatMap(\.ranges) {
                for index in range { hosts[host]?[Int(index)].unknown.insert(.counts) }
            }
        }
    }

    private mutating func take(_ stored: StoredRecord) throws {
        entries.add(stored)
        guard wanted?.contains(stored.agent) ?? true else { return }
        guard stored.kind == .window else { return try take(completions: stored) }
        let told = told.flatMap { $0.window == ToldFlows.Window(stored) ? $0 : nil }
        self.told = nil
        if hosts[stored.agent] == nil {
            let cells = (hosts.count + 1).multipliedReportingOverflow(by: request.stretches.count)
            guard !cells.overflow, cells.partialValue <= WeightsRequest.maximumCells else {
                throw WeightsRequest.Problem.tooManyCells
            }
            hosts[stored.agent] = Array(repeating: WeightsCell(), count: request.stretches.count)
        }
        guard let (index, fits) = stretch(from: stored.start, to: stored.end) else { return }
        guard fits else {
            misaligned = misaligned.addingClamped(1)
            return
        }
        guard let manifest = try manifest(of: stored),
            let record = RecordReading.record(in: stored, under: manifest)
        else {
            unreadable = unreadable.addingClamped(1)
            hosts[stored.agent]?[index].unknown.insert(.counts)
            return
        }
        if let reason = ImplausibleRecord(record) { return leaveOut(stored, reason, at: index) }
        if manifest.simulated || record.flags.contains(.simulated) { simulated = true }
        sources.insert(manifest.source)
        let span = stored.start.rawValue..<stored.end.rawValue
        let new = Nanoseconds(spans[stored.agent, default: IntervalSet()].insert(span))
        hosts[stored.agent]?[index].covered += new
        hosts[stored.agent]?[index].add(record, manifest)
        if record.flags.isDisjoint(with: Self.unusable) {
            if !count(record, manifest, told, of: stored.agent, at: index) {
                leaveOut(stored, .sum, at: index)
            }
        } else {
            hosts[stored.agent]?[index].unknown.insert(.counts)
        }
    }

    /// What cannot be read is not told.
    private mutating func take(completions stored: StoredRecord) throws {
        let window = ToldFlows.Window(stored)
        if told?.window != window { told = ToldFlows(window) }
        guard let manifest = try manifest(of: stored), manifest.agent == stored.agent,
            let completions = Completions.told(in: stored.bytes, under: manifest)
        else { return }
        told?.add(completions)
    }

    /// Of a flow that several windows completed the earliest counts.
    private mutating func takeOut(_ repeats: Repeats) {
        hasAlteredCompletions = repeats.areAltered
        for one in repeats.later {
            guard case (let index, true)? = stretch(from: one.start, to: one.end) else { continue }
            scenarios[one.flow.scenario]?.takeOut(flows: one.flows, at: index)
        }
    }

    /// Its stretch is not whole.
    private mutating func leaveOut(
        _ stored: StoredRecord, _ reason: ImplausibleRecord, at index: Int
    ) {
        hosts[stored.agent]?[index].unknown.insert(.counts)
        implausible = implausible.addingClamped(1)
        guard implausiblePlaces.count < Self.places else { return }
        implausiblePlaces.append("\(stored.place): \(reason)")
    }

    /// The stretch that holds a window's middle, and whether that does not reach far over its ends.
    private func stretch(from start: Timestamp, to end: Timestamp) -> (index: Int, fits: Bool)? {
        guard start < end else { return nil }
        let middle = Timestamp(start.rawValue + (end.rawValue - start.rawValue) / 2)
        var (low, high) = (0, request.stretches.count)
        while low < high {
            let at = (low + high) / 2
            if request.stretches[at].end <= middle { low = at + 1 } else { high = at }
        }
        guard low < request.stretches.count, request.stretches[low].start <= middle else {
            return nil
        }
        let stretch = request.stretches[low]
        let room = stretch.end.since(stretch.start).seconds * LoadSchedule.overhang
        let before = stretch.start.since(start).seconds
        let after = end.since(stretch.end).seconds
        return (low, before <= room && after <= room)
    }

    /// False where a sum would not fit.
    private mutating func count(
        _ record: Record, _ manifest: Manifest, _ told: ToldFlows?, of host: String, at index: Int
    ) -> Bool {
        var ruled: Set<ScenarioID> = []
        defer {
            rules[host, default: WeightsRules()]
                .add(manifest.rulesDigest, ruled, record.window.start, at: index)
        }
        for (place, (scenario, tally)) in zip(manifest.scenarios, record.tally.scenarios)
            .enumerated()
        {
            guard tally.observation != .noRule, layers?[host]?.contains(scenario) ?? true else {
                continue
            }
            ruled.insert(scenario)
            guard tally.observation.isKnown else {
                hosts[host]?[index].unknown.insert(.counts)
                continue
            }
            let stretches = request.stretches.count
            guard
                scenarios[scenario, default: WeightsCounts(stretches: stretches)]
                    .add(tally.requests, tally.flows, at: index)
            else { return false }
            if place < manifest.scenarioFlows.count,
                manifest.scenarioFlows[place].deduplication == .fleet
            {
                fleet[scenario, default: WeightsFleet()].add(
                    tally.flows, told: told?.flows[place] ?? 0, secret: manifest.flowSecretID,
                    of: host)
            }
        }
        // What another host counts of a plan's scenario is of that scenario here too.
        let matched = zip(manifest.scenarios, record.tally.scenarios)
            .filter { planned?.contains($0.0) ?? true }
            .reduce(0 as UInt64) { $0.addingClamped($1.1.requests) }
        let all = record.tally.exchanges
        return other.add(all > matched ? all - matched : 0, at: index)
    }

    /// `nil` where it cannot be read. Throws where it names a scenario more than once: that is said of the
    /// record, so that the agent's settings can be mended.
    private mutating func manifest(of record: StoredRecord) throws -> Manifest? {
        if let known = manifests[record.manifest] { return known }
        var manifest: Manifest?
        if let bytes = try store.manifest(record.manifest),
            RecordCodec.digest(ofManifest: bytes) == record.manifest
        {
            do throws(RecordError) {
                manifest = try RecordCodec.decodeManifest(bytes)
            } catch {
                if case .repeated("scenarios", let name) = error {
                    throw WeightsRequest.Problem.repeatedScenario(name, record.place)
                }
            }
        }
        manifests[record.manifest] = .some(manifest)
        return manifest
    }

    /// Whether a host's records of a stretch make it up, and all counts in it are known.
    func isWhole(_ cell: WeightsCell, at index: Int) -> Bool {
        let stretch = request.stretches[index]
        let length = stretch.end.since(stretch.start).seconds
        return !cell.unknown.contains(.counts)
            && min(cell.covered.seconds, cell.seconds) / length >= request.coverage
            && cell.seconds / length <= LoadSchedule.coverage.upperBound
    }
}

extension WeightsCell {
    fileprivate mutating func add(_ record: Record, _ manifest: Manifest) {
        var one = WeightsCell()
        one.take(record, manifest)
        seconds += one.seconds
        cpuSeconds += one.cpuSeconds
        busySeconds += one.busySeconds
        joules += one.joules
        unknown.formUnion(one.unknown)
        // Of each record alone, as its agent divides it.
        let idle = Double(manifest.idle?.milliwatts ?? 0) / 1_000 * one.seconds
        idleJoules += idle
        services += ServiceUse(
            cpuSeconds: one.cpuSeconds, busySeconds: one.busySeconds, joules: one.joules,
            idleJoules: idle)
    }

    private mutating func take(_ record: Record, _ manifest: Manifest) {
        seconds += record.window.duration.seconds
        if manifest.idle == nil { unknown.insert(.idle) }
        if let busy = record.processor.hostBusy.value {
            busySeconds += busy.seconds
        } else {
            unknown.insert(.busy)
        }
        if record.processor.services.isEmpty { unknown.insert(.cpu) }
        for service in record.processor.services {
            if let time = service.value {
                cpuSeconds += time.seconds
            } else {
                unknown.insert(.cpu)
            }
        }
        // A model's energy follows from CPU time and measures nothing; what was carried is of windows
        // before this one.
        if manifest.source != .model, record.carried == nil,
            RecordReading.states(of: record, manifest) != nil, let energy = record.energy.value
        {
            joules += energy.joules
        } else {
            unknown.insert(.energy)
        }
    }
}
