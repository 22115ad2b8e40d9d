import Assessment
import Foundation
import Metering
import Testing

@testable import Settings

@Suite("An evaluation plan's file")
struct PlanTests {
    private func plan(_ lines: String...) throws -> PlanFile {
        try Samples.plan(Samples.planText(lines))
    }

    @Test("that says the least has the standard's defaults")
    func defaults() throws {
        let plan = try self.plan().plan
        let start = Timestamp(1_796_054_400_000_000_000)
        #expect(
            plan.schedule
                == RoundSchedule(
                    start: start, length: .seconds(86_400), rounds: 7, reserve: 2,
                    grace: .seconds(3_600)))
        #expect(plan.schedule.period == Interval(start: start, end: start + .seconds(7 * 86_400)))
        #expect(plan.scenarios == StandardWeights.scenarios.map { PlannedScenario(id: $0) })
        #expect(plan.scope == .equipment)
        #expect(plan.validity == ValidityRules())
        #expect(plan.factors == [Samples.factors["全国-2023-average"]])
        #expect(
            plan.hosts == [PlannedHost(id: "h", role: "r", assignments: [Assignment(site: "s")])])
        #expect(plan.exclusions == [] && plan.devices == [] && plan.ruleDigests == [])
        #expect(plan.assetListDigest == nil)
    }

    @Test("keeps numbers exactly as their digits say")
    func exact() throws {
        for (text, ppm) in [
            ("1.35", 1_350_000), ("1.000001", 1_000_001), ("1", 1_000_000), ("3.999999", 3_999_999),
            ("1.1", 1_100_000), ("2.30", 2_300_000),
        ] as [(String, UInt64)] {
            let site =
                "sites: [{id: s, name: S, supplies: [{source: g, factor: 全国-2023-average}], "
                + "pue: {value: \(text), source: m, period: p}}]"
            #expect(try plan(site).plan.sites[0].pue?.value.rawValue == ppm)
        }
        let models =
            "embodied: {models: [{id: m, low_kg: 0.001, typical_kg: 1280.5, high_kg: 4283, "
            + "lifetime_hours: 35040, source: x}]}"
        let model = try plan(models, "hosts: [{id: h, role: r, site: s, model: m}]").plan.embodied
            .models[0]
        #expect(
            model.lowGrams == 1 && model.typicalGrams == 1_280_500 && model.highGrams == 4_283_000)
    }

    @Test("takes each factor once, by id")
    func factors() throws {
        let plan = try self.plan(
            "sites: [{id: s, name: S, supplies: [{source: g, factor: 西南-2023-average}, "
                + "{from: 2026-12-02, source: d, factor: 全国-2023-average}, "
                + "{from: 2026-12-03T05:00Z, source: g, factor: 西南-2023-average}]}]"
        ).plan
        #expect(plan.factors.map(\.id) == ["全国-2023-average", "西南-2023-average"])
        #expect(
            plan.sites[0].supplies.map { $0.from?.rfc3339 }
                == [nil, "2026-12-01T16:00:00Z", "2026-12-03T05:00:00Z"])
    }

    @Test("shows a warning with its place")
    func warning() throws {
        let text = Samples.planText(["schedule: {start: 2026-12-01, reserve: 0}"])
        let warning = try #require(
            Samples.plan(text).warnings.first { "\($0)".contains("reserve") })
        #expect(
            "\(warning)" == """
                plan.yaml:9:40: warning: schedule.reserve: of 0 leaves the assessment unfinished after \
                one invalid round
                    9 | schedule: {start: 2026-12-01, reserve: 0}
                      |                                        ^
                  reserve is how many rounds after the others may replace invalid ones; 2 if left out; \
                write, for example, reserve: 2
                """)
    }

    @Test("of any bytes is read or refused, never more", arguments: 0..<200 as Range<UInt64>)
    func hostile(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let manual = Samples.root.appending(path: "docs/plan.md")
        let text = try String(contentsOf: manual, encoding: .utf8)
        let start = try #require(text.range(of: "```yaml plan\n"))
        let end = try #require(text.range(of: "```\n", range: start.upperBound..<text.endIndex))
        var bytes = Array(text[start.upperBound..<end.lowerBound].utf8)
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let other = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &random)
            case 1: bytes.removeSubrange(min(place, other)..<max(place, other))
            default:
                bytes.insert(contentsOf: bytes[min(place, other)..<max(place, other)], at: place)
            }
            guard !bytes.isEmpty else { return }
        }
        do throws(SettingsErrors) {
            _ = try PlanFile.parse(bytes, name: "plan.yaml", Samples.surroundings)
        } catch { #expect(!error.errors.isEmpty) }
    }
}

@Suite("An error of a plan's file")
struct PlanErrorTests {
    /// Each case of `Errors/plan.txt`: `==== name`, lines in place of those of the least plan or
    /// after them, `----`, the message.
    @Test("names the place, what is wrong and what to write")
    func message() throws {
        let file = Samples.root.appending(path: "Tests/SettingsTests/Errors/plan.txt")
        let cases = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "==== ")
        #expect(cases.count > 50)
        for text in cases.dropFirst() {
            let lines = text.components(separatedBy: "\n")
            let middle = try #require(lines.firstIndex(of: "----"))
            let expected = lines[(middle + 1)...].dropLast().joined(separator: "\n")
            let message = Samples.planMessage(Samples.planText(Array(lines[1..<middle])))
            #expect(message == expected, "\(lines[0])")
        }
    }

    @Test("comes with all others of the file")
    func all() {
        do throws(SettingsErrors) {
            _ = try Samples.plan("version: 1\n")
            Issue.record("accepted")
        } catch {
            #expect(
                error.errors.map { "\($0.problem)" }
                    == [
                        "title", "organization", "contact", "boundary", "schedule", "sites",
                        "embodied",
                        "hosts",
                    ].map { "missing key \"\($0)\" at the top level" })
        }
    }
}

@Suite("The asset list of a plan")
struct AssetListTests {
    private func doubts(_ list: String) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "assets-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "list.csv")
        try list.write(to: file, atomically: true, encoding: .utf8)
        let text = Samples.planText([
            "assets: list.csv", "devices: [{id: d, role: r, site: s, meter: m}]",
        ])
        do throws(SettingsErrors) {
            let plan = try Samples.plan(text, name: folder.path + "/plan.yaml")
            #expect(plan.plan.assetListDigest?.first?.description == "\(list.utf8.count % 10)")
            return plan.warnings.map { "\($0.finding.problem)" }.filter { $0.hasPrefix("assets") }
        } catch { return error.errors.map { "\($0.problem)" } }
    }

    private let header = "id,site,role,planned_as\n"

    @Test("that agrees with the plan gives no warning")
    func agrees() throws {
        #expect(
            try doubts(
                header + "A1,s,\"r, \"\"x\"\"\",h\r\nA2,s,r,d\n\nA3,x,r,outside: a test host\n")
                == [])
    }

    @Test("is compared with hosts, devices and sites")
    func compared() throws {
        #expect(
            try doubts(header + "A1,t,r,h\nA2,s,r,\nA3,s,r,other\n") == [
                "assets: 1 of the asset list are neither planned nor outside: A2",
                "assets: 1 of the asset list are planned as what the plan does not have: A3 (other)",
                "assets: 1 of the plan are in no line of the asset list: d",
                "assets: 1 of the asset list stand at another site than in the plan: A1 (t)",
            ])
        let many = (1...20).map { "A\($0),s,r,\n" }.joined()
        #expect(
            try doubts(header + many).first?.hasSuffix("A7, A8 and 12 more") == true)
    }

    @Test("that cannot be read is an error that names the line")
    func wrong() throws {
        for (text, reason) in [
            ("", "line 1 is not id,site,role,planned_as"),
            ("id,site\n", "line 1 is not id,site,role,planned_as"),
            (header + "A1,s,r\n", "line 2 has 3 fields, not 4"),
            (header + "A1,s,r,h\nA1,s,r,d\n", "line 3 repeats the id \"A1\""),
            (header + ",s,r,h\n", "line 2 has no id"),
            (header + "A1,s,r,outside: \n", "line 2 gives no reason behind outside:"),
            (header + "A1,s,\"r,h\n", "line 2 has a quoted field that does not end"),
            (header + "A1,s,r\"r,h\n", "line 2 has a quote inside a field"),
            (header + "A1,s,\"r\"r,h\n", "line 2 has text behind a quoted field"),
        ] {
            #expect(try doubts(text) == ["assets: \"list.csv\" cannot be used: \(reason)"])
        }
        let message = Samples.planMessage(Samples.planText(["assets: nowhere.csv"]))
        #expect(
            message.contains("assets: \"nowhere.csv\" cannot be read: No such file or directory"))
    }
}

@Suite("The manual docs/plan.md")
struct PlanManualTests {
    private let manual: String

    init() throws {
        let file = Samples.root.appending(path: "docs/plan.md")
        manual = try String(contentsOf: file, encoding: .utf8)
    }

    private func example(_ name: String) throws -> String {
        let start = try #require(manual.range(of: "```\(name)\n"))
        let end = try #require(manual.range(of: "```\n", range: start.upperBound..<manual.endIndex))
        return String(manual[start.upperBound..<end.lowerBound])
    }

    private static let keys =
        PlanKeys.top + PlanKeys.Schedule.all + PlanKeys.Scenario.all + PlanKeys.Validity.all
        + PlannedKeys.Site.all + PlannedKeys.Supply.all + PlannedKeys.Ratio.all
        + PlannedKeys.Share.all + PlannedKeys.Assignment.all + PlannedKeys.Host.all
        + PlannedKeys.Device.all + PlannedKeys.Embodied.all + PlannedKeys.Model.all

    @Test("has an example that uses every key and is read with the one doubt it tells of")
    func worked() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "manual-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try example("csv").write(
            to: folder.appending(path: "assets.csv"), atomically: true, encoding: .utf8)
        let text = try example("yaml plan")
        let file = try Samples.plan(text, name: folder.path + "/plan.yaml")
        #expect(
            file.warnings.map { "\($0.finding.problem)" } == [
                "scenarios[2]: TA of repayment is the ledger's word: no record can confirm it"
            ])
        #expect(file.plan.hosts.count == 4)
        #expect(file.assets?.count == 6)
        for key in Self.keys where key.name != "omitted" {
            #expect(
                text.contains("\(key.name): ") || text.contains("\(key.name):\n"), "\(key.name)")
        }
    }

    @Test("and what is doubtful is said in both languages")
    func warnings() throws {
        let warnings = try Samples.plan(Samples.planText([])).warnings
        #expect(warnings.count >= 3)
        for warning in warnings {
            #expect(warning.text(in: .english) == "\(warning)")
            let chinese = warning.text(in: .chinese)
            #expect(chinese.contains(": 警告：") && !chinese.contains("warning"))
            let told = chinese.unicodeScalars.filter { (0x4E00...0x9FFF).contains($0.value) }
            #expect(told.count > 10, "\(chinese)")
        }
    }

    @Test("explains every key")
    func keys() {
        for key in Self.keys { #expect(manual.contains("`\(key.name)`"), "\(key.name)") }
    }

    @Test("and messages give examples of keys that are accepted as they stand")
    func examples() throws {
        func accept(_ key: Key, _ lines: String...) {
            #expect(Samples.planMessage(Samples.planText(lines)) == "accepted", "\(key.name)")
        }
        for key in PlanKeys.top
        where !["sites", "hosts", "devices", "scenarios", "assets"].contains(key.name) {
            accept(key, key.example)
        }
        let gateway =
            "hosts: [{id: gateway-1, role: gateway, site: cq-a}, {id: gateway-2, role: r, site: cq-a}]"
        let supply = "supplies: [{source: grid, factor: 重庆-2022-average}]"
        let sites = "sites: [{id: cq-a, name: A, \(supply)}, {id: cq-b, name: B, \(supply)}]"
        accept(PlanKeys.sites, PlanKeys.sites.example, PlanKeys.hosts.example)
        accept(PlanKeys.devices, PlanKeys.devices.example, sites, gateway)
        accept(PlanKeys.scenarios, PlanKeys.scenarios.example, sites, gateway)
        for key in PlanKeys.Schedule.all where key.name != "start" {
            accept(key, "schedule: {start: 2026-12-01, \(key.example)}")
        }
        accept(PlanKeys.Schedule.start, "schedule: {\(PlanKeys.Schedule.start.example)}")
        for key in PlanKeys.Validity.all { accept(key, "validity: {\(key.example)}") }
        for key in PlanKeys.Scenario.all where !["id", "reason"].contains(key.name) {
            accept(key, "scenarios: [{id: credit, \(key.example)}]", sites, gateway)
        }
        accept(
            PlanKeys.Scenario.reason,
            "scenarios: [{\(PlanKeys.Scenario.id.example), volume: ledger, "
                + "\(PlanKeys.Scenario.reason.example)}]")
        typealias Host = PlannedKeys.Host
        for key in [Host.assignments, Host.share, Host.wallRatio] {
            let site = key.name == "assignments" ? "" : "site: cq-a, "
            accept(key, "hosts: [{\(Host.id.example), role: r, \(site)\(key.example)}]", sites)
        }
        accept(
            Host.model,
            PlannedKeys.Embodied.models.example.replacing("models:", with: "embodied: {models:")
                + "}",
            "hosts: [{id: h, role: r, site: s, \(Host.model.example), \(Host.installed.example)}]")
        accept(PlannedKeys.Embodied.omitted, "embodied: {\(PlannedKeys.Embodied.omitted.example)}")
        accept(
            PlannedKeys.Site.pue, "scope: facility",
            "sites: [{id: s, name: S, \(supply), \(PlannedKeys.Site.pue.example)}]")
    }
}
