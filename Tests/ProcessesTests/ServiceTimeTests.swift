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

    @Test("a malformed reading is a reason, and the next one has all of the time")
    func malformed() {
        fixture.cgroup("/a", microseconds: 1000)
        var meter = meter(.cgroupPath(fixture.root + "/cgroup/a"))
        meter.read(now: seconds(10))
        fixture.write("/cgroup/a/cpu.stat", "usage_usec -4\n")
        #expect(close(&meter, 20) == .unknown(.malformed))
        fixture.cgroup("/a", microseconds: 9000)
        #expect(close(&meter, 30) == .known(.milliseconds(8)))
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
            #expect(close(&meter, 20) == .unknown(.sharedCgroup))
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
