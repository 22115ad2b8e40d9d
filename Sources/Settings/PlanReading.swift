import Assessment
import Metering

extension PlanFile {
    init?(_ top: Section, file: String, _ surroundings: PlanSurroundings) {
        typealias Keys = PlanKeys
        let version = top.formatVersion(Keys.version)
        let title = top.required(Keys.title) { $0.words() }
        let organization = top.required(Keys.organization) { $0.words() }
        let contact = top.required(Keys.contact) { $0.words() }
        let boundary = top.required(Keys.boundary) { $0.words() }
        let exclusions = top.value(Keys.exclusions, default: []) { $0.listOfWords() }
        let schedule = top.required(Keys.schedule) { $0.schedule() }
        let scope = top.value(Keys.scope, default: .equipment) {
            $0.word([("it", ElectricityScope.equipment), ("facility", .facility)])
        }
        let factors = FactorUses(surroundings)
        let sites = top.required(Keys.sites) { $0.sites(factors, scope: scope) }
        let embodied = top.required(Keys.embodied) { $0.embodied() }
        var context = MachineContext(sites: sites, embodied: embodied)
        let hosts = top.required(Keys.hosts) { $0.hosts(context) }
        context.hosts = hosts.map { PlannedNames($0.map(\.id)) }
        let devices = top.value(Keys.devices, default: []) { $0.devices(context) }
        let scenarios = top.value(Keys.scenarios, default: PlannedScenario.standard) {
            $0.plannedScenarios(hosts: context.hosts)
        }
        let validity = top.value(Keys.validity, default: ValidityRules()) { $0.validity() }
        let rules = top.value(Keys.rules, default: []) { $0.ruleDigests() }
        let assets = top.optional(Keys.assets) { $0.assetList(file: file, surroundings) }
        let ledgerKeys = top.value(Keys.ledgerKeys, default: []) { $0.ruleDigests() }
        guard version != nil, let title, let organization, let contact, let boundary,
            let exclusions, let schedule, let scope, let sites, let embodied, let hosts,
            let devices, let scenarios, let validity, let rules, let assets,
            let ledgerKeys
        else { return nil }
        plan = Plan(
            title: title, organization: organization, contact: contact, boundary: boundary,
            exclusions: exclusions, schedule: schedule, scenarios: scenarios, sites: sites,
            hosts: hosts, devices: devices, factors: factors.used, embodied: embodied,
            scope: scope, validity: validity, ruleDigests: rules, assetListDigest: assets?.digest,
            ledgerKeys: ledgerKeys)
        self.assets = assets?.assets
        PlanDoubts(plan: plan, top: top, now: surroundings.now).note()
        if let assets, let field = top.field(Keys.assets) { assets.compare(with: plan, field) }
    }
}

extension PlannedScenario {
    /// The four of the standard, from traffic, counted by any host.
    static let standard = StandardWeights.scenarios.map { PlannedScenario(id: $0) }
}

extension RoundSchedule {
    /// What applies where a plan's file says nothing.
    static let standardRounds = 7
    static let standardReserve = 2
    static let standardLength = Nanoseconds.seconds(86_400)
    static let standardGrace = Nanoseconds.seconds(3_600)
}

extension Field {
    fileprivate func schedule() -> RoundSchedule? {
        typealias Keys = PlanKeys.Schedule
        guard let section = section(Keys.all) else { return nil }
        let most = RoundSchedule.maximumRounds
        let start = section.required(Keys.start) { $0.pointInTime() }
        let rounds = section.value(Keys.rounds, default: RoundSchedule.standardRounds) {
            $0.integer(in: 1...most)
        }
        let anyLength = section.value(Keys.anyLength, default: false) { $0.boolean() }
        let length = section.value(Keys.length, default: RoundSchedule.standardLength) {
            $0.roundLength(any: anyLength ?? true)
        }
        let reserve = section.value(Keys.reserve, default: RoundSchedule.standardReserve) {
            $0.integer(in: 0...most)
        }
        let grace = section.value(Keys.grace, default: RoundSchedule.standardGrace) {
            $0.length(in: 0...90 * 86_400_000, "0s to 90d")
        }
        let justification = section.optional(Keys.justification) { $0.words() }
        guard let start, let rounds, anyLength != nil, let length, let reserve, let grace,
            let justification
        else { return nil }
        guard rounds + reserve <= most else {
            return contradict(
                "\(rounds) rounds and \(reserve) in reserve exceed the limit of \(most)",
                "take longer rounds or fewer of them")
        }
        let schedule = RoundSchedule(
            start: start, length: length, rounds: rounds, reserve: reserve, grace: grace,
            justification: justification)
        let end = schedule.end(afterRounds: rounds + reserve)
        guard [end, end + grace].allSatisfy({ Timestamp(rfc3339: $0.rfc3339) == $0 }) else {
            return contradict(
                "\(rounds) rounds and \(reserve) in reserve do not end before 2200",
                "take shorter rounds or fewer of them")
        }
        return schedule
    }

    /// Whole days, or whole hours of which a day is a whole number; any other where it is consented
    /// to.
    private func roundLength(any: Bool) -> Nanoseconds? {
        guard let length = upToNinetyDays() else { return nil }
        let hours = length.rawValue / 3_600_000_000_000
        let isWhole = length == .seconds(hours * 3_600) && hours > 0
        if any || isWhole && (hours.isMultiple(of: 24) || UInt64(24).isMultiple(of: hours)) {
            return length
        }
        return reject(
            written, "is neither whole days nor whole hours that divide a day",
            "rounds that share no day's boundary cannot be reconciled with a ledger; in a "
                + "laboratory write any_length: true beside it")
    }

    fileprivate func validity() -> ValidityRules? {
        typealias Keys = PlanKeys.Validity
        guard let section = section(Keys.all) else { return nil }
        let standard = ValidityRules()
        let share: (Field) -> PartsPerMillion? = {
            $0.partsPerMillion(in: 500_000...1_000_000, "0.5 to 1")
        }
        let full = section.value(Keys.full, default: standard.fullCoverage, share)
        let minimum = section.value(Keys.minimum, default: standard.minimumCoverage, share)
        let clockError = section.value(Keys.clockError, default: standard.maximumClockError) {
            $0.length(in: 1...3_600_000, "1ms to 1h")
        }
        guard let full, let minimum, let clockError else { return nil }
        guard minimum <= full else {
            return contradict(
                "minimum_coverage \(minimum.decimal) is above full_coverage \(full.decimal)",
                "below the minimum a round is invalid, from the full share on nothing is imputed")
        }
        return ValidityRules(
            fullCoverage: full, minimumCoverage: minimum, maximumClockError: clockError)
    }

    /// Of rule sets, or keys: both are 32 bytes.
    fileprivate func ruleDigests() -> [String]? {
        var seen = FirstUses<String>()
        return elements(0...1_000)?.readAll { field in
            guard let digest = field.digest(), seen.claim(digest, by: field) else { return nil }
            return digest
        }
    }
}

extension Field {
    /// At least one, none twice; the hosts that count must be the plan's.
    fileprivate func plannedScenarios(hosts: PlannedNames?) -> [PlannedScenario]? {
        var seen = FirstUses<String>("keep one of the two, or give it another id")
        return elements(1...256)?.readAll { field in
            typealias Keys = PlanKeys.Scenario
            guard let section = field.section(Keys.all) else { return nil }
            let id = section.required(Keys.id) { field in
                field.identifier().flatMap { seen.claim($0, by: field) ? $0 : nil }
            }
            let volume = section.volume()
            let counting = section.value(Keys.countedBy, default: []) {
                $0.countingHosts(hosts)
            }
            let reconciled = section.value(Keys.reconciled, default: false) { $0.boolean() }
            guard let id, let volume, let counting, let reconciled else { return nil }
            if case .ledger = volume {
                for key in [Keys.countedBy, Keys.reconciled] where section.contains(key) {
                    return section.field(key)?.contradict(
                        "not where volume is ledger: the ledger is then the only count",
                        "leave it out, or count from traffic with volume: traffic")
                }
            }
            return PlannedScenario(
                id: ScenarioID(id), volume: volume, countingHosts: counting,
                isReconciled: reconciled)
        }
    }

    private func countingHosts(_ hosts: PlannedNames?) -> [String]? {
        var seen = FirstUses<String>()
        return elements(1...10_000)?.readAll { field in
            guard let id = field.reference(to: "host", among: hosts), seen.claim(id, by: field)
            else { return nil }
            return id
        }
    }
}

extension Section {
    fileprivate func volume() -> PlannedScenario.Volume? {
        typealias Keys = PlanKeys.Scenario
        let isLedger = value(Keys.volume, default: false) {
            $0.word([("traffic", false), ("ledger", true)])
        }
        let reason = optional(Keys.reason) { $0.words() }
        guard let isLedger, let reason else { return nil }
        guard isLedger else {
            if reason == nil { return .traffic }
            return field(Keys.reason)?.contradict(
                "not where flows are counted from traffic",
                "leave it out, or write volume: ledger")
        }
        guard let reason else {
            reportMissing(Keys.reason)
            return nil
        }
        return .ledger(reason: reason)
    }
}
