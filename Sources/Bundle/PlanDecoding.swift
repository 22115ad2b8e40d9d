import Assessment
import Metering

extension Plan {
    init(_ field: DocumentField) throws(DocumentError) {
        let plan = try field.members([
            "format", "title", "organization", "contact", "boundary", "exclusions", "schedule",
            "scenarios", "sites", "hosts", "devices", "factors", "embodied", "scope", "validity",
            "rule_digests", "asset_list_sha256", "ledger_keys",
        ])
        let format = try plan.required("format")
        guard try format.string() == PlanDocument.format else {
            throw format.reject("is not \(PlanDocument.format)")
        }
        let scope = try plan.required("scope")
        guard let electricity = ElectricityScope(rawValue: try scope.string()) else {
            throw scope.reject("is neither it nor facility")
        }
        self.init(
            title: try plan.required("title").string(),
            organization: try plan.required("organization").string(),
            contact: try plan.required("contact").string(),
            boundary: try plan.required("boundary").string(),
            exclusions: try plan.required("exclusions").strings(),
            schedule: try RoundSchedule(plan.required("schedule")),
            scenarios: try plan.required("scenarios").list(PlannedScenario.init(_:)),
            sites: try plan.required("sites").list(Site.init(_:)),
            hosts: try plan.required("hosts").list(PlannedHost.init(_:)),
            devices: try plan.required("devices").list(PlannedDevice.init(_:)),
            factors: try plan.required("factors").list(EmissionFactor.init(_:)),
            embodied: try EmbodiedPolicy(plan.required("embodied")), scope: electricity,
            validity: try ValidityRules(plan.required("validity")),
            ruleDigests: try plan.required("rule_digests").strings(),
            assetListDigest: try plan.optional("asset_list_sha256", DocumentField.text),
            ledgerKeys: try plan.optional("ledger_keys", DocumentField.someStrings) ?? [])
    }
}

extension DocumentField {
    fileprivate static func text(_ field: DocumentField) throws(DocumentError) -> String {
        try field.string()
    }

    /// A list that would be left out if it were empty.
    fileprivate static func someStrings(_ field: Self) throws(DocumentError) -> [String] {
        let list = try field.strings()
        guard !list.isEmpty else { throw field.reject("is empty, and so left out") }
        return list
    }

    fileprivate func strings() throws(DocumentError) -> [String] { try list(Self.text) }

    /// RFC 3339 in UTC, as this program writes it and no other way.
    static func time(_ field: DocumentField) throws(DocumentError) -> Timestamp {
        let text = try field.string()
        guard let time = Timestamp(rfc3339: text), time.rfc3339 == text else {
            throw field.reject("is no time in UTC as canonical text")
        }
        return time
    }

    fileprivate func ratio() throws(DocumentError) -> PartsPerMillion {
        PartsPerMillion(rawValue: try integer())
    }

    fileprivate static func measured(
        _ field: DocumentField
    ) throws(DocumentError) -> MeasuredRatio {
        let members = try field.members(["period", "ppm", "source"])
        return MeasuredRatio(
            value: try members.required("ppm").ratio(),
            source: try members.required("source").string(),
            period: try members.required("period").string())
    }
}

extension RoundSchedule {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "start", "length_ns", "rounds", "reserve", "grace_ns", "justification",
        ])
        self.init(
            start: try DocumentField.time(members.required("start")),
            length: Nanoseconds(try members.required("length_ns").integer()),
            rounds: try members.required("rounds").count(),
            reserve: try members.required("reserve").count(),
            grace: Nanoseconds(try members.required("grace_ns").integer()),
            justification: try members.optional("justification", DocumentField.text))
    }
}

extension PlannedScenario {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["volume", "reason", "id", "counted_by", "reconciled"])
        let volume = try members.required("volume")
        let reason = try members.optional("reason", DocumentField.text)
        let source: Volume
        switch (try volume.string(), reason) {
        case ("traffic", nil): source = .traffic
        case ("ledger", let reason?): source = .ledger(reason: reason)
        default: throw volume.reject("is neither traffic nor ledger with its reason")
        }
        self.init(
            id: ScenarioID(try members.required("id").string()), volume: source,
            countingHosts: try members.required("counted_by").strings(),
            isReconciled: try members.required("reconciled").bool())
    }
}

extension Site {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["id", "name", "supplies", "market_supplies", "pue"])
        self.init(
            id: try members.required("id").string(), name: try members.required("name").string(),
            supplies: try members.required("supplies").list(Supply.init(_:)),
            marketSupplies: try members.required("market_supplies").list(Supply.init(_:)),
            pue: try members.optional("pue", DocumentField.measured))
    }
}

extension Supply {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["from", "source", "factor"])
        self.init(
            from: try members.optional("from", DocumentField.time),
            source: try members.required("source").string(),
            factor: try members.required("factor").string())
    }
}

extension PlannedHost {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "id", "role", "assignments", "allocation", "wall_ratio", "model", "installed",
        ])
        self.init(
            id: try members.required("id").string(), role: try members.required("role").string(),
            assignments: try members.required("assignments").list(Assignment.init(_:)),
            allocation: try Allocation(members.required("allocation")),
            wallRatio: try members.optional("wall_ratio", DocumentField.measured),
            model: try members.optional("model", DocumentField.text),
            installed: try members.optional("installed", DocumentField.time))
    }
}

extension Assignment {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["site", "from", "to"])
        self.init(
            site: try members.required("site").string(),
            from: try members.optional("from", DocumentField.time),
            to: try members.optional("to", DocumentField.time))
    }
}

extension Allocation {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["method", "share_ppm", "reason"])
        let method = try members.required("method")
        let share = members["share_ppm"]
        let reason = members["reason"]
        switch (try method.string(), share, reason) {
        case ("dedicated", nil, nil): self = .dedicated
        case ("reserved", let share?, let reason?):
            self = .reserved(try share.ratio(), reason: try reason.string())
        default: throw method.reject("is neither dedicated nor reserved with share and reason")
        }
    }
}

extension PlannedDevice {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "id", "role", "site", "meter", "allocation", "model", "installed",
        ])
        self.init(
            id: try members.required("id").string(), role: try members.required("role").string(),
            site: try members.required("site").string(),
            meter: try members.required("meter").string(),
            allocation: try Allocation(members.required("allocation")),
            model: try members.optional("model", DocumentField.text),
            installed: try members.optional("installed", DocumentField.time))
    }
}

extension EmissionFactor {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "id", "level", "area", "year", "basis", "micrograms_per_kwh", "grade", "source",
        ])
        self.init(
            id: try members.required("id").string(), level: try members.required("level").string(),
            area: try members.required("area").string(),
            year: try members.required("year").count(),
            basis: try members.required("basis").string(),
            kilogramsPerKilowattHour:
                Double(try members.required("micrograms_per_kwh").integer()) / 1_000_000_000,
            grade: try members.required("grade").string(),
            source: try members.required("source").string())
    }
}

extension EmbodiedPolicy {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members(["omitted", "models"])
        switch (members["omitted"], members["models"]) {
        case (let reason?, nil): self = .omitted(reason: try reason.string())
        case (nil, let models?): self = .included(models: try models.list(HardwareModel.init(_:)))
        default: throw field.reject("has not exactly one of omitted and models")
        }
    }
}

extension HardwareModel {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "id", "low_grams", "typical_grams", "high_grams", "lifetime_hours", "source",
        ])
        self.init(
            id: try members.required("id").string(),
            lowGrams: try members.required("low_grams").integer(),
            typicalGrams: try members.required("typical_grams").integer(),
            highGrams: try members.required("high_grams").integer(),
            lifetimeHours: try members.required("lifetime_hours").integer(),
            source: try members.required("source").string())
    }
}

extension ValidityRules {
    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let members = try field.members([
            "full_coverage_ppm", "minimum_coverage_ppm", "maximum_clock_error_ns",
        ])
        self.init(
            fullCoverage: try members.required("full_coverage_ppm").ratio(),
            minimumCoverage: try members.required("minimum_coverage_ppm").ratio(),
            maximumClockError: Nanoseconds(
                try members.required("maximum_clock_error_ns").integer()))
    }
}
