import Metering
import Synchronization
import Testing

@testable import Processes

/// Listeners that a test sets, and how often they were asked for.
private final class Kernel: Sendable {
    private let state = Mutex((listeners: [Listener](), asked: 0))

    func set(_ listeners: [Listener]) { state.withLock { $0.listeners = listeners } }

    var asked: Int { state.withLock { $0.asked } }

    var query: ListenerQuery {
        { () throws(ProcessorUnknown) -> [Listener] in
            self.state.withLock {
                $0.asked += 1
                return $0.listeners
            }
        }
    }
}

/// Each window ends with a reading, and is told before anything is looked for: as an agent's tick does.
@Suite("A window tells a service's time only where it is that service's alone at its end")
struct WindowEndTests {
    private let fixture = Fixture()
    private let kernel = Kernel()
    private let shared = Known<Nanoseconds, ProcessorUnknown>.unknown(.shared)

    private func meter(_ sources: [ServiceSource]) -> ProcessorMeter {
        fixture.host(idle: 0)
        var meter = ProcessorMeter(
            procfs: fixture.root, services: sources, from: seconds(10), ticksPerSecond: 100,
            listeners: kernel.query)
        meter.read(now: seconds(10))
        return meter
    }

    private func window(
        _ meter: inout ProcessorMeter, _ end: UInt64
    ) -> [Known<Nanoseconds, ProcessorUnknown>] {
        meter.read(now: seconds(end))
        return meter.close(at: seconds(end)).services
    }

    /// Processes 100 and 101 of the ports 80 and 8080.
    private func processes() {
        fixture.listen([(80, 700), (8080, 4711)])
        fixture.process(100, ticks: 50, sockets: [700])
        fixture.process(101, ticks: 50, sockets: [4711])
        kernel.set([
            Listener(port: 80, cgroup: nil, inode: 700),
            Listener(port: 8080, cgroup: nil, inode: 4711),
        ])
    }

    private let ports: [ServiceSource] = [.processOfPorts([80]), .processOfPorts([8080])]

    @Test(
        "a process that begins to serve a second service is neither's, in windows of a second too")
    func secondService() {
        processes()
        var meter = meter(ports)
        fixture.process(100, ticks: 60)
        #expect(window(&meter, 11) == [.known(.milliseconds(100)), .known(.zero)])
        fixture.listen([(80, 700), (8080, 4711), (8080, 4712)])
        fixture.process(100, ticks: 90, sockets: [700, 4712])
        kernel.set([
            Listener(port: 80, cgroup: nil, inode: 700),
            Listener(port: 8080, cgroup: nil, inode: 4711),
            Listener(port: 8080, cgroup: nil, inode: 4712),
        ])
        #expect(window(&meter, 12) == [shared, shared])
        #expect(window(&meter, 13) == [shared, shared])
    }

    @Test("a process that is given a socket that was there is neither's, in windows of ten seconds")
    func givenSocket() {
        processes()
        var meter = meter(ports)
        #expect(window(&meter, 20) == [.known(.zero), .known(.zero)])
        fixture.process(100, ticks: 90, sockets: [700, 4711])
        #expect(window(&meter, 30) == [shared, shared])
    }

    @Test("a process that moves into the cgroup of another service is neither's")
    func movesIn() {
        processes()
        fixture.cgroup("/x", microseconds: 1000)
        fixture.write("/100/cgroup", "0::/y\n")
        var meter = meter([.cgroupPath(fixture.root + "/cgroup/x"), .processOfPorts([80])])
        fixture.process(100, ticks: 60)
        #expect(window(&meter, 11) == [.known(.zero), .known(.milliseconds(100))])
        fixture.write("/100/cgroup", "0::/x/below\n")
        #expect(window(&meter, 12) == [shared, shared])
    }

    @Test("a socket that comes from the cgroup of another service makes it neither's")
    func socketOfAnother() {
        for path in ["/a", "/b"] { fixture.cgroup(path, microseconds: 1000) }
        let ids = ["/a", "/b"].map(fixture.cgroupID)
        kernel.set([Listener(port: 80, cgroup: ids[0]), Listener(port: 8080, cgroup: ids[1])])
        var meter = meter([.cgroupOfPorts([80]), .cgroupOfPorts([8080])])
        fixture.cgroup("/a", microseconds: 3000)
        #expect(window(&meter, 11) == [.known(.milliseconds(2)), .known(.zero)])
        kernel.set([
            Listener(port: 80, cgroup: ids[0]), Listener(port: 8080, cgroup: ids[1]),
            Listener(port: 8080, cgroup: ids[0], inode: 9),
        ])
        #expect(window(&meter, 12) == [shared, shared])
    }

    @Test("a service that runs in another cgroup at the end has a time that is not known")
    func otherCgroup() {
        for path in ["/a", "/b"] { fixture.cgroup(path, microseconds: 1000) }
        kernel.set([Listener(port: 80, cgroup: fixture.cgroupID("/a"))])
        var meter = meter([.cgroupOfPorts([80])])
        #expect(window(&meter, 11) == [.known(.zero)])
        kernel.set([Listener(port: 80, cgroup: fixture.cgroupID("/b"))])
        fixture.cgroup("/a", microseconds: 5000)
        #expect(window(&meter, 12) == [.unknown(.firstReading)])
        #expect(window(&meter, 13) == [.unknown(.firstReading)])
        fixture.cgroup("/b", microseconds: 2000)
        #expect(window(&meter, 14) == [.known(.milliseconds(1))])
    }

    @Test("another service's restart loses no time of this one")
    func restart() {
        processes()
        var meter = meter(ports)
        fixture.process(100, ticks: 60)
        fixture.remove("/101")
        fixture.process(102, ticks: 1, started: 1150, sockets: [5000])
        fixture.listen([(80, 700), (8080, 5000)])
        kernel.set([
            Listener(port: 80, cgroup: nil, inode: 700),
            Listener(port: 8080, cgroup: nil, inode: 5000),
        ])
        #expect(window(&meter, 12)[0] == .known(.milliseconds(100)))
        #expect(meter.paths(ofService: 1).contains(fixture.root + "/102/stat"))
    }

    @Test(
        "a window's end asks the kernel once, and short windows look at all processes no more often"
    )
    func cheap() {
        processes()
        var meter = meter(ports)
        let before = kernel.asked
        fixture.process(103, ticks: 5, started: 1_050, sockets: [700])
        for end in 11...18 as ClosedRange<UInt64> { _ = window(&meter, end) }
        #expect(kernel.asked == before + 8)
        #expect(meter.paths(ofService: 0).count == 1)
        meter.look(now: seconds(20))
        #expect(meter.paths(ofService: 0).count == 2)
        // Windows without a reading, as after a standstill, ask nothing.
        let then = kernel.asked
        for end in 19...25 as ClosedRange<UInt64> { _ = meter.close(at: seconds(end)) }
        #expect(kernel.asked == then)
    }
}
