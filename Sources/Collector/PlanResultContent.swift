import Assessment
import Chain
import Metering
import Report
import Rounds
import SCI

// The whole report.
extension PlanReportContent {
    init(_ reading: PlanReading, _ histories: [Int: RoundHistory]) {
        let request = reading.request
        let damage = DamagedRecords(reading.records) ?? DamagedRecords(histories.values)
        self.init(
            standing: Standing(reading, damage), generated: request.now, software: request.software,
            plan: PlanIdentity(reading.plan, request.sealed))
        plan.usesStandardWeights = reading.figures.isStandard
        plans = reading.plans.map {
            SealedPlan($0, reported: $0.hash == request.sealed?.hash, at: request.now)
        }
        assets = reading.imports.assets.map {
            AssetComparison(
                $0.value, digest: reading.imports.digest($0.source), reading.plan)
        }.orUnknown(Wording(zh: "未导入资产清单", en: "no asset list was imported"))
        rounds = reading.rounds.map { round in
            var shown = Round(round, reading)
            shown.revision = histories[round.number + 1]?.revisions.last?.number ?? 0
            return shown
        }
        // All sums are over one set of rounds, so that O of the sites adds up to that of the result.
        let summed = reading.summed
        let numbers = Set(summed.map { $0.round.number + 1 })
        let segments = summed.flatMap { $0.round.machines.flatMap(\.segments) }
        isSimulated = rounds.contains { ($0.energy.value?.simulated.energy ?? .zero) > .zero }
        energy = segments.isEmpty ? .unknown(.noValidRound) : Self.energy(of: segments)
        scenarios = reading.plan.scenarios.map { scenario in
            Scenario(
                scenario.id,
                rounds.filter { numbers.contains($0.number) }.compactMap { round in
                    round.scenarios.first { $0.id == scenario.id.name }
                })
        }
        sources = SourceEnergy.all(summed.flatMap(\.round.machines))
        sites = reading.plan.sites.compactMap { SiteEnergy($0, segments, reading) }
        result = Result(reading)
        hosts = Host.all(reading, energy.value?.total.energy)
        self.damage = damage?.wording
        addBeside(reading)
        addRevisions(histories, reading)
    }
}

extension PlanReportContent.SourceEnergy {
    /// Of machines in rounds; a machine with several sources in a round counts under all of them joined.
    static func all(_ machines: [MachineRound]) -> [Self] {
        struct Key: Hashable {
            let source: String
            let scope: String
        }
        let groups = Dictionary(grouping: machines) { machine in
            Key(source: machine.sourceLabel, scope: machine.scopeLabels.joined(separator: "+"))
        }
        return groups.sorted { ($0.key.source, $0.key.scope) < ($1.key.source, $1.key.scope) }
            .map { key, machines in
                Self(
                    source: key.source, scope: key.scope,
                    energy: PlanReportContent.energy(of: machines.flatMap(\.segments)))
            }
    }
}

extension PlanReportContent.EmissionUnit {
    init(_ unit: CarbonUnit) {
        switch unit {
        case .carbonDioxide: self = .carbonDioxide
        case .equivalent: self = .equivalent
        case .mixed: self = .mixed
        }
    }
}

extension PlanReportContent.Result {
    init(_ reading: PlanReading) {
        self.init()
        let figures = reading.figures
        let summary = figures.summary
        unit = PlanReportContent.EmissionUnit(figures.unit)
        plannedRounds = summary.rounds
        validRounds = summary.validRounds
        mean = summary.mean.orUnknown(.lacking(reading))
        partialMean = summary.partialMean.orUnknown(
            figures.isComplete
                ? Wording(zh: "结果完整，无部分均值", en: "the result is complete")
                : Wording.noValidRound)
        let tooFew = Wording(zh: "有效轮次少于两轮", en: "fewer than two rounds are valid")
        deviation = summary.sampleDeviation.orUnknown(tooFew)
        if let width = summary.confidenceHalfWidth, let center = summary.mean {
            interval = .known(
                PlanReportContent.MeanInterval(low: center - width, high: center + width))
        } else {
            interval = .unknown(summary.mean == nil ? .lacking(reading) : tooFew)
        }
        ratioOfSums = summary.ratioOfSums.orUnknown(.noValidRound)
        relativeDifference = summary.relativeDifference.orUnknown(.noValidRound)
        meansDiffer = summary.warnsOfDifference
        addSums(reading)
        withoutRefusals = Self.mean(.withoutRefusals, figures)
        marketMean = Self.mean(.marketBased, figures)
    }

    /// Over the rounds of the ratio, so that it is what the sums give.
    private mutating func addSums(_ reading: PlanReading) {
        let summed = reading.summed
        let segments = summed.flatMap { $0.round.machines.flatMap(\.segments) }
        let carbon = reading.carbon.location(segments)
        func sum(_ figure: PlanReportContent.Figure) -> PlanReportContent.Figure {
            summed.isEmpty ? .unknown(.noValidRound) : figure
        }
        operationalSum = sum(carbon.grams(of: reading.plan.scope))
        operationalITSum = sum(carbon.grams(of: .equipment))
        operationalFacilitySum = sum(carbon.grams(of: .facility))
        operationalMarketSum = sum(reading.market(segments))
        embodiedSum = PlanReportContent.embodied(summed.map(\.figures), reading)
        unitsSum = PlanReportContent.Scenario.sum(
            summed.map { $0.figures.intensity.units.because(Wording.init) })
        roundsWithoutBusiness = summed.filter { !$0.figures.standing.isCounted }.map {
            $0.round.number + 1
        }
    }

    private static func mean(
        _ variant: SCI.SensitivityLine.Variant, _ figures: PlanIntensity
    ) -> PlanReportContent.Figure {
        guard let line = figures.sensitivity.first(where: { $0.variant == variant }) else {
            return .unknown(
                Wording(zh: "没有合同电力", en: "no site has electricity under contract"))
        }
        return line.mean.because(Wording.init)
    }
}

extension PlanReportContent.SensitivityLine {
    /// `headline` is the mean that the line is compared with.
    init(_ line: SCI.SensitivityLine, headline: Double?) {
        let (group, choice) = line.variant.wording
        let mean = line.mean.because(Wording.init)
        var change: PlanReportContent.Figure = mean.map { $0 }
        if let value = mean.value {
            change =
                headline.flatMap { $0 == 0 ? nil : .known(value / $0 - 1) }
                ?? .unknown(.noValidRound)
        }
        self.init(
            group: group, choice: line.replaced(in: choice), mean: mean, relativeChange: change,
            isHeadline: line.isPlanned)
    }
}

extension SCI.SensitivityLine {
    /// The choice with the factors that it puts in the place of others.
    fileprivate func replaced(in choice: Wording) -> Wording {
        let names = factors.sorted { $0.key < $1.key }.map { "\($0.key) → \($0.value)" }
        guard !names.isEmpty else { return choice }
        return Wording(
            zh: "\(choice.zh)（\(names.joined(separator: "、"))）",
            en: "\(choice.en) (\(names.joined(separator: ", ")))")
    }
}

extension SCI.SensitivityLine.Variant {
    fileprivate var wording: (group: Wording, choice: Wording) {
        let mass = Wording(zh: "硬件隐含碳 M", en: "embodied emissions M")
        switch self {
        case .gridLevel(let level):
            let names: [GridLevel: Wording] = [
                .province: Wording(zh: "省级因子", en: "of the province"),
                .region: Wording(zh: "区域因子", en: "of the region"),
                .national: Wording(zh: "全国因子", en: "of the nation"),
            ]
            return (
                Wording(zh: "电网因子", en: "grid factors"), names[level] ?? Wording(level.rawValue)
            )
        case .marketBased:
            return (
                Wording(zh: "电力核算方法", en: "accounting of electricity"),
                Wording(zh: "基于市场", en: "market-based")
            )
        case .scope(let scope):
            return (
                Wording(zh: "电力口径", en: "scope of electricity"),
                scope == .equipment
                    ? Wording(zh: "设备", en: "equipment")
                    : Wording(zh: "设施（含 PUE）", en: "facility, with PUE")
            )
        case .embodiedLow: return (mass, Wording(zh: "下限", en: "low estimate"))
        case .embodiedTypical: return (mass, Wording(zh: "典型值", en: "typical estimate"))
        case .embodiedHigh: return (mass, Wording(zh: "上限", en: "high estimate"))
        case .embodiedOmitted: return (mass, Wording(zh: "不统计", en: "omitted"))
        case .withoutRefusals:
            return (
                Wording(zh: "被拒业务", en: "refusals"),
                Wording(zh: "不计入 TA", en: "left out of TA")
            )
        }
    }
}
