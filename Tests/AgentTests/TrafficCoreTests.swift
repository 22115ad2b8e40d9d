import CAllocationCounter
import Metering
import Settings
import Testing
import Traffic

@testable import Agent

private let second: UInt64 = 1_000_000_000

/// Packets of one service, in seconds from the start of packet time.
private struct Script {
    private var capture = MadeCapture()
    private(set) var packets: [(time: UInt64, frame: [UInt8])] = []

    mutating func request(_ seconds: Double, port: UInt16, _ target: String) {
        add(seconds, port, true, "GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
    }

    mutating func response(_ seconds: Double, port: UInt16) {
        add(seconds, port, false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }

    private mutating func add(_ seconds: Double, _ port: UInt16, _ toServer: Bool, _ text: String) {
        capture.send(port, toServer, text)
        packets.append(
            (UInt64(seconds * Double(second)), Array(capture.records.last ?? []).suffix()))
    }
}

extension [UInt8] {
    /// A packet without the header of its record in a capture file.
    fileprivate func suffix() -> [UInt8] { Array(dropFirst(16)) }
}

private func settings(_ attribution: String, generation: Int = 0) throws -> MeterSettings {
    let text = """
        version: 1
        services: [{name: loan, ports: [8080], counts_flows: true}]
        scenarios:
          - {id: credit, steps: [{when: {path: /credit}}]}
          - {id: query, steps: [{when: {path: /query}}]}
        collectors: []
        attribution: {\(attribution)}
        """
    return MeterSettings(
        try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "host"),
        generation: generation)
}

private func core(_ attribution: String) throws -> TrafficCore {
    let core = TrafficCore(try settings(attribution), book: emptyBook(), localAddresses: [])
    core.bucket.replan(ends: [Timestamp(10 * second)])
    return core
}

extension TrafficCore {
    fileprivate func ingest(_ packets: some Sequence<(time: UInt64, frame: [UInt8])>) {
        for packet in packets {
            packet.frame.withUnsafeBytes {
                ingest(
                    Frame(
                        bytes: $0, wireLength: $0.count, time: Timestamp(packet.time),
                        linkType: .ethernet))
            }
        }
    }

    /// The counts of the next window of ten seconds, the one that ends at `end`.
    fileprivate func window(_ end: UInt64, endsSettings: Bool = false) -> Tally {
        take(nextEnds: [Timestamp((end + 10) * second)], endsSettings: endsSettings).tally
    }
}

extension Tally {
    /// Milliseconds in flight by scenario, and of none.
    fileprivate var busy: [UInt64]? {
        services[0].busy.map { busy in
            (busy.scenarios + [busy.other]).map { ($0.rawValue + 500_000) / 1_000_000 }
        }
    }
}

@Suite("Time in flight by window") struct TrafficCoreTests {
    private static func longCredit() -> Script {
        var script = Script()
        script.request(2, port: 40_000, "/credit")
        script.request(4, port: 40_001, "/query")
        script.response(6, port: 40_001)
        script.request(25, port: 40_002, "/else")
        script.response(27, port: 40_000)
        script.response(28, port: 40_002)
        return script
    }

    @Test("an exchange has its part of each window that it crosses, and counts in its last")
    func split() throws {
        let core = try core("model: concurrency")
        let packets = Self.longCredit().packets
        core.ingest(packets.prefix(3))
        let first = core.window(10)
        #expect(first.busy == [7000, 1000, 0])
        core.ingest(packets.dropFirst(3))
        // The second window is given after the third has begun.
        let second = core.window(20)
        #expect(second.busy == [10_000, 0, 0])
        let third = core.window(30)
        #expect(third.busy == [6000, 0, 2000])
        #expect(core.window(40).busy == [0, 0, 0])
        #expect([first, second, third].map { $0.scenarios[0].flows } == [0, 0, 1])
        #expect([first, second, third].map(\.losses.unfinished) == [0, 0, 0])
    }

    @Test("the same comes out whether windows are given early or late") func lateGiving() throws {
        let early = try core("model: concurrency")
        let late = try core("model: concurrency")
        let packets = Self.longCredit().packets
        late.bucket.replan(ends: [10, 20, 30].map { Timestamp($0 * second) })
        late.ingest(packets)
        var windows: [[UInt64]?] = []
        early.ingest(packets.prefix(3))
        windows.append(early.window(10).busy)
        early.advance(to: Timestamp(20 * second))
        windows.append(early.window(20).busy)
        early.ingest(packets.dropFirst(3))
        windows.append(early.window(30).busy)
        #expect([10, 20, 30].map { late.window($0).busy } == windows)
    }

    @Test("nothing is measured where energy is divided by the standard's weights")
    func standard() throws {
        let core = try core("model: auto")
        core.ingest(Self.longCredit().packets)
        let tally = core.window(10)
        #expect(tally.busy == nil)
        #expect(tally.losses.unfinished == 0)
    }

    @Test("a response that never comes is given up after a minute, and said so")
    func unfinished() throws {
        let core = try core("model: concurrency")
        var script = Script()
        script.request(5, port: 40_000, "/credit")
        core.ingest(script.packets)
        let windows = (1...9).map { core.window(UInt64($0) * 10) }
        #expect(
            windows.map { $0.busy?[0] } == [5000] + Array(repeating: 10_000, count: 6) + [0, 0])
        #expect(windows.map(\.losses.unfinished) == [0, 0, 0, 0, 0, 0, 1, 0, 0])
    }

    @Test("a clock that leaps ahead neither hangs nor makes up time") func leap() throws {
        let core = try core("model: concurrency")
        core.ingest(Self.longCredit().packets.prefix(1))
        let far: UInt64 = 3_000_000_000 * second
        var script = Script()
        script.request(0, port: 40_005, "/query")
        core.ingest([(far, script.packets[0].frame)])
        #expect(core.window(10).busy == [8000, 0, 0])
        let next = core.window(20)
        #expect(next.busy == [10_000, 0, 0])
    }

    @Test("other settings go on with what is in flight") func change() throws {
        let core = try core("model: concurrency")
        let packets = Self.longCredit().packets
        core.ingest(packets.prefix(3))
        core.expect(try settings("model: standard", generation: 1), from: Timestamp(10 * second))
        core.changeSettings(at: Timestamp(11 * second))
        #expect(core.window(10, endsSettings: true).busy == [7000, 1000, 0])
        core.expect(
            try settings("model: concurrency", generation: 2), from: Timestamp(20 * second))
        core.changeSettings(at: Timestamp(21 * second))
        #expect(core.window(20, endsSettings: true).busy == nil)
        core.ingest(packets.dropFirst(3))
        #expect(core.window(30).busy == [6000, 0, 2000])
    }

    @Test("what is in flight at the end of the last window has its part of it") func finish() throws
    {
        let core = try core("model: concurrency")
        core.ingest(Self.longCredit().packets.prefix(3))
        core.finish()
        let tally = core.window(10)
        #expect(tally.busy == [7000, 1000, 0])
        #expect(tally.losses.unpairedRequests == 1)
    }
}

@Suite("Time in flight on the hot path", .serialized) struct TrafficCoreAllocationTests {
    @Test("costs no allocation per exchange") func allocations() throws {
        var script = Script()
        for number in 0..<400 {
            let at = Double(number) / 100
            script.request(at, port: UInt16(40_000 + number % 7), "/credit")
            script.response(at + 0.005, port: UInt16(40_000 + number % 7))
        }
        var counts: [Int] = []
        for model in ["standard", "concurrency"] {
            let core = try core("model: \(model)")
            core.ingest(script.packets.prefix(400))
            allocation_count_reset()
            core.ingest(script.packets.dropFirst(400))
            counts.append(Int(allocation_count()))
            #expect(core.window(10).busy == (model == "standard" ? nil : [2000, 0, 0]))
        }
        // Unoptimised, counting by the rules allocates; measuring adds nothing to that.
        #expect(counts[1] <= counts[0])
    }
}
