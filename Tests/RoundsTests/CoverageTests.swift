import Assessment
import Metering
import Testing

@testable import Rounds

@Suite("What was not observed is said")
struct Coverage {
    @Test("time without a record is a hole, on the host it belongs to")
    func holes() throws {
        let found = rounds(
            try period(60, round: 60),
            [record("a", 1, 0, 10), record("a", 2, 30, 60), record("b", 1, 0, 60)])
        #expect(
            found[0].hosts[0].withoutRecord == [Interval(start: time(10), end: time(30))])
        #expect(found[0].hosts[1].withoutRecord == [])
        #expect(
            found[0].problems == [
                .energyCoverage(host: "a", fraction: 40.0 / 60),
                .countsCoverage(host: "a", fraction: 40.0 / 60),
            ])
    }

    @Test("energy and counts have coverages of their own")
    func separate() throws {
        let found = rounds(
            try period(100, round: 100),
            [
                record("a", 1, 0, 97), record("a", 2, 97, 100, microjoules: nil),
            ])
        #expect(found[0].hosts[0].energyCovered == .seconds(97))
        #expect(found[0].hosts[0].countsCovered == .seconds(100))
        #expect(found[0].hosts[0].withoutEnergy == [Interval(start: time(97), end: time(100))])
        #expect(found[0].hosts[0].energyUnknown == [.readFailed: 1])
        #expect(found[0].problems == [])
        #expect(found[0].disclosures == [.energyCoverage(host: "a", fraction: 0.97)])
    }

    @Test("energy carried from windows before covers their time, over the end of a round too")
    func carried() throws {
        var late = record("a", 3, 20, 30, microjoules: 9_000_000, state: .bridged)
        late.carriedTime = .seconds(20)
        let records = [
            record("a", 1, 0, 10, microjoules: nil), record("a", 2, 10, 20, microjoules: nil), late,
        ]
        let one = rounds(try period(30, round: 30), records)
        #expect(one[0].hosts[0].energyCovered == .seconds(30))
        #expect(one[0].energy?.bridged == Microjoules(9_000_000))
        #expect(one[0].hosts[0].energyUnknown == [.readFailed: 2])
        let two = rounds(try period(30, round: 15), records)
        #expect(two.map { $0.energy?.total } == [Microjoules(4_500_000), Microjoules(4_500_000)])
        #expect(two.map { $0.hosts[0].energyCovered } == [.seconds(15), .seconds(15)])
        #expect(two.map { $0.hosts[0].records } == [2, 2])
    }

    @Test("energy carried over time whose energy is known already is overlap")
    func carriedTwice() throws {
        var late = record("a", 3, 20, 30, microjoules: 9_000_000, state: .bridged)
        late.carriedTime = .seconds(15)
        let records = [record("a", 1, 0, 10), record("a", 2, 10, 20, microjoules: nil), late]
        for order in [records, records.reversed()] {
            let found = rounds(try period(30, round: 30), order)
            #expect(found[0].hosts[0].overlap == .seconds(5))
            #expect(found[0].problems.contains(.overlap(host: "a", time: .seconds(5))))
        }
    }

    @Test("a window in which no agent ran has energy as it is known, and no counts")
    func agentStopped() throws {
        var missed = record("a", 2, 10, 12, credits: 0, observation: .notCaptured)
        missed.flags = [.agentStopped]
        let found = rounds(
            try period(100, round: 100), [record("a", 1, 0, 10), missed, record("a", 3, 12, 100)])
        #expect(found[0].hosts[0].energyCovered == .seconds(100))
        #expect(found[0].hosts[0].countsCovered == .seconds(98))
        #expect(found[0].hosts[0].withoutCounts == [Interval(start: time(10), end: time(12))])
        #expect(found[0].hosts[0].withoutRecord == [])
        #expect(found[0].hosts[0].agentStopped == 1)
        #expect(found[0].scenarios[0].volume.value == 2)
        #expect(found[0].problems == [])
        #expect(found[0].disclosures == [.countsCoverage(host: "a", fraction: 0.98)])
        // Where it ran for a part of the window, what it counted counts.
        missed = record("a", 2, 10, 12, credits: 5)
        missed.flags = [.agentStopped]
        let partly = rounds(
            try period(100, round: 100), [record("a", 1, 0, 10), missed, record("a", 3, 12, 100)])
        #expect(partly[0].scenarios[0].volume.value == 7)
        #expect(partly[0].hosts[0].countsCovered == .seconds(98))
    }

    @Test("other sources are compared over the windows that both know, and never added")
    func comparison() throws {
        var one = record("a", 1, 0, 10, microjoules: 3_000_000)
        one.others = [.wall: Microjoules(4_500_000)]
        let found = rounds(try period(20, round: 20), [one, record("a", 2, 10, 20)])
        let wall = try #require(found[0].hosts[0].comparisons[.wall])
        #expect(wall.primary == Microjoules(3_000_000) && wall.other == Microjoules(4_500_000))
        #expect(wall.ratio == 3.0 / 4.5)
        #expect(found[0].energy?.total == Microjoules(4_000_000))
    }

    @Test("energies of different scope are disclosed where they are added") func mixedScopes()
        throws
    {
        var wall = record("b", 1, 0, 10)
        wall.scope = .host
        let found = rounds(try period(10, round: 10), [record("a", 1, 0, 10), wall])
        #expect(found[0].disclosures == [.mixedScopes([.host, .processorAndMemory])])
    }

    @Test("a host of the period without a record in a round is missing there")
    func missing() throws {
        let found = rounds(
            try period(20, round: 10),
            [record("a", 1, 0, 10), record("a", 2, 10, 20), record("b", 1, 0, 10)])
        #expect(found.map(\.missing) == [[], ["b"]])
        #expect(found[1].problems == [.hostMissing("b")])
    }

    @Test("a host without energy is uncovered, not zero")
    func noEnergy() throws {
        let found = rounds(
            try period(10, round: 10),
            [record("a", 1, 0, 10), record("b", 1, 0, 10, microjoules: nil)])
        #expect(found[0].hosts[1].energy == nil)
        #expect(found[0].problems == [.noEnergy(host: "b")])
    }

    @Test("a round that nothing was recorded of has no figures")
    func empty() throws {
        let found = rounds(try period(10, round: 10), [])
        #expect(found[0].energy == nil)
        #expect(found[0].problems == [.noHosts])
        #expect(
            found[0].scenarios.map(\.volume) == Array(repeating: .unknown(.noRecords), count: 4))
    }

    @Test("energy keeps the state it is known in")
    func states() throws {
        let found = rounds(
            try period(30, round: 30),
            [
                record("a", 1, 0, 10, microjoules: 5),
                record("a", 2, 10, 20, microjoules: 7, state: .bridged),
                record("a", 3, 20, 30, microjoules: 11, state: .estimated),
            ])
        let energy = try #require(found[0].energy)
        #expect(energy.measured == Microjoules(5))
        #expect(energy.bridged == Microjoules(7))
        #expect(energy.estimated == Microjoules(11))
    }

    @Test("the two sides of a window's energy must agree")
    func sides() {
        var state = EnergyByState()
        state.add(Microjoules(5), .measured)
        #expect(RoundRecord.Energy(byState: state, byUse: EnergyByUse()) == nil)
    }
}
