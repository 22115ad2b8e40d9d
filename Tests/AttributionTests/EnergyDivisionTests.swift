import Metering
import Testing

@testable import Attribution

/// A seeded generator, so that a failing case can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Often an extreme: 0, 1, the largest values and their neighbours.
    mutating func extreme() -> UInt64 {
        switch next() % 8 {
        case 0: 0
        case 1: 1
        case 2: .max
        case 3: .max - 1
        case 4: 1 << 63
        case 5: next() % 1000
        default: next() >> (next() % 64)
        }
    }
}

private let weights: [UInt64?] = [24, 7, 3, 1]

private func time(_ busy: UInt64?, _ services: [UInt64?]) -> ProcessorTime {
    ProcessorTime(
        hostBusy: busy.map { .known(Nanoseconds($0)) } ?? .unknown(.readFailed),
        services: services.map { $0.map { .known(Nanoseconds($0)) } ?? .unknown(.notFound) })
}

private func divide(
    _ energy: UInt64, idle: UInt64? = 0, _ processor: ProcessorTime,
    _ flows: [[UInt64]?], weights: [UInt64?] = weights
) -> EnergyDivision {
    EnergyDivision(
        of: Microjoules(energy), over: .seconds(10), idleMilliwatts: idle, processor: processor,
        counts: flows.map {
            ServiceCounts(flows: $0 ?? [0, 0, 0, 0], areKnown: $0 != nil)
        }, weights: weights)
}

@Suite("A window's energy is divided") struct EnergyDivisionTests {
    @Test("the example of docs/attribution.md") func documentedExample() {
        let division = divide(
            2_000_000_000, idle: 120_000, time(16_000_000_000, [6_000_000_000, 2_000_000_000]),
            [[10, 20, 40, 220], [0, 0, 0, 0]])
        let partition = division.partition
        #expect(partition.idle == Microjoules(1_200_000_000))
        #expect(
            partition.scenarios.map(\.rawValue)
                == [100_000_000, 58_333_333, 50_000_000, 91_666_667])
        #expect(partition.background == Microjoules(100_000_000))
        #expect(partition.unmonitored == Microjoules(400_000_000))
        #expect(partition.undivided == .zero)
        #expect(partition.total == Microjoules(2_000_000_000))
        #expect(!division.busyTimeRaised)
    }

    @Test("the parts add up to the whole for any input", arguments: 0..<40)
    func conservation(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        for _ in 0..<250 {
            let energy = random.extreme()
            let scenarios = Int(random.next() % 6)
            let services = Int(random.next() % 5)
            func maybe() -> UInt64? { random.next() % 5 == 0 ? nil : random.extreme() }
            let counts = (0..<services).map { _ in
                ServiceCounts(
                    flows: (0..<scenarios).map { _ in random.extreme() },
                    areKnown: random.next() % 5 > 0)
            }
            let division = EnergyDivision(
                of: Microjoules(energy), over: Nanoseconds(random.extreme()),
                idleMilliwatts: maybe(),
                processor: time(maybe(), (0..<services).map { _ in maybe() }),
                counts: counts, weights: (0..<scenarios).map { _ in maybe() })
            // `total` clamps, so the parts are added wide.
            let partition = division.partition
            let parts =
                partition.scenarios + [
                    partition.other, partition.background, partition.unmonitored, partition.idle,
                    partition.undivided,
                ]
            #expect(parts.reduce(UInt128(0)) { $0 + UInt128($1.rawValue) } == UInt128(energy))
            #expect((partition.undivided > .zero) == (partition.undividedReason != nil))
        }
    }

    @Test("idle power unknown leaves all undivided") func idleUnknown() {
        let partition = divide(1000, idle: nil, time(10, [5]), [[1, 0, 0, 0]]).partition
        #expect(partition.undivided == Microjoules(1000))
        #expect(partition.undividedReason == .idleUnknown)
    }

    @Test("host time unknown leaves what exceeds idle undivided") func hostTimeUnknown() {
        let partition = divide(
            30_000_000, idle: 1000, time(nil, [5]), [[1, 0, 0, 0]]
        ).partition
        #expect(partition.idle == Microjoules(10_000_000))
        #expect(partition.undivided == Microjoules(20_000_000))
        #expect(partition.undividedReason == .hostTimeUnknown)
    }

    @Test("a service's time unknown leaves undivided what the known ones did not use")
    func serviceTimeUnknown() {
        let partition = divide(
            1000, time(10, [4, nil]), [[1, 0, 0, 0], [1, 0, 0, 0]]
        ).partition
        #expect(partition.scenarios[0] == Microjoules(400))
        #expect(partition.undivided == Microjoules(600))
        #expect(partition.undividedReason == .serviceTimeUnknown)
        #expect(partition.unmonitored == .zero)
    }

    @Test("counts unknown leave the service's energy undivided") func countsUnknown() {
        let partition = divide(1000, time(10, [4]), [nil]).partition
        #expect(partition.undivided == Microjoules(400))
        #expect(partition.undividedReason == .countsUnknown)
        #expect(partition.unmonitored == Microjoules(600))
        #expect(divide(1000, time(10, [4]), []).partition.undividedReason == .countsUnknown)
    }

    @Test("a service without a weighted flow is background") func background() {
        #expect(divide(1000, time(4, [4]), [[0, 0, 0, 0]]).partition.background.rawValue == 1000)
        let unweighted = divide(1000, time(4, [4]), [[9]], weights: [nil])
        #expect(unweighted.partition.background.rawValue == 1000)
        #expect(unweighted.partition.scenarios == [.zero])
    }

    @Test("an idle host's energy above idle is unmonitored") func nobodyBusy() {
        #expect(divide(1000, time(0, [0]), [[1, 0, 0, 0]]).partition.unmonitored.rawValue == 1000)
        #expect(divide(1000, time(0, []), []).partition.unmonitored.rawValue == 1000)
    }

    @Test("services above the host's busy time share all of it, and it is said")
    func busyTimeRaised() {
        let division = divide(900, time(10, [20, 10]), [[1, 0, 0, 0], [0, 1, 0, 0]])
        #expect(division.busyTimeRaised)
        #expect(division.partition.scenarios.map(\.rawValue) == [600, 300, 0, 0])
        #expect(division.partition.unmonitored == .zero)
        #expect(!divide(900, time(30, [20, 10]), [nil, nil]).busyTimeRaised)
    }

    @Test("idle never exceeds what was measured") func idleAboveMeasured() {
        let partition = divide(1000, idle: .max, time(10, [10]), [[1, 0, 0, 0]]).partition
        #expect(partition.idle == Microjoules(1000))
        #expect(partition.total == Microjoules(1000))
    }
}

@Suite("Apportionment by the largest remainder") struct ApportionmentTests {
    @Test("gives what is left to the largest remainder, ties to the earlier")
    func remainders() {
        #expect(apportion(10, by: [1, 1, 1]) == [4, 3, 3])
        #expect(apportion(11, by: [1, 1, 1]) == [4, 4, 3])
        #expect(apportion(10, by: [1, 2, 6]) == [1, 2, 7])
        #expect(apportion(1, by: [1, 3]) == [0, 1])
    }

    @Test("nothing to divide by is nil, nothing to divide is zeros") func nothing() {
        #expect(apportion(10, by: []) == nil)
        #expect(apportion(10, by: [0, 0]) == nil)
        #expect(apportion(0, by: [5, 0]) == [0, 0])
        #expect(apportion(7, by: [0, 5]) == [0, 7])
    }

    @Test("a share of zero gets nothing") func zeroShare() {
        var random = SeededGenerator(state: 7)
        for _ in 0..<500 {
            let shares = (0..<5).map { UInt128(random.extreme()) * UInt128($0 == 2 ? 0 : 1) }
            guard let parts = apportion(random.extreme(), by: shares) else { continue }
            #expect(parts[2] == 0)
        }
    }

    @Test("each part is within one unit of its exact part") func quota() {
        var random = SeededGenerator(state: 11)
        for _ in 0..<500 {
            let shares = (0..<4).map { _ in UInt128(random.next() % 1_000_000) }
            let whole = random.next() % 1_000_000_000_000
            let sum = shares.reduce(0, +)
            guard let parts = apportion(whole, by: shares) else { continue }
            for (part, share) in zip(parts, shares) {
                let exact = UInt128(whole) * share / sum
                #expect(UInt128(part) == exact || UInt128(part) == exact + 1)
            }
        }
    }
}
