import Assessment
import Foundation
import Testing

@testable import Settings

@Suite("A plan in plain sentences")
struct PlanSentenceTests {
    private func lines(_ language: SentenceLanguage, _ lines: String...) throws -> [String] {
        PlanSentences(try Samples.plan(Samples.planText(lines)).plan, in: language).lines
    }

    @Test("says in English everything that the least plan means")
    func english() throws {
        #expect(
            try lines(.english) == [
                "Plan: T", "Organization: O", "Contact: C", "Boundary: B",
                "7 rounds of 24 h, from 2026-12-01T00:00:00+08:00 to 2026-12-08T00:00:00+08:00; the "
                    + "end is not part of a round.",
                "2 rounds after these, until 2026-12-10T00:00:00+08:00, are in reserve: the first valid "
                    + "ones replace invalid rounds.",
                "A round closes 1 h after its end; what comes later makes a new revision.",
                "Scenario credit, weight 24: counted from traffic by any host of the plan.",
                "Scenario drawdown, weight 7: counted from traffic by any host of the plan.",
                "Scenario repayment, weight 3: counted from traffic by any host of the plan.",
                "Scenario query, weight 1: counted from traffic by any host of the plan.",
                "Site s (S): from the beginning grid, factor 全国-2023-average, 530.6 gCO2/kWh, grade "
                    + "A, from announcement.",
                "Host h (r) at s.",
                "M is not counted (n); the result is named SCI_CF with M left out.",
                "O is of the electricity of hosts and devices alone (IT scope).",
                "A round is invalid where less than 0.95 of a host or of the fleet is covered; below "
                    + "0.99 what is missing is imputed upward and disclosed; counts are never imputed.",
                "A clock that may be wrong by more than 1 s makes a host doubtful.",
                "Any set of counting rules is allowed.", "There is no asset list.",
            ])
    }

    @Test("says the same in Chinese, line by line")
    func chinese() throws {
        let text = try lines(.chinese)
        #expect(text.count == (try lines(.english)).count)
        #expect(
            text[4]
                == "共 7 轮，每轮 24 小时，自 2026-12-01T00:00:00+08:00 至 2026-12-08T00:00:00+08:00，"
                + "每轮含起点、不含终点。")
        #expect(text[7] == "场景 credit，权重 24：由方案内任一主机从流量统计。")
        #expect(text.contains("不统计 M（n），结果标注为 SCI_CF（M未统计）。"))
        #expect(text.contains("每轮结束 1 小时后关闭；此后到达的数据形成新的修订版本。"))
        #expect(text.contains("时钟误差上限超过 1 秒的主机标记为存疑。"))
    }

    @Test("tells each thing that a plan may have")
    func all() throws {
        let text = try lines(
            .english,
            "schedule: {start: 2026-12-01, rounds: 1, reserve: 0, justification: j}",
            "scenarios: [{id: credit, counted_by: [h, i], reconciled: true}, {id: other, volume: "
                + "ledger, reason: files}]", "scope: facility",
            "exclusions: [users]", "rules: [\"\(String(repeating: "a", count: 64))\"]",
            "sites: [{id: s, name: S, supplies: [{source: grid, factor: 全国-2023-average}, {from: "
                + "2026-12-02, source: sun, factor: 西南-2023-average}], market_supplies: [{source: c, "
                + "factor: 西南-2023-average}], pue: {value: 1.35, source: m, period: p}}]",
            "hosts: [{id: h, role: r, assignments: [{site: s, to: 2026-12-02}, {site: s, from: "
                + "2026-12-03}], share: {value: 0.4, reason: w}, wall_ratio: {value: 1.62, source: m, "
                + "period: p}, model: x, installed: 2023-01-01}, {id: i, role: r, site: s, model: x}]",
            "devices: [{id: d, role: r, site: s, meter: m/1, model: x}]",
            "embodied: {models: [{id: x, low_kg: 1, typical_kg: 1.5, high_kg: 2, lifetime_hours: 9, "
                + "source: y}]}")
        for line in [
            "Outside the boundary: users", "Why this period: j",
            "1 round of 24 h, from 2026-12-01T00:00:00+08:00 to 2026-12-02T00:00:00+08:00; the end is "
                + "not part of a round.",
            "No round is in reserve: after an invalid round the assessment is not complete.",
            "Scenario credit, weight 24: counted from traffic by h, i alone. TA must equal the imported "
                + "ledger, day by day.",
            "Scenario other, not of the standard: TA is taken from the imported ledger, because files.",
            "Site s (S): from 2026-12-02T00:00:00+08:00 sun, factor 西南-2023-average, 247.2 gCO2/kWh, "
                + "grade A, from announcement.",
            "Site s (S), market-based and never in the headline: from the beginning c, factor "
                + "西南-2023-average, 247.2 gCO2/kWh, grade A, from announcement.",
            "Site s (S): PUE 1.35 (measured: m, p), multiplies O.",
            "Host h (r) at s to 2026-12-02T00:00:00+08:00, then s from 2026-12-03T00:00:00+08:00, of "
                + "which 0.4 belongs to the boundary (w); the energy of CPUs and memory is lifted by "
                + "1.62 (measured: m, p) and called estimated; hardware x installed "
                + "2023-01-01T00:00:00+08:00.",
            "Device d (r) at s, energy from meter m/1; hardware x.",
            "Hardware x: TE 1.5 kgCO2e (low 1, high 2) over 9 h, from y.",
            "O is of the building's electricity: that of hosts and devices times PUE.",
            "Hosts count by rule sets \(String(repeating: "a", count: 64)) alone.",
        ] { #expect(text.contains(line), "\(line)") }
    }

    @Test("shows no control character of the file")
    func harmless() throws {
        let text = try lines(.chinese, "title: \"a\\u202Eb\"", "exclusions: [\"a\\u2028b\"]")
        #expect(text[0] == "评估方案：a?b")
        #expect(text[4] == "边界之外：a?b")
    }
}
