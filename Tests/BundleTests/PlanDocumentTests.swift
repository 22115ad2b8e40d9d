import Assessment
import Metering
import Testing

@testable import Bundle

@Suite("A plan's canonical text")
struct PlanDocumentTests {
    private static let golden =
        #"{"boundary":"B","contact":"C","devices":[],"embodied":{"omitted":"n"},"exclusions":[],"#
        + #""factors":[{"area":"全国","basis":"average","grade":"A","id":"f","level":"national","#
        + #""micrograms_per_kwh":530600000,"source":"x","year":2023}],"format":"jouleflow-plan-1","#
        + #""hosts":[{"allocation":{"method":"dedicated"},"assignments":[{"site":"s"}],"id":"h","#
        + #""role":"r"}],"organization":"O","rule_digests":[],"scenarios":[{"counted_by":["h"],"#
        + #""id":"credit","reconciled":false,"volume":"traffic"}],"schedule":{"#
        + #""grace_ns":3600000000000,"length_ns":86400000000000,"reserve":2,"rounds":7,"#
        + #""start":"2026-11-30T16:00:00Z"},"scope":"it","sites":[{"id":"s","market_supplies":[],"#
        + #""name":"重庆","supplies":[{"factor":"f","source":"grid"}]}],"title":"T","#
        + #""validity":{"full_coverage_ppm":990000,"maximum_clock_error_ns":1000000000,"#
        + #""minimum_coverage_ppm":950000}}"#

    @Test("has these bytes and this hash")
    func bytes() throws {
        let bytes = try PlanDocument.encode(.small)
        #expect(String(decoding: bytes, as: UTF8.self) == Self.golden)
        #expect(
            PlanDocument.hash(of: bytes)?.description
                == "c9028b0899bc80a3a458af356cbb705edf5cb75aeca7b7491b4a30c1058e3244")
    }

    @Test("reads back as the same plan", arguments: 0..<300 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var maker = PlanMaker(seed: seed)
        let plan = maker.plan()
        let bytes = try PlanDocument.encode(plan)
        #expect(try PlanDocument.decode(bytes) == plan)
        #expect(try PlanDocument.encode(PlanDocument.decode(bytes)) == bytes)
    }

    @Test(
        "of any other bytes is refused, or is what these bytes say",
        arguments: 0..<60 as Range<UInt64>)
    func hostile(seed: UInt64) throws {
        var maker = PlanMaker(seed: seed)
        let bytes = try PlanDocument.encode(maker.plan())
        var random = Seeded(state: seed)
        for _ in 0..<40 {
            var changed = bytes
            let place = Int(random.number(0...UInt64(bytes.count - 1)))
            switch random.number(0...2) {
            case 0: changed[place] = UInt8(random.number(0x20...0x7E))
            case 1: changed.remove(at: place)
            default: changed = Array(changed[..<place])
            }
            if let plan = try? PlanDocument.decode(changed) {
                #expect(try PlanDocument.encode(plan) == changed)
            }
        }
    }

    @Test(
        "names what is wrong with it",
        arguments: [
            (#""title":"T","#, #""title":7,"#, "title is not text"),
            (#""title":"T","#, "", "title is missing"),
            (#""title":"T","#, #""title":"T","titles":"T","#, "titles is no key of this document"),
            ("jouleflow-plan-1", "jouleflow-plan-2", "format is not jouleflow-plan-1"),
            (
                #""rounds":7"#, #""rounds":0"#,
                "schedule has not 1 to 10000 rounds with those in reserve"
            ),
            (
                #""rounds":7"#, #""rounds":9007199254740991"#,
                "schedule has not 1 to 10000 rounds with those in reserve"
            ),
            (#""length_ns":86400000000000"#, #""length_ns":0"#, "schedule.length_ns is 0"),
            (#""length_ns":86400000000000"#, #""length_ns":9007199254740991"#, ""),
            (
                "2026-11-30T16:00:00Z", "2026-12-01T00:00:00+08:00",
                "schedule.start is no time in UTC as canonical text"
            ),
            ("2026-11-30T16:00:00Z", "2199-12-30T16:00:00Z", "schedule does not end before 2200"),
            (
                #"{"site":"s"}"#, #"{"site":"t"}"#,
                "hosts[0] names a site that the plan does not have"
            ),
            (#"{"site":"s"}"#, "", "hosts[0] has no assignment"),
            (
                #"{"factor":"f","#, #"{"factor":"g","#,
                "sites[0] names a factor that the plan does not have"
            ),
            (
                #"["h"]"#, #"["i"]"#,
                "scenarios[0].counted_by names a host that the plan does not have"
            ),
            (#"["h"]"#, #"["h","h"]"#, "scenarios[0].counted_by has an id twice"),
            (#""scope":"it""#, #""scope":"facility""#, "sites[0] lacks the PUE of scope facility"),
            (#""scope":"it""#, #""scope":"all""#, "scope is neither it nor facility"),
            (
                #""method":"dedicated""#, #""method":"reserved""#,
                "hosts[0].allocation.method is neither dedicated nor reserved with share and reason"
            ),
            (
                #""method":"dedicated""#, #""method":"reserved","reason":"r","share_ppm":1000001"#,
                "hosts[0] has a share that is not above 0, up to 1"
            ),
            (#"{"omitted":"n"}"#, "{}", "embodied has not exactly one of omitted and models"),
            (
                #"{"omitted":"n"}"#, #"{"models":[]}"#,
                "hosts[0] has no model of the plan, where M counts for all"
            ),
            (
                #""full_coverage_ppm":990000"#, #""full_coverage_ppm":900000"#,
                "validity has shares that do not rise up to 1"
            ),
            (
                #""micrograms_per_kwh":530600000"#, #""micrograms_per_kwh":5000000001"#,
                "factors.f is not 0 to 5 kg/kWh"
            ),
            (
                #""volume":"traffic""#, #""volume":"ledger""#,
                "scenarios[0].volume is neither traffic nor ledger with its reason"
            ),
            (#""hosts":[{"#, #""hosts":[7,{"#, "hosts[0] is not an object"),
            (
                #"{"boundary""#, #" {"boundary""#,
                "not a canonical document: byte 0: not what canonical JSON has there"
            ),
        ])
    func sentence(part: String, other: String, expected: String) throws {
        let range = try #require(Self.golden.firstRange(of: part))
        let text = Self.golden.replacingCharacters(in: range, with: other)
        do throws(DocumentError) {
            _ = try PlanDocument.decode(Array(text.utf8))
            #expect(expected.isEmpty)
        } catch { #expect(error.description == expected) }
    }

    @Test("is not made of a plan that would not read back")
    func unsealable() {
        let wrong: [(inout Plan) -> Void] = [
            {
                $0.factors[0] = EmissionFactor(
                    id: "f", level: "", area: "", year: 2023, basis: "",
                    kilogramsPerKilowattHour: 0.12345678901, grade: "", source: "")
            },
            { $0.schedule.length = Nanoseconds(.max) },
            { $0.schedule.rounds = -1 }, { $0.hosts[0].id = "h h" }, { $0.hosts[0].id = "" },
            { $0.sites[0].id = "\u{1B}[2J" }, { $0.ruleDigests = ["a"] },
            { $0.assetListDigest = String(repeating: "A", count: 64) },
            { $0.scenarios[0].id = ScenarioID("") },
            { $0.schedule.start = Timestamp(.max) },
            { $0.hosts[0].installed = Timestamp(.max) },
            { $0.hosts.append($0.hosts[0]) },
            { $0.hosts[0].model = "m" },
            { $0.hosts[0].assignments.append(Assignment(site: "s")) },
            { $0.sites[0].supplies.append(Supply(source: "", factor: "f")) },
            { $0.sites[0].supplies = [] },
        ]
        for change in wrong {
            #expect(throws: DocumentError.self) {
                try PlanDocument.encode(Plan.small.changed(change))
            }
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
