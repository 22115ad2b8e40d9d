import Metering
import Scenarios
import Testing
import Traffic
import Transactions

@testable import Agent

private func exchange(at time: UInt64, _ body: (Exchange) -> Void) {
    let text = Array("GET/a".utf8)
    text.withUnsafeBytes { bytes in
        body(
            Exchange(
                start: Timestamp(time), end: Timestamp(time), service: 0,
                client: Endpoint(high: 0, low: 1, port: 1),
                server: Endpoint(high: 0, low: 2, port: 2),
                method: UnsafeRawBufferPointer(rebasing: bytes[0..<3]),
                target: UnsafeRawBufferPointer(rebasing: bytes[3..<5]), status: 200,
                isComplete: true, requestBodyLength: 0, responseBodyLength: 0,
                fields: UnsafeBufferPointer(start: nil, count: 0)))
    }
}

private func getting(_ id: ScenarioID, _ path: String = "/a") -> FlowScenario {
    scenario(id, path, method: "GET", [OutcomeCondition(.completed, statuses: [.hundred(2)])])
}

@Suite("Counts by window")
struct TallyBucketTests {
    private let counter = FlowCounter([getting(.query)], countsFlows: [true])

    /// An engine's counters with `packets` packets, all of the one service and readable.
    private func counters(_ packets: UInt64) -> EngineCounters {
        let engine = TransactionEngine(
            services: [EngineService(ports: [80], selectors: [])], sink: { _ in })
        var counters = engine.counters
        counters.packets = packets
        counters.services[0].packets = packets
        counters.services[0].readablePackets = packets
        return counters
    }

    @Test("an exchange on the boundary belongs to the window that begins there; none is lost")
    func boundary() {
        let bucket = TallyBucket(counter, book: emptyBook(), length: Nanoseconds(100))
        bucket.begin(counters(0))
        bucket.replan(ends: [Timestamp(100)])
        for time: UInt64 in [1, 99, 100, 101, 50] { exchange(at: time) { bucket.count($0) } }
        let first = bucket.take(nextEnds: [Timestamp(200)], counters(0)).tally
        exchange(at: 150) { bucket.count($0) }
        exchange(at: 60) { bucket.count($0) }
        let second = bucket.take(nextEnds: [Timestamp(300)], counters(0)).tally
        #expect(first.scenarios[0].flows == 3)
        #expect(second.scenarios[0].flows == 4)
        #expect(first.losses.late == 0)
        #expect(second.losses.late == 1)
        #expect(first.exchanges + second.exchanges == 7)
    }

    @Test("what was captured before the first window counts nothing, and its flows go on")
    func beforeTheFirst() {
        let keyed = FlowScenario(
            id: .query,
            steps: [
                FlowStep(
                    name: "step",
                    request: RequestMatch(
                        path: PathTemplate(
                            segments: [.parameter("no")], isPrefix: false)),
                    key: .path("no"), requires: [], completes: true, count: nil,
                    outcomes: [OutcomeCondition(.completed, statuses: [.hundred(2)])])
            ], refusalCounts: false, expiry: .seconds(60), deduplication: .host)
        let book = emptyBook()
        let bucket = TallyBucket(
            FlowCounter([keyed], countsFlows: [true]), book: book, length: Nanoseconds(100))
        bucket.begin(counters(0), behind: Timestamp(30)..<Timestamp(50))
        bucket.replan(ends: [Timestamp(100)])
        bucket.move(to: Timestamp(49), counters(0))
        exchange(at: 49) { bucket.count($0) }
        #expect(bucket.isCurrent(Timestamp(30)) && !bucket.isCurrent(Timestamp(50)))
        bucket.move(to: Timestamp(50), counters(1))
        exchange(at: 50) { bucket.count($0) }
        // The clock was set back.
        bucket.move(to: Timestamp(29), counters(2))
        exchange(at: 29) { bucket.count($0) }
        let first = bucket.take(nextEnds: [Timestamp(200)], counters(3))
        exchange(at: 40) { bucket.count($0) }
        let second = bucket.take(nextEnds: [Timestamp(300)], counters(3)).tally
        #expect(first.tally.exchanges == 2 && first.tally.packets == 2)
        #expect(first.tally.losses.late == 1)
        #expect(first.tally.scenarios[0].completed == 0 && first.tally.scenarios[0].duplicates == 2)
        #expect(first.flows.states.first?.standing == .completed)
        #expect(second.exchanges == 1 && second.losses.late == 1)
    }

    @Test("a packet belongs to the window of its own time, however far ahead the ring holds it")
    func packets() {
        let bucket = TallyBucket(counter, book: emptyBook(), length: Nanoseconds(100))
        bucket.begin(counters(0))
        bucket.replan(ends: [Timestamp(100)])
        var handed: UInt64 = 0
        // Two interfaces: one is far ahead of the other.
        for time: UInt64 in [10, 90, 930, 110, 20, 950, 120, 999, 250] {
            if !bucket.isCurrent(Timestamp(time)) {
                bucket.move(to: Timestamp(time), counters(handed))
            }
            exchange(at: time) { bucket.count($0) }
            handed += 1
        }
        var windows: [TakenTally] = []
        for end: UInt64 in stride(from: 200, through: 1100, by: 100) {
            windows.append(bucket.take(nextEnds: [Timestamp(end)], counters(handed)))
        }
        let expected: [UInt64] = [3, 2, 1, 0, 0, 0, 0, 0, 0, 3]
        #expect(windows.map(\.tally.packets) == expected)
        #expect(windows.map { $0.tally.services[0].packets } == expected)
        #expect(windows.map(\.tally.exchanges) == expected)
        #expect(windows.map { $0.isReadable[0] } == expected.map { $0 > 0 })
    }

    @Test("a window that is closed early or late takes in what then lies before its end")
    func replanned() {
        let bucket = TallyBucket(counter, book: emptyBook(), length: Nanoseconds(100))
        bucket.begin(counters(0))
        bucket.replan(ends: [Timestamp(100)])
        for time: UInt64 in [50, 150, 250, 350] { exchange(at: time) { bucket.count($0) } }
        let first = bucket.take(nextEnds: [Timestamp(300)], counters(0)).tally
        #expect(first.exchanges == 1)
        bucket.replan(ends: [Timestamp(400)])
        #expect(bucket.take(nextEnds: [Timestamp(500)], counters(0)).tally.exchanges == 3)
    }

    @Test("of more windows than are kept none is lost")
    func limit() {
        let bucket = TallyBucket(counter, book: emptyBook(), length: Nanoseconds(100))
        bucket.begin(counters(0))
        bucket.replan(ends: [Timestamp(100)])
        let number = UInt64(TallyBucket.maximumWindows + 500)
        for window in 0..<number { exchange(at: window * 100 + 50) { bucket.count($0) } }
        var sum: UInt64 = 0
        for window in 0..<number + 1 {
            sum +=
                bucket.take(nextEnds: [Timestamp(window * 100 + 200)], counters(0)).tally.exchanges
        }
        #expect(sum == number)
    }

    /// The same scenario behind another, and two services.
    private let other = FlowCounter(
        [getting(.credit, "/other"), getting(.query)], countsFlows: [true, true])

    private func otherCounters(_ packets: UInt64) -> EngineCounters {
        let engine = TransactionEngine(
            services: [80, 81].map { EngineService(ports: [$0], selectors: []) }, sink: { _ in })
        var counters = engine.counters
        counters.packets = packets
        counters.services[0].packets = packets
        return counters
    }

    /// What settings of generation `isOther` counted in the windows that end at `ends`, when the
    /// packets of `times` come in this order, the change is announced before the packet `announced`
    /// and each window is taken before the packet of its number in `taking`.
    private func taken(
        times: [UInt64], ends: [UInt64], changeAfter: Int, announced: Int, taking: [Int]
    ) -> [TakenTally] {
        let bucket = TallyBucket(counter, book: emptyBook(), length: Nanoseconds(100))
        let change = Timestamp(ends[changeAfter])
        bucket.begin(counters(0))
        var packets: UInt64 = 0
        var isOther = false
        var windows: [TakenTally] = []
        func go(to time: Timestamp) {
            guard let change = bucket.changeTime, time >= change else { return }
            let before = counted()
            isOther = true
            // The engine's count of packets goes on, those of its services begin anew.
            var after = otherCounters(0)
            after.packets = packets
            bucket.change(before, after)
            offset = packets
        }
        var offset: UInt64 = 0
        func counted() -> EngineCounters {
            guard isOther else { return counters(packets) }
            var counters = otherCounters(packets)
            counters.services[0].packets = packets - offset
            return counters
        }
        // Those that have passed, and the next; the change is none before it is announced.
        func known(_ index: Int, _ first: Int) -> [Timestamp] {
            let now = index < times.count ? times[index] : ends.last ?? 0
            var known: [Timestamp] = []
            for (number, end) in ends.enumerated().dropFirst(first) {
                if number == changeAfter && index < announced { continue }
                known.append(Timestamp(end))
                if end > now { break }
            }
            return known.isEmpty ? [Timestamp(.max)] : known
        }
        func take(before index: Int) {
            let number = windows.count
            if number == changeAfter {
                if bucket.changeTime == nil && !isOther { bucket.expect(other, from: change) }
                go(to: Timestamp(.max))
            }
            windows.append(
                bucket.take(
                    nextEnds: known(index, number + 1), counted(),
                    endsSettings: number == changeAfter))
        }
        for (index, time) in times.enumerated() {
            while windows.count < taking.count, taking[windows.count] <= index {
                take(before: index)
            }
            if index == announced && !isOther { bucket.expect(other, from: change) }
            bucket.replan(ends: known(index, windows.count))
            if !bucket.isCurrent(Timestamp(time)) {
                go(to: Timestamp(time))
                bucket.move(to: Timestamp(time), counted())
            }
            exchange(at: time) { bucket.count($0) }
            packets += 1
        }
        while windows.count < ends.count { take(before: times.count) }
        return windows
    }

    @Test("other settings count from the end of a window on, and nothing is lost or doubled by it")
    func change() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            // Ends of windows, one of them between two multiples of the length.
            let change = UInt64.random(in: 101..<200, using: &random)
            let ends: [UInt64] = [100, change, 200, 300, 400]
            // Two interfaces, one up to 30 behind the other.
            let times = (1..<40).map { step in
                UInt64(step * 10) - min(UInt64(step * 10), .random(in: 0...30, using: &random))
            }
            // Each window is taken some time after a packet beyond its end has come.
            var taking: [Int] = []
            for end in ends {
                let due = times.firstIndex { $0 >= end } ?? times.count
                taking.append(
                    max(
                        taking.last ?? 0, min(times.count, due + .random(in: 0...8, using: &random))
                    ))
            }
            let latest = times.firstIndex { $0 >= change } ?? times.count
            let announced = Int.random(in: 0...latest, using: &random)
            let windows = taken(
                times: times, ends: ends, changeAfter: 1, announced: announced, taking: taking)
            #expect(windows.map(\.counter.scenarios.count) == [1, 1, 2, 2, 2])
            #expect(windows.reduce(0) { $0 + $1.tally.exchanges } == UInt64(times.count))
            #expect(windows.reduce(0) { $0 + $1.tally.packets } == UInt64(times.count))
            let services = windows.reduce(0) { sum, window in
                sum + window.tally.services.reduce(0) { $0 + $1.packets }
            }
            #expect(services == UInt64(times.count))
            let flows = windows.reduce(0) { $0 + ($1.tally.scenarios.last?.flows ?? 0) }
            #expect(
                flows == UInt64(times.count),
                "change at \(change) announced at \(announced), taken at \(taking), times \(times)")
            // Only what was behind when its window ended is late.
            let late = windows.reduce(0) { $0 + $1.tally.losses.late }
            let early = windows.prefix(2).reduce(0) { $0 + $1.tally.exchanges }
            #expect(early + late >= UInt64(times.filter { $0 < change }.count))
        }
    }
}
