import Assessment
import Foundation
import Metering
import Testing

@testable import Settings

@Suite("What is doubtful in an evaluation plan")
struct PlanDoubtTests {
    private static let usual = [
        "the plan: names no counting hosts: a flow may count at two layers, and then counts twice",
        "the plan: names no rule sets: hosts may change how they count, and the report can only "
            + "show it",
        "the plan: names no asset list: its boundary is compared with nothing",
    ]
    private static let schedule = "schedule: {start: 2026-12-01, "
    private static let site = "sites: [{id: s, name: S, supplies: [{source: g, factor: "
    private static let embodied =
        "embodied: {models: [{id: m, low_kg: 1, typical_kg: 2, high_kg: 3, lifetime_hours: 35040, "
        + "source: s}]}\n"
    private static let installed =
        embodied + "hosts: [{id: h, role: r, site: s, model: m, installed: "
    private static let threeCounted =
        "{id: credit, counted_by: [h]}, {id: drawdown, counted_by: [h]}, {id: query, "
        + "counted_by: [h]}"

    /// Lines of a plan, and what will be asked about them.
    static let cases: [(lines: String, doubt: String)] = [
        (
            schedule + "rounds: 1, justification: j}",
            "schedule.rounds: of 1 show no dispersion: no deviation and no interval"
        ),
        (
            schedule + "reserve: 0}",
            "schedule.reserve: of 0 leaves the assessment unfinished after one invalid round"
        ),
        (
            schedule + "rounds: 5}",
            "schedule: the rounds are no whole weeks, and no justification is given"
        ),
        (
            schedule + "length: 60s, any_length: true}",
            "schedule.length: is for a laboratory: no day can be reconciled with a ledger"
        ),
        (
            "schedule: {start: 2026-12-01T00:00:00Z}",
            "schedule.start: is not 00:00 in Asia/Shanghai, where the days of the rounds begin"
        ),
        (
            "scenarios: [{id: credit, counted_by: [h]}]",
            "scenarios: not the four of the standard: the result will not be called SCI_CF"
        ),
        (
            "validity: {clock_error: 1h}",
            "validity.clock_error: lets pass clocks that are further off than is usual"
        ),
        (
            installed + "2027-01-01}]",
            "hosts[0]: h is installed only after the first round begins: M counts from then on"
        ),
        (
            installed + "2022-11-01}]",
            "hosts[0]: the lifetime of h ends before the first round: no M counts for it"
        ),
        (
            installed + "2022-12-05}]",
            "hosts[0]: the lifetime of h ends within the rounds, at 2026-12-04T00:00:00+08:00: M counts "
                + "until then alone"
        ),
        (
            installed + "2022-12-09}]",  // In the first round in reserve.
            "hosts[0]: the lifetime of h ends within the rounds, at 2026-12-08T00:00:00+08:00: M counts "
                + "until then alone"
        ),
        (
            "devices: [{id: a, role: r, site: s, meter: p}, {id: b, role: r, site: s, meter: p}]",
            "devices[1]: b has the meter of a: together they count more than its readings"
        ),
        (
            "scenarios: [\(threeCounted), {id: repayment, volume: ledger, reason: r}]",
            "scenarios[3]: TA of repayment is the ledger's word: no record can confirm it"
        ),
        (
            site + "重庆-2022-average}]}]",
            "sites[0].supplies[0]: factor 重庆-2022-average is of grade B"
        ),
        (
            site + "全国-2023-average_excl_market_nonfossil}]}]",
            "sites[0].supplies[0]: factor 全国-2023-average_excl_market_nonfossil is of basis "
                + "average_excl_market_nonfossil"
        ),
        (
            site + "全国-2023-average}, {from: 2026-12-02, source: g, factor: 全国-2023-lifecycle}]}]",
            "sites: factors of CO2 alone stand beside factors of all greenhouse gases"
        ),
        (
            site + "全国-2023-average}]}, {id: t, name: T, supplies: [{source: g, factor: "
                + "全国-2023-average}]}]", "sites[1]: no host or device stands there"
        ),
        (
            "hosts: [{id: h, role: r, assignments: [{site: s, to: 2026-12-01}]}]",
            "hosts[0]: h serves in no round"
        ),
        (
            "validity: {full_coverage: 0.98}",
            "validity.full_coverage: 0.98 asks for less than is usual"
        ),
        (
            "hosts: [{id: h, role: r, site: s, model: m}]\nembodied: {models: [{id: m, low_kg: 1, "
                + "typical_kg: 1, high_kg: 1, lifetime_hours: 1, source: x}]}",
            "embodied: 1 hosts and devices have no `installed`: they count as within their life"
        ),
        (
            "rules: []",
            "rules: names no rule sets: hosts may change how they count, and the report can only show it"
        ),
    ]

    @Test("is said, and only that", arguments: cases)
    func doubts(lines: String, doubt: String) throws {
        let found = try Samples.plan(Samples.planText(lines.components(separatedBy: "\n")))
            .warnings.map { "\($0.finding.problem)" }
        #expect(found.contains(doubt), "\(found)")
        #expect(found.filter { !Self.usual.contains($0) }.count == 1, "\(found)")
    }

    @Test("not where devices share a meter between them")
    func shared() throws {
        func device(_ id: String, _ share: Double) -> String {
            "{id: \(id), role: r, site: s, meter: p, share: {value: \(share), reason: racks}}"
        }
        func found(_ shares: Double...) throws -> [String] {
            let devices = shares.enumerated().map { device("d\($0)", $1) }
            let lines = "devices: [\(devices.joined(separator: ", "))]"
            return try Samples.plan(Samples.planText([lines])).warnings
                .map { "\($0.finding.problem)" }.filter { $0.hasPrefix("devices") }
        }
        #expect(try found(0.5, 0.5) == [])
        #expect(try found(0.5, 0.3, 0.3).count == 1)
        #expect(try found(0.7, 0.5, 0.1).count == 2)
    }

    @Test("in the least plan is what it leaves out")
    func usual() throws {
        let none = try Samples.plan(Samples.planText([])).warnings.map { "\($0.finding.problem)" }
        #expect(none == Self.usual)
    }

    @Test("a first round in the past, or a device on a host's meter, is told")
    func impossible() throws {
        let surroundings = Samples.surroundings
        func warnings(at now: Timestamp) throws -> [String] {
            try PlanFile.parse(
                Array(Samples.planText([]).utf8), name: "plan.yaml",
                PlanSurroundings(
                    factorIDs: surroundings.factorIDs, now: now, factor: surroundings.factor,
                    digest: surroundings.digest)
            ).warnings.map { "\($0.finding.problem)" }
        }
        let start = try Samples.plan(Samples.planText([])).plan.schedule.start
        let passed =
            "schedule.start: has passed: a plan is sealed before its first round begins"
        #expect(try warnings(at: start).contains(passed))
        #expect(try !warnings(at: Timestamp(start.rawValue - 1)).contains(passed))
        let message = Samples.planMessage(
            Samples.planText(["devices: [{id: a, role: r, site: s, meter: h}]"]))
        #expect(message.contains("\"h\" is the id of a host, whose own meter goes by that name"))
    }
}
