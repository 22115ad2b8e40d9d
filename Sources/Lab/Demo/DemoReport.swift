import Foundation

/// What the demonstration reads of the collector's report: the figures of its only round.
///
/// Source: docs/report.md, schema version 1.
/// Every figure may be absent; it is then shown and written as null, never as zero.
package struct DemoReport: Sendable {
    /// One scenario's part of the period.
    package struct Scenario: Sendable {
        /// TA: completed business flows.
        package let volume: UInt64?
        package let completed: UInt64?
        package let refused: UInt64?
        package let failed: UInt64?
        /// Energy attributed to the scenario.
        package let microjoules: UInt64?
    }

    package let simulated: Bool?
    package let scenarios: [LoanScenario: Scenario]
    package let energyKilowattHours: Double?
    package let operational: Double?
    package let embodiedPolicy: String?
    package let volume: Double?
    package let intensity: Double?
    /// The intensity's unit, with the gas the factor counts.
    package let unit: String?
    /// The smallest share of the round, over hosts, for which energy and counts are both known.
    package let coverage: Double?
    /// The emission factor in grams per kilowatt-hour.
    package let factor: Double?

    /// Reads the JSON the report command printed.
    package init(path: String) throws {
        let bytes = try SmallFile.bytes(path)
        guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        else {
            throw DemoFailure.unreadable(name: path, what: "the report is no JSON object")
        }
        self.init(object)
    }

    init(_ report: [String: Any]) {
        let rounds = report["rounds"] as? [[String: Any]] ?? []
        let round = rounds.count == 1 ? rounds[0] : [:]
        simulated = report["simulated"] as? Bool
        energyKilowattHours = Self.number(round["energy_kwh"])
        operational = Self.number(round["o_grams"])
        embodiedPolicy = report["m_policy"] as? String
        unit = report["unit"] as? String
        volume = Self.number(round["r_cf"])
        intensity = Self.number(round["intensity_grams_per_unit"])
        factor = Self.number((report["factor"] as? [String: Any])?["grams_per_kwh"])
        let hosts = round["hosts"] as? [[String: Any]] ?? []
        coverage = hosts.flatMap {
            [Self.number($0["energy_coverage"]) ?? 0, Self.number($0["counts_coverage"]) ?? 0]
        }.min()
        let parts = round["scenarios"] as? [String: Any] ?? [:]
        var scenarios: [LoanScenario: Scenario] = [:]
        for scenario in LoanScenario.allCases {
            guard let part = parts[scenario.rawValue] as? [String: Any] else { continue }
            scenarios[scenario] = Scenario(
                volume: Self.count(part["ta"]), completed: Self.count(part["completed"]),
                refused: Self.count(part["refused"]), failed: Self.count(part["failed"]),
                microjoules: Self.count(part["energy_microjoules"]))
        }
        self.scenarios = scenarios
    }

    /// Whether every window of the period is stored.
    var isComplete: Bool { (coverage ?? 0) >= 1 && scenarios.count == LoanScenario.allCases.count }

    private static func number(_ value: Any?) -> Double? { (value as? NSNumber)?.doubleValue }

    private static func count(_ value: Any?) -> UInt64? {
        guard let number = value as? NSNumber, number.doubleValue >= 0 else { return nil }
        return number.uint64Value
    }
}
