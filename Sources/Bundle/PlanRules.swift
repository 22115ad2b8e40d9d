import Assessment
import Metering

/// What holds for every plan, whoever wrote its document: whoever computes with it relies on this.
enum PlanRules {
    static func check(_ plan: Plan) throws(DocumentError) {
        try schedule(plan.schedule)
        try unique(plan.factors.map(\.id), "factors")
        for (ids, path) in [
            (plan.sites.map(\.id), "sites"),
            (plan.hosts.map(\.id) + plan.devices.map(\.id), "hosts and devices"),
            (plan.embodied.models.map(\.id), "embodied.models"),
            (plan.scenarios.map(\.id.name), "scenarios"),
        ] {
            try unique(ids, path)
            try require(
                ids.allSatisfy(isIdentifier), path,
                "has an id that is not 1 to 64 of A-Z a-z 0-9 . - _")
        }
        try require(
            plan.ledgerKeys.allSatisfy(isDigest), "ledger_keys", "are not 64 of 0-9 a-f each")
        try unique(plan.ledgerKeys, "ledger_keys")
        let digests = plan.ruleDigests + (plan.assetListDigest.map { [$0] } ?? [])
        try require(
            digests.allSatisfy(isDigest), "rule_digests and asset_list_sha256",
            "are not 64 of 0-9 a-f each")
        try unique(plan.ruleDigests, "rule_digests")
        try require(!plan.sites.isEmpty, "sites", "is empty")
        try require(!plan.hosts.isEmpty, "hosts", "is empty")
        try require(!plan.scenarios.isEmpty, "scenarios", "is empty")
        for factor in plan.factors { try check(factor) }
        for (index, model) in plan.embodied.models.enumerated() {
            let isRising =
                model.lowGrams <= model.typicalGrams && model.typicalGrams <= model.highGrams
            try require(
                isRising && model.lifetimeHours > 0, "embodied.models[\(index)]",
                "has figures that do not rise, or no lifetime")
        }
        try sites(plan)
        try machines(plan)
        let hosts = Set(plan.hosts.map(\.id))
        for (index, scenario) in plan.scenarios.enumerated() {
            try unique(scenario.countingHosts, "scenarios[\(index)].counted_by")
            try require(
                scenario.countingHosts.allSatisfy(hosts.contains),
                "scenarios[\(index)].counted_by", "names a host that the plan does not have")
        }
        let validity = plan.validity
        try require(
            validity.minimumCoverage <= validity.fullCoverage && validity.fullCoverage <= .one,
            "validity", "has shares that do not rise up to 1")
    }

    private static func require(
        _ holds: Bool, _ path: String, _ reason: String
    ) throws(DocumentError) {
        guard holds else { throw .badValue(path: path, reason: reason) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isIdentifier(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                isDigit($0) || (0x61...0x7A).contains($0 | 0x20) || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { isDigit($0) || (0x61...0x66).contains($0) }
    }

    /// By the bytes of the ids: texts that only look alike are two.
    private static func unique(_ ids: [String], _ path: String) throws(DocumentError) {
        try require(Set(ids.map { Array($0.utf8) }).count == ids.count, path, "has an id twice")
    }

    private static func schedule(_ schedule: RoundSchedule) throws(DocumentError) {
        let most = RoundSchedule.maximumRounds
        try require(
            (1...most).contains(schedule.rounds) && (0...most).contains(schedule.reserve)
                && schedule.rounds + schedule.reserve <= most, "schedule",
            "has not 1 to \(most) rounds with those in reserve")
        try require(schedule.length > .zero, "schedule.length_ns", "is 0")
        let end = schedule.end(afterRounds: schedule.rounds + schedule.reserve)
        try require(
            isWritable(schedule.start) && isWritable(end) && isWritable(end + schedule.grace),
            "schedule", "does not end before 2200")
    }

    /// Whether the time's text can be read back.
    private static func isWritable(_ time: Timestamp) -> Bool {
        Timestamp(rfc3339: time.rfc3339) == time
    }

    private static func check(_ factor: EmissionFactor) throws(DocumentError) {
        let path = "factors.\(factor.id)"
        let value = factor.kilogramsPerKilowattHour
        try require((0...5).contains(value), path, "is not 0 to 5 kg/kWh")
        try require(
            Double(factor.microgramsPerKilowattHour) / 1_000_000_000 == value, path,
            "is no whole number of micrograms per kWh")
        try require((1900...2200).contains(factor.year), path, "is not of 1900 to 2200")
    }

    private static func sites(_ plan: Plan) throws(DocumentError) {
        let factors = Set(plan.factors.map(\.id))
        for (index, site) in plan.sites.enumerated() {
            let path = "sites[\(index)]"
            try require(!site.supplies.isEmpty, path, "has no supply")
            for supplies in [site.supplies, site.marketSupplies] {
                try require(
                    supplies.allSatisfy { factors.contains($0.factor) }, path,
                    "names a factor that the plan does not have")
                let times = supplies.dropFirst().map(\.from)
                let isOrdered =
                    supplies.first?.from == nil && times.allSatisfy { $0 != nil }
                    && zip(times, times.dropFirst()).allSatisfy {
                        ($0 ?? Timestamp(0)) < ($1 ?? Timestamp(0))
                    }
                try require(isOrdered, path, "has supplies that are not in the order of time")
                try require(times.allSatisfy(isWritableOrNone), path, "has a time after 2199")
            }
            if let pue = site.pue {
                try require(
                    (PartsPerMillion.one...maximumRatio).contains(pue.value), path, oneToTen)
            }
            try require(
                plan.scope == .equipment || site.pue != nil, path, "lacks the PUE of scope facility"
            )
        }
    }

    private static let maximumRatio = PartsPerMillion(rawValue: 10_000_000)
    private static let oneToTen = "has a ratio that is not 1 to 10"

    private static func isWritableOrNone(_ time: Timestamp?) -> Bool {
        time.map(isWritable) ?? true
    }

    private static func machines(_ plan: Plan) throws(DocumentError) {
        let models = Set(plan.embodied.models.map(\.id))
        let sites = Set(plan.sites.map(\.id))
        for (index, host) in plan.hosts.enumerated() {
            let path = "hosts[\(index)]"
            try require(!host.assignments.isEmpty, path, "has no assignment")
            for (place, assignment) in host.assignments.enumerated() {
                let next = host.assignments.dropFirst(place + 1).first
                let isOrdered =
                    next == nil
                    || (assignment.to ?? Timestamp(.max)) <= (next?.from ?? Timestamp(0))
                let isForward =
                    (assignment.from ?? Timestamp(0)) < (assignment.to ?? Timestamp(.max))
                try require(
                    isOrdered && isForward, path,
                    "has assignments that are not in the order of time")
                try require(
                    sites.contains(assignment.site), path,
                    "names a site that the plan does not have")
                try require(
                    isWritableOrNone(assignment.from) && isWritableOrNone(assignment.to), path,
                    "has a time after 2199")
            }
            if let ratio = host.wallRatio {
                try require(
                    (PartsPerMillion.one...maximumRatio).contains(ratio.value), path, oneToTen)
            }
            try machine(plan, models, path, host.allocation, host.model, host.installed)
        }
        for (index, device) in plan.devices.enumerated() {
            let path = "devices[\(index)]"
            try require(
                sites.contains(device.site), path, "names a site that the plan does not have")
            try machine(plan, models, path, device.allocation, device.model, device.installed)
        }
    }

    private static func machine(
        _ plan: Plan, _ models: Set<String>, _ path: String, _ allocation: Allocation,
        _ model: String?,
        _ installed: Timestamp?
    ) throws(DocumentError) {
        try require(
            allocation.share.rawValue > 0 && allocation.share <= .one, path,
            "has a share that is not above 0, up to 1")
        try require(isWritableOrNone(installed), path, "has a time after 2199")
        switch plan.embodied {
        case .omitted:
            try require(model == nil, path, "has a model, where M is left out for all")
        case .included:
            try require(
                model.map(models.contains) ?? false, path,
                "has no model of the plan, where M counts for all")
        }
    }
}
