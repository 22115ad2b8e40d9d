import Assessment
import Foundation

@testable import Settings

extension Samples {
    /// Ids that begin as those of the program do; `ppa` has a factor that cannot be written exactly.
    static let factors: [String: EmissionFactor] = {
        let rows: [(String, Int, String, Double, String)] = [
            ("全国", 2023, "average", 0.5306, "A"), ("西南", 2023, "average", 0.2472, "A"),
            ("重庆", 2022, "average", 0.5227, "B"), ("重庆", 2021, "average", 0.4743, "C"),
            ("全国", 2023, "average_excl_market_nonfossil", 0.6096, "A"),
            ("全国", 2023, "lifecycle", 0.6205, "A"), ("ppa", 2026, "average", 0.12345678901, "A"),
        ]
        var factors: [String: EmissionFactor] = [:]
        for (area, year, basis, value, grade) in rows {
            let id = "\(area)-\(year)-\(basis)"
            factors[id] = EmissionFactor(
                id: id, level: "region", area: area, year: year, basis: basis,
                kilogramsPerKilowattHour: value, grade: grade, source: "announcement")
        }
        return factors
    }()

    static let surroundings = PlanSurroundings(
        factorIDs: factors.keys.sorted(), factor: { factors[$0] },
        digest: { bytes in String(repeating: "\(bytes.count % 10)", count: 64) })

    /// The parts of the least plan that is accepted; others take their place by name.
    static let planParts: [(String, String)] = [
        ("version", "version: 1"), ("title", "title: T"), ("organization", "organization: O"),
        ("contact", "contact: C"), ("boundary", "boundary: B"),
        ("schedule", "schedule: {start: 2026-12-01}"),
        ("sites", "sites: [{id: s, name: S, supplies: [{source: grid, factor: 全国-2023-average}]}]"),
        ("hosts", "hosts: [{id: h, role: r, site: s}]"), ("embodied", "embodied: {omitted: n}"),
    ]

    /// The least plan with these lines in place of, or after, its own.
    static func planText(_ lines: [String]) -> String {
        let names = lines.map { String($0.prefix { $0 != ":" }) }
        let rest = planParts.filter { !names.contains($0.0) }.map(\.1)
        return (rest + lines).joined(separator: "\n") + "\n"
    }

    static func plan(_ text: String, name: String = "plan.yaml") throws(SettingsErrors) -> PlanFile
    {
        try PlanFile.parse(Array(text.utf8), name: name, surroundings)
    }

    static func planMessage(_ text: String, name: String = "plan.yaml") -> String {
        do throws(SettingsErrors) {
            _ = try plan(text, name: name)
            return "accepted"
        } catch { return error.description }
    }
}
