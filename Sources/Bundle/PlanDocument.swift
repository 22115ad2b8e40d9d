package import Assessment
import Crypto
import Metering

/// An evaluation plan as the bytes that are hashed, sealed and handed on.
///
/// docs/plan.md tells the keys. What a plan does not have is left out; lists are always there.
package enum PlanDocument {
    /// The first thing that a reader looks at: another version has another name.
    package static let format = "jouleflow-plan-1"

    /// The plan's canonical text. Throws where it would not read back as the same plan.
    package static func encode(_ plan: Plan) throws(DocumentError) -> [UInt8] {
        try PlanRules.check(plan)
        do throws(CanonicalError) { return try plan.document.bytes() } catch { throw .json(error) }
    }

    /// The plan that these bytes are the canonical text of. Everything in them is checked: they may
    /// come from anybody.
    package static func decode(_ bytes: [UInt8]) throws(DocumentError) -> Plan {
        let value: CanonicalJSON
        do throws(CanonicalError) { value = try CanonicalJSON(reading: bytes) } catch {
            throw .json(error)
        }
        let plan = try Plan(DocumentField(value: value, path: ""))
        try PlanRules.check(plan)
        return plan
    }

    /// The plan's hash: SHA-256 of its canonical text.
    package static func hash(of bytes: [UInt8]) -> PlanHash? {
        PlanHash(Array(SHA256.hash(data: bytes)))
    }
}

private typealias Members = [CanonicalJSON.Member]

private func member(_ key: String, _ value: CanonicalJSON) -> Members {
    [CanonicalJSON.Member(key, value)]
}

private func member(_ key: String, _ text: String) -> Members { member(key, .string(text)) }

private func member(_ key: String, _ number: UInt64) -> Members { member(key, .integer(number)) }

private func member(_ key: String, _ list: [CanonicalJSON]) -> Members { member(key, .array(list)) }

private func member(_ key: String, _ list: [String]) -> Members {
    member(key, list.map(CanonicalJSON.string))
}

private func member(_ key: String, ifAny text: String?) -> Members {
    text.map { member(key, $0) } ?? []
}

private func member(_ key: String, _ time: Timestamp?) -> Members {
    time.map { member(key, $0.rfc3339) } ?? []
}

private func member(_ key: String, ifAny ratio: MeasuredRatio?) -> Members {
    guard let ratio else { return [] }
    let value =
        member("period", ratio.period) + member("ppm", ratio.value.rawValue)
        + member("source", ratio.source)
    return member(key, .object(value))
}

extension Plan {
    fileprivate var document: CanonicalJSON {
        .object(
            member("format", PlanDocument.format)
                + member("title", title) + member("organization", organization)
                + member("contact", contact) + member("boundary", boundary)
                + member("exclusions", exclusions)
                + member("schedule", .object(schedule.members))
                + member("scenarios", scenarios.map { .object($0.members) })
                + member("sites", sites.map { .object($0.members) })
                + member("hosts", hosts.map { .object($0.members) })
                + member("devices", devices.map { .object($0.members) })
                + member("factors", factors.map { .object($0.members) })
                + member("embodied", .object(embodied.members))
                + member("scope", scope.rawValue)
                + member("validity", .object(validity.members))
                + member("rule_digests", ruleDigests)
                + member("asset_list_sha256", ifAny: assetListDigest)
                + (ledgerKeys.isEmpty ? [] : member("ledger_keys", ledgerKeys)))
    }
}

extension RoundSchedule {
    fileprivate var members: Members {
        member("start", start) + member("length_ns", length.rawValue)
            + member("rounds", UInt64(max(0, rounds))) + member("reserve", UInt64(max(0, reserve)))
            + member("grace_ns", grace.rawValue) + member("justification", ifAny: justification)
    }
}

extension PlannedScenario {
    fileprivate var members: Members {
        let source =
            switch volume {
            case .traffic: member("volume", "traffic")
            case .ledger(let reason): member("volume", "ledger") + member("reason", reason)
            }
        return source + member("id", id.name) + member("counted_by", countingHosts)
            + member("reconciled", .bool(isReconciled))
    }
}

extension Site {
    fileprivate var members: Members {
        member("id", id) + member("name", name)
            + member("supplies", supplies.map { .object($0.members) })
            + member("market_supplies", marketSupplies.map { .object($0.members) })
            + member("pue", ifAny: pue)
    }
}

extension Supply {
    fileprivate var members: Members {
        member("from", from) + member("source", source) + member("factor", factor)
    }
}

extension PlannedHost {
    fileprivate var members: Members {
        member("id", id) + member("role", role)
            + member("assignments", assignments.map { .object($0.members) })
            + member("allocation", .object(allocation.members))
            + member("wall_ratio", ifAny: wallRatio) + member("model", ifAny: model)
            + member("installed", installed)
    }
}

extension Assignment {
    fileprivate var members: Members {
        member("site", site) + member("from", from) + member("to", to)
    }
}

extension Allocation {
    fileprivate var members: Members {
        switch self {
        case .dedicated: member("method", "dedicated")
        case .reserved(let share, let reason):
            member("method", "reserved") + member("share_ppm", share.rawValue)
                + member("reason", reason)
        }
    }
}

extension PlannedDevice {
    fileprivate var members: Members {
        member("id", id) + member("role", role) + member("site", site) + member("meter", meter)
            + member("allocation", .object(allocation.members)) + member("model", ifAny: model)
            + member("installed", installed)
    }
}

extension EmissionFactor {
    fileprivate var members: Members {
        member("id", id) + member("level", level) + member("area", area)
            + member("year", UInt64(max(0, year))) + member("basis", basis)
            + member("micrograms_per_kwh", microgramsPerKilowattHour) + member("grade", grade)
            + member("source", source)
    }
}

extension EmbodiedPolicy {
    fileprivate var members: Members {
        switch self {
        case .omitted(let reason): member("omitted", reason)
        case .included(let models): member("models", models.map { .object($0.members) })
        }
    }
}

extension HardwareModel {
    fileprivate var members: Members {
        member("id", id) + member("low_grams", lowGrams) + member("typical_grams", typicalGrams)
            + member("high_grams", highGrams) + member("lifetime_hours", lifetimeHours)
            + member("source", source)
    }
}

extension ValidityRules {
    fileprivate var members: Members {
        member("full_coverage_ppm", fullCoverage.rawValue)
            + member("minimum_coverage_ppm", minimumCoverage.rawValue)
            + member("maximum_clock_error_ns", maximumClockError.rawValue)
    }
}
