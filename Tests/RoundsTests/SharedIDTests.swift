import Metering
import Testing

@testable import Rounds

@Suite("Two agents that share an id")
struct SharedIDs {
    @Test("make a round invalid that both cover, and a little overlap is disclosed")
    func overlap() throws {
        let period = try Period(from: time(0), to: time(100), roundLength: .seconds(100))
        let one = (0..<10).map {
            record("a", UInt64($0 + 1), UInt64($0) * 10, UInt64($0) * 10 + 10)
        }
        let same = (0..<10).map {
            record("a", UInt64($0 + 1), UInt64($0) * 10, UInt64($0) * 10 + 10, run: 2)
        }
        let whole = try #require(rounds(period, one + same).first)
        #expect(whole.problems.contains(.overlap(host: "a", time: .seconds(100))))
        let alone = try #require(rounds(period, one).first)
        #expect(alone.problems.isEmpty)
    }

    @Test("what each run of a host dropped adds up")
    func dropped() throws {
        let period = try Period(from: time(0), to: time(100), roundLength: .seconds(100))
        let records = [(1, 3), (1, 7), (2, 0), (2, 4), (2, 4)].enumerated().map { index, one in
            var made = record(
                "a", UInt64(index + 1), UInt64(index) * 10, UInt64(index) * 10 + 10,
                run: UInt64(one.0))
            made.spoolDropped = UInt64(one.1)
            return made
        }
        let round = try #require(rounds(period, records).first)
        #expect(round.hosts.first?.spoolDropped == 11)
    }

    @Test("an energy whose sums are clamped is none")
    func clamped() {
        var byState = EnergyByState()
        byState.add(Microjoules(.max), .measured)
        var partition = EnergyPartition(scenarios: 4)
        partition.idle = Microjoules(.max)
        partition.other = Microjoules(.max)
        #expect(
            RoundRecord.Energy(
                byState: byState,
                byUse: EnergyByUse(partition, scenarios: StandardWeights.scenarios)) == nil)
    }
}
