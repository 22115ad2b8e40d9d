import Metering
import Testing

@testable import Attribution

private func busy(_ parts: [UInt64], other: UInt64 = 0) -> BusyTime {
    var busy = BusyTime(scenarios: parts.count)
    busy.scenarios = parts.map(Nanoseconds.init)
    busy.other = Nanoseconds(other)
    return busy
}

/// 1,000 µJ idle and 1,000 µJ beyond it, over a millisecond.
private func divide(
    busy hostBusy: UInt64 = 1000, services: [UInt64] = [600, 200], _ rule: DivisionRule,
    _ counts: [BusyTime?]
) -> EnergyPartition {
    EnergyDivision(
        of: Microjoules(2000), over: .milliseconds(1), idleMilliwatts: 1000,
        processor: ProcessorTime(
            hostBusy: .known(Nanoseconds(hostBusy)),
            services: services.map { .known(Nanoseconds($0)) }),
        counts: counts.map { ServiceCounts(flows: [1, 1], areKnown: true, busy: $0) },
        weights: [3, 1], rule: rule
    ).partition
}

@Suite("The rules by which energy is divided") struct DivisionRuleTests {
    @Test(
        "the parts add up to the whole for any input and rule", arguments: 0..<40 as Range<UInt64>)
    func conservation(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        for _ in 0..<250 {
            let (scenarios, services) = (Int(random.next() % 6), Int(random.next() % 5))
            func time() -> Known<Nanoseconds, ProcessorUnknown> {
                random.next() % 5 == 0
                    ? .unknown(.notFound) : .known(Nanoseconds(random.extreme()))
            }
            let counts = (0..<services).map { _ in
                ServiceCounts(
                    flows: (0..<scenarios).map { _ in random.extreme() },
                    areKnown: random.next() % 5 > 0,
                    busy: random.next() % 5 == 0
                        ? nil
                        : busy(
                            (0..<scenarios).map { _ in random.extreme() }, other: random.extreme())
                )
            }
            let energy = random.extreme()
            let rule = DivisionRule(
                model: random.next() % 2 == 0 ? .standard : .concurrency,
                idle: [.unallocated, .proportional, .reserved][Int(random.next() % 3)],
                reservedPercent: (0..<Int(random.next() % 6)).map { _ in random.extreme() })
            let partition = EnergyDivision(
                of: Microjoules(energy), over: Nanoseconds(random.extreme()),
                idleMilliwatts: random.next() % 5 == 0 ? nil : random.extreme(),
                processor: ProcessorTime(
                    hostBusy: time(), services: (0..<services).map { _ in time() }),
                counts: counts, weights: (0..<scenarios).map { _ in random.extreme() }, rule: rule
            ).partition
            let parts =
                partition.scenarios + [
                    partition.other, partition.background, partition.unmonitored, partition.idle,
                    partition.undivided,
                ]
            #expect(parts.reduce(UInt128(0)) { $0 + UInt128($1.rawValue) } == UInt128(energy))
            #expect((partition.undivided > .zero) == (partition.undividedReason != nil))
        }
    }

    @Test("concurrency divides by the time in flight, and gives no rule's exchanges their part")
    func concurrency() {
        let partition = divide(
            DivisionRule(model: .concurrency), [busy([30, 10], other: 20), busy([0, 0])])
        #expect(partition.scenarios.map(\.rawValue) == [300, 100])
        #expect(partition.other == Microjoules(200))
        // Nothing was in flight on the second service.
        #expect(partition.background == Microjoules(200))
        #expect(partition.unmonitored == Microjoules(200))
        #expect(partition.idle == Microjoules(1000))
    }

    @Test("concurrency gives nothing to a scenario without exchanges, and equals equal parts")
    func absenceAndSymmetry() {
        let rule = DivisionRule(model: .concurrency, idle: .proportional)
        let partition = divide(rule, [busy([0, 7]), busy([0, 9])])
        #expect(partition.scenarios[0] == .zero)
        let equal = divide(rule, [busy([7, 7]), busy([9, 9])])
        #expect(equal.scenarios[0] == equal.scenarios[1])
    }

    @Test("concurrency without a measured time leaves the service's energy undivided")
    func unmeasured() {
        let partition = divide(DivisionRule(model: .concurrency), [nil, busy([1, 0])])
        #expect(partition.undivided == Microjoules(600))
        #expect(partition.undividedReason == .countsUnknown)
        #expect(partition.scenarios.map(\.rawValue) == [200, 0])
    }

    @Test("the order of the services never matters") func order() {
        let (a, b) = (busy([30, 10], other: 20), busy([1, 9]))
        for idle in [IdleRule.unallocated, .proportional, .reserved] {
            var rule = DivisionRule(model: .concurrency, idle: idle, reservedPercent: [50, 20])
            let there = divide(services: [600, 200], rule, [a, b])
            rule.reservedPercent = [20, 50]
            #expect(divide(services: [200, 600], rule, [b, a]) == there)
        }
    }

    @Test("proportional: whoever used energy bears the idle part, and shares stay as they are")
    func proportional() {
        let partition = divide(
            DivisionRule(idle: .proportional), [busy([1, 1]), busy([1, 1])])
        // 600 + 200 of the services by 3 : 1, twice.
        #expect(partition.scenarios.map(\.rawValue) == [1200, 400])
        #expect(partition.unmonitored == Microjoules(400))
        #expect(partition.idle == .zero)
    }

    @Test(
        "the idle rules' example of docs/attribution.md",
        arguments: [
            (IdleRule.unallocated, [300, 100, 400, 1200] as [UInt64]),
            (.proportional, [750, 250, 1000, 0]), (.reserved, [780, 220, 400, 600]),
        ])
    func documentedExample(idle: IdleRule, joules: [UInt64]) {
        let partition = EnergyDivision(
            of: Microjoules(2_000_000_000), over: .seconds(10), idleMilliwatts: 120_000,
            processor: ProcessorTime(
                hostBusy: .known(.seconds(16)),
                services: [.known(.seconds(6)), .known(.seconds(2))]),
            counts: [
                ServiceCounts(flows: [10, 20, 40, 220], areKnown: true),
                ServiceCounts(flows: [0, 0, 0, 0], areKnown: true),
            ], weights: [24, 7, 3, 1], rule: DivisionRule(idle: idle, reservedPercent: [40, 10])
        ).partition
        let parts = [
            partition.scenarios.reduce(.zero, +), partition.background, partition.unmonitored,
            partition.idle,
        ]
        #expect(parts.map(\.rawValue) == joules.map { $0 * 1_000_000 })
        // A third is credit's, whoever bears the idle part.
        #expect(partition.scenarios[0].rawValue * 3 == joules[0] * 1_000_000)
    }

    @Test("proportional: where nobody was busy, idle stays idle") func proportionalOfNobody() {
        let partition = divide(
            busy: 0, services: [0, 0], DivisionRule(idle: .proportional), [nil, nil])
        #expect(partition.idle == Microjoules(1000))
        #expect(partition.unmonitored == Microjoules(1000))
    }

    @Test("reserved: a service bears its share of the idle part, with work or without")
    func reserved() {
        let rule = DivisionRule(model: .concurrency, idle: .reserved, reservedPercent: [50, 20])
        let partition = divide(rule, [busy([3, 1]), busy([0, 0])])
        #expect(partition.scenarios.map(\.rawValue) == [825, 275])
        #expect(partition.background == Microjoules(400))
        #expect(partition.idle == Microjoules(300))
        #expect(partition.unmonitored == Microjoules(200))
    }

    @Test("reserved: more than the whole is not there") func reservedTooMuch() {
        let rule = DivisionRule(idle: .reserved, reservedPercent: [90, 90])
        let partition = divide(rule, [nil, nil])
        #expect(partition.idle == .zero)
        #expect(partition.scenarios.reduce(.zero, +) == Microjoules(1800))
    }
}
