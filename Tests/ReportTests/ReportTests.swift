import Foundation
import Metering
import Testing

@testable import Report

private let day: UInt64 = 1_795_219_200

private func time(_ seconds: UInt64) -> Timestamp {
    Timestamp((day + seconds) * 1_000_000_000)
}

private func example() -> ReportContent {
    let span = ReportContent.Span(from: time(0), to: time(60))
    var content = ReportContent(period: span)
    content.roundSeconds = 60
    content.factor.id = "全国-2022-average"
    content.factor.gramsPerKilowattHour = 536.6
    content.factor.gas = "gCO2"
    content.factor.grade = "A"
    content.scopes = ["cpu+dram"]
    var energy = ReportContent.Energy()
    energy.total = Microjoules(9_000_000)
    energy.measured = energy.total
    energy.idle = Microjoules(4_000_000)
    var credit = ReportContent.Scenario()
    credit.id = "credit"
    credit.volume = 12
    credit.refused = 4
    credit.duplicates = 21
    credit.duplicatesAcrossHosts = 3
    credit.deduplications = ["host", "fleet"]
    credit.energy = Microjoules(5_000_000)
    credit.joulesPerFlow = 5.0 / 12
    var query = ReportContent.Scenario()
    query.id = "query"
    query.unknown = "traffic was encrypted on a"
    query.counted = 3
    var figures = ReportContent.Figures()
    figures.energy = energy
    figures.kilowattHours = 2.5e-6
    figures.operationalGrams = 1.3415e-3
    figures.unitsUnknown = "not observed: query"
    figures.intensityUnknown = "R is not known: not observed: query"
    figures.scenarios = [credit, query]
    var host = ReportContent.Host()
    host.name = "a"
    host.records = 5
    host.energyCovered = 0.99999
    host.countsCovered = 5.0 / 6
    host.withoutRecord = [.init(from: time(10), to: time(20))]
    var round = ReportContent.Round(span)
    round.figures = figures
    round.problems = ["the counts of a are known for 83.33 % of the time"]
    round.hosts = [host]
    content.rounds = [round]
    content.totals = figures
    content.summary.rounds = 1
    content.losses = [.init(agent: "a", run: 255, first: 3, last: 9)]
    content.silentAgents = ["old"]
    return content
}

@Suite("The report for people")
struct Table {
    @Test("no name moves a terminal's cursor, makes a line or turns the direction of writing")
    func hostileNames() {
        var content = example()
        let lines = content.table().split(separator: "\n").count
        content.factor.id = "a\u{1B}[2Jb\nc\u{202E}d\re"
        let table = content.table()
        #expect(table.contains("a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}e"))
        #expect(table.split(separator: "\n").count == lines)
    }

    @Test("begins by saying that it is no assessment, and what it covers")
    func header() {
        let lines = example().table().split(separator: "\n")
        #expect(lines.first?.hasPrefix("非评估结果 / not an assessment") == true)
        #expect(example().table().contains("仅CPU+内存口径"))
        #expect(example().table().contains("M未统计"))
        #expect(!example().table().contains("SCI_CF"))
    }

    @Test("says SIMULATED in its second line exactly where it is so")
    func simulated() {
        #expect(!example().table().contains("SIMULATED"))
        var content = example()
        content.simulated = true
        #expect(content.table().split(separator: "\n")[1].hasPrefix("SIMULATED"))
    }

    @Test("shows what is not known as a dash with its reason, never as a zero")
    func unknown() throws {
        let table = example().table()
        let query = try #require(table.split(separator: "\n").first { $0.hasPrefix("query") })
        #expect(query.contains("—"))
        #expect(query.contains("traffic was encrypted on a (counted at least 3)"))
        #expect(table.contains("Mean of rounds   —"))
        #expect(table.contains("a: no record from 2026-11-21T00:00:10Z to 2026-11-21T00:00:20Z"))
        #expect(table.contains("Lost before delivery: a, run ff, records 3 to 9"))
        #expect(table.contains("No record in the period: old"))
    }

    @Test("names the models that divided the energy, and who bears the idle part")
    func attributions() throws {
        var content = example()
        #expect(!content.table().contains("Divided"))
        content.attributions = [
            AttributionRule(model: .standard, idle: .proportional),
            AttributionRule(model: .concurrency, idle: .unallocated),
        ]
        let line = "by model standard, idle proportional; by model concurrency, idle unallocated"
        #expect(content.table().contains("\nDivided    \(line)\n"))
        let value = try JSONSerialization.jsonObject(with: Data(content.json().utf8))
        let top = try #require(value as? [String: Any])
        let told = try #require(top["attributions"] as? [[String: String]])
        #expect(
            told == [
                ["model": "standard", "idle": "proportional"],
                ["model": "concurrency", "idle": "unallocated"],
            ])
    }

    @Test("warns where the two means differ")
    func means() {
        var content = example()
        #expect(!content.table().contains("WARNING"))
        content.summary.meansDiffer = true
        content.summary.relativeDifference = 2.3
        #expect(content.table().contains("WARNING: the two means differ by 230.00 %"))
    }

    @Test("shows duplicates beside TA, and where they were told")
    func duplicates() throws {
        let lines = example().table().split(separator: "\n")
        let credit = try #require(lines.first { $0.hasPrefix("credit") })
        #expect(
            credit.split(separator: " ").prefix(10)
                == ["credit", "12", "—", "4", "—", "—", "21", "3", "host+fleet", "0.4167"])
    }

    @Test("names rules that nothing hit, and counts those beyond a few")
    func rules() {
        var content = example()
        #expect(!content.table().contains("without a hit"))
        content.rules = [
            .init(scenario: "credit", name: "apply", hits: 2, hosts: ["a"]),
            .init(scenario: "credit", name: "callback", hits: 0, hosts: ["a", "b"]),
            .init(scenario: "query", name: "ask", hits: nil, hosts: ["c"]),
        ]
        #expect(content.table().contains("Rule without a hit: credit: callback, on a, b\n"))
        #expect(!content.table().contains("apply"))
        #expect(content.table().contains("Hits of 1 rules are not told by any record"))
        content.rules += (0..<30).map {
            .init(scenario: "query", name: "q\($0)", hits: 0, hosts: ["a"])
        }
        #expect(content.table().contains("11 more rules without a hit"))
    }

    @Test("lists a few holes and counts the others")
    func holes() {
        var content = example()
        content.rounds[0].hosts[0].withoutRecord = (0..<9).map {
            .init(from: time($0 * 3), to: time($0 * 3 + 1))
        }
        #expect(content.table().contains("a: 4 more intervals with no record"))

        // What is missing with the record is told once; an interval of counts alone, as one.
        content.rounds[0].hosts[0].withoutRecord = [.init(from: time(10), to: time(20))]
        content.rounds[0].hosts[0].withoutCounts = [
            .init(from: time(10), to: time(20)), .init(from: time(40), to: time(50)),
        ]
        let told = content.table().split(separator: "\n").filter { $0.contains("a: no ") }
        #expect(told.count == 2 && told[0].contains("no record") && told[1].contains("no counts"))
    }
}

@Suite("The report for machines")
struct Machine {
    private func parsed(_ content: ReportContent) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(content.json().utf8))
        return try #require(value as? [String: Any])
    }

    @Test("is JSON that a strict reader accepts, with null for what is not known")
    func strict() throws {
        let top = try parsed(example())
        #expect(top["schema_version"] as? Int == 1)
        #expect(top["assessment"] as? Bool == false)
        let totals = try #require(top["totals"] as? [String: Any])
        #expect(totals["m_grams"] is NSNull)
        #expect(totals["r_cf"] is NSNull)
        #expect(totals["o_grams"] as? Double == 1.3415e-3)
        let scenarios = try #require(totals["scenarios"] as? [String: [String: Any]])
        #expect(scenarios["credit"]?["ta"] as? Int == 12)
        #expect(scenarios["query"]?["ta"] is NSNull)
        #expect(scenarios["query"]?["counted_flows"] as? Int == 3)
        #expect(scenarios["credit"]?["duplicates"] as? Int == 21)
        #expect(scenarios["credit"]?["duplicates_across_hosts"] as? Int == 3)
        #expect(scenarios["query"]?["duplicates"] is NSNull)
        #expect(scenarios["credit"]?["deduplication"] as? [String] == ["host", "fleet"])
    }

    @Test("numbers read back as they were", arguments: 1...200)
    func numbers(seed: UInt64) throws {
        let bits = seed &* 0x9E37_79B9_7F4A_7C15
        let number = Double(bitPattern: bits)
        var content = example()
        content.totals.operationalGrams = number
        // Foundation's own reader rounds the last digit differently.
        _ = try parsed(content)
        let text = try #require(content.json().split(separator: "\"o_grams\": ").dropFirst().first)
        let written = String(text.prefix { $0 != "," })
        #expect(number.isFinite ? Double(written) == number : written == "null")
    }

    @Test("hostile names stay strings")
    func hostile() throws {
        var content = example()
        let name = "a\"\\\n\u{1}\u{7F}é\u{2028}"
        content.rounds[0].hosts[0].name = name
        let rounds = try #require(try parsed(content)["rounds"] as? [[String: Any]])
        let hosts = try #require(rounds[0]["hosts"] as? [[String: Any]])
        #expect(hosts[0]["host"] as? String == name)
    }

    @Test("every key is told in docs/report.md")
    func documented() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let manual = try String(contentsOf: root.appending(path: "docs/report.md"), encoding: .utf8)
        var keys = Set<String>()
        collect(try parsed(example()), into: &keys)
        #expect(keys.filter { !manual.contains("`\($0)`") } == [])
    }

    private func collect(_ value: Any, into keys: inout Set<String>) {
        if let object = value as? [String: Any] {
            for (key, member) in object {
                // Below these, keys are names of the user's.
                if key == "scenarios", let first = (member as? [String: Any])?.values.first {
                    keys.insert(key)
                    collect(first, into: &keys)
                } else {
                    keys.insert(key)
                    collect(member, into: &keys)
                }
            }
        } else if let array = value as? [Any] {
            for item in array { collect(item, into: &keys) }
        }
    }
}

@Suite("Numbers and times are written")
struct Notations {
    @Test(
        "with four significant digits",
        arguments: [
            (0.0, "0"), (1.0, "1.000"), (0.53661, "0.5366"), (123456.7, "123457"),
            (0.000012345, "0.00001234"), (12.345, "12.35"), (1.5e-9, "1.500e-09"), (-2.0, "-2.000"),
        ])
    func significant(value: Double, text: String) {
        #expect(Notation.significant(value) == text)
    }

    @Test("unknown and infinite numbers are a dash")
    func dash() {
        #expect(Notation.significant(nil) == "—")
        #expect(Notation.significant(.infinity) == "—")
        #expect(Notation.whole(nil) == "—")
        #expect(Notation.percent(nil) == "—")
    }

    @Test("a share is never rounded up to the whole")
    func percent() {
        #expect(Notation.percent(0.99999) == "99.99 %")
        #expect(Notation.percent(1) == "100.00 %")
    }

    @Test("times are UTC with the decimals they need")
    func utc() {
        #expect(Notation.utc(time(3_661)) == "2026-11-21T01:01:01Z")
        #expect(Notation.utc(Timestamp(1_500_000_000)) == "1970-01-01T00:00:01.5Z")
    }
}
