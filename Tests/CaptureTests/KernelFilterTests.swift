import Foundation
import Glibc
import Testing
import Traffic

@testable import Capture

@Suite(
    "The filter in the kernel",
    .serialized,
    .enabled("no right to make network namespaces: CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW") {
        Namespace.canBeMade
    })
struct KernelFilterTests {
    private static let port = FilterPackets.port
    /// Tells the end of what was sent.
    private static let last = tcp(port, 65535)

    /// What a capture handed over.
    private final class Tap {
        private(set) var frames: [[UInt8]] = []
        private var source: LiveCapture?

        init(_ interface: String, _ filter: CaptureFilter, ringMiB: Int = 4) throws {
            let link = try #require(Interfaces.named([interface]).first)
            source = try LiveCapture(link: link, ringMiB: ringMiB, filter: filter) {
                [unowned self] in frames.append(Array($0.bytes))
            }
        }

        var capture: LiveCapture {
            get throws {
                guard let source else { throw Namespace.Trouble("no capture") }
                return source
            }
        }

        /// Takes frames until one ends with `last`, which is left out.
        func takeAll() throws -> [[UInt8]] {
            let limit = ContinuousClock.now + .seconds(10)
            while frames.last?.suffix(last.count) != last[...] {
                guard ContinuousClock.now < limit else {
                    throw Namespace.Trouble("no last frame after \(frames.count)")
                }
                _ = try capture.dispatch(limit: 4096)
                usleep(1000)
            }
            defer { frames = [] }
            return frames.dropLast()
        }
    }

    /// Devices without addresses, which send nothing of their own: what they sent between the
    /// opening of a capture and its filter would be handed over.
    private static func makePair() throws {
        try Data("1".utf8).write(to: URL(filePath: "/proc/sys/net/ipv6/conf/default/disable_ipv6"))
        try Namespace.ip("link add jfa type veth peer name jfb")
        for end in ["jfa", "jfb"] { try Namespace.ip("link set \(end) up") }
    }

    private static func network(_ bytes: [UInt8]) -> NetworkPacket {
        NetworkPacket(name: "", type: 0x0800, bytes: bytes, passing: .always)
    }

    @Test(
        "passes one frame of each kind on a veth pair, whole and with its tags, and nothing else",
        arguments: [[], [.vxlan(port: 4789)], [.gre, .sixInFour], CaptureFilterTests.everyTunnel])
    func vethPair(tunnels: [Tunnel]) throws {
        try Namespace.with {
            try Self.makePair()
            let filter = CaptureFilter(
                ports: CaptureFilterTests.ports(128), tunnels: tunnels)
            // Where frames go out their tags stand in them; where they come in, the kernel has
            // taken the first one off.
            let ends = [try Tap("jfa", filter), try Tap("jfb", filter)]
            let sender = try FrameSender(interface: "jfa")
            var expected: [[UInt8]] = []
            for packet in FilterPackets.all() {
                for stack in CaptureFilterTests.stacks {
                    let frame = packet.frame(tags: stack)
                    try sender.send(frame)
                    if packet.passes(tunnels) { expected.append(frame) }
                }
            }
            try sender.send(Self.network(ipv4(6, Self.last)).frame())
            for end in ends {
                let frames = try end.takeAll()
                #expect(frames.count == expected.count)
                #expect(frames == expected)
            }
        }
    }

    @Test(
        "passes one packet of each kind on an interface without Ethernet headers",
        // ARPHRD_NONE, whose packets libpcap gives bare, and ARPHRD_PPP, which it gives cooked.
        arguments: [(0xfffe, 0), (512, 16)])
    func noEthernet(hardware: Int, header: Int) throws {
        try Namespace.with {
            let device = try TunDevice(name: "jft", hardware: hardware)
            for tunnels in [[], CaptureFilterTests.everyTunnel] {
                let filter = CaptureFilter(ports: [Self.port], tunnels: tunnels)
                let tap = try Tap("jft", filter)
                var expected: [[UInt8]] = []
                for packet in FilterPackets.all() where [0x0800, 0x86dd].contains(packet.type) {
                    try device.receive(packet.bytes)
                    if packet.passes(tunnels) { expected.append(packet.bytes) }
                }
                try device.receive(ipv4(6, Self.last))
                let packets = try tap.takeAll().map { Array($0.dropFirst(header)) }
                #expect(packets == expected)
            }
        }
    }

    @Test("is exchanged for another, which holds from then on, and what the ring holds stays")
    func exchange() throws {
        try Namespace.with {
            try Self.makePair()
            let tap = try Tap("jfb", CaptureFilter(ports: [Self.port]))
            let sender = try FrameSender(interface: "jfa")
            let first = Self.network(ipv4(6, tcp(1, Self.port))).frame()
            let second = Self.network(ipv4(6, tcp(1, 9000))).frame()
            for frame in [first, second] { try sender.send(frame) }
            try tap.capture.install(CaptureFilter(ports: [9000]))
            for frame in [second, first] { try sender.send(frame) }
            try tap.capture.install(CaptureFilter(ports: [Self.port, 9000]))
            try sender.send(Self.network(ipv4(6, Self.last)).frame())
            #expect(try tap.takeAll() == [first, second])
        }
    }

    @Test("that the kernel refuses leaves the one before in its place")
    func refused() throws {
        try Namespace.with {
            try Self.makePair()
            let tap = try Tap("jfb", CaptureFilter(ports: [Self.port]))
            let sender = try FrameSender(interface: "jfa")
            // More memory than a socket has, and more instructions than a program.
            for last in [UInt16(2000), 8000] {
                try? Data("20480".utf8).write(to: URL(filePath: "/proc/sys/net/core/optmem_max"))
                let tooMany = stride(from: UInt16(1), to: last, by: 2).map { $0 }
                #expect(throws: CaptureError.self) {
                    try tap.capture.install(CaptureFilter(ports: tooMany))
                }
            }
            for port in [Self.port, FilterPackets.other] {
                try sender.send(Self.network(ipv4(6, tcp(40000, port))).frame())
            }
            try sender.send(Self.network(ipv4(6, Self.last)).frame())
            #expect(try tap.takeAll().count == 1)
        }
    }

    @Test("is opened and exchanged without a loss where the kernel has room for one, not for two")
    func smallMemory() throws {
        try Namespace.with {
            try Self.makePair()
            // Linux has had this number for each network of its own since 6.8; before, it was 20 KiB
            // unless somebody had changed it.
            try? Data("20480".utf8).write(to: URL(filePath: "/proc/sys/net/core/optmem_max"))
            let ports = CaptureFilterTests.ports(CaptureFilter.maximumPorts)
            let filter = CaptureFilter(ports: ports, tunnels: CaptureFilterTests.everyTunnel)
            let tap = try Tap("jfa", filter)
            let sender = try FrameSender(interface: "jfa")
            let frame = Self.network(ipv4(6, tcp(1, Self.port))).frame()
            let other = Self.network(ipv4(6, tcp(1, FilterPackets.other))).frame()
            for _ in 0..<10 {
                try tap.capture.install(filter)
                for frame in [frame, other] { try sender.send(frame) }
            }
            try sender.send(Self.network(ipv4(6, Self.last)).frame())
            #expect(try tap.takeAll() == Array(repeating: frame, count: 10))
        }
    }

    @Test("is exchanged hundreds of times under load without losing a frame")
    func exchangeUnderLoad() throws {
        try Namespace.with {
            try Self.makePair()
            let filters = [
                CaptureFilter(ports: [Self.port]),
                CaptureFilter(
                    ports: CaptureFilterTests.ports(128), tunnels: CaptureFilterTests.everyTunnel),
            ]
            let tap = try Tap("jfb", filters[0], ringMiB: 256)
            let sender = try FrameSender(interface: "jfa")
            let count = 200_000
            let done = DispatchSemaphore(value: 0)
            let thread = Thread {
                for number in 0..<count {
                    let bytes = tcp(UInt16(number >> 16), Self.port) + half(UInt16(number & 0xffff))
                    try? sender.send(Self.network(ipv4(6, bytes)).frame())
                }
                try? sender.send(Self.network(ipv4(6, Self.last)).frame())
                done.signal()
            }
            thread.start()
            var exchanges = 0
            while done.wait(timeout: .now()) == .timedOut {
                exchanges += 1
                try tap.capture.install(filters[exchanges % 2])
            }
            let frames = try tap.takeAll()
            #expect(try tap.capture.readCounters().kernelDrops == 0)
            #expect(exchanges > 100)
            #expect(frames.count == count)
            let numbers = frames.map { frame in
                Int(frame[34]) << 24 | Int(frame[35]) << 16 | Int(frame[55]) << 8 | Int(frame[56])
            }
            #expect(numbers == Array(0..<count))
        }
    }
}
