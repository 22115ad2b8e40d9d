import Metering

@testable import Report

/// The parts of a sample that are not rounds.
extension Sample {
    func host(_ index: Int) -> Content.Host {
        var host = Content.Host()
        let role = ["app", "db", "cache", "mq"][index % 4]
        host.id = name("\(role)-" + (index < 10 ? "0" : "") + "\(index)")
        host.role = role
        host.sites = index == 3 ? ["cq-a", "gy-b"] : [index % 5 < 3 ? "cq-a" : "gy-b"]
        host.sources = ["powercap"]
        host.scopes = [index == 1 ? "cpu+dram" : "host"]
        host.method =
            index == 1
            ? Wording(zh: "CPU与内存计数器", en: "counters of CPU and memory")
            : Wording(zh: "整机功率计", en: "wall meter")
        host.boundaryShare = index == 2 ? 0.6 : 1
        host.allocation =
            index == 2
            ? Wording(zh: "预留 60 % 配额", en: "60 % reserved")
            : Wording(zh: "专用", en: "dedicated")
        host.energy = .known(
            .init(energy: Microjoules(158_400_000_000_000), kilowattHours: 44, share: 0.05))
        host.measuredShare = .known(index == 1 ? 0 : 0.9961)
        host.coverage = .known(index == 4 ? 0.99714 : index == 7 ? 0.9431 : 0.99996)
        host.clockErrorMilliseconds = .known(3.25)
        host.agentVersion = .known("0.1.0")
        return host
    }

    func device() -> Content.Host {
        var device = Content.Host()
        device.id = name("storage-array-1")
        device.role = "storage"
        device.sites = ["cq-a"]
        device.isDevice = true
        device.sources = ["pdu-7-outlet-3"]
        device.scopes = ["host"]
        device.method = Wording(zh: "导入电表读数", en: "imported meter readings")
        device.allocation = Wording(zh: "专用", en: "dedicated")
        device.coverage = .known(1)
        device.clockErrorMilliseconds = .unknown(Wording(name("no agent")))
        device.agentVersion = .unknown(Wording(zh: "无采集程序", en: "no agent"))
        return device
    }

    func factors() -> [Content.FactorDocument] {
        var national = ReportContent.Factor()
        national.id = "全国-2023-average"
        national.area = "全国"
        national.year = 2023
        national.basis = "average"
        national.gramsPerKilowattHour = Self.factor
        national.gas = "gCO2"
        national.grade = "A"
        national.source = "生态环境部、国家统计局公告，2026年1月"
        var market = national
        market.id = "全国-2023-excl-market"
        market.basis = "residual"
        market.gramsPerKilowattHour = 609.6
        return [
            .init(factor: national, level: "national", uses: ["cq-a: grid", "gy-b: grid"]),
            .init(factor: market, level: "national", uses: ["cq-a: grid"], isMarketBased: true),
        ]
    }

    func plans() -> [Content.SealedPlan] {
        let period = Content.Span(from: Self.time(0), to: Self.time(7 * 86_400))
        return [
            .init(
                title: name("2026年第四季度消费金融平台算力效用评估（初稿）"),
                hash: String(repeating: "1d80", count: 16),
                sealed: Timestamp((Self.start - 90_000) * 1_000_000_000), period: period,
                fate: Wording(zh: "废弃：边界变更", en: "abandoned: the boundary changed")),
            .init(
                title: name("2026年第四季度消费金融平台算力效用评估"), hash: Self.hash,
                sealed: Timestamp((Self.start - 7_200) * 1_000_000_000), period: period,
                fate: Wording(zh: "本报告", en: "this report")),
        ]
    }

    func assets() -> Content.AssetComparison {
        var assets = Content.AssetComparison()
        assets.digest = String(repeating: "77ee", count: 16)
        assets.listed = 24
        assets.inBoundary = 21
        assets.outside = [
            .init(
                id: name("bi-01"), site: "cq-a", role: "报表",
                reason: Wording(zh: "内部报表，不属消费金融", en: "internal reports"))
        ]
        assets.notPlanned = [.init(id: name("app-99"), site: "gy-b", role: "app")]
        return assets
    }

    func addResult(to content: inout Content) {
        let counted = content.rounds.filter(\.use.isCounted)
        let values = counted.compactMap(\.intensity.value)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance =
            values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        let deviation = variance.squareRoot()
        let operational = counted.compactMap(\.operational.value).reduce(0, +)
        let mass = counted.compactMap(\.embodied.value?.typical).reduce(0, +)
        let units = counted.compactMap(\.units.value).reduce(0, +)
        content.result.unit = includesM ? .mixed : .carbonDioxide
        content.result.plannedRounds = planned
        content.result.validRounds = planned
        content.result.mean = .known(mean)
        content.result.partialMean = .unknown(Wording(zh: "各轮均有效", en: "all rounds are valid"))
        content.result.deviation = .known(deviation)
        content.result.interval = .known(
            .init(low: mean - 0.9248 * deviation, high: mean + 0.9248 * deviation))
        content.result.ratioOfSums = .known((operational + mass) / Double(units))
        content.result.relativeDifference = .known(0.0004)
        content.result.operationalSum = .known(operational)
        content.result.operationalITSum = .known(operational)
        content.result.operationalFacilitySum = .known(operational * 1.35)
        content.result.operationalMarketSum = .known(operational * 0.7)
        content.result.embodiedSum =
            includesM
            ? .known(.init(low: mass / 2, typical: mass, high: mass * 2.3))
            : .unknown(Wording(zh: "M未统计", en: "M is omitted"))
        content.result.unitsSum = .known(units)
        content.result.withoutRefusals = .known(mean * 1.11)
        content.result.marketMean = .known(mean * 0.71)
        content.scenarios = counted.first?.scenarios ?? []
        for index in content.scenarios.indices {
            let each = counted.map { $0.scenarios[index] }
            func sum(_ value: (Content.Scenario) -> UInt64?) -> UInt64 {
                each.compactMap(value).reduce(0, +)
            }
            content.scenarios[index].volume = .known(sum(\.volume.value))
            content.scenarios[index].approved = sum(\.approved)
            content.scenarios[index].refused = sum(\.refused)
            content.scenarios[index].failed = sum(\.failed)
            content.scenarios[index].incomplete = sum(\.incomplete)
            content.scenarios[index].duplicates = sum(\.duplicates)
            content.scenarios[index].duplicatesAcrossHosts = sum(\.duplicatesAcrossHosts)
        }
        let total = counted.compactMap(\.energy.value?.total.kilowattHours).reduce(0, +)
        content.energy = .known(energy(total, imputed: 0.0026))
        content.sources = [
            .init(source: "hwmon", scope: "host", energy: .known(energy(total * 0.9))),
            .init(source: "powercap", scope: "cpu+dram", energy: .known(energy(total * 0.06))),
            .init(source: name("pdu-7"), scope: "host", energy: .known(energy(total * 0.04))),
        ]
        content.sites = counted.first?.sites ?? []
        addSensitivity(to: &content, mean)
    }

    private func addSensitivity(to content: inout Content, _ mean: Double) {
        let level = Wording(zh: "因子层级", en: "Factor level")
        let lines: [(Wording, Wording, Double?, Bool)] = [
            (level, Wording(zh: "全国 2023", en: "nation 2023"), 1, true),
            (level, Wording(zh: "区域 西南 2023", en: "region 西南 2023"), 0.53, false),
            (level, Wording(zh: "省级 重庆 2022", en: "province 重庆 2022"), 0.99, false),
            (Wording(zh: "M", en: "M"), Wording(zh: "不计", en: "omitted"), 0.88, false),
            (Wording(zh: "M", en: "M"), Wording(zh: "高值", en: "high"), 1.16, false),
            (
                Wording(zh: "拒绝笔数", en: "Refusals"), Wording(zh: "不计入 TA", en: "not in TA"), 1.11,
                false
            ),
            (Wording(zh: "口径", en: "Scope"), Wording(zh: "设施（×PUE）", en: "facility"), 1.31, false),
            (Wording(zh: "口径", en: "Scope"), Wording(zh: "边际因子", en: "marginal"), nil, false),
        ]
        content.sensitivity = lines.map { group, choice, times, isHeadline in
            .init(
                group: group, choice: choice,
                mean: times.map { .known(mean * $0) } ?? .unknown(.notGiven),
                relativeChange: times.map { .known($0 - 1) } ?? .unknown(.notGiven),
                isHeadline: isHeadline)
        }
    }

    func addEvidence(to content: inout Content) {
        content.months = ["2026-09", "2026-10"].flatMap { month in
            ["cq-a", "gy-b"].map { site in
                .init(
                    month: month, site: site,
                    kilowattHours: .known(month == "2026-09" ? 31.4 : 512.75),
                    tonnes: .known(month == "2026-09" ? 0.01666 : 0.272_065), unit: "tCO2")
            }
        }
        let day = Content.Span(from: Self.time(0), to: Self.time(86_400))
        content.reconciliations = [
            .init(
                scenario: "credit", span: day, counted: .known(4_837), ledger: .known(4_837),
                difference: 0, digest: String(repeating: "c0de", count: 16)),
            .init(
                scenario: "drawdown", span: day, counted: .known(8_951), ledger: .known(8_953),
                difference: -2, digest: String(repeating: "c0de", count: 16)),
        ]
        content.meterComparisons = [
            .init(
                meter: "pdu-7", span: day,
                metered: .init(
                    energy: Microjoules(259_200_000_000_000), kilowattHours: 72, share: 1),
                summed: .known(
                    .init(
                        energy: Microjoules(252_000_000_000_000), kilowattHours: 70, share: 1)),
                ratio: .known(70.0 / 72), digest: String(repeating: "beef", count: 16))
        ]
        addImports(to: &content)
        content.revisions = [
            .init(
                round: 2, revision: 1, time: Self.time(2 * 86_400),
                reason: Wording(zh: "本轮关闭时的数值", en: "what the round closed with"),
                changes: []),
            .init(
                round: 2, revision: 2, time: Self.time(3 * 86_400),
                reason: Wording(zh: "迟到记录 12 条", en: "12 late records"),
                changes: [
                    .init(
                        figure: Wording(zh: "电能 kWh", en: "energy, kWh"), before: .known(121.79),
                        after: .known(121.8)),
                    .init(
                        figure: Wording("O g"), before: .known(64_621.8), after: .known(64_627.1)),
                ]),
        ]
        content.rules = [
            .init(
                scenario: "credit", name: name("授信通知"), hits: 33_912, hosts: [name("app-00")]),
            .init(scenario: "query", name: "旧版查询", hits: 0, hosts: [name("app-00")]),
        ]
        content.losses = [.init(agent: name("mq-07"), run: 255, first: 3, last: 9)]
        content.alerts = [
            .init(
                agent: name("db-05"), kind: "key", text: name("a key that was not there before"),
                first: Self.time(90_000), last: Self.time(90_000), count: 1)
        ]
        content.uncertainties = [
            .init(
                subject: Wording(zh: "电能不确定度", en: "Uncertainty of energy"),
                text: Wording(zh: "功率计 ±1 %（厂商声明）", en: "wall meters ±1 % (maker's word)"))
        ]
        content.evidence.recordsRoot = .known(String(repeating: "a94f", count: 16))
        content.evidence.signers = (0..<3).map {
            name("app-0\($0)") + ": run 7f3a9c1d2b Ed25519 "
                + String(repeating: "5c0ffee\($0)", count: 8)
        }
        content.evidence.verifierCommand = .known("jouleflow-collector verify evidence.jfb")
    }

    private func addImports(to content: inout Content) {
        content.imports = [
            .init(
                kind: "ledger", digest: String(repeating: "beef", count: 16),
                time: Self.time(90_000), signer: "Li", signature: "none",
                told: Wording(zh: "未签名", en: "it is not signed")),
            .init(
                kind: "meter", digest: String(repeating: "cafe", count: 16),
                time: Self.time(90_000), signer: nil, signature: "no_key", told: Wording("?")),
        ]
    }
}
