import Glibc
import Metering
import Synchronization
import Testing

@testable import Processes

/// Listeners that a test sets.
private final class Listeners: Sendable {
    private let listeners = Mutex<[Listener]>([])

    func set(_ value: [Listener]) { listeners.withLock { $0 = value } }

    var query: ListenerQuery {
        { () throws(ProcessorUnknown) -> [Listener] in self.listeners.withLock { $0 } }
    }
}

@Suite("A service's CPU time") struct ServiceTimeTests {
    private let fixture = Fixture()
    private let listeners = Listeners()

    private func meter(_ source: ServiceSource) -> ProcessorMeter {
        fixture.host(idle: 0)
        return ProcessorMeter(
            procfs: fixture.root, services: [source], from: seconds(10), ticksPerSecond: 100,
            listeners: listeners.query)
    }

    private func close(
        _ meter: inout ProcessorMeter, _ second: UInt64
    ) -> Known<Nanoseconds, ProcessorUnknown> {
        // As at the end of the tick before.
        meter.look(now: seconds(second))
        meter.read(now: seconds(second))
        return meter.close(at: seconds(second)).services[0]
    }

    @Test("is read from a cgroup of version 2 or 1 by path") func byPath() {
        fixture.cgroup("/a", microseconds: 1_000_000)
        fixture.write("/v1/cpuacct.usage", "5000000000\n")
        fixture.write("/v1/cpu.stat", "nr_periods 0\n")
        var second = meter(.cgroupPath(fixture.root + "/cgroup/a"))
        var first = meter(.cgroupPath(fixture.root + "/v1"))
        second.read(now: seconds(10))
        first.read(now: seconds(10))
        fixture.cgroup("/a", microseconds: 3_500_000)
        fixture.write("/v1/cpuacct.usage", "7000000001\n")
        #expect(close(&second, 20) == .known(.milliseconds(2500)))
        #expect(close(&first, 20) == .known(Nanoseconds(2_000_000_001)))
    }

    @Test("a folder that is not there is not found, and found when it comes") func appears() {
        var meter = meter(.cgroupPath(fixture.root + "/cgroup/later"))
        meter.read(now: seconds(10))
        #expect(close(&meter, 20) == .unknown(.notFound))
        fixture.cgroup("/later", microseconds: 100)
        #expect(close(&meter, 31) == .unknown(.firstReading))
        fixture.cgroup("/later", microseconds: 300)
        #expect(close(&meter, 41) == .known(Nanoseconds(200_000)))
    }

    @Test("a listener's cgroup that all processes have left tells nothing of the service")
    func unpopulated() {
        fixture.cgroup("/a", microseconds: 1000)
        fixture.write("/cgroup/a/cgroup.events", "populated 1\nfrozen 0\n")
        listeners.set([Listener(port: 80, cgroup: fixture.cgroupID("/a"))])
        var meter = meter(.cgroupOfPorts([80]))
        meter.read(now: seconds(10))
        fixture.cgroup("/a", microseconds: 3000)
        #expect(close(&meter, 20) == .known(.milliseconds(2)))
        // What was used elsewhere since they left is not known: also in the window in which they did.
        fixture.cgroup("/a", microseconds: 3500)
        fixture.write("/cgroup/a/cgroup.events", "populated 0\nfrozen 0\n")
        #expect(close(&meter, 31) == .unknown(.notFound))
        #expect(close(&meter, 42) == .unknown(.notFound))
        fixture.write("/cgroup/a/cgroup.events", "populated 1\nfrozen 0\n")
        fixture.cgroup("/a", microseconds: 9000)
        #expect(close(&meter, 53) == .unknown(.firstReading))
        fixture.cgroup("/a", microseconds: 9500)
        #expect(close(&meter, 64) == .known(Nanoseconds(500_000)))
    }

    @Test("a malformed reading is a reason, and no window tells another's time as its own")
    func malformed() {
        fixture.cgroup("/a", microseconds: 1000)
        var meter = meter(.cgroupPath(fixture.root + "/cgroup/a"))
        meter.read(now: seconds(10))
        fixture.write("/cgroup/a/cpu.stat", "usage_usec -4\n")
        #expect(close(&meter, 20) == .unknown(.malformed))
        fixture.cgroup("/a", microseconds: 9000)
        #expect(close(&meter, 30) == .unknown(.malformed))
        fixture.cgroup("/a", microseconds: 12_000)
        #expect(close(&meter, 40) == .known(.milliseconds(3)))
    }

    @Test("a counter that falls makes its window unknown, not negative") func falls() {
        fixture.cgroup("/a", microseconds: 1000)
        var meter = meter(.cgroupPath(fixture.root + "/cgroup/a"))
        meter.read(now: seconds(10))
        fixture.cgroup("/a", microseconds: 10)
        #expect(close(&meter, 20) == .unknown(.processEnded))
        fixture.cgroup("/a", microseconds: 20)
        #expect(close(&meter, 30) == .known(Nanoseconds(10_000)))
    }

    @Test("the cgroup of a port's socket is found by its id, and found again when it moves")
    func byPort() {
        fixture.cgroup("/system.slice/app.service", microseconds: 0)
        fixture.cgroup("/system.slice/app.service/inner", microseconds: 0)
        fixture.cgroup("/other", microseconds: 1_000_000)
        let app = fixture.cgroupID("/system.slice/app.service")
        let inner = fixture.cgroupID("/system.slice/app.service/inner")
        listeners.set([
            Listener(port: 8080, cgroup: app), Listener(port: 8080, cgroup: inner),
            Listener(port: 9, cgroup: fixture.cgroupID("/other")),
        ])
        var meter = meter(.cgroupOfPorts([8080]))
        meter.read(now: seconds(10))
        #expect(
            meter.paths(ofService: 0)
                == [fixture.root + "/cgroup/system.slice/app.service/cpu.stat"])
        fixture.cgroup("/system.slice/app.service", microseconds: 2000)
        #expect(close(&meter, 20) == .known(.milliseconds(2)))
        listeners.set([Listener(port: 8080, cgroup: fixture.cgroupID("/other"))])
        #expect(close(&meter, 30) == .unknown(.firstReading))
        fixture.cgroup("/other", microseconds: 1_005_000)
        #expect(close(&meter, 40) == .known(.milliseconds(5)))
        listeners.set([])
        fixture.cgroup("/other", microseconds: 1_006_000)
        #expect(close(&meter, 50) == .known(.milliseconds(1)))
    }

    @Test("a socket of the root or of systemd's own cgroup is shared") func shared() {
        fixture.cgroup("/init.scope", microseconds: 0)
        for path in ["", "/init.scope"] {
            listeners.set([Listener(port: 80, cgroup: fixture.cgroupID(path))])
            var meter = meter(.cgroupOfPorts([80]))
            meter.read(now: seconds(10))
            #expect(close(&meter, 20) == .unknown(.shared))
        }
    }

    @Test("no listener, no id and an id of no folder are not found")
    func notFound() {
        for list in [[], [Listener(port: 80, cgroup: nil)], [Listener(port: 80, cgroup: .max)]] {
            listeners.set(list)
            var meter = meter(.cgroupOfPorts([80]))
            meter.read(now: seconds(10))
            #expect(close(&meter, 20) == .unknown(.notFound))
        }
    }

    @Test("processes that hold the socket are added, and a worker that began later from zero")
    func processes() {
        fixture.listen([(80, 700), (8080, 4711)])
        fixture.process(100, ticks: 50, sockets: [1, 4711])
        fixture.process(101, ticks: 50, sockets: [700])
        fixture.process(102, ticks: 10, sockets: [4711])
        var meter = meter(.processOfPorts([8080]))
        meter.read(now: seconds(10))
        fixture.process(100, ticks: 60)
        fixture.process(101, ticks: 90)
        fixture.process(102, ticks: 15)
        #expect(close(&meter, 15) == .known(.milliseconds(150)))
        fixture.process(103, ticks: 7, started: 1600, sockets: [4711])
        #expect(close(&meter, 20) == .known(.milliseconds(70)))
        fixture.process(103, ticks: 9, started: 1600)
        #expect(close(&meter, 25) == .known(.milliseconds(20)))
        #expect(meter.paths(ofService: 0).count == 3)
    }

    @Test("no listener is not found, and a socket that nobody seen holds is denied or not found")
    func noOwner() {
        fixture.listen([(80, 700)])
        fixture.process(100, ticks: 1, sockets: [1])
        for port in [80, 8080] as [UInt16] {
            var meter = meter(.processOfPorts([port]))
            meter.read(now: seconds(10))
            #expect(close(&meter, 20) == .unknown(.notFound))
        }
    }
}

@Suite("Services that share what they run in") struct SharedServiceTests {
    private let fixture = Fixture()
    private let listeners = Listeners()

    private func meter(_ sources: [ServiceSource]) -> ProcessorMeter {
        fixture.host(idle: 0)
        return ProcessorMeter(
            procfs: fixture.root, services: sources, from: seconds(10), ticksPerSecond: 100,
            listeners: listeners.query)
    }

    @Test("a process of two services is neither's") func process() {
        fixture.listen([(80, 700), (8080, 4711), (9090, 5)])
        fixture.process(100, ticks: 50, sockets: [700, 4711])
        fixture.process(101, ticks: 50, sockets: [5])
        var meter = meter([80, 8080, 9090].map { .processOfPorts([$0]) })
        meter.read(now: seconds(10))
        fixture.process(100, ticks: 60)
        fixture.process(101, ticks: 70)
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(
            meter.close(at: seconds(20)).services == [shared, shared, .known(.milliseconds(200))])
    }

    @Test("when one of them moves, each has its own time from then on, and nothing of before")
    func moves() {
        for path in ["/a", "/c"] { fixture.cgroup(path, microseconds: 1000) }
        func listen(_ second: String) {
            listeners.set([
                Listener(port: 80, cgroup: fixture.cgroupID("/a")),
                Listener(port: 8080, cgroup: fixture.cgroupID(second)),
            ])
        }
        listen("/a")
        var meter = meter([.cgroupOfPorts([80]), .cgroupOfPorts([8080])])
        meter.read(now: seconds(10))
        fixture.cgroup("/a", microseconds: 9000)
        listen("/c")
        meter.read(now: seconds(19))
        meter.look(now: seconds(20))
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(meter.close(at: seconds(20)).services[0] == shared)
        fixture.cgroup("/a", microseconds: 12_000)
        fixture.cgroup("/c", microseconds: 2000)
        meter.read(now: seconds(30))
        #expect(
            meter.close(at: seconds(30)).services
                == [.known(.milliseconds(3)), .known(.milliseconds(1))])
    }

    @Test("one cgroup of two services, and one inside another's, are neither's")
    func cgroups() {
        for path in ["/x", "/x/y", "/xy"] { fixture.cgroup(path, microseconds: 1000) }
        let sources = ["/x", "/x", "/x/y", "/xy"].map {
            ServiceSource.cgroupPath(fixture.root + "/cgroup" + $0)
        }
        var meter = meter(sources)
        meter.read(now: seconds(10))
        for path in ["/x", "/x/y", "/xy"] { fixture.cgroup(path, microseconds: 3000) }
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(
            meter.close(at: seconds(20)).services
                == [shared, shared, shared, .known(.milliseconds(2))])
    }

    @Test(
        "one cgroup by several names is one",
        arguments: ["/./x", "//x", "/x/", "/xy/../x", "/link"])
    func names(other: String) {
        for path in ["/x", "/xy"] { fixture.cgroup(path, microseconds: 1000) }
        symlink("x", fixture.root + "/cgroup/link")
        var meter = meter(
            ["/x", other, "/xy"].map { .cgroupPath(fixture.root + "/cgroup" + $0) })
        meter.read(now: seconds(10))
        for path in ["/x", "/xy"] { fixture.cgroup(path, microseconds: 3000) }
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(
            meter.close(at: seconds(20)).services == [shared, shared, .known(.milliseconds(2))])
    }

    @Test(
        "a process inside the cgroup of another service is neither's, of either version",
        arguments: [
            "0::/x\n", "0::/x/y/z\n", "12:pids:/q\n4:cpu,cpuacct:/x/y\n0::/q\n",
        ])
    func processInside(groups: String) {
        fixture.cgroup("/x", microseconds: 1000)
        fixture.write("/v1/x/cpuacct.usage", "5000000000\n")
        fixture.write(
            "/self/mountinfo",
            "41 24 0:38 / \(fixture.root)/cgroup rw - cgroup2 cgroup2 rw\n"
                + "42 24 0:39 / \(fixture.root)/pids rw - cgroup cgroup rw,pids\n"
                + "43 24 0:40 / \(fixture.root)/v1 rw - cgroup cgroup rw,cpu,cpuacct\n")
        fixture.listen([(80, 700), (90, 5)])
        fixture.process(100, ticks: 50, sockets: [700])
        fixture.process(101, ticks: 50, sockets: [5])
        fixture.write("/100/cgroup", groups)
        fixture.write("/101/cgroup", "4:cpu,cpuacct:/xy\n0::/xy\n")
        let folder = fixture.root + (groups.contains("cpuacct") ? "/v1/x" : "/cgroup/x")
        var meter = meter([.cgroupPath(folder), .processOfPorts([80]), .processOfPorts([90])])
        meter.read(now: seconds(10))
        fixture.process(101, ticks: 60)
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(
            meter.close(at: seconds(20)).services == [shared, shared, .known(.milliseconds(100))])
    }

    @Test("processes of one service's cgroup of version 1 and another's of version 2 are neither's")
    func versions() {
        fixture.write(
            "/self/mountinfo",
            "41 24 0:38 / \(fixture.root)/cgroup rw - cgroup2 cgroup2 rw\n"
                + "43 24 0:40 / \(fixture.root)/v1 rw - cgroup cgroup rw,cpu,cpuacct\n")
        for path in ["/x", "/q"] { fixture.cgroup(path, microseconds: 1000) }
        fixture.write("/v1/a/cpuacct.usage", "5000000000\n")
        fixture.write("/v1/a/cgroup.procs", "")
        fixture.write("/v1/a/below/cgroup.procs", "100\n")
        fixture.write("/100/cgroup", "4:cpu,cpuacct:/a/below\n0::/x/y\n")
        var meter = meter(
            ["/v1/a", "/cgroup/x", "/cgroup/q"].map { .cgroupPath(fixture.root + $0) })
        meter.read(now: seconds(10))
        fixture.cgroup("/q", microseconds: 3000)
        meter.read(now: seconds(20))
        let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)
        #expect(
            meter.close(at: seconds(20)).services == [shared, shared, .known(.milliseconds(2))])
        // It leaves the other's: noticed by the next look, and known from then on.
        fixture.write("/100/cgroup", "4:cpu,cpuacct:/a/below\n0::/z\n")
        meter.look(now: seconds(20))
        meter.read(now: seconds(30))
        _ = meter.close(at: seconds(30))
        fixture.write("/v1/a/cpuacct.usage", "5001000000\n")
        meter.read(now: seconds(40))
        #expect(meter.close(at: seconds(40)).services[0] == .known(.milliseconds(1)))
    }

    @Test("a reading looks for nothing, however long ago the last look was: that takes its time")
    func readsAlone() {
        fixture.listen([(80, 700)])
        fixture.process(100, ticks: 50, sockets: [700])
        var meter = meter([.processOfPorts([80])])
        meter.read(now: seconds(10))
        fixture.process(101, ticks: 5, started: 1100, sockets: [700])
        for second in 11...60 { meter.read(now: seconds(UInt64(second))) }
        #expect(meter.paths(ofService: 0).count == 1)
        meter.look(now: seconds(60))
        #expect(meter.paths(ofService: 0).count == 2)
    }
}

@Suite("sock_diag's messages") struct DiagnosticMessagesTests {
    /// One listener on port 8080 with cgroup id 0x1234, then the end of the list.
    private var golden: [UInt8] {
        var message: [UInt8] = [100, 0, 0, 0, 20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        message += [2, 10, 0, 0, 0x1F, 0x90] + [UInt8](repeating: 0, count: 66)
        message += [12, 0, 21, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0]
        return message + [16, 0, 0, 0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    @Test("port and cgroup are read, to the end of the list") func reads() throws {
        var found: [Listener] = []
        let ended = try DiagnosticMessages(golden, count: golden.count).collect(into: &found)
        #expect(ended)
        #expect(found == [Listener(port: 8080, cgroup: 0x1234)])
    }

    @Test("a socket is known by its inode") func inode() throws {
        var bytes = golden
        bytes.replaceSubrange(84..<88, with: [0x67, 0x12, 0, 0])
        var found: [Listener] = []
        _ = try DiagnosticMessages(bytes, count: bytes.count).collect(into: &found)
        #expect(found == [Listener(port: 8080, cgroup: 0x1234, inode: 0x1267)])
    }

    @Test("an error message is not found") func refused() {
        var bytes = golden
        bytes[4] = 2
        var found: [Listener] = []
        #expect(throws: ProcessorUnknown.notFound) {
            try DiagnosticMessages(bytes, count: bytes.count).collect(into: &found)
        }
    }

    @Test("cut and altered messages neither trap nor loop") func hostile() {
        var state: UInt64 = 9
        for length in 0...golden.count {
            var found: [Listener] = []
            _ = try? DiagnosticMessages(golden, count: length).collect(into: &found)
            #expect(found.count <= 1)
        }
        for _ in 0..<3000 {
            var bytes = golden
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 50)
            }
            var found: [Listener] = []
            _ = try? DiagnosticMessages(bytes, count: bytes.count).collect(into: &found)
            #expect(found.count <= bytes.count / 16)
        }
    }
}
