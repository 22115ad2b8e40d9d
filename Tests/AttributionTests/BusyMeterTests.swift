import CAllocationCounter
import Metering
import Testing
import Traffic

@testable import Attribution

private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000_000_000

private func isNear(_ parts: [UInt64], _ exact: [Double], within bound: Double = 2) -> Bool {
    parts.count == exact.count && zip(parts, exact).allSatisfy { abs(Double($0) - $1) <= bound }
}

@Suite("Time in flight") struct BusyMeterTests {
    @Test("the example of docs/attribution.md") func documentedExample() throws {
        // A credit application from 0 to 4 s, a query from 1 to 3 s, one of no rule from 6 to 7 s.
        let load = [
            MadeExchange(scenario: 0, start: 0, end: 4 * second),
            MadeExchange(scenario: 3, start: second, end: 3 * second),
            MadeExchange(scenario: nil, start: 6 * second, end: 7 * second),
        ]
        let measured = measure(load, ends: [10 * second])[0]
        #expect(measured.busy[0].parts == [3 * second, 0, 0, second, second])
        let division = EnergyDivision(
            of: Microjoules(2_000_000_000), over: .seconds(10), idleMilliwatts: 120_000,
            processor: ProcessorTime(
                hostBusy: .known(.seconds(16)), services: [.known(.seconds(6))]),
            counts: [
                ServiceCounts(flows: [1, 0, 0, 1], areKnown: true, busy: measured.busy[0])
            ], weights: [24, 7, 3, 1], rule: DivisionRule(model: .concurrency))
        let partition = division.partition
        #expect(
            partition.scenarios.map(\.rawValue) == [180_000_000, 0, 0, 60_000_000])
        #expect(partition.other == Microjoules(60_000_000))
        #expect(partition.unmonitored == Microjoules(500_000_000))
        #expect(partition.idle == Microjoules(1_200_000_000))
        #expect(partition.total == Microjoules(2_000_000_000))
    }

    @Test("is what the definition says, for any load", arguments: 0..<30 as Range<UInt64>)
    func definition(seed: UInt64) {
        let load = madeLoad(Int(seed) * 3 + 1, services: 2, seed: seed)
        let measured = measure(load, services: 2, ends: [1000 * millisecond])[0]
        for service in 0..<2 {
            let exact = shares(load, service: service, from: 0, to: 1000 * millisecond)
            #expect(isNear(measured.busy[service].parts, exact))
        }
        #expect(measured.unfinished == 0)
    }

    @Test(
        "the order of what happens at the same time never matters",
        arguments: 0..<20 as Range<UInt64>)
    func order(seed: UInt64) {
        // Few different times, so that most events share theirs with others.
        let load = madeLoad(60, until: 12, seed: seed)
        let ends = [4 * millisecond, 9 * millisecond, 12 * millisecond]
        let first = measure(load, ends: ends, order: SeededGenerator(state: seed))
        let second = measure(load, ends: ends, order: SeededGenerator(state: seed &+ 1000))
        for (a, b) in zip(first, second) {
            #expect(isNear(a.busy[0].parts, b.busy[0].parts.map { Double($0) }))
        }
    }

    @Test(
        "an exchange longer than a window has its part of each", arguments: 0..<20 as Range<UInt64>)
    func windows(seed: UInt64) {
        let load = madeLoad(50, seed: seed)
        let ends: [UInt64] = [100, 101, 350, 700, 1000].map { $0 * millisecond }
        let measured = measure(load, ends: ends)
        for (window, (from, to)) in zip(measured, zip([0] + ends, ends)) {
            #expect(isNear(window.busy[0].parts, shares(load, from: from, to: to)))
            #expect(window.busy[0].parts.reduce(0, +) <= to - from)
        }
        let whole = measure(load, ends: [1000 * millisecond])[0].busy[0]
        var sum = BusyTime(scenarios: 4)
        for window in measured { sum += window.busy[0] }
        #expect(isNear(sum.parts, whole.parts.map { Double($0) }, within: 10))
    }

    @Test("scenarios with the same exchanges have equal parts") func symmetry() {
        let load = (0..<4).flatMap { scenario in
            madeLoad(20, scenarios: 1, seed: 5).map {
                MadeExchange(scenario: scenario, start: $0.start, end: $0.end)
            }
        }
        let parts = measure(load, ends: [1000 * millisecond])[0].busy[0].parts
        #expect(Set(parts.prefix(4)).count == 1)
        #expect(parts[0] > 0 && parts[4] == 0)
    }

    @Test("a scenario without exchanges has none") func absence() {
        let load = madeLoad(200, scenarios: 2, seed: 3)
        let parts = measure(load, ends: [1000 * millisecond])[0].busy[0].parts
        #expect(parts[2] == 0 && parts[3] == 0 && parts[0] > 0 && parts[1] > 0 && parts[4] > 0)
    }

    @Test("services do not share their time") func services() {
        let load = [
            MadeExchange(service: 0, scenario: 0, start: 0, end: second),
            MadeExchange(service: 1, scenario: 1, start: 0, end: second),
        ]
        let busy = measure(load, services: 2, ends: [second * 2])[0].busy
        #expect(busy[0].parts == [second, 0, 0, 0, 0])
        #expect(busy[1].parts == [0, second, 0, 0, 0])
    }

    @Test("a response that does not come is waited for a minute, and counted") func patience() {
        let load = [
            MadeExchange(scenario: 0, start: 0, end: nil),
            MadeExchange(scenario: 1, start: 0, end: 100 * second),
        ]
        let measured = measure(load, ends: (1...11).map { $0 * 10 * second })
        // At the end of the seventh window both have waited for more than a minute.
        for window in measured.prefix(7) {
            #expect(window.busy[0].parts == [5 * second, 5 * second, 0, 0, 0])
        }
        #expect(measured.map(\.unfinished) == [0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
        #expect(measured[7].busy[0].parts == [0, 0, 0, 0, 0])
        #expect(measured[9].busy[0].parts == [0, 0, 0, 0, 0])
    }

    @Test("a request that is lost has had its part, and is counted") func abandonment() {
        let meter = BusyMeter(services: 1, scenarios: 1, from: Timestamp(0))
        let mark = meter.begin(0, at: Timestamp(second))
        meter.abandon(0, mark, scenario: 0, at: Timestamp(3 * second))
        meter.abandon(0, .none, scenario: 0, at: Timestamp(3 * second))
        let taken = meter.take()
        #expect(taken.busy[0].parts == [2 * second, 0])
        #expect(taken.unfinished == 1)
        #expect(meter.isQuiet)
    }

    @Test("what is told late, or of a service that is not there, changes no part of others")
    func hostileTimes() {
        let meter = BusyMeter(services: 1, scenarios: 1, from: Timestamp(second))
        let mark = meter.begin(0, at: Timestamp(5 * second))
        let late = meter.begin(0, at: Timestamp(0))
        #expect(meter.begin(7, at: Timestamp(second)) == .none)
        meter.end(7, mark, scenario: 0, at: Timestamp(second))
        meter.end(0, late, scenario: 9, at: Timestamp(7 * second))
        meter.end(0, mark, scenario: 0, at: Timestamp(6 * second))
        #expect(meter.take().busy[0].parts == [second, second])
        // A clock that is set a century ahead.
        let far = meter.begin(0, at: Timestamp(7 * second))
        meter.end(0, far, scenario: 0, at: Timestamp(.max))
        #expect(meter.take().busy[0].parts[0] <= 1 << 43)
    }

    @Test("allocates nothing per exchange") func allocations() {
        let meter = BusyMeter(services: 2, scenarios: 4, from: Timestamp(0))
        var time: UInt64 = 0
        func pass() {
            for index in 0..<1000 {
                time += 1000
                let mark = meter.begin(index % 2, at: Timestamp(time))
                let other = meter.begin(index % 2, at: Timestamp(time + 10))
                meter.end(index % 2, mark, scenario: index % 4, at: Timestamp(time + 500))
                meter.end(index % 2, other, scenario: nil, at: Timestamp(time + 700))
            }
        }
        pass()
        allocation_count_reset()
        pass()
        let allocations = allocation_count()
        #expect(allocations == 0)
        #expect(meter.take().busy[0].other > .zero)
    }
}
