import Foundation
import Metering
import Report
import Rounds
import SCI
import Store
import Testing
import Weights

@testable import Collector

/// What a record is made to tell.
struct Absurdity: Sendable, CustomTestStringConvertible {
    let words: String
    let alter: @Sendable (inout Record) -> Void

    var testDescription: String { words }

    static let all: [Absurdity] = [
        Absurdity(words: "exchanges or flows in") { record in
            record.tally.scenarios[0].requests = UInt64(Int64.max)
            record.tally.exchanges = UInt64(Int64.max) + 5_000
        },
        Absurdity(words: "exchanges or flows in") { record in
            record.tally.scenarios[3].flows = .max
            record.tally.services[0].flows = record.tally.scenarios.map(\.flows)
        },
        Absurdity(words: "exchanges or flows in") { $0.tally.exchanges = .max },
        Absurdity(words: "reading their packets alone takes longer") { record in
            // A window could hold as many, of a host that is busy all the time.
            record.processor.hostBusy = .known(.seconds(5))
            record.processor.services = [.known(.seconds(4))]
            record.tally.scenarios[1].requests = 500_000_000
            record.tally.exchanges = 500_010_000
        },
        Absurdity(words: "exchanges of its scenarios, and 1 in all") { $0.tally.exchanges = 1 },
        Absurdity(words: "of CPU time in") { record in
            record.processor.services = [.known(Nanoseconds(.max))]
        },
        Absurdity(words: "of CPU time in") { record in
            record.processor.hostBusy = .known(.seconds(1_000_000))
        },
        Absurdity(words: "J in") { record in
            let energy = Microjoules(1 << 62)
            record.zones = [.measured(energy)]
            record.energy = .known(energy)
            record.partition?.undivided = energy
        },
        Absurdity(words: "J in 3601.0 s") { $0.carry(joules: 3_601_000_001, seconds: 3_600) },
        Absurdity(words: "J in 3661.0 s") { record in
            record.carry(joules: 3_000_000_000, seconds: 3_600, own: 661_000_001)
        },
        Absurdity(words: "before its start, which is") { record in
            record.carry(joules: 5, seconds: origin + 60 * 500 + 1)
        },
        Absurdity(words: "before its start, which is") { $0.carry(joules: 5, seconds: .max) },
    ]
}

extension Record {
    /// The energy is `own` joules of its zone and what was carried over so many seconds before it.
    fileprivate mutating func carry(joules: UInt64, seconds: UInt64, own: UInt64 = 1) {
        let zone = Microjoules(own * 1_000_000)
        let before = Microjoules(joules * 1_000_000)
        zones = [.bridged(zone, .readFailed)]
        carried = CarriedEnergy(energy: before, time: .seconds(seconds))
        energy = .known(zone + before)
        partition?.undivided = zone + before
    }
}

@Suite("What no host can have done is no part of measured weights")
struct ImplausibleWeightsTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    private func rows() -> [[UInt64]] {
        var random = SplitMix(state: 8)
        return (0..<1_100).map { minute in
            let level = 1 + 0.7 * sin(Double(minute) / 229)
            return [60.0, 180, 600, 6_000].map { mean in
                UInt64(mean * level * Double.random(in: 0.5...1.5, using: &random))
            }
        }
    }

    private func answer(_ hosts: WeightsRequest.Hosts = .all) throws -> WeightsContent {
        try Pipeline.weights(
            WeightsRequest(
                from: Timestamp(origin * 1_000_000_000),
                to: Timestamp((origin + 1_100 * 60) * 1_000_000_000), window: .seconds(60),
                block: .seconds(1_800), hosts: hosts, counting: .exchanges), from: store)
    }

    private func store(_ alter: @escaping @Sendable (inout Record) -> Void) throws {
        var agent = WeighedAgent("a", length: 60)
        agent.altering = [500: alter]
        try agent.store(rows(), from: origin, in: store, noiseJoules: 10)
    }

    @Test("one such record is left out and named, and the others tell", arguments: Absurdity.all)
    func leftOut(absurdity: Absurdity) throws {
        try store(absurdity.alter)
        let content = try answer()
        #expect(content.implausible == 1)
        #expect(content.wholeWindows == 1_099)
        let place = try #require(content.implausiblePlaces.first)
        #expect(place.contains("a, run a1fa: record 501: "), "\(place)")
        #expect(place.contains(absurdity.words), "\(place)")
        #expect(content.table().contains(place))
        #expect(content.json().contains("\"implausible_records\": 1,"))
        for part in content.parts {
            #expect(part.obstacles.isEmpty)
            #expect(part.lines.map(\.verdict) == ["consistent", "consistent", "consistent", nil])
        }
    }

    @Test("a record without one is not left out")
    func plain() throws {
        try store { _ in }
        let content = try answer()
        #expect(content.implausible == 0 && content.implausiblePlaces.isEmpty)
        #expect(content.wholeWindows == 1_100)
    }

    @Test("energy that was carried is measured by the time that it was carried over")
    func carried() throws {
        try store { $0.carry(joules: 3_601_000_000, seconds: 3_600, own: 50_000_000) }
        let content = try answer()
        #expect(content.implausible == 0 && content.implausiblePlaces.isEmpty)
        #expect(content.wholeWindows == 1_100)
    }

    @Test("counts that a host could have, and that decide alone, tell nothing and name the window")
    func decidesAlone() throws {
        try store { record in
            record.tally.scenarios[0].requests = 1_000_000
            record.tally.exchanges = 1_020_000
        }
        let content = try answer()
        #expect(content.implausible == 0)
        for part in content.parts {
            #expect(part.obstacles.contains { $0.contains("decides alone") }, "\(part.obstacles)")
            #expect(part.lines.allSatisfy { $0.perFlow == nil && $0.ratio == nil })
        }
    }

    @Test("sums that do not fit are refused before they are made")
    func sums() {
        var counts = WeightsCounts(stretches: 2)
        var added = [counts.add(.max - 1, 5, at: 0), counts.add(2, 0, at: 1)]
        added += [counts.add(0, .max, at: 1), counts.add(1, 1, at: 1)]
        #expect(added == [true, false, false, true])
        #expect(counts.exchanges == [.max - 1, 1])
        #expect(counts.flows == [5, 1])
    }

    @Test("a manifest that names a scenario twice is refused: nobody knows which counts are whose")
    func repeatedScenario() throws {
        var agent = WeighedAgent("a", length: 60)
        agent.scenarios = [.credit, ScenarioID("CREDIT"), .repayment, .query]
        agent.rewriting = { bytes in
            bytes.replacing(Array("CREDIT".utf8), with: Array("credit".utf8))
        }
        try agent.store(Array(rows().prefix(10)), from: origin, in: store)
        try WeighedAgent("b", length: 60).store(Array(rows().prefix(10)), from: origin, in: store)
        let problem = #expect(throws: WeightsRequest.Problem.self) { try answer() }
        #expect(problem == .repeatedScenario("credit", "a, run a1fa: record 1"))
        #expect(problem?.isOfStore ?? false)
        let words = problem?.description ?? ""
        #expect(words.contains("\"credit\" more than once") && words.contains("`id` of its own"))
        // The other host can be asked for.
        #expect(try answer(.named(["b"])).hosts == ["b"])
        // Its records are no part of rounds.
        let factor = try #require(try FactorTable.builtIn()["全国-2023-average"])
        let period = try Period(
            from: Timestamp(origin * 1_000_000_000), to: Timestamp((origin + 600) * 1_000_000_000),
            roundLength: .seconds(600))
        let report = try Pipeline.report(ReportRequest(period: period, factor: factor), from: store)
        #expect(report.unreadable == 10)
    }

    @Test(
        "a block as long as can be written is all windows",
        arguments: [UInt64.max, UInt64.max - 1])
    func longestBlock(nanoseconds: UInt64) throws {
        let request = try WeightsRequest(
            from: Timestamp(origin * 1_000_000_000),
            to: Timestamp((origin + 1_100 * 60) * 1_000_000_000), window: .seconds(60),
            block: Nanoseconds(nanoseconds), hosts: .all, counting: .exchanges)
        #expect(request.block >= 1_100)
        try store { _ in }
        let content = try Pipeline.weights(request, from: store)
        #expect(content.parts.allSatisfy { $0.lines.allSatisfy { $0.perFlow == nil } })
    }

    @Test("a part of the boundary has no SCI_CF, and Table 2 no units of it")
    func part() throws {
        try store { _ in }
        let whole = try answer()
        #expect(whole.table().contains("SCI_CF × "))
        #expect(whole.parts.allSatisfy { $0.units != nil && $0.measuredUnits != nil })
        let part = try answer(.named(["a"]))
        #expect(part.parts.allSatisfy { $0.units == nil && $0.measuredUnits == nil })
        #expect(!part.table().contains("SCI_CF × "))
        #expect(part.table().contains("SCI_CF is a figure of the whole boundary"))
        let factors = part.json().split(separator: "\n").filter { $0.contains("intensity_factor") }
        // Of each quantity the factor and the ends of its interval.
        #expect(factors.count == 9 && factors.allSatisfy { $0.contains("null") })
    }
}
