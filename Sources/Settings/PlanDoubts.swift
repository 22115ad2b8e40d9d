import Assessment
import Metering

/// What of a plan can be followed but will be asked about: for `check` to show before it is sealed.
struct PlanDoubts {
    let plan: Plan
    let top: Section

    func note() {
        guard top.findings.isEmpty else { return }
        if let section = section(PlanKeys.schedule, PlanKeys.Schedule.all) { schedule(section) }
        scenarios()
        sites()
        hosts()
        coverage()
        if plan.ruleDigests.isEmpty {
            (top.field(PlanKeys.rules)?.doubt ?? top.doubt)(
                "names no rule sets: hosts may change how they count, and the report can only show it",
                PlanKeys.rules.hint)
        }
        if plan.assetListDigest == nil {
            top.doubt(
                "names no asset list: its boundary is compared with nothing", PlanKeys.assets.hint)
        }
    }

    private func section(_ key: Key, _ keys: [Key]) -> Section? {
        top.field(key)?.section(keys)
    }

    private func elements(_ key: Key) -> [Field] {
        top.field(key)?.elements(0...Int.max) ?? []
    }

    // MARK: - Rounds

    private func schedule(_ section: Section) {
        typealias Keys = PlanKeys.Schedule
        let schedule = plan.schedule
        func doubt(_ key: Key, _ sentence: String, _ hint: String) {
            if let field = section.field(key) {
                field.doubt(sentence, hint)
            } else {
                section.doubt("\(key.name) \(sentence)", hint)
            }
        }
        if schedule.rounds == 1 {
            doubt(
                Keys.rounds, "of 1 show no dispersion: no deviation and no interval",
                "seven rounds of 24h make a week")
        }
        if schedule.reserve == 0 {
            doubt(
                Keys.reserve, "of 0 leaves the assessment unfinished after one invalid round",
                Keys.reserve.hint)
        }
        let day: UInt64 = 86_400_000_000_000
        guard schedule.length.rawValue.isMultiple(of: day / 24) else {
            doubt(
                Keys.length, "is for a laboratory: no day can be reconciled with a ledger",
                Keys.length.hint)
            return
        }
        let midnight = (schedule.start.rawValue + Timestamp.shanghai * day / 24).isMultiple(of: day)
        if schedule.length.rawValue.isMultiple(of: day), !midnight {
            doubt(
                Keys.start, "is not 00:00 in Asia/Shanghai, where the days of the rounds begin",
                Keys.start.hint)
        }
        let period = schedule.period.length.rawValue
        if !period.isMultiple(of: 7 * day), schedule.justification == nil {
            section.doubt(
                "the rounds are no whole weeks, and no justification is given",
                Keys.justification.hint)
        }
    }

    // MARK: - Counting

    private func scenarios() {
        let ids = Set(plan.scenarios.map(\.id))
        if ids != Set(StandardWeights.scenarios) {
            top.field(PlanKeys.scenarios)?.doubt(
                "not the four of the standard: the result will not be called SCI_CF",
                "credit, drawdown, repayment and query are the four of T/CQJR 032.2-2025")
        }
        let hint = PlanKeys.Scenario.countedBy.hint
        let fields = elements(PlanKeys.scenarios)
        if fields.isEmpty {
            top.doubt(
                "names no counting hosts: a flow may count at two layers, and then counts twice",
                hint)
        }
        for (scenario, field) in zip(plan.scenarios, fields) {
            if case .ledger = scenario.volume {
                field.doubt(
                    "TA of \(scenario.id) is the ledger's word: no record can confirm it",
                    "sign the ledger's totals when they are imported")
            } else if scenario.countingHosts.isEmpty {
                field.doubt(
                    "names no counting hosts: a flow may count at two layers, and then counts twice",
                    hint)
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
                field.doubt("no host or device stands there", "leave the site out")
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
                "take factors of one basis")
        }
    }

    private func doubt(_ factor: EmissionFactor, _ field: Field) {
        if factor.grade != "A" {
            field.doubt(
                "factor \(factor.id) is of grade \(factor.grade)",
                "confirm it against the official announcement, and keep that with the plan")
        }
        if !["average", "lifecycle"].contains(factor.basis) {
            field.doubt(
                "factor \(factor.id) is of basis \(factor.basis)",
                "O is location-based and takes average factors; others belong to market_supplies")
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
                field.doubt("\(host.id) serves in no round", "correct its assignments")
            }
        }
        guard case .included = plan.embodied else { return }
        let undated =
            plan.hosts.filter { $0.installed == nil }.count
            + plan.devices.filter { $0.installed == nil }.count
        if undated > 0 {
            top.field(PlanKeys.embodied)?.doubt(
                "\(undated) hosts and devices have no `installed`: they count as within their life",
                PlannedKeys.Host.installed.hint)
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
                "\(share.decimal) asks for less than is usual", "\(usual.decimal) is usual")
        }
    }
}
