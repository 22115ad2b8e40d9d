import CAllocationCounter
import Glibc
import Metering
import Testing

@testable import Processes

@Suite("The host's busy time") struct HostBusyTests {
    private func meter(_ fixture: Fixture, _ services: [ServiceSource] = []) -> ProcessorMeter {
        ProcessorMeter(
            procfs: fixture.root, services: services, from: seconds(10), ticksPerSecond: 100)
    }

    @Test("is CPUs × elapsed less idle, iowait and steal") func busy() {
        let fixture = Fixture()
        fixture.host(idle: 1000, iowait: 100, steal: 10)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        fixture.host(idle: 1900, iowait: 150, steal: 20)
        meter.read(now: seconds(20))
        // 20 s of CPU less 9 + 0.5 + 0.1 s.
        #expect(meter.close(at: seconds(20)).hostBusy == .known(.milliseconds(10_400)))
    }

    @Test("iowait that falls is waited out") func fallingIOWait() {
        let fixture = Fixture()
        fixture.host(idle: 0, iowait: 100)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        fixture.host(idle: 0, iowait: 50)
        meter.read(now: seconds(11))
        fixture.host(idle: 0, iowait: 200)
        meter.read(now: seconds(12))
        #expect(meter.close(at: seconds(12)).hostBusy == .known(seconds(3)))
    }

    @Test("idle that is cut to ticks does not add up to busy time") func idleHost() {
        let fixture = Fixture()
        fixture.host(idle: 0)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        for tick in 1...100 as ClosedRange<UInt64> {
            // Idle all the time, seen up to 30 ms early or late.
            fixture.host(idle: 200 * tick + (tick % 7) % 4)
            meter.read(now: seconds(10 + tick))
        }
        let busy = meter.close(at: seconds(110)).hostBusy.value
        #expect(busy.map { $0 <= .milliseconds(30) } == true)
    }

    @Test("a CPU that comes or goes costs one reading's precision") func hotplug() {
        let fixture = Fixture()
        fixture.host(idle: 10_000)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        fixture.host(idle: 900_000, processors: 4)
        meter.read(now: seconds(11))
        _ = meter.close(at: seconds(11))
        fixture.host(idle: 900_000 + 300, processors: 4)
        meter.read(now: seconds(12))
        fixture.host(idle: 900_000 + 600, processors: 4)
        meter.read(now: seconds(13))
        fixture.host(idle: 5_000, processors: 1)
        meter.read(now: seconds(14))
        _ = meter.close(at: seconds(14))
        fixture.host(idle: 5_050, processors: 1)
        meter.read(now: seconds(15))
        #expect(meter.close(at: seconds(15)).hostBusy == .known(.milliseconds(500)))
    }

    @Test(
        "what is no CPU line is malformed, a missing file not found",
        arguments: [
            "", "cpu", "cpu  1 2 3\n", "cpu  1 2 3 x 5 6 7 8\ncpu0 1\n", "intr 1\n",
            "cpu  1 2 3 4 5 6 7 8\n", "cpu  1 2 3 99999999999999999999 5 6 7 8\ncpu0 1\n",
        ])
    func hostile(text: String) {
        let fixture = Fixture()
        fixture.write("/stat", text)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        #expect(meter.close(at: seconds(20)).hostBusy == .unknown(.malformed))
        var none = ProcessorMeter(procfs: "/nonexistent", services: [], from: seconds(10))
        none.read(now: seconds(10))
        #expect(none.close(at: seconds(20)).hostBusy == .unknown(.notFound))
    }

    @Test(
        "what is no file in its place neither crashes nor hangs it, and is a reason",
        arguments: ["folder", "fifo", "loop", "/nonexistent", "/dev/zero", "0", "-1", "7", "\n"])
    func hostileFile(kind: String) {
        let fixture = Fixture()
        let path = fixture.root + "/stat"
        switch kind {
        case "folder": mkdir(path, 0o755)
        case "fifo": mkfifo(path, 0o644)
        case "loop": symlink(path, path)
        case _ where kind.hasPrefix("/"): symlink(kind, path)
        default: fixture.write("/stat", String(repeating: kind, count: 1 << 20))
        }
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        guard case .unknown(let reason) = meter.load else {
            Issue.record("\(kind) is taken for CPU time")
            return
        }
        #expect([.notFound, .readFailed, .malformed].contains(reason))
        // A text is held open; it is written over, as the kernel does.
        if reason != .malformed { fixture.remove("/stat") }
        for (second, idle) in [(11, 0), (12, 0), (13, 100)] as [(UInt64, UInt64)] {
            fixture.host(idle: idle)
            meter.read(now: seconds(second))
        }
        #expect(meter.close(at: seconds(12)).hostBusy.value == nil)
        #expect(meter.close(at: seconds(13)).hostBusy == .known(seconds(1)))
    }

    @Test("a file that comes later is read from then on") func comesLater() {
        let fixture = Fixture()
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        fixture.host(idle: 0)
        for second in 11...13 { meter.read(now: seconds(UInt64(second))) }
        #expect(meter.close(at: seconds(12)).hostBusy == .unknown(.firstReading))
        #expect(meter.close(at: seconds(13)).hostBusy == .known(seconds(2)))
    }

    @Test("more CPU lines than the first buffer holds are all counted") func manyProcessors() {
        let fixture = Fixture()
        fixture.host(idle: 0, processors: 2000)
        var meter = meter(fixture)
        meter.read(now: seconds(10))
        meter.read(now: seconds(11))
        #expect(meter.close(at: seconds(11)).hostBusy == .known(seconds(2000)))
    }

    @Test("windows add up to the whole") func telescopes() {
        let fixture = Fixture()
        fixture.host(idle: 0)
        var meter = meter(fixture)
        var idle: UInt64 = 0
        var sum: UInt64 = 0
        for tick in 10...60 as ClosedRange<UInt64> {
            fixture.host(idle: idle)
            idle += tick * 37 % 200
            meter.read(now: seconds(tick))
            if tick > 10 {
                sum +=
                    meter.close(at: .milliseconds(tick * 1000 - 300)).hostBusy.value?.rawValue ?? 0
            }
        }
        sum += meter.close(at: seconds(60)).hostBusy.value?.rawValue ?? 0
        let used = (10..<60).reduce(UInt64(0)) { $0 + UInt64($1) * 37 % 200 }
        #expect(sum == 100_000_000_000 - used * 10_000_000)
    }

    @Test("a reading of the host and of cgroups allocates nothing after warm-up")
    func allocations() {
        let fixture = Fixture()
        fixture.host(idle: 0)
        fixture.cgroup("/a", microseconds: 5)
        fixture.write("/v1/cpuacct.usage", "77\n")
        var meter = meter(
            fixture,
            [.cgroupPath(fixture.root + "/cgroup/a"), .cgroupPath(fixture.root + "/v1")])
        for tick in 10...11 { meter.read(now: seconds(UInt64(tick))) }
        allocation_count_reset()
        for tick in 12...60 { meter.read(now: seconds(UInt64(tick))) }
        #expect(allocation_count() == 0)
    }
}
