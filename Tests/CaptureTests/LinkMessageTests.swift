import Glibc
import Testing

@testable import Capture

/// Messages of rtnetlink, built field by field.
struct LinkDatagram {
    var bytes: [UInt8] = []

    static func native<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number) { Array($0) }
    }

    static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        let length = native(UInt16(value.count + 4))
        let padding = [UInt8](repeating: 0, count: -value.count & 3)
        return length + native(type) + value + padding
    }

    mutating func add(_ type: UInt16, _ body: [UInt8]) {
        bytes += Self.native(UInt32(body.count + 16)) + Self.native(type) + Self.native(UInt16(0))
        bytes += Self.native(UInt32(0)) + Self.native(UInt32(0)) + body
        bytes += [UInt8](repeating: 0, count: -body.count & 3)
    }

    mutating func addLink(
        _ type: UInt16, index: Int32, name: String, flags: Int, names: [String] = [],
        missed: UInt64 = 0, fifo: UInt64 = 0, family: UInt8 = 0
    ) {
        var statistics = [UInt64](repeating: 7, count: 25)
        statistics[14] = fifo
        statistics[15] = missed
        let properties = names.flatMap { Self.attribute(53, Array($0.utf8) + [0]) }
        add(
            type,
            [family, 0] + Self.native(UInt16(1)) + Self.native(index)
                + Self.native(UInt32(flags)) + Self.native(UInt32(0))
                + Self.attribute(3, Array(name.utf8) + [0])
                + Self.attribute(23, statistics.flatMap(Self.native))
                + Self.attribute(52 | 0x8000, properties))
    }
}

@Suite("Notices of links")
struct LinkMessageTests {
    private static var sample: LinkDatagram {
        var datagram = LinkDatagram()
        datagram.addLink(
            16, index: 7, name: "eth0", flags: Int(IFF_UP), names: ["lan", "enp0s3"], missed: 3,
            fifo: 4)
        datagram.addLink(17, index: 8, name: "veth12", flags: 0)
        datagram.addLink(16, index: 9, name: "bridge", flags: 1, family: UInt8(AF_BRIDGE))
        datagram.add(20, [1, 2, 3])
        datagram.add(2, LinkDatagram.native(Int32(-EPERM)))
        datagram.add(3, LinkDatagram.native(Int32(0)))
        return datagram
    }

    private func read(_ bytes: [UInt8]) -> [LinkMessage] {
        Array(LinkMessages(bytes, count: bytes.count))
    }

    @Test("give each link with its names, its state and what it dropped")
    func contents() {
        let eth0 = Link(
            index: 7, name: "eth0", alternativeNames: ["lan", "enp0s3"], isUp: true, drops: 7)
        #expect(
            read(Self.sample.bytes) == [
                .present(eth0), .gone(Link(index: 8, name: "veth12", isUp: false)), .other, .other,
                .refused(EPERM), .end,
            ])
        #expect(eth0.isCalled("lan") && eth0.isCalled("eth0") && !eth0.isCalled("en"))
    }

    @Test("cut at any byte give the whole messages before the cut")
    func cuts() {
        let bytes = Self.sample.bytes
        let whole = read(bytes)
        for length in bytes.indices {
            let part = read(Array(bytes.prefix(length)))
            #expect(part.count < whole.count && part == Array(whole.prefix(part.count)))
        }
    }

    @Test("of any content end, and stay within their bytes")
    func noise() {
        var generator = Seeded(5)
        for _ in 0..<20_000 {
            var bytes = Self.sample.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            #expect(read(bytes).count <= bytes.count / 16)
        }
    }
}

@Suite("The choice of interfaces")
struct WantedInterfaceTests {
    private let links = [
        Link(index: 1, name: "lo", isLoopback: true), Link(index: 2, name: "eth0"),
        Link(index: 9, name: "veth9"), Link(index: 4, name: "veth4"),
        Link(index: 5, name: "veth5", isUp: false),
        Link(index: 6, name: "wan0", alternativeNames: ["wan"], isUp: false),
    ]

    private func chosen(
        _ written: [String], addressed: Set<String> = [], open: Set<UInt32> = []
    ) -> WantedInterfaces.Selection {
        WantedInterfaces(written).select(from: links, addressed: addressed, open: open)
    }

    @Test("takes each once, by name or other name first, then by pattern; patterns want it up")
    func order() {
        let selection = chosen(["wan", "v*", "eth0", "wan0", "gone0", "?eth9"])
        #expect(selection.links.map(\.name) == ["wan0", "eth0", "veth4", "veth9"])
        #expect(selection.absent == ["gone0"])
        #expect(selection.leftOut == [])
    }

    @Test("keeps what is open and matches while it is down")
    func openAndDown() {
        #expect(chosen(["veth*"], open: [5, 9]).links.map(\.index) == [5, 9, 4])
    }

    @Test("without a name goes by addresses, and keeps what is open whatever its name")
    func automatic() {
        let selection = chosen([], addressed: ["lo", "eth0"], open: [9])
        #expect(selection.links.map(\.name) == ["veth9", "lo", "eth0"])
        #expect(selection.absent.isEmpty)
    }

    @Test("stops at the limit, says what was left out, and prefers what is open")
    func limit() {
        let many = (1...100).map { Link(index: $0, name: "veth\($0)") }
        let selection = WantedInterfaces(["veth*"]).select(
            from: many.shuffled(), addressed: [], open: [100])
        #expect(selection.links.count == WantedInterfaces.maximum)
        #expect(selection.links.first?.index == 100)
        #expect(selection.leftOut.count == 100 - WantedInterfaces.maximum)
    }

    @Test(
        "by pattern matches the whole name",
        arguments: [
            ("veth*", "veth", true), ("veth*", "veth1a2b", true), ("veth*", "eth", false),
            ("*", "", true), ("*", "lo", true), ("?", "", false), ("e?h*0", "eth10", true),
            ("e?h*0", "eth01", false), ("*a*b", "xaybzb", true), ("*a*b", "xaybz", false),
            ("**", "x", true), ("br-*-?", "br-a-b-c", true), ("br-*-?", "br-a-b-cd", false),
        ])
    func patterns(pattern: String, name: String, isMatch: Bool) {
        #expect(InterfacePattern(pattern).matches(name) == isMatch)
    }
}

@Suite("The watch over interfaces")
struct LinkMonitorTests {
    @Test("lists the interfaces that there are, the loopback one among them")
    func list() throws {
        let monitor = try LinkMonitor()
        let loopback = try #require(monitor.links.values.first { $0.isLoopback })
        #expect(loopback.index == if_nametoindex(loopback.name))
        #expect(try #require(monitor.drops(of: loopback.index)) >= loopback.drops)
        #expect(monitor.drops(of: .max / 4) == nil)
        #expect(Interfaces.named([loopback.name]).map(\.index) == [loopback.index])
    }
}
