import Assessment
import Metering
import Report
import Rounds
import SCI
import Store

// A machine in one round.
extension PlanReportContent.HostRound {
    init(
        _ machine: MachineRound, of round: PlannedRound, _ embodied: EmbodiedCarbon?,
        _ reading: PlanReading
    ) {
        self.init()
        let terms = MachineTerms(machine.machine, reading.plan)
        host = machine.machine.id
        role = machine.role
        inServiceFrom = machine.segments.first?.interval.start
        inServiceTo = machine.segments.last?.interval.end
        energySource = machine.sourceLabel
        energyScope = machine.scopeLabels.joined(separator: "+")
        meter = terms.meter
        wallRatio = (terms.wallRatio?.value.fraction).orUnknown(
            Wording(zh: "计划未用整机比", en: "the plan uses no wall ratio"))
        allocationMethod = terms.allocation.method
        boundaryShare = terms.allocation.share.fraction
        isSimulated = machine.round.simulated
        segments = machine.segments.map { PlanReportContent.Segment($0, reading) }
        self.embodied = PlanReportContent.HostEmbodied(
            embodied?.machines.first { $0.machine == machine.machine }, reading.plan)
        if terms.meter == nil {
            flows = round.scenarios.compactMap { scenario in
                PlanReportContent.HostFlows(scenario, on: machine)
            }
        }
        quality = PlanReportContent.HostQuality(machine, of: round, reading)
    }
}

/// What a plan says of a machine.
struct MachineTerms {
    let allocation: Allocation
    let wallRatio: MeasuredRatio?
    /// Of a device.
    let meter: String?
    let sites: [String]

    init(_ machine: Machine, _ plan: Plan) {
        switch machine {
        case .host(let id):
            let host = plan.hosts.first { $0.id == id }
            allocation = host?.allocation ?? .dedicated
            wallRatio = host?.wallRatio
            meter = nil
            sites = host.map(PlanReportContent.AssetComparison.sites) ?? []
        case .device(let id):
            let device = plan.devices.first { $0.id == id }
            allocation = device?.allocation ?? .dedicated
            wallRatio = nil
            meter = device?.meter
            sites = device.map { [$0.site] } ?? []
        }
    }
}

extension Allocation {
    var method: String {
        switch self {
        case .dedicated: "dedicated"
        case .reserved: "reserved"
        }
    }

    var wording: Wording {
        switch self {
        case .dedicated: Wording(zh: "专用", en: "dedicated")
        case .reserved(let share, let reason):
            Wording(
                zh: "预留 \(share.rawValue) ppm：\(reason)",
                en: "\(share.rawValue) ppm reserved: \(reason)")
        }
    }
}

extension MachineRound {
    /// `meter` for a device, else where its records' energy is from.
    var sourceLabel: String {
        if case .device = machine { return "meter" }
        return round.sources.map(\.label).sorted().joined(separator: "+")
    }

    var scopeLabels: [String] { scopes.map(\.label).sorted() }
}

extension PlanReportContent.Segment {
    init(_ segment: BoundarySegment, _ reading: PlanReading) {
        self.init(span: PlanReportContent.Span(segment.interval))
        site = segment.site
        electricitySource = segment.supply.source
        factorID = segment.supply.factor
        let factor = reading.carbon.factor(segment).because(Wording.init)
        gramsPerKilowattHour = factor.map(\.gramsPerKilowattHour)
        factorYear = factor.value?.year
        factorBasis = factor.value?.basis ?? ""
        gas = factor.value?.gas.rawValue ?? ""
        if let energies = segment.energy {
            let simulated = segment.isSimulated
            energy = .known(
                PlanReportContent.Energy(
                    energies.host, simulated: simulated ? energies.host.total : .zero,
                    // Idle time is told of what was metered, before the wall ratio.
                    idle: energies.host == energies.metered
                        ? .known(energies.idle)
                        : .unknown(
                            Wording(
                                zh: "整机比之后未单列空闲", en: "not told after the wall ratio"))))
            boundary = .known(
                PlanReportContent.Energy(
                    energies.boundary, simulated: simulated ? energies.boundary.total : .zero,
                    idle: .known(energies.boundaryIdle)))
        } else {
            energy = .unknown(.noEnergy)
            boundary = .unknown(.noEnergy)
        }
        let ratio = reading.site(segment.site)?.pue
        pue = (ratio?.value.fraction).orUnknown(.noPUE)
        pueSource = ratio?.source ?? ""
        let carbon = reading.carbon.location([segment])
        operationalIT = carbon.grams(of: .equipment)
        operationalFacility = carbon.grams(of: .facility)
    }
}

extension Known<OperationalCarbon, IntensityUnknown> {
    /// In a scope, or why it is not known.
    func grams(of scope: ElectricityScope) -> PlanReportContent.Figure {
        switch self {
        case .known(let carbon): carbon.grams(of: scope).because(Wording.init)
        case .unknown(let reason): .unknown(Wording(reason))
        }
    }
}

extension PlanReportContent.Energy {
    /// Each part beside the total.
    init(_ states: EnergyStates, simulated: Microjoules, idle: Known<Microjoules, Wording>) {
        let total = states.total
        func part(_ energy: Microjoules) -> PlanReportContent.EnergyPart {
            PlanReportContent.EnergyPart(energy, of: total)
        }
        self.init(total: part(total))
        measured = part(states.measured)
        bridged = part(states.bridged)
        estimated = part(states.estimated)
        imputed = part(states.imputed)
        self.simulated = part(simulated)
        self.idle = idle.map(part)
    }
}

extension PlanReportContent.EnergyPart {
    init(_ energy: Microjoules, of total: Microjoules) {
        self.init(
            energy: energy,
            kilowattHours: Double(energy.rawValue) / RoundIntensity.microjoulesPerKilowattHour,
            share: total > .zero ? Double(energy.rawValue) / Double(total.rawValue) : 0)
    }
}

extension Known {
    func map<Other>(_ change: (Value) -> Other) -> Known<Other, Reason> {
        switch self {
        case .known(let value): .known(change(value))
        case .unknown(let reason): .unknown(reason)
        }
    }
}

extension PlanReportContent.HostEmbodied {
    init(_ machine: MachineEmbodied?, _ plan: Plan) {
        self.init()
        guard let machine else {
            let reason: Wording =
                switch plan.embodied {
                case .omitted(let reason):
                    Wording(zh: "M未统计：\(reason)", en: "M is omitted: \(reason)")
                case .included: Wording(zh: "M 未知", en: "M is not known")
                }
            totalGrams = .unknown(reason)
            lifetimeHours = .unknown(reason)
            resourceShare = .unknown(reason)
            grams = .unknown(reason)
            return
        }
        totalGrams = .known(machine.model.typicalGrams)
        lifetimeHours = .known(machine.model.lifetimeHours)
        resourceShare = .known(machine.share.fraction)
        grams = .known(machine.grams.typical)
    }
}

extension PlanReportContent.HostFlows {
    /// `nil` where the host is no counting point of the scenario, or has no rule for it.
    init?(_ scenario: PlannedScenarioRound, on machine: MachineRound) {
        guard case .traffic = scenario.source, scenario.countingHosts.contains(machine.machine.id),
            let counted = machine.round.scenarios[scenario.id], counted.hasRule
        else { return nil }
        self.init()
        self.scenario = scenario.id.name
        countingPoint = machine.machine.id
        isObserved = counted.windows[.seen] != nil
        if isObserved {
            completed = counted.counts.volume
            approved = counted.counts.completed
            refused = counted.counts.refused
            failed = counted.counts.failed
            incomplete = counted.counts.incomplete
            duplicates = counted.counts.duplicates.addingClamped(
                counted.counts.duplicatesAcrossHosts)
        }
        deduplication = counted.deduplications.labels.joined(separator: "+")
        rulesDigest = machine.quality.rulesDigests.sorted().joined(separator: "+")
    }
}

extension PlanReportContent.HostQuality {
    init(_ machine: MachineRound, of round: PlannedRound, _ reading: PlanReading) {
        self.init()
        let host = machine.round
        expectedSeconds = host.expected.seconds
        coveredSeconds = host.energyCovered.seconds
        lostSeconds = host.expected.subtractingClamped(host.energyCovered).seconds
        coverage = .known(host.energyCovered.fraction(of: host.expected))
        guard case .host(let id) = machine.machine else {
            let reason = Wording(
                zh: "无代理的设备，电能来自电表读数", en: "a device without an agent, read by its meter")
            clockErrorMilliseconds = .unknown(reason)
            recordsRoot = .unknown(reason)
            signer = .unknown(reason)
            agentVersion = .unknown(reason)
            return
        }
        kernelDrops = host.losses.kernelDrops
        gaps = host.losses.gaps
        unpaired = host.losses.unpairedRequests.addingClamped(host.losses.unpairedResponses)
        encryptedConnections = machine.quality.encryptedConnections
        keyEvictions = host.losses.forgottenKeys
        clockErrorMilliseconds = host.clockError.map { Double($0) / 1000 }.orUnknown(
            Wording(zh: "时钟未同步", en: "the clock was not synchronised"))
        let entries = reading.roots[id, round.number]
        runs = (entries?.runs ?? []).map {
            PlanReportContent.RunRange(run: $0.run.rawValue, first: $0.first, last: $0.last)
        }
        recordsExpected = entries.map { $0.runs.reduce(0) { $0.addingClamped($1.expected) } }
        recordsReceived = entries.map { $0.runs.reduce(0) { $0.addingClamped($1.received) } }
        recordsRoot = (entries?.root.hexadecimal).orUnknown(.noRecord)
        signer = Self.signer(entries, of: id, reading)
        let versions = machine.quality.softwareVersions.sorted()
        agentVersion =
            versions.isEmpty ? .unknown(.noRecord) : .known(versions.joined(separator: "+"))
    }

    /// The keys of the runs that a host's entries are of, by their fingerprints.
    private static func signer(
        _ entries: RecordRoots.HostEntries?, of host: String, _ reading: PlanReading
    ) -> Known<String, Wording> {
        guard let entries else { return .unknown(.noRecord) }
        var prints: [String] = []
        for run in entries.runs {
            guard
                let key = reading.keys.first(where: { $0.agent == host && $0.run == run.run })
            else {
                let name = String(run.run.rawValue, radix: 16)
                return .unknown(
                    Wording(
                        zh: "运行 \(name) 的记录未签名", en: "the records of run \(name) are not signed"))
            }
            if !prints.contains(key.fingerprint) { prints.append(key.fingerprint) }
        }
        return .known(prints.joined(separator: "+"))
    }
}
