import Logging
import Metering
import Processes
import Settings
import Synchronization
import Testing

@testable import Agent

private let second: UInt64 = 1_000_000_000

/// Clocks that a test moves while the worker reads them.
private final class MovableClock: Sendable {
    private let state = Mutex(
        ClockReading(
            realtime: Timestamp(1_800_000_000 * second), boottime: .seconds(100_000),
            monotonic: .seconds(90_000)))

    var reading: ClockReading { state.withLock { $0 } }

    /// Time passes; while `asleep` CLOCK_MONOTONIC stands still.
    func run(_ nanoseconds: UInt64, asleep: Bool = false) {
        state.withLock {
            $0 = ClockReading(
                realtime: $0.realtime + Nanoseconds(nanoseconds),
                boottime: $0.boottime + Nanoseconds(nanoseconds),
                monotonic: asleep ? $0.monotonic : $0.monotonic + Nanoseconds(nanoseconds))
        }
    }

    /// Somebody sets the wall clock.
    func step(_ seconds: Int64) {
        state.withLock {
            $0 = ClockReading(
                realtime: Timestamp(
                    UInt64(Int64($0.realtime.rawValue) + seconds * Int64(second))),
                boottime: $0.boottime, monotonic: $0.monotonic)
        }
    }
}

/// A worker on a tree of counters, ticked by hand.
private final class Bench {
    let tree: CounterTree
    let clock: MovableClock
    private var worker: CounterWorker
    private let events: AsyncStream<MeterEvent>
    private let sink: AsyncStream<MeterEvent>.Continuation

    init(
        _ tree: CounterTree, _ clock: MovableClock, resuming resumption: Resumption = .none
    ) throws {
        self.tree = tree
        self.clock = clock
        let text = """
            version: 1
            agent: {id: bench, state: \(tree.root)/state}
            energy: {sysfs: \(tree.root), procfs: \(tree.root)/proc, source: rapl}
            services: [{name: app, ports: [1], counts_flows: true}]
            collectors: []
            """
        let settings = MeterSettings(
            try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "bench"))
        (events, sink) = AsyncStream.makeStream(of: MeterEvent.self)
        let start = MeteringStart(
            at: clock.reading, resuming: resumption, length: settings.windowLength)
        worker = CounterWorker(
            settings, processor: ProcessorMeter(lookingFor: settings, now: start.reading),
            from: start, events: sink,
            log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            clock: { clock.reading })
    }

    func tick() {
        tree.show()
        worker.tick()
    }

    /// A tick on what the files hold.
    func tickWithoutShowing() { worker.tick() }

    /// All windows so far; the bench is done.
    func finish() async -> [WindowEnergy] {
        sink.finish()
        var windows: [WindowEnergy] = []
        for await event in events {
            switch event {
            case .energy(let window): windows.append(window)
            case .missed(let missed): windows += missed.map(\.energy)
            case .traffic: break
            }
        }
        return windows
    }
}

@Suite("A long run on injected clocks")
struct LongRunTests {
    private func tree() -> CounterTree {
        CounterTree([
            .init(id: "intel-rapl:0", name: "package-0", unit: 15_258, raw: 0x7000_0000),
            .init(id: "intel-rapl:1", name: "package-1", unit: 15_258, raw: 0xFFFF_0000),
            .init(id: "intel-rapl:2", name: "package-2", unit: 61_035, raw: 0xFFFF_FF00),
            .init(id: "intel-rapl:3", name: "package-3", unit: 15_300, raw: 0x8000_0000),
        ])
    }

    private func expectTiling(
        _ windows: [WindowEnergy], from start: ClockReading, to end: ClockReading
    ) {
        #expect(windows.first?.closed.window.start == start.realtime)
        #expect(windows.last?.closed.window.end == end.realtime)
        for (one, next) in zip(windows, windows.dropFirst()) {
            #expect(one.closed.window.end == next.closed.window.start)
        }
        let total = windows.reduce(UInt64(0)) { $0 + $1.closed.window.duration.rawValue }
        #expect(total == end.boottime.rawValue - start.boottime.rawValue)
    }

    private func sum(_ windows: [WindowEnergy], zone: Int) -> UInt64 {
        windows.reduce(0) { $0 + ($1.energies.zones[zone].energy.value?.rawValue ?? 0) }
    }

    @Test(
        "two hours with steps, suspension and late ticks: windows tile, and energy is exact",
        arguments: [1, 2, 3, 4] as [UInt64])
    func twoHours(seed: UInt64) async throws {
        var random = seed
        func next(_ bound: UInt64) -> UInt64 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (random >> 33) % bound
        }
        let (tree, clock) = (tree(), MovableClock())
        let start = clock.reading
        let truth = tree.counters.map(\.truth)
        let wraps = tree.counters.map(\.wraps)
        let bench = try Bench(tree, clock)
        func run(_ nanoseconds: UInt64) {
            clock.run(nanoseconds)
            // 300 to 800 W on each.
            tree.advance { _ in (300_000 + next(500_000)) * (nanoseconds / 1_000_000) / 1000 * 1000
            }
        }
        var (late, steps, isRested) = (0, 0, false)
        while clock.reading.boottime < start.boottime + .seconds(7200) {
            let elapsed = clock.reading.boottime.subtractingClamped(start.boottime).seconds
            switch next(200) {
            case 0:
                run(30 * second)
                late += 1
            case 1 where steps < 12:
                clock.step(steps % 2 == 0 ? 5 : -5)
                steps += 1
                run(second)
            default: run(970_000_000 + next(60_000_000))
            }
            bench.tick()
            // Where every counter is well above what one that restarted could show.
            let isClear = tree.counters.allSatisfy {
                (20_000_000_000..<$0.range - 1).contains($0.shown)
            }
            if !isRested, elapsed > 3000, isClear {
                clock.run(600 * second, asleep: true)
                run(second)
                bench.tick()
                isRested = true
            }
        }
        // The last boundary is read where it lies.
        let label = clock.reading.realtime
        run(Window.boundary(after: label, length: .seconds(10)).since(label).rawValue)
        bench.tick()
        let end = clock.reading
        let windows = await bench.finish()
        expectTiling(windows, from: start, to: end)
        for zone in tree.counters.indices {
            let counter = tree.counters[zone]
            let used = counter.truth - truth[zone]
            let found = sum(windows, zone: zone)
            let wrapped = counter.wraps - wraps[zone]
            #expect(wrapped > (counter.unit < 20_000 ? 40 : 8), "the run is heavy with wraps")
            #expect(max(found, used) - min(found, used) <= wrapped + 2)
            #expect(windows.allSatisfy { $0.energies.zones[zone].state != .lost })
        }
        let host = windows.reduce(UInt64(0)) { $0 + ($1.energies.host.value?.rawValue ?? 0) }
        #expect(host == tree.counters.indices.reduce(0) { $0 + sum(windows, zone: $1) })
        #expect(isRested && late > 0 && steps > 0)
        let flags = windows.reduce(into: RecordFlags()) { $0.formUnion($1.closed.flags) }
        #expect(flags.isSuperset(of: [.clockStepped, .suspended, .lateTick]))
        let rest = windows.filter { $0.closed.flags.contains(.suspended) }
        #expect(rest.contains { $0.energies.zones[0].reason == .suspended })
    }

    @Test("a counter that restarted while the host was suspended is lost there, and nowhere else")
    func restarted() async throws {
        let (tree, clock) = (tree(), MovableClock())
        let bench = try Bench(tree, clock)
        func run() {
            clock.run(second)
            tree.advance { _ in 500_000_000 }
            bench.tick()
        }
        for _ in 0..<35 { run() }
        clock.run(600 * second, asleep: true)
        tree.counters[2].raw = 4
        for _ in 0..<35 { run() }
        let windows = await bench.finish()
        let lost = windows.filter { $0.energies.zones[2].state == .lost }
        #expect(lost.allSatisfy { $0.energies.zones[2].reason == .suspended })
        #expect(lost.allSatisfy { $0.closed.flags.contains(.suspended) })
        #expect(lost.allSatisfy { $0.energies.host == .unknown(.suspended) })
        #expect(windows.first?.energies.host.value != nil)
        let last = try #require(windows.last?.energies.zones[2])
        #expect(last.state == .measured)
        // Ten seconds at 500 W, each cut to a step of the counter.
        #expect((4_999_999_389...5_000_000_000).contains(last.energy.value?.rawValue ?? 0))
    }

    @Test("an outage of one counter defers the host's energy and loses none")
    func outage() async throws {
        let (tree, clock) = (tree(), MovableClock())
        let truth = tree.counters.map(\.truth)
        let bench = try Bench(tree, clock)
        for tick in 1...80 {
            clock.run(second)
            tree.advance { 200_000_000 + UInt64($0) * 1_000_000 }
            tree.show()
            if (25..<50).contains(tick) { tree.setText(tree.counters[1], "") }
            bench.tickWithoutShowing()
        }
        let windows = await bench.finish()
        #expect(windows.count == 8)
        #expect(windows[3].energies.zones[1] == .deferred(.malformed))
        #expect(windows[3].energies.host == .unknown(.malformed))
        let bridging = windows.first { $0.energies.carried != nil }
        #expect(bridging?.energies.carried?.time == .seconds(20))
        #expect(bridging?.energies.zones[1].reason == .malformed)
        let host = windows.reduce(UInt64(0)) { $0 + ($1.energies.host.value?.rawValue ?? 0) }
        let used = zip(tree.counters, truth).reduce(UInt64(0)) { $0 + $1.0.truth - $1.1 }
        #expect(max(host, used) - min(host, used) <= 8)
    }

    @Test("an outage that ends in a loss leaves every window it touches unknown, also its first")
    func lostOutage() async throws {
        let (tree, clock) = (tree(), MovableClock())
        let bench = try Bench(tree, clock)
        for tick in 1...150 {
            clock.run(second)
            tree.advance { _ in 200_000_000 }
            tree.show()
            if (25..<105).contains(tick) { tree.setText(tree.counters[0], "") }
            bench.tickWithoutShowing()
        }
        let windows = await bench.finish()
        let unknown = windows.indices.filter { windows[$0].energies.host.value == nil }
        #expect(unknown == Array(2...10))
        for index in windows.indices where !unknown.contains(index) {
            // Four counters at 200 W.
            let energy = windows[index].energies.host.value?.rawValue ?? 0
            #expect((7_999_990_000...8_000_010_000).contains(energy))
            #expect(windows[index].energies.carried == nil)
        }
    }

    @Test(
        "a run that knows nothing of the counters before it gives windows of unknown energy",
        arguments: [7, 200_000] as [UInt64])
    func nothingKnown(downtime: UInt64) async throws {
        let (tree, clock) = (tree(), MovableClock())
        let end = Timestamp(clock.reading.realtime.rawValue - downtime * second)
        let bench = try Bench(tree, clock, resuming: .afterRecord(end))
        for _ in 0..<30 {
            clock.run(second)
            tree.advance { _ in 200_000_000 }
            bench.tick()
        }
        let windows = await bench.finish()
        let missed = windows.filter { $0.closed.flags.contains(.agentStopped) }
        #expect(!missed.isEmpty && missed.count < windows.count)
        for window in missed {
            #expect(window.energies.zones == tree.counters.map { _ in .lost(.agentStopped) })
            #expect(window.energies.host == .unknown(.agentStopped))
            #expect(window.baseline == nil)
        }
        for window in windows.dropFirst(missed.count) {
            let used = window.closed.window.duration.rawValue / 1_000_000 * 800_000
            let energy = window.energies.host.value?.rawValue ?? 0
            #expect(max(energy, used) - min(energy, used) < 10_000)
            #expect(window.energies.carried == nil)
            #expect(window.baseline?.boundary.boottime == window.closed.endBoottime)
            #expect(window.closed.endBoottime <= clock.reading.boottime)
        }
    }

    @Test("a counter that fails over a restart defers the host's energy and loses none")
    func restartInOutage() async throws {
        let (tree, clock) = (tree(), MovableClock())
        let truth = tree.counters.map(\.truth)
        func run() {
            clock.run(second)
            tree.advance { _ in 400_000_000 }
            tree.show()
        }
        let bench = try Bench(tree, clock)
        for tick in 1...31 {
            run()
            if tick >= 28 { tree.setText(tree.counters[1], "") }
            bench.tickWithoutShowing()
        }
        let before = await bench.finish()
        #expect(before.last?.energies.host == .unknown(.malformed))
        let baseline = try #require(before.last?.baseline)
        for _ in 0..<4 { run() }
        let next = try Bench(tree, clock, resuming: .from(baseline))
        for _ in 0..<35 {
            run()
            next.tickWithoutShowing()
        }
        let windows = before + (await next.finish())
        let host = windows.reduce(UInt64(0)) { $0 + ($1.energies.host.value?.rawValue ?? 0) }
        let used = zip(tree.counters, truth).reduce(UInt64(0)) { $0 + $1.0.truth - $1.1 }
        #expect(windows.filter { $0.energies.host.value == nil }.count == 1)
        #expect(max(host, used) - min(host, used) <= 8)
    }

    @Test(
        "a restart, also by a kill inside a window, loses no energy and no time",
        arguments: [3, 12, 25])
    func restart(seconds: Int) async throws {
        let (tree, clock) = (tree(), MovableClock())
        let start = clock.reading
        let truth = tree.counters.map(\.truth)
        let bench = try Bench(tree, clock)
        func run() {
            clock.run(second)
            tree.advance { _ in 400_000_000 }
        }
        for _ in 0..<37 {
            run()
            bench.tick()
        }
        let before = await bench.finish()
        let last = try #require(before.last)
        for _ in 0..<seconds { run() }
        tree.show()
        let next = try Bench(tree, clock, resuming: .from(#require(last.baseline)))
        for _ in 0..<(70 - seconds) {
            run()
            next.tick()
        }
        let label = clock.reading.realtime
        let rest = Window.boundary(after: label, length: .seconds(10)).since(label).rawValue
        for _ in 0..<(rest / second) {
            run()
            next.tick()
        }
        let windows = before + (await next.finish())
        expectTiling(windows, from: start, to: clock.reading)
        let missed = windows.filter { $0.closed.flags.contains(.agentStopped) }
        #expect(!missed.isEmpty)
        for zone in tree.counters.indices {
            let used = tree.counters[zone].truth - truth[zone]
            let found = sum(windows, zone: zone)
            #expect(max(found, used) - min(found, used) <= 4)
            #expect(
                missed.allSatisfy { $0.energies.zones[zone].reason == .agentStopped })
        }
    }

    @Test("a restart after so long that counters may have wrapped twice is lost, and says so")
    func longRestart() async throws {
        let (tree, clock) = (tree(), MovableClock())
        let bench = try Bench(tree, clock)
        for _ in 0..<20 {
            clock.run(second)
            bench.tick()
        }
        let last = try #require(await bench.finish().last)
        clock.run(60 * second)
        tree.advance { _ in 3_000_000_000 }
        tree.show()
        let next = try Bench(tree, clock, resuming: .from(#require(last.baseline)))
        for _ in 0..<20 {
            clock.run(second)
            next.tick()
        }
        let windows = await next.finish()
        let missed = windows.filter { $0.closed.flags.contains(.agentStopped) }
        #expect(missed.count == 6)
        // 65.5 kJ wrap in 66 s at 1,000 W, 262 kJ in 262 s.
        #expect(missed.allSatisfy { $0.energies.zones[0] == .lost(.gapTooLong) })
        #expect(missed.allSatisfy { $0.energies.zones[2].reason == .agentStopped })
        #expect(missed.allSatisfy { $0.energies.host == .unknown(.gapTooLong) })
        #expect(windows.last?.energies.host.value != nil)
    }
}
