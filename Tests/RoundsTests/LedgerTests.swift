import Assessment
import Metering
import Testing

@testable import Rounds

private func scenarios(
    _ change: (inout PlannedScenario) -> Void
) -> [PlannedScenario] {
    StandardWeights.scenarios.map { id in
        var scenario = PlannedScenario(id: id)
        if id == .credit { change(&scenario) }
        return scenario
    }
}

@Suite("TA and the ledger")
struct Ledgers {
    @Test("are equal to the flow, or the round is invalid", arguments: [199, 200, 201] as [UInt64])
    func reconciled(flows: UInt64) throws {
        let found = try assess(
            plan(scenarios: scenarios { $0.isReconciled = true }), windows("a", 0, 100),
            ledger: [ledger(60, 0, 30), ledger(flows - 60, 30, 100)])[0]
        let lines = found.scenarios[0].reconciliations
        #expect(lines.map(\.counted) == [60, 140])
        #expect(found.scenarios[0].isReconciled == (flows == 200))
        #expect(found.problems == (flows == 200 ? [] : [.ledgerDiffers(lines[1])]))
    }

    @Test("are compared where the plan does not ask for it, and differences disclosed")
    func disclosed() throws {
        let found = try assess(plan(), windows("a", 0, 100), ledger: [ledger(7, 0, 100)])[0]
        #expect(found.problems == [])
        #expect(found.disclosures == [.ledgerDiffers(found.scenarios[0].reconciliations[0])])
    }

    @Test("a part that the ledger does not tell is missing, totals that overlap contradict")
    func gaps() throws {
        let asked = plan(scenarios: scenarios { $0.isReconciled = true })
        func problems(_ totals: [LedgerTotal]) throws -> [RoundProblem] {
            try assess(asked, windows("a", 0, 100), ledger: totals)[0].problems
        }
        let whole = Interval(start: time(0), end: time(100))
        #expect(try problems([]) == [.ledgerMissing(scenario: .credit, whole)])
        #expect(
            try problems([ledger(60, 0, 30), ledger(120, 40, 100)])
                == [
                    .ledgerMissing(
                        scenario: .credit, Interval(start: time(30), end: time(40)))
                ])
        #expect(
            try problems([ledger(200, 0, 100), ledger(200, 0, 100)]) == [])
        #expect(
            try problems([ledger(200, 0, 100), ledger(20, 90, 100)])
                == [
                    .ledgerContradiction(
                        scenario: .credit, Interval(start: time(90), end: time(100)))
                ])
        // A total over an end of the round says nothing of it.
        #expect(
            try problems([ledger(200, 0, 101)]) == [.ledgerMissing(scenario: .credit, whole)])
    }

    @Test("the ledger is the source of TA where the plan says so")
    func source() throws {
        let asked = plan(scenarios: scenarios { $0.volume = .ledger(reason: "queue") })
        var records = windows("a", 0, 100)
        for index in records.indices { records[index].tally.scenarios[0].observation = .encrypted }
        let found = try assess(asked, records, ledger: [ledger(17, 0, 100)])[0]
        #expect(found.scenarios[0].volume == .known(17))
        #expect(found.scenarios[0].volumeWithoutRefusals == nil)
        #expect(found.problems == [])
        let none = try assess(asked, records)[0]
        #expect(none.assessed.volumes[0].flows == nil)
        #expect(!none.assessed.isSound)
    }

    @Test("zero needs the ledger's word, seen or quiet", arguments: [Observation.seen, .quiet])
    func zero(observation: Observation) throws {
        let records = (0..<10).map {
            record(
                "a", $0 + 1, $0 * 10, $0 * 10 + 10, credits: 0, observation: observation)
        }
        func volume(_ totals: [LedgerTotal]) throws -> Known<UInt64, VolumeUnknown> {
            try assess(plan(), records, ledger: totals)[0].scenarios[0].volume
        }
        #expect(try volume([ledger(0, 0, 100)]) == .known(0))
        #expect(
            try volume([]) == .unknown(observation == .seen ? .zeroUnconfirmed : .nothingSeen))
        #expect(try volume([ledger(4, 0, 100)]).value == nil)
    }

    @Test("says that nothing is missing where a counting host was not there")
    func recovered() throws {
        let records = windows("a", 0, 50) + windows("a", 51, 100)
        let one = [PlannedScenario(id: .credit, isReconciled: true)]
        let found = try assess(plan(scenarios: one), records, ledger: [ledger(198, 0, 100)])[0]
        #expect(found.problems == [])
        #expect(found.disclosures == [.countsCoverage(host: "a", fraction: 0.99)])
        #expect(
            try assess(plan(), records)[0].problems == [
                .countsCoverage(host: "a", fraction: 0.99)
            ])
        var away = windows("a", 0, 100)
        away[7].tally.scenarios[0].observation = .notCaptured
        let seen = try assess(plan(scenarios: one), away, ledger: [ledger(200, 0, 100)])[0]
        #expect(seen.scenarios[0].volume == .known(200))
    }

    @Test("flows of another host counted before are taken out of both sides")
    func repeated() throws {
        let records = windows("a", 0, 100) + windows("b", 0, 100)
        func at(_ host: String, _ second: UInt64) -> FlowOccurrence {
            FlowOccurrence(
                flow: .init(secret: 1, scenario: .credit, digest: 9), host: host, run: RunID(1),
                sequence: second + 1, position: 0, start: time(second), end: time(second + 1),
                flows: 1)
        }
        let both = plan(
            [host("a"), host("b")], scenarios: scenarios { $0.isReconciled = true })
        let found = try assess(
            both, records, [at("a", 10), at("b", 70)],
            ledger: [ledger(120, 0, 30), ledger(279, 30, 100)])[0]
        #expect(found.scenarios[0].volume == .known(399))
        #expect(found.problems == [])
        // Outside the counting layer, or of no plan: it takes nothing.
        let layer = plan(
            [host("a"), host("b")], scenarios: scenarios { $0.countingHosts = ["b"] })
        let apart = try assess(layer, records, [at("a", 10), at("x", 20), at("b", 70)])[0]
        #expect(apart.scenarios[0].volume == .known(200))
        #expect(apart.scenarios[0].outside.flows == 200)
        #expect(apart.scenarios[0].outsideHosts == ["a"])
        #expect(apart.scenarios[0].countingHosts == ["b"])
    }

    @Test("a host that is to count a scenario needs a rule for it all the time")
    func withoutRule() throws {
        let layer = plan(
            [host("a"), host("b")], scenarios: scenarios { $0.countingHosts = ["a", "b"] })
        var records = windows("a", 0, 100) + windows("b", 0, 100)
        records[150].tally.scenarios[0].observation = .noRule
        let found = try assess(layer, records)[0]
        #expect(found.problems == [.countsWithoutRule(host: "b", scenario: .credit)])
        #expect(
            try assess(plan([host("a"), host("b")]), records)[0].problems == [])
    }

    @Test("an event exactly at the end of a round belongs to the window before it")
    func boundary() throws {
        let found = try assess(plan(rounds: 2), windows("a", 0, 200, step: 10))
        #expect(found.map { $0.scenarios[0].volume } == [.known(20), .known(20)])
        let over = try assess(
            plan(rounds: 2), [busy("a", 1, 0, 95), busy("a", 2, 95, 105), busy("a", 3, 105, 200)])
        #expect(over.map { $0.scenarios[0].volume } == [.known(2), .known(4)])
    }

    @Test("refusals are counted for 授信 alone and can be left out")
    func refusals() throws {
        var records = windows("a", 0, 100)
        for index in records.indices {
            for scenario in [0, 1] {
                records[index].tally.scenarios[scenario].refused = 1
                records[index].tally.scenarios[scenario].completed = 1
            }
        }
        let found = try assess(plan(), records)[0]
        #expect(found.scenarios.map(\.volume.value) == [200, 200, 200, 200])
        #expect(found.scenarios.map(\.volumeWithoutRefusals) == [100, 200, 200, 200])
    }
}

@Suite("Meter readings")
struct Meters {
    private func device(_ id: String = "d") -> PlannedDevice {
        PlannedDevice(id: id, role: "switch", site: "s", meter: "m")
    }

    @Test("are the energy of a device, interpolated to a round's end where they surround it")
    func device() throws {
        let found = try assess(
            plan(rounds: 2, devices: [device()]), windows("a", 0, 200),
            readings: [
                reading("m", 0, 90, 90), reading("m", 90, 110, 21), reading("m", 110, 200, 90),
                reading("m", 110, 200, 90), reading("n", 0, 200, 5),
            ])
        let energies = found.map { $0.machine("d")?.energy?.metered }
        #expect(energies.map { $0?.total.rawValue } == [101, 100])
        #expect(energies.map { $0?.measured.rawValue } == [90, 90])
        #expect(energies.map { $0?.estimated.rawValue } == [11, 10])
        #expect(found.map(\.problems) == [[], []])
        #expect(found[0].assessed.segments.map(\.machine) == [.host("a"), .device("d")])
    }

    @Test("that do not surround a round's end leave it uncovered")
    func gaps() throws {
        func round(_ readings: [MeterReading]) throws -> PlannedRound {
            try assess(
                plan(devices: [device()]), windows("a", 0, 100), readings: readings)[0]
        }
        let two = try round([reading("m", 2, 100, 98)])
        #expect(two.problems == [])
        #expect(two.disclosures == [.energyCoverage(host: "d", fraction: 0.98)])
        #expect(two.machine("d")?.energy?.metered.imputed == Microjoules(2))
        let six = try round([reading("m", 0, 50, 50), reading("m", 56, 100, 44)])
        #expect(six.problems == [.energyCoverage(host: "d", fraction: 0.94)])
        #expect(try round([]).problems == [.deviceMissing("d")])
        let twice = try round([reading("m", 0, 60, 60), reading("m", 50, 100, 50)])
        #expect(
            twice.problems.first
                == .readingsOverlap(device: "d", Interval(start: time(50), end: time(60))))
    }

    @Test("of a host's name are compared with its own counters, and never added")
    func comparison() throws {
        let found = try assess(
            plan(rounds: 2), windows("a", 0, 130) + windows("a", 140, 200),
            readings: [
                reading("a", 0, 50, 60_000_000), reading("a", 50, 95, 45_000_000),
                reading("a", 95, 105, 1), reading("a", 120, 150, 9),
            ])
        let meter = try #require(found[0].machine("a")?.meter)
        #expect(meter.primary == Microjoules(95_000_000) && meter.other == Microjoules(105_000_000))
        #expect(found[1].machine("a")?.meter == nil)
        #expect(found[0].metered.total == Microjoules(100_000_000))
    }
}
