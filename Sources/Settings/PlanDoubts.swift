import Assessment
import Metering

/// What of a plan can be followed but will be asked about: for `check` to show before it is sealed.
struct PlanDoubts {
    let plan: Plan
    let top: Section
    let now: Timestamp?

    func note() {
        guard top.findings.isEmpty else { return }
        if let section = section(PlanKeys.schedule, PlanKeys.Schedule.all) { schedule(section) }
        scenarios()
        sites()
        hosts()
        meters()
        coverage()
        if plan.ruleDigests.isEmpty {
            (top.field(PlanKeys.rules)?.doubt ?? top.doubt)(
                "names no rule sets: hosts may change how they count, and the report can only show it",
                PlanKeys.rules.hint, "未限定规则集：主机可能改变统计方式，而报告只能事后显示",
                "写上主机清单中的规则摘要；`plan new --hosts-from-store` 会列出")
        }
        if plan.assetListDigest == nil {
            top.doubt(
                "names no asset list: its boundary is compared with nothing", PlanKeys.assets.hint,
                zh: "没有资产清单：评估边界无从比对", "写上 assets: assets.csv")
        }
    }

    private static let twice = "未指定统计主机：同一笔业务可能在两层被统计，从而重复计数"

    private func section(_ key: Key, _ keys: [Key]) -> Section? {
        top.field(key)?.section(keys)
    }

    private func elements(_ key: Key) -> [Field] {
        top.field(key)?.elements(0...Int.max).map(Array.init) ?? []
    }

    // MARK: - Rounds

    private func schedule(_ section: Section) {
        typealias Keys = PlanKeys.Schedule
        let schedule = plan.schedule
        func doubt(
            _ key: Key, _ sentence: String, _ hint: String, zh: String, _ advice: String
        ) {
            if let field = section.field(key) {
                field.doubt(sentence, hint, zh: zh, advice)
            } else {
                section.doubt("\(key.name) \(sentence)", hint, zh: "\(key.name) \(zh)", advice)
            }
        }
        if let now, schedule.start <= now {
            doubt(
                Keys.start, "has passed: a plan is sealed before its first round begins",
                "begin with a later day; `plan seal` refuses this plan without --late",
                zh: "已经过去：计划须在首轮开始前封存", "改为以后的日期；不加 --late，`plan seal` 拒绝该计划")
        }
        if schedule.rounds == 1 {
            doubt(
                Keys.rounds, "of 1 show no dispersion: no deviation and no interval",
                "seven rounds of 24h make a week", zh: "只有 1 轮，没有离散度：既无标准差也无区间",
                "7 轮、每轮 24h 为一周")
        }
        if schedule.reserve == 0 {
            doubt(
                Keys.reserve, "of 0 leaves the assessment unfinished after one invalid round",
                Keys.reserve.hint, zh: "没有备用轮次：一轮无效则评估无法完成", "写 reserve: 2")
        }
        let day: UInt64 = 86_400_000_000_000
        guard schedule.length.rawValue.isMultiple(of: day / 24) else {
            doubt(
                Keys.length, "is for a laboratory: no day can be reconciled with a ledger",
                Keys.length.hint, zh: "仅适用于实验室：任何一天都无法与台账对账", "写 length: 24h")
            return
        }
        let midnight = (schedule.start.rawValue + Timestamp.shanghai * day / 24).isMultiple(of: day)
        if schedule.length.rawValue.isMultiple(of: day), !midnight {
            doubt(
                Keys.start, "is not 00:00 in Asia/Shanghai, where the days of the rounds begin",
                Keys.start.hint, zh: "不是 Asia/Shanghai 的 00:00，即各轮所在日的起点",
                "只写日期，例如 start: 2026-12-01")
        }
        let period = schedule.period.length.rawValue
        if !period.isMultiple(of: 7 * day), schedule.justification == nil {
            section.doubt(
                "the rounds are no whole weeks, and no justification is given",
                Keys.justification.hint, zh: "各轮不是整周，且未说明理由",
                "写 justification，例如覆盖当月两个还款日")
        }
    }

    // MARK: - Counting

    private func scenarios() {
        let ids = Set(plan.scenarios.map(\.id))
        if ids != Set(StandardWeights.scenarios) {
            top.field(PlanKeys.scenarios)?.doubt(
                "not the four of the standard: the result will not be called SCI_CF",
                "credit, drawdown, repayment and query are the four of T/CQJR 032.2-2025",
                zh: "不是标准的四类场景：结果不得称为 SCI_CF",
                "T/CQJR 032.2-2025 的四类为 credit、drawdown、repayment、query")
        }
        let hint = PlanKeys.Scenario.countedBy.hint
        let fields = elements(PlanKeys.scenarios)
        if fields.isEmpty {
            top.doubt(
                "names no counting hosts: a flow may count at two layers, and then counts twice",
                hint, zh: Self.twice, "写 counted_by: [主机]")
        }
        for (scenario, field) in zip(plan.scenarios, fields) {
            if case .ledger = scenario.volume {
                let isSigned = !plan.ledgerKeys.isEmpty
                field.doubt(
                    "TA of \(scenario.id) is the ledger's word: no record can confirm it",
                    (isSigned ? "" : "name the key that signs them as ledger_keys, and ")
                        + "sign the totals when they are imported",
                    zh: "\(scenario.id) 的 TA 以台账为准：没有记录可以证实",
                    (isSigned ? "" : "在 ledger_keys 写上签名公钥，") + "导入台账合计时附签名")
            } else if scenario.countingHosts.isEmpty {
                field.doubt(
                    "names no counting hosts: a flow may count at two layers, and then counts twice",
                    hint, zh: Self.twice, "写 counted_by: [主机]")
            }
        }
    }

    // MARK: - Electricity

    private func sites() {
        var used = Set(plan.devices.map(\.site))
        for host in plan.hosts { used.formUnion(host.assignments.map(\.site)) }
        let factors = Dictionary(
            plan.factors.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for (site, field) in zip(plan.sites, elements(PlanKeys.sites)) {
            if !used.contains(site.id) {
                field.doubt(
                    "no host or device stands there", "leave the site out", zh: "没有主机或设备在该站点",
                    "去掉该站点")
            }
            guard let section = field.section(PlannedKeys.Site.all),
                let supplies = section.field(PlannedKeys.Site.supplies)?.elements(0...Int.max)
            else { continue }
            for (supply, field) in zip(site.supplies, supplies) {
                if let factor = factors[supply.factor] { doubt(factor, field) }
            }
        }
        if Set(plan.sites.flatMap(\.supplies).compactMap { factors[$0.factor]?.gas }).count > 1 {
            top.field(PlanKeys.sites)?.doubt(
                "factors of CO2 alone stand beside factors of all greenhouse gases",
                "take factors of one basis", zh: "仅含 CO2 的因子与含全部温室气体的因子并列",
                "采用同一口径的因子")
        }
    }

    private func doubt(_ factor: EmissionFactor, _ field: Field) {
        if factor.grade != "A" {
            field.doubt(
                "factor \(factor.id) is of grade \(factor.grade)",
                "confirm it against the official announcement, and keep that with the plan",
                zh: "因子 \(factor.id) 的等级为 \(factor.grade)", "与官方公告核对，并随计划保存")
        }
        if !["average", "lifecycle"].contains(factor.basis) {
            field.doubt(
                "factor \(factor.id) is of basis \(factor.basis)",
                "O is location-based and takes average factors; others belong to market_supplies",
                zh: "因子 \(factor.id) 的口径为 \(factor.basis)",
                "O 基于位置，采用平均因子；其他因子写入 market_supplies")
        }
    }

    // MARK: - Machines

    private func hosts() {
        let schedule = plan.schedule
        let whole = Interval(
            start: schedule.start,
            end: schedule.end(afterRounds: schedule.rounds + schedule.reserve))
        for (host, field) in zip(plan.hosts, elements(PlanKeys.hosts)) {
            let serves = host.assignments.contains { assignment in
                let from = assignment.from ?? whole.start
                return Interval(start: from, end: assignment.to ?? whole.end).clamped(to: whole)
                    != nil
            }
            if !serves {
                field.doubt(
                    "\(host.id) serves in no round", "correct its assignments",
                    zh: "\(host.id) 在任何一轮都不在役", "更正其 assignments")
            }
        }
        guard case .included(let models) = plan.embodied else { return }
        let lives = Dictionary(
            models.map { ($0.id, $0.lifetimeHours) }, uniquingKeysWith: { one, _ in one })
        for (host, field) in zip(plan.hosts, elements(PlanKeys.hosts)) {
            life(host.id, host.installed, host.model.flatMap { lives[$0] }, field)
        }
        for (device, field) in zip(plan.devices, elements(PlanKeys.devices)) {
            life(device.id, device.installed, device.model.flatMap { lives[$0] }, field)
        }
        let undated =
            plan.hosts.filter { $0.installed == nil }.count
            + plan.devices.filter { $0.installed == nil }.count
        if undated > 0 {
            top.field(PlanKeys.embodied)?.doubt(
                "\(undated) hosts and devices have no `installed`: they count as within their life",
                PlannedKeys.Host.installed.hint,
                zh: "\(undated) 台主机和设备没有 `installed`：视为仍在寿命期内", "写上投用日期")
        }
    }

    private func life(_ id: String, _ installed: Timestamp?, _ hours: UInt64?, _ field: Field) {
        guard let installed, let hours else { return }
        let hint = PlannedKeys.Host.installed.hint
        let schedule = plan.schedule
        let end = installed + Nanoseconds.seconds(3600 * hours)
        if installed > schedule.start {
            field.doubt(
                "\(id) is installed only after the first round begins: M counts from then on", hint,
                zh: "\(id) 在首轮开始之后才投用：自投用起才计 M", "写上投用日期")
        } else if end <= schedule.start {
            field.doubt(
                "the lifetime of \(id) ends before the first round: no M counts for it",
                "see that `installed` and `lifetime_hours` are right",
                zh: "\(id) 的寿命在首轮之前已满：不计其 M", "核对 installed 与 lifetime_hours")
        } else if end < schedule.end(afterRounds: schedule.rounds + schedule.reserve) {
            let time = end.rfc3339InShanghai
            field.doubt(
                "the lifetime of \(id) ends within the rounds, at \(time): M counts until then alone",
                "see that `installed` and `lifetime_hours` are right",
                zh: "\(id) 的寿命在各轮期间（\(time)）届满：其 M 只计到该时",
                "核对 installed 与 lifetime_hours")
        }
    }

    private func meters() {
        var before: [String: (device: String, share: UInt64)] = [:]
        for (device, field) in zip(plan.devices, elements(PlanKeys.devices)) {
            let other = before[device.meter]
            let share = (other?.share ?? 0) + device.allocation.share.rawValue
            before[device.meter] = (device.id, share)
            guard let other, share > 1_000_000 else { continue }
            field.doubt(
                "\(device.id) has the meter of \(other.device): together they count more than its readings",
                "one device stands for all that a meter measures, or each takes its part as `share`",
                zh: "\(device.id) 与 \(other.device) 共用计量表：两者合计超过其读数",
                "一块表所计量的全部设备写成一台，或各自以 `share` 取其份额")
        }
    }

    private func coverage() {
        guard let section = section(PlanKeys.validity, PlanKeys.Validity.all) else { return }
        let usual = ValidityRules()
        let shares = [
            (PlanKeys.Validity.full, plan.validity.fullCoverage, usual.fullCoverage),
            (PlanKeys.Validity.minimum, plan.validity.minimumCoverage, usual.minimumCoverage),
        ]
        for (key, share, usual) in shares where share < usual {
            section.field(key)?.doubt(
                "\(share.decimal) asks for less than is usual", "\(usual.decimal) is usual",
                zh: "\(share.decimal) 低于通常要求", "通常为 \(usual.decimal)")
        }
        if plan.validity.maximumClockError > usual.maximumClockError {
            section.field(PlanKeys.Validity.clockError)?.doubt(
                "lets pass clocks that are further off than is usual", "1s is usual",
                zh: "允许的时钟误差高于通常要求", "通常为 1s")
        }
    }
}
