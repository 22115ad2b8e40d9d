import Metering
import Testing

@testable import Rounds

let second: UInt64 = 1_000_000_000
/// 2026-11-21T00:00:00Z.
let origin: UInt64 = 1_795_219_200 * second

func time(_ seconds: UInt64) -> Timestamp { Timestamp(origin + seconds * second) }

func period(_ seconds: UInt64, round: UInt64) throws -> Period {
    try Period(from: time(0), to: time(seconds), roundLength: .seconds(round))
}

/// A record of `host` over `[from, to)` seconds that used `joules` and completed `credits`.
func record(
    _ host: String = "a", _ sequence: UInt64, _ from: UInt64, _ to: UInt64,
    microjoules: UInt64? = 1_000_000, state: EnergyState = .measured, credits: UInt64 = 1,
    observation: Observation = .seen, run: UInt64 = 1
) -> RoundRecord {
    let ids = StandardWeights.scenarios
    var tally = Tally(
        scenarios: ids.map { _ in ScenarioTally(observation: observation) }, services: [])
    tally.scenarios[0].flows = credits
    tally.scenarios[0].completed = credits - credits / 2
    tally.scenarios[0].refused = credits / 2
    let energy: Known<RoundRecord.Energy, EnergyReason>
    if let microjoules, let known = split(microjoules, state) {
        energy = .known(known)
    } else {
        energy = .unknown(.readFailed)
    }
    return RoundRecord(
        host: host, run: RunID(run), sequence: sequence,
        window: Window(
            start: time(from), end: time(to), duration: .seconds(to >= from ? to - from : 0)),
        energy: energy, source: .rapl, scope: .processorAndMemory, scenarios: ids, tally: tally,
        clockError: 10)
}

private func split(_ microjoules: UInt64, _ state: EnergyState) -> RoundRecord.Energy? {
    var byState = EnergyByState()
    byState.add(Microjoules(microjoules), state)
    var partition = EnergyPartition(scenarios: 4)
    partition.scenarios[0] = Microjoules(microjoules / 3)
    partition.idle = Microjoules(microjoules - microjoules / 3)
    return RoundRecord.Energy(
        byState: byState,
        byUse: EnergyByUse(partition, scenarios: StandardWeights.scenarios))
}

func rounds(_ period: Period, _ records: [RoundRecord]) -> [FleetRound] {
    var builder = RoundsBuilder(period)
    for record in records { builder.add(record) }
    return builder.finish()
}

@Suite("A period is divided into equal rounds")
struct Periods {
    @Test("half-open and end to end")
    func endToEnd() throws {
        let period = try period(60, round: 20)
        #expect(period.rounds.map(\.start) == [time(0), time(20), time(40)])
        #expect(period.rounds.map(\.end) == [time(20), time(40), time(60)])
        #expect(period.round(at: time(20)) == 1)
        #expect(period.round(at: Timestamp(time(20).rawValue - 1)) == 0)
        #expect(period.round(at: time(60)) == nil)
    }

    @Test("or refused with the reason")
    func refused() {
        #expect(throws: PeriodError.empty) { try period(0, round: 1) }
        #expect(throws: PeriodError.roundLengthZero) { try period(9, round: 0) }
        #expect(throws: PeriodError.indivisible(period: .seconds(61), round: .seconds(20))) {
            try period(61, round: 20)
        }
        #expect(throws: PeriodError.tooManyRounds(10_001)) { try period(10_001, round: 1) }
    }
}

@Suite("Rounds do not depend on how records arrive")
struct Arrival {
    @Test("any order, with repetitions, gives the same rounds", arguments: 1...30)
    func anyOrder(seed: UInt64) throws {
        var random = Seeded(seed)
        var records: [RoundRecord] = []
        for host in ["a", "b", "c"] {
            var at: UInt64 = 0
            var sequence: UInt64 = 1
            while at < 130 {
                let length = UInt64.random(in: 1...17, using: &random)
                if Int.random(in: 0..<10, using: &random) > 0 {
                    records.append(
                        anyRecord(host, sequence, at, at + length, using: &random))
                    sequence += 1
                }
                at += length
            }
        }
        let period = try period(120, round: 30)
        let expected = rounds(period, records)
        var again = records
        again += records.filter { _ in Bool.random(using: &random) }
        #expect(rounds(period, again.shuffled(using: &random)) == expected)
    }

    private func anyRecord(
        _ host: String, _ sequence: UInt64, _ from: UInt64, _ to: UInt64,
        using random: inout Seeded
    ) -> RoundRecord {
        let states: [EnergyState] = [.measured, .bridged, .estimated]
        let observations: [Observation] = [.seen, .seen, .quiet, .encrypted, .notCaptured, .noRule]
        return record(
            host, sequence, from, to,
            microjoules: Int.random(in: 0..<8, using: &random) == 0
                ? nil : UInt64.random(in: 0...1_000_003, using: &random),
            state: states.randomElement(using: &random) ?? .measured,
            credits: UInt64.random(in: 0...9, using: &random),
            observation: observations.randomElement(using: &random) ?? .seen)
    }

    @Test("a record counts once, and two runs are two records")
    func once() throws {
        let period = try period(10, round: 10)
        var builder = RoundsBuilder(period)
        for run: UInt64 in [1, 1, 2] { builder.add(record("a", 1, 0, 10, run: run)) }
        let round = try #require(builder.finish().first)
        #expect(builder.duplicates == 1)
        #expect(round.energy?.total == Microjoules(2_000_000))
        #expect(round.hosts.first?.overlap == .seconds(10))
    }

}

@Suite("Energy is conserved over rounds")
struct Conservation {
    @Test("a window over boundaries is divided to the microjoule", arguments: 1...200)
    func straddling(seed: UInt64) throws {
        var random = Seeded(seed)
        let energy = UInt64.random(in: 0...(1 << 45), using: &random)
        let from = UInt64.random(in: 0...50, using: &random)
        let to = from + UInt64.random(in: 1...69, using: &random)
        let state: EnergyState = Bool.random(using: &random) ? .measured : .bridged
        let found = rounds(
            try period(120, round: 10),
            [record("a", 1, from, to, microjoules: energy, state: state)])
        let parts = found.compactMap(\.energy)
        #expect(parts.map { $0.total.rawValue }.reduce(0, +) == energy)
        for round in found where round.energy != nil {
            #expect(round.energy?.total == round.use.total)
        }
        let inside = found.filter { $0.energy != nil }
        for round in inside.dropFirst().dropLast() {
            let share = Double(energy) * 10 / Double(to - from)
            let got = Double(round.energy?.total.rawValue ?? 0)
            #expect(abs(got - share) <= 1)
        }
    }

    @Test("neighbouring periods share a window without loss or gain")
    func neighbours() throws {
        let shared = record("a", 1, 7, 14, microjoules: 1_000_001)
        let before = try Period(from: time(0), to: time(10), roundLength: .seconds(10))
        let after = try Period(from: time(10), to: time(20), roundLength: .seconds(10))
        let energies = [before, after].flatMap { rounds($0, [shared]).compactMap(\.energy) }
        #expect(energies.map(\.total.rawValue).reduce(0, +) == 1_000_001)
        let counts = [before, after].flatMap { rounds($0, [shared]) }.map {
            $0.scenarios.first?.counts.flows
        }
        #expect(counts == [0, 1])
    }

    @Test("the parts of a division sum to the whole and differ by less than one from exact")
    func division() {
        var random = Seeded(7)
        for _ in 0..<2_000 {
            let total = UInt64.random(in: 0...UInt64.max, using: &random)
            let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                UInt64.random(in: 0...UInt64.max, using: &random)
            }
            let parts = divide(total, by: weights)
            #expect(parts.reduce(UInt128(0)) { $0 + UInt128($1) } == UInt128(total))
        }
        #expect(divide(10, by: [1, 1, 1]) == [4, 3, 3])
        #expect(divide(10, by: [0, 0]) == [10, 0])
        #expect(divide(10, by: []) == [])
    }

    @Test("counts of a window over a boundary belong to the round of its last nanosecond")
    func counts() throws {
        let found = rounds(
            try period(20, round: 10), [record("a", 1, 5, 15, credits: 6), record("a", 2, 15, 20)])
        #expect(found.map { $0.scenarios[0].counts.flows } == [0, 7])
        #expect(found.map { $0.hosts[0].straddling } == [1, 1])
        let exact = rounds(try period(20, round: 10), [record("a", 1, 0, 10, credits: 6)])
        #expect(exact.map { $0.scenarios[0].counts.flows } == [6, 0])
    }

    @Test("a window that ends before it starts is an instant at its start")
    func backwards() throws {
        let found = rounds(try period(20, round: 10), [record("a", 1, 12, 4)])
        #expect(found.map { $0.energy?.total.rawValue } == [nil, 1_000_000])
        #expect(found[1].hosts[0].energyCovered == .zero)
    }
}

@Suite("Business volume is known or says why not")
struct Volumes {
    typealias Case = (windows: [Observation], expected: Known<UInt64, VolumeUnknown>)

    @Test(
        "on one host",
        arguments: [
            ([.seen, .quiet], .known(2)),
            ([.quiet, .quiet], .unknown(.nothingSeen)),
            ([.seen, .encrypted], .unknown(.encrypted(hosts: ["a"]))),
            ([.seen, .notCaptured], .unknown(.notCaptured(hosts: ["a"]))),
            ([.noRule, .noRule], .unknown(.noRule)),
        ] as [Case])
    func one(_ example: Case) throws {
        let records = example.windows.enumerated().map { index, observation in
            record(
                "a", UInt64(index + 1), UInt64(index) * 10, UInt64(index) * 10 + 10,
                observation: observation)
        }
        let round = rounds(try period(20, round: 20), records)[0]
        #expect(round.scenarios[0].volume == example.expected)
    }

    @Test("over hosts: summed where seen, unknown where one counting host cannot say")
    func several() throws {
        let period = try period(10, round: 10)
        func volume(_ b: Observation) -> Known<UInt64, VolumeUnknown> {
            rounds(
                period,
                [
                    record("a", 1, 0, 10, credits: 3),
                    record("b", 1, 0, 10, credits: b == .seen ? 4 : 0, observation: b),
                ])[0].scenarios[0].volume
        }
        #expect(volume(.seen) == .known(7))
        #expect(volume(.quiet) == .known(3))
        #expect(volume(.noRule) == .known(3))
        #expect(volume(.encrypted) == .unknown(.encrypted(hosts: ["b"])))
    }

    @Test("a window of unknown counts takes the word of every round it touches")
    func touched() throws {
        let found = rounds(
            try period(20, round: 10),
            [
                record("a", 1, 0, 8), record("a", 2, 8, 12, observation: .notCaptured),
                record("a", 3, 12, 20),
            ])
        #expect(
            found.map(\.scenarios[0].volume)
                == Array(repeating: .unknown(.notCaptured(hosts: ["a"])), count: 2))
        #expect(found.map { $0.hosts[0].countsCovered } == [.seconds(8), .seconds(8)])
    }

    @Test("another scenario is listed with those found; the standard's four otherwise")
    func others() throws {
        var other = record("a", 1, 0, 10)
        other.scenarios = ["query", "transfer", "credit", "audit"].map { ScenarioID($0) }
        let period = try period(10, round: 10)
        #expect(
            rounds(period, [other])[0].scenarios.map(\.id.name)
                == ["credit", "query", "audit", "transfer"])
        other.scenarios = [.query]
        #expect(rounds(period, [other])[0].scenarios.map(\.id) == StandardWeights.scenarios)
        #expect(rounds(period, [other])[0].scenarios[0].volume == .unknown(.noRule))
    }

    @Test("numbers at the end of their range are clamped, not wrapped")
    func clamped() throws {
        let found = rounds(
            try period(20, round: 20),
            [record("a", 1, 0, 10, credits: .max), record("a", 2, 10, 20, credits: .max)])
        #expect(found[0].scenarios[0].counts.flows == .max)
    }
}

@Suite("A set of intervals")
struct IntervalSets {
    @Test("holds what was inserted, in any order", arguments: 1...50)
    func model(seed: UInt64) {
        var random = Seeded(seed)
        var set = IntervalSet()
        var model = Set<UInt64>()
        for _ in 0..<40 {
            let low = UInt64.random(in: 0...60, using: &random)
            let range = low..<(low + UInt64.random(in: 0...9, using: &random))
            let before = model.count
            model.formUnion(range)
            #expect(set.insert(range) == UInt64(model.count - before))
        }
        #expect(Set(set.ranges.flatMap { Array($0) }) == model)
        #expect(set.count == UInt64(model.count))
        #expect(Set(set.gaps(in: 5..<50).flatMap { Array($0) }) == Set(5..<50).subtracting(model))
        for (a, b) in zip(set.ranges, set.ranges.dropFirst()) {
            #expect(a.upperBound < b.lowerBound)
        }
    }
}
