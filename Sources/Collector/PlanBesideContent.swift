import Assessment
import Chain
import Metering
import Report
import Rounds
import SCI

// What stands beside the result: sensitivity, months, imports, and what lets others check it.
extension PlanReportContent {
    mutating func addBeside(_ reading: PlanReading) {
        let summary = reading.figures.summary
        sensitivity = reading.figures.sensitivity.map {
            SensitivityLine($0, headline: summary.mean ?? summary.partialMean)
        }
        factors = reading.plan.factors.map { FactorDocument($0, reading.plan) }
        months = MonthOfSite.all(reading)
        reconciliations = reading.reconciliations
        meterComparisons = reading.meterComparisons
        rules = reading.records.rules.rules.map {
            ReportContent.Rule(scenario: $0.scenario, name: $0.name, hits: $0.hits, hosts: $0.hosts)
        }
        losses = reading.losses.map {
            ReportContent.Loss(
                agent: $0.agent, run: $0.run.rawValue, first: $0.first, last: $0.last)
        }
        alerts = reading.alerts.map {
            ReportContent.Alert(
                agent: $0.agent, kind: $0.kind.rawValue, text: $0.text, first: $0.first,
                last: $0.last, count: $0.count)
        }
        uncertainties = Self.uncertainties(reading)
        imports = reading.importLines
        evidence.recordsRoot = reading.root.orUnknown(
            Wording(zh: "没有已关闭且有记录的轮次", en: "no closed round has a record"))
        evidence.signers =
            reading.keys.map {
                "\($0.agent): run \(String($0.run.rawValue, radix: 16)) Ed25519 \($0.key.hexadecimal)"
            }
            + imports.map { line in
                "\(line.signer ?? "—"): \(line.kind) \(line.digest): \(line.told.zh) / \(line.told.en)"
            }
        evidence.verifierCommand = (reading.request.sealed?.hash.short).orUnknown(
            PlanReportContent.PlanIdentity.unsealed
        ).map {
            "jouleflow-collector export \($0) --output \($0).jfb; "
                + "jouleflow-collector verify \($0).jfb"
        }
    }

    private static func uncertainties(_ reading: PlanReading) -> [Statement] {
        var statements = [
            Statement(
                subject: Wording(zh: "月度汇总", en: "months"),
                text: Wording(
                    zh: "月度数字只覆盖本计划已关闭的轮次，按 Asia/Shanghai 的日历月划分，不是该站点全月的用电",
                    en: "they cover the closed rounds of this plan alone, by calendar months of "
                        + "Asia/Shanghai, and not all that a site used in the month"))
        ]
        if reading.records.unreadable > 0 {
            statements.append(
                Statement(
                    subject: Wording(zh: "记录", en: "records"),
                    text: Wording(
                        zh: "\(reading.records.unreadable) 条记录无法读取，未计入"
                            + "（\(reading.records.unreadableList)）",
                        en: "records that cannot be read and are left out: "
                            + "\(reading.records.unreadable) "
                            + "(\(reading.records.unreadableList)): restore the store from a backup"
                    )
                ))
        }
        if reading.records.hasAlteredCompletions {
            statements.append(
                Statement(
                    subject: Wording(zh: "记录", en: "records"),
                    text: Wording(
                        zh: "存储中的完成标记与记录不符，多台主机重复完成的业务可能未剔除："
                            + "请从备份恢复存储，verify 会列出位置",
                        en: "rows of completions are not what the records say, and flows that "
                            + "several hosts completed may be counted twice: restore the store "
                            + "from a backup; verify names the places")))
        }
        if reading.records.inconsistent > 0 {
            statements.append(
                Statement(
                    subject: Wording(zh: "记录", en: "records"),
                    text: Wording(
                        zh: "\(reading.records.inconsistent) 条记录的电能自相矛盾，其电能按未知处理",
                        en: "the energy of \(reading.records.inconsistent) records contradicts "
                            + "itself and counts as unknown")))
        }
        return statements
    }
}

extension PlanReading {
    /// The root over all closed rounds: a leaf for each round with a record, in order, of its root.
    fileprivate var root: String? {
        var tree = MerkleTree()
        for (round, _) in closed {
            guard let root = roots.root(of: plan.hosts.map(\.id), in: round.number) else {
                continue
            }
            tree.append(root)
        }
        return tree.count > 0 ? tree.root.hexadecimal : nil
    }

    fileprivate var reconciliations: [PlanReportContent.LedgerReconciliation] {
        var sources: [LedgerTotal: Int64] = [:]
        for total in imports.totals { sources[total.value] = total.source }
        return closed.flatMap { round, _ in
            round.scenarios.flatMap(\.reconciliations).map { line in
                let total = LedgerTotal(
                    scenario: line.scenario, interval: line.interval, flows: line.ledger)
                return PlanReportContent.LedgerReconciliation(
                    scenario: line.scenario.name, span: PlanReportContent.Span(line.interval),
                    counted: .known(line.counted), ledger: .known(line.ledger),
                    difference: Int64(exactly: Int128(line.counted) - Int128(line.ledger)),
                    digest: sources[total].map(imports.digest) ?? "")
            }
        }
    }

    fileprivate var meterComparisons: [PlanReportContent.MeterComparison] {
        closed.flatMap { round, _ in
            round.machines.compactMap { machine in
                guard let comparison = machine.meter else { return nil }
                let digests = Set(
                    imports.readings.filter {
                        $0.value.meter == machine.machine.id
                            && $0.value.interval.clamped(to: round.interval) != nil
                    }.map { imports.digest($0.source) })
                func part(_ energy: Microjoules) -> PlanReportContent.EnergyPart {
                    PlanReportContent.EnergyPart(energy, of: comparison.other)
                }
                return PlanReportContent.MeterComparison(
                    meter: machine.machine.id, span: PlanReportContent.Span(round.interval),
                    metered: part(comparison.other), summed: .known(part(comparison.primary)),
                    ratio: comparison.ratio.orUnknown(
                        Wording(zh: "电表读数为零", en: "the meter told of no energy")),
                    digest: digests.sorted().joined(separator: " "))
            }
        }
    }
}

extension PlanReportContent.FactorDocument {
    init(_ factor: EmissionFactor, _ plan: Plan) {
        func uses(_ path: KeyPath<Site, [Supply]>) -> [String] {
            plan.sites.flatMap { site in
                site[keyPath: path].filter { $0.factor == factor.id }.map {
                    "\(site.name): \($0.source)"
                }
            }
        }
        let location = uses(\.supplies)
        let market = uses(\.marketSupplies)
        var seen: Set<String> = []
        self.init(
            factor: ReportContent.Factor(factor), level: factor.level,
            uses: (location + market).filter { seen.insert($0).inserted },
            isMarketBased: location.isEmpty && !market.isEmpty)
    }
}

extension PlanReportContent.Host {
    /// Every machine of the plan over the rounds of the sums, beside the total of all.
    static func all(_ reading: PlanReading, _ total: Microjoules?) -> [Self] {
        let machines =
            reading.plan.hosts.map { (Machine.host($0.id), $0.role) }
            + reading.plan.devices.map { (Machine.device($0.id), $0.role) }
        var rounds: [Machine: [MachineRound]] = [:]
        for (round, _) in reading.summed {
            for machine in round.machines { rounds[machine.machine, default: []].append(machine) }
        }
        return machines.map { machine, role in
            var host = Self(machine, rounds[machine] ?? [], reading.plan, total)
            host.role = role
            return host
        }
    }

    private init(
        _ machine: Machine, _ rounds: [MachineRound], _ plan: Plan, _ total: Microjoules?
    ) {
        self.init()
        let terms = MachineTerms(machine, plan)
        id = machine.id
        sites = terms.sites
        isDevice = terms.meter != nil
        sources =
            terms.meter == nil
            ? Set(rounds.flatMap(\.round.sources)).map(\.label).sorted() : ["meter"]
        scopes = Set(rounds.flatMap(\.scopes)).map(\.label).sorted()
        method = Self.method(terms, sources)
        boundaryShare = terms.allocation.share.fraction
        allocation = terms.allocation.wording
        addFigures(rounds, total)
    }

    private mutating func addFigures(_ rounds: [MachineRound], _ total: Microjoules?) {
        var states = EnergyStates()
        var isKnown = false
        for energy in rounds.compactMap(\.energy) {
            states.add(energy.boundary)
            isKnown = true
        }
        let reason: Wording =
            rounds.isEmpty
            ? Wording(zh: "计入合计的轮次中未服役", en: "not in service in a round of the sums")
            : .noEnergy
        energy =
            isKnown
            ? .known(PlanReportContent.EnergyPart(states.total, of: total ?? .zero))
            : .unknown(reason)
        measuredShare =
            states.total > .zero
            ? .known(Double(states.measured.rawValue) / Double(states.total.rawValue))
            : .unknown(reason)
        let expected = rounds.reduce(Nanoseconds.zero) { $0 + $1.round.expected }
        let covered = rounds.reduce(Nanoseconds.zero) { $0 + $1.round.energyCovered }
        coverage = expected > .zero ? .known(covered.fraction(of: expected)) : .unknown(reason)
        clockErrorMilliseconds = rounds.compactMap(\.round.clockError).max()
            .map { Double($0) / 1000 }
            .orUnknown(
                isDevice
                    ? Wording(zh: "无代理的设备", en: "a device without an agent")
                    : Wording(zh: "时钟未同步或无记录", en: "not synchronised, or no record"))
        isSimulated = rounds.contains(where: \.round.simulated)
        let versions = Set(rounds.flatMap(\.quality.softwareVersions)).sorted()
        agentVersion =
            versions.isEmpty
            ? .unknown(
                isDevice
                    ? Wording(zh: "无代理的设备", en: "a device without an agent") : .noRecord)
            : .known(versions.joined(separator: "+"))
    }

    private static func method(_ terms: MachineTerms, _ sources: [String]) -> Wording {
        if let meter = terms.meter {
            return Wording(zh: "电表 \(meter) 的读数", en: "readings of the meter \(meter)")
        }
        if let ratio = terms.wallRatio {
            return Wording(
                zh: "CPU与内存计数器乘以整机比 \(ratio.value.fraction)（\(ratio.source)，\(ratio.period)）",
                en: "counters of CPU and memory times the wall ratio \(ratio.value.fraction) "
                    + "(\(ratio.source), \(ratio.period))")
        }
        guard !sources.isEmpty else { return .noRecord }
        return Wording(
            zh: "代理读取：\(sources.joined(separator: "、"))",
            en: "read by the agent: \(sources.joined(separator: ", "))")
    }
}
