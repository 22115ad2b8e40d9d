import Metering
import Testing

@testable import Agent

private let second: UInt64 = 1_000_000_000

/// Clocks that a test moves.
private struct TestClock {
    var realtime: UInt64 = 1_800_000_003 * second
    var boottime: UInt64 = 77 * second
    var monotonic: UInt64 = 70 * second

    var reading: ClockReading {
        ClockReading(
            realtime: Timestamp(realtime), boottime: Nanoseconds(boottime),
            monotonic: Nanoseconds(monotonic))
    }

    mutating func run(_ nanoseconds: UInt64) {
        realtime += nanoseconds
        boottime += nanoseconds
        monotonic += nanoseconds
    }
}

@Suite("Windows")
struct WindowSequenceTests {
    @Test("tile the time: each begins where the one before it ended, aligned to their length")
    func tiling() {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(10))
        var closed: [ClosedWindow] = []
        for _ in 0..<100 {
            clock.run(second)
            closed += windows.advance(to: clock.reading)
        }
        clock.run(400_000_000)
        closed += windows.stop(at: clock.reading)
        #expect(closed.count == 11)
        #expect(closed.map(\.ordinal) == Array(0...10))
        for (one, next) in zip(closed, closed.dropFirst()) {
            #expect(one.window.end == next.window.start)
            #expect(one.window.end.rawValue % (10 * second) == 0)
        }
        #expect(closed.first?.flags == [.partial])
        #expect(closed.last?.flags == [.partial])
        #expect(closed.dropFirst().dropLast().allSatisfy { $0.flags.isEmpty })
        let total = closed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue }
        #expect(total == 100 * second + 400_000_000)
    }

    @Test(
        "a step of the wall clock loses no time, and is flagged",
        arguments: [-5, -1, 1, 5, 25, 3600] as [Int])
    func steps(seconds: Int) {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(10))
        let begin = clock.boottime
        var closed: [ClosedWindow] = []
        for step in 0..<60 {
            clock.run(second)
            if step == 33 {
                clock.realtime = UInt64(Int(clock.realtime) + seconds * Int(second))
            }
            closed += windows.advance(to: clock.reading)
        }
        closed += windows.stop(at: clock.reading)
        for (one, next) in zip(closed, closed.dropFirst()) {
            #expect(one.window.end == next.window.start)
            #expect(one.endBoottime <= next.endBoottime)
        }
        let stepped = closed.filter { $0.flags.contains(.clockStepped) }
        #expect(stepped.count == 1)
        for window in closed where !window.flags.contains(.clockStepped) {
            let label = window.window.end.since(window.window.start)
            #expect(label == window.window.duration)
        }
        // What the clock has passed when it stops backwards is closed only once it is reached again.
        let total = closed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue }
        #expect(total == clock.boottime - begin || clock.realtime <= windows.start.rawValue)
    }

    @Test("suspension and late readings are flagged and lose no time")
    func suspension() {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(10))
        clock.run(2 * second)
        var closed = windows.advance(to: clock.reading)
        clock.realtime += 600 * second
        clock.boottime += 600 * second
        closed += windows.advance(to: clock.reading)
        #expect(closed.count == 60)
        #expect(closed.allSatisfy { $0.flags.contains(.suspended) })
        #expect(closed.allSatisfy { $0.flags.contains(.lateTick) || $0 == closed.last })
        let total = closed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue }
        #expect(total == (closed.last?.window.end.rawValue ?? 0) - 1_800_000_003 * second)
    }

    @Test("a clock that was wrong by hours does not hold the windows up when it is set right")
    func farBack() {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(10))
        clock.run(5 * second)
        #expect(windows.advance(to: clock.reading).isEmpty)
        clock.run(second)
        clock.realtime -= 7200 * second
        var closed = windows.advance(to: clock.reading)
        for _ in 0..<30 {
            clock.run(second)
            closed += windows.advance(to: clock.reading)
        }
        #expect(closed.count == 4)
        #expect(closed[1].flags.contains(.clockStepped))
        #expect(closed[1].window.end < closed[0].window.start)
        let total = closed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue }
        #expect(total == 27 * second)
    }

    @Test("an end that is announced is where the last window ends, whenever it is read")
    func announcedEnd() {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(10))
        clock.run(3 * second)
        #expect(windows.advance(to: clock.reading).isEmpty)
        let end = Timestamp(clock.realtime + second / 10)
        windows.end(at: end)
        #expect(windows.plannedEnd == end)
        clock.run(second / 10 + 7_000_000)
        let closed = windows.stop(at: clock.reading)
        #expect(closed.map(\.window.end) == [end])
        #expect(closed[0].window.duration == Nanoseconds(3 * second + second / 10))
        // A clock that was set back does not keep the last window open for ever.
        windows.end(at: Timestamp(clock.realtime + second))
        clock.run(second / 100)
        #expect(windows.stop(at: clock.reading).map(\.window.end) == [Timestamp(clock.realtime)])
    }

    @Test("a clock that is slewed closes windows at its own boundaries without a flag")
    func slewing() {
        var clock = TestClock()
        var windows = WindowSequence(from: clock.reading, length: .seconds(1))
        for _ in 0..<1000 {
            clock.run(second / 10)
            clock.realtime += 50_000
            for window in windows.advance(to: clock.reading) {
                #expect(!window.flags.contains(.clockStepped))
            }
        }
    }
}
