import Metering

@testable import Report

/// Contents as the wiring hands them over, with figures that belong together.
struct Sample {
    typealias Content = PlanReportContent

    var hosts = 20
    var planned = 7
    var reserve = 2
    /// Put in the place of names and titles.
    var hostile: String?
    var includesM = true

    /// 2026-09-30T16:00:00Z: midnight in Shanghai.
    static let start: UInt64 = 1_790_784_000
    static let hash = String(repeating: "9f2c41d07be85a36", count: 4)
    static let factor = 530.6

    static func time(_ seconds: UInt64) -> Timestamp {
        Timestamp((start + seconds) * 1_000_000_000)
    }

    func name(_ plain: String) -> String { hostile.map { "\($0) \(plain)" } ?? plain }

    private func span(_ round: Int) -> Content.Span {
        .init(
            from: Self.time(UInt64(round - 1) * 86_400), to: Self.time(UInt64(round) * 86_400))
    }

    /// A sealed plan with all of its rounds valid; one of them stands in for an invalid one.
    func full() -> Content {
        var content = Content(
            standing: .assessment, generated: Self.time(10 * 86_400),
            software: .init(name: "Jouleflow", version: "0.1.0"), plan: plan())
        content.rounds = (1...(planned + reserve)).map(round)
        content.hosts = (0..<hosts).map(host) + [device()]
        content.factors = factors()
        content.plans = plans()
        content.assets = .known(assets())
        addResult(to: &content)
        addEvidence(to: &content)
        return content
    }

    /// No plan was sealed in time.
    func unsealed() -> Content {
        var content = full()
        let why = Wording(
            zh: "计划在第一轮开始后封存", en: "the plan was sealed after its first round began")
        content.standing = .notAssessment(why)
        content.plan.sealed = .unknown(why)
        content.plan.lodging = .unknown(Wording(zh: "未提交", en: "nothing was lodged"))
        content.isSimulated = true
        content.energy = .known(energy(884.9, simulated: true))
        return content
    }

    /// Fewer valid rounds than planned, and a scenario that was not observed.
    func incomplete() -> Content {
        var content = full()
        let why = Wording(
            zh: "计划 7 轮，有效 6 轮，备用轮次已用尽", en: "6 of 7 rounds are valid, and no reserve is left")
        content.standing = .incomplete(why)
        content.result.partialMean = content.result.mean
        content.result.mean = .unknown(why)
        content.result.interval = .unknown(why)
        content.result.validRounds = 6
        content.result.meansDiffer = true
        content.result.relativeDifference = .known(0.0613)
        let unseen = Wording(zh: "无可读流量", en: "no readable traffic")
        content.rounds[4].scenarios[3].volume = .unknown(unseen)
        content.rounds[4].units = .unknown(Wording(zh: "查询未观察", en: "query was not observed"))
        content.rounds[4].intensity = .unknown(Wording(zh: "R 未知", en: "R is not known"))
        content.rounds[4].use = .invalid(replacedBy: nil)
        content.rounds[4].problems = [unseen]
        content.scenarios[3].volume = .unknown(unseen)
        content.assets = .unknown(Wording(zh: "未导入资产清单", en: "no asset list was imported"))
        return content
    }

    private func plan() -> Content.PlanIdentity {
        var plan = Content.PlanIdentity(
            title: name("2026年第四季度消费金融平台算力效用评估"),
            organization: name("示例消费金融有限公司"), contact: "张三 <zhang.san@example.com>",
            boundary: name("授信、支用、还款、查询四类业务的应用、数据库、缓存与消息集群，重庆与贵阳两个机房"),
            period: .init(from: Self.time(0), to: Self.time(UInt64(planned) * 86_400)))
        plan.hash = .known(Self.hash)
        plan.sealed = .known(Timestamp((Self.start - 7_200) * 1_000_000_000))
        plan.lodging = .known(
            .init(
                holder: name("国家授时中心时间戳服务"),
                time: Timestamp((Self.start - 3_600) * 1_000_000_000), proof: "4f1a09c2d7"))
        plan.exclusions = ["终端用户设备：不归平台管理", "外部征信机构：由第三方运行"]
        plan.rounds = planned
        plan.reserve = reserve
        plan.roundSeconds = 86_400
        plan.graceSeconds = 21_600
        plan.justification = "覆盖一个完整自然周"
        plan.minimumCoverage = 0.95
        plan.fullCoverage = 0.99
        plan.maximumClockErrorMilliseconds = 1_000
        plan.ruleDigests = [String(repeating: "ab12cd34", count: 8)]
        plan.embodied =
            includesM
            ? .included(sources: ["整机厂商 LCA 2024", "Boavizta 2025"])
            : .omitted(reason: Wording(zh: "供应商未提供", en: "suppliers gave no figures"))
        return plan
    }

    private func part(_ kilowattHours: Double, of total: Double) -> Content.EnergyPart {
        .init(
            energy: Microjoules(UInt64(kilowattHours * 3.6e12)), kilowattHours: kilowattHours,
            share: total > 0 ? kilowattHours / total : 0)
    }

    func energy(_ total: Double, imputed: Double = 0, simulated: Bool = false) -> Content.Energy {
        var energy = Content.Energy(total: part(total, of: total))
        energy.bridged = part(total * 0.004, of: total)
        energy.estimated = part(total * 0.12, of: total)
        energy.imputed = part(total * imputed, of: total)
        energy.measured = part(total * (0.876 - imputed), of: total)
        energy.simulated = simulated ? part(total, of: total) : .none
        energy.idle = .known(part(total * 0.41, of: total))
        return energy
    }

    private func isInvalid(_ number: Int) -> Bool { number == 3 }

    private func flows(_ number: Int) -> [UInt64] {
        let day = UInt64(number)
        return number == 3
            ? [0, 0, 0, 0] : [4_800 + 37 * day, 8_900 + 51 * day, 19_700 + 13 * day, 56_300 + day]
    }

    static let weights: [UInt64] = [24, 7, 3, 1]
    static let names = [
        ("credit", Wording(zh: "授信", en: "Credit")),
        ("drawdown", Wording(zh: "支用", en: "Drawdown")),
        ("repayment", Wording(zh: "还款", en: "Repayment")),
        ("query", Wording(zh: "查询", en: "Query")),
    ]

    private func scenarios(_ volumes: [UInt64]) -> [Content.Scenario] {
        zip(Self.names, volumes).enumerated().map { index, pair in
            let (named, volume) = pair
            var scenario = Content.Scenario()
            scenario.id = named.0
            scenario.name = named.1
            scenario.weight = Self.weights[index]
            scenario.volume = .known(volume)
            scenario.refused = index == 0 ? volume / 4 : 0
            scenario.approved = volume - (scenario.refused ?? 0)
            scenario.failed = volume / 50
            scenario.incomplete = volume / 90
            scenario.duplicates = volume / 200
            scenario.duplicatesAcrossHosts = volume / 1_000
            scenario.outsideLayer = 0
            scenario.ledger = index == 3 ? .unknown(.notGiven) : .known(volume)
            scenario.origin = Wording(zh: "流量", en: "traffic")
            return scenario
        }
    }

    private func round(_ number: Int) -> Content.Round {
        var round = Content.Round(
            number: number, isReserve: number > planned, span: span(number))
        let volumes = flows(number)
        let units = zip(volumes, Self.weights).reduce(0) { $0 + $1.0 * $1.1 }
        let total = 118.4 + Double(number) * 1.7
        let imputed = number == 5 ? 0.018 : 0
        round.use =
            isInvalid(number)
            ? .invalid(replacedBy: planned + 1)
            : number == planned + 1 ? .replaces(round: 3) : number > planned ? .notNeeded : .counted
        round.revision = number == 2 ? 2 : 1
        round.closed = Self.time(UInt64(number) * 86_400 + 21_600)
        round.scenarios = scenarios(volumes)
        round.units = .known(units)
        round.energy = .known(energy(total, imputed: imputed))
        round.sites = sites(total, imputed)
        round.operationalIT = .known(total * Self.factor)
        round.operationalFacility = .known(total * Self.factor * 1.35)
        round.operationalMarket = .known(total * Self.factor * 0.7)
        round.operational = round.operationalIT
        let mass = total * 72
        round.embodied =
            includesM
            ? .known(.init(low: mass * 0.5, typical: mass, high: mass * 2.3))
            : .unknown(Wording(zh: "M未统计", en: "M is omitted"))
        round.intensity =
            units > 0
            ? .known((total * Self.factor + (includesM ? mass : 0)) / Double(units))
            : .unknown(Wording(zh: "R = 0", en: "R = 0"))
        round.coverage = .known(number == 5 ? 0.9818 : 0.99991)
        round.imputedShare = .known(imputed)
        round.clockErrorMilliseconds = .known(3.25)
        round.recordsRoot = .known(String(repeating: "0b7d", count: 16))
        if isInvalid(number) {
            round.problems = [Wording(zh: "R = 0：业务停止", en: "R = 0: no business")]
        }
        if number == 5 {
            round.disclosures = [
                Wording(
                    zh: "\(name("app-04")) 缺 2 % 的电能，已向上补估",
                    en: "2 % of the energy of \(name("app-04")) lacks and is imputed upward")
            ]
            round.annotations = [Wording(zh: "故障演练 10:00–10:30", en: "drill 10:00 to 10:30")]
        }
        round.hosts = (0..<hosts).map { hostRound(number, $0, total / Double(hosts)) }
        return round
    }

    private func sites(_ total: Double, _ imputed: Double) -> [Content.SiteEnergy] {
        [("cq-a", "重庆A机房", 0.6), ("gy-b", "贵阳B机房", 0.4)].map { id, label, share in
            var site = Content.SiteEnergy()
            site.site = id
            site.name = name(label)
            site.energy = .known(energy(total * share, imputed: imputed))
            site.factorIDs = ["全国-2023-average"]
            site.pue = .known(1.35)
            site.pueSource = "机房月报"
            site.operationalIT = .known(total * share * Self.factor)
            site.operationalFacility = .known(total * share * Self.factor * 1.35)
            site.operationalMarket = .known(total * share * Self.factor * 0.7)
            return site
        }
    }

    private func hostName(_ index: Int) -> String {
        let role = ["app", "db", "cache", "mq"][index % 4]
        return name("\(role)-" + (index < 10 ? "0" : "") + "\(index)")
    }

    private func hostRound(_ number: Int, _ index: Int, _ total: Double) -> Content.HostRound {
        var host = Content.HostRound()
        host.host = hostName(index)
        host.role = ["app", "db", "cache", "mq"][index % 4]
        host.energySource = "powercap"
        host.energyScope = index == 1 ? "cpu+dram" : "host"
        host.wallRatio = index == 1 ? .known(1.42) : .unknown(.notGiven)
        host.allocationMethod = index == 2 ? "reserved" : "dedicated"
        host.boundaryShare = index == 2 ? 0.6 : 1
        let whole = span(number)
        let middle = Self.time(UInt64(number - 1) * 86_400 + 43_200)
        let moves = index == 3 && number == 4
        let spans =
            moves
            ? [Content.Span(from: whole.from, to: middle), .init(from: middle, to: whole.to)]
            : [whole]
        host.segments = spans.enumerated().map { place, span in
            var segment = Content.Segment(span: span)
            let size = total / Double(spans.count)
            segment.site = place == 0 && index % 5 < 3 ? "cq-a" : "gy-b"
            segment.electricitySource = "grid"
            segment.factorID = "全国-2023-average"
            segment.gramsPerKilowattHour = .known(Self.factor)
            segment.factorYear = 2023
            segment.factorBasis = "average"
            segment.gas = "gCO2"
            segment.energy = .known(energy(size))
            segment.boundary = .known(energy(size))
            segment.pue = .known(1.35)
            segment.pueSource = "机房月报"
            segment.operationalIT = .known(size * Self.factor)
            segment.operationalFacility = .known(size * Self.factor * 1.35)
            return segment
        }
        if includesM {
            host.embodied.totalGrams = .known(900_000)
            host.embodied.lifetimeHours = .known(35_040)
            host.embodied.resourceShare = .known(host.boundaryShare)
            host.embodied.grams = .known(total * 72)
        }
        host.flows = index % 4 == 0 ? hostFlows(number) : []
        host.quality = quality(number, index)
        return host
    }

    private func hostFlows(_ number: Int) -> [Content.HostFlows] {
        zip(Self.names, flows(number)).map { named, volume in
            var flows = Content.HostFlows()
            flows.scenario = named.0
            flows.countingPoint = "gateway"
            flows.isObserved = true
            flows.completed = volume / 5
            flows.approved = volume / 6
            flows.refused = volume / 5 - volume / 6
            flows.deduplication = "fleet"
            flows.rulesDigest = String(repeating: "ab12cd34", count: 8)
            return flows
        }
    }

    private func quality(_ number: Int, _ index: Int) -> Content.HostQuality {
        var quality = Content.HostQuality()
        let isShort = number == 5 && index == 4
        quality.expectedSeconds = 86_400
        quality.coveredSeconds = isShort ? 84_672 : 86_400
        quality.lostSeconds = isShort ? 1_728 : 0
        quality.coverage = .known(isShort ? 0.98 : 1)
        quality.kernelDrops = 0
        quality.gaps = isShort ? 1 : 0
        quality.clockErrorMilliseconds = .known(3.25)
        let first = UInt64(number - 1) * 8_640 + 1
        quality.runs =
            index == 5
            ? [
                .init(run: 0xA1B2_C3D4, first: first, last: first + 4_000),
                .init(run: 0xA1B2_C3D5, first: 1, last: 4_639),
            ] : [.init(run: 0xC0FF_EE00 + UInt64(index), first: first, last: first + 8_639)]
        quality.recordsExpected = 8_640
        quality.recordsReceived = isShort ? 8_467 : 8_640
        quality.recordsRoot = .known(String(repeating: "5e\(index % 10)a", count: 16))
        quality.signer = .known(hostName(index))
        quality.agentVersion = .known("0.1.0")
        return quality
    }
}
