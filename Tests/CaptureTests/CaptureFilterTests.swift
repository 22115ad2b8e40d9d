import CPcap
import Testing
import Traffic

@testable import Capture

@Suite("The kernel filter")
struct CaptureFilterTests {
    static let everyTunnel: [Tunnel] = [
        .vxlan(port: 4789), .vxlan(port: 8472), .geneve(port: 6081), .gre, .ipip, .sixInFour,
        .pppoe, .mpls,
    ]
    static let stacks: [[UInt16]] = [
        [], [0x8100], [0x88a8], [0x9100], [0x8100, 0x8100], [0x88a8, 0x8100], [0x9100, 0x8100],
    ]
    /// Ports that lie apart, the one of the packets among them.
    static func ports(_ count: Int) -> [UInt16] {
        let others = (0..<UInt16(500)).map { $0 * 127 + 1000 }
            .filter { $0 != FilterPackets.other && $0 != 40000 }
        return [FilterPackets.port] + others.prefix(count - 1)
    }

    private func machine(_ filter: CaptureFilter, _ link: LinkType = .ethernet) throws -> BPFMachine
    {
        BPFMachine(program: try #require(filter.program(for: link)))
    }

    @Test(
        "passes each kind of packet behind zero to two tags, and nothing else",
        arguments: [1, 2, CaptureFilter.maximumPorts],
        [[]] + everyTunnel.map { [$0] } + [everyTunnel])
    func kinds(count: Int, tunnels: [Tunnel]) throws {
        let filter = CaptureFilter(ports: Self.ports(count), tunnels: tunnels)
        let ethernet = try machine(filter)
        let raw = try machine(filter, .raw)
        let cooked = try machine(filter, .linuxSLL)
        for packet in FilterPackets.all() {
            let expected = packet.passes(tunnels)
            for stack in Self.stacks {
                let frame = packet.frame(tags: stack)
                let outcome = ethernet.run(frame)
                #expect(
                    (outcome.bytes > 0) == expected, "\(packet.name) behind \(stack.count) tags")
                #expect(offline(ethernet.program, frame) == outcome.bytes, "libpcap's machine")
                // What the kernel leaves of a cooked frame: the first tag is its EtherType.
                let bare = Array(frame.dropFirst(14))
                let type = stack.first ?? packet.type
                #expect((cooked.run(bare, type: type).bytes > 0) == expected, "\(packet.name)")
            }
            guard packet.type == 0x0800 || packet.type == 0x86dd else { continue }
            #expect((raw.run(packet.bytes).bytes > 0) == expected, "\(packet.name), raw")
            #expect(offline(raw.program, packet.bytes) == raw.run(packet.bytes).bytes)
        }
    }

    @Test("passes no packet behind three tags that the interface did not strip")
    func threeTags() throws {
        let machine = try machine(CaptureFilter(ports: [8080], tunnels: Self.everyTunnel))
        for packet in FilterPackets.all() {
            #expect(machine.run(packet.frame(tags: [0x88a8, 0x8100, 0x8100])).bytes == 0)
        }
    }

    @Test("passes a packet whole")
    func whole() throws {
        let machine = try machine(CaptureFilter(ports: [8080]))
        for packet in FilterPackets.wanted(port: 8080) {
            #expect(machine.run(packet.frame()).bytes == UInt32(LiveCapture.snapshotLength))
        }
    }

    @Test("passes its ports and no other of all there are", arguments: [1, 2, 3, 65, 128])
    func everyPort(count: Int) throws {
        var generator = Seeded(UInt64(count))
        var ports: [UInt16] = [1, 65535]
        // Neighbours too, which become ranges.
        while ports.count < count {
            let first = UInt16.random(in: 1...65000, using: &generator)
            ports += first...(first + UInt16.random(in: 0...3, using: &generator))
        }
        ports = Array(ports.prefix(count))
        let wanted = Set(ports)
        let machine = try machine(CaptureFilter(ports: ports.shuffled(using: &generator)))
        let quiet = try #require((2...65535).first { !wanted.contains($0) })
        for port in 0...UInt16.max {
            let source = ipv4(6, tcp(port, quiet))
            let packet = NetworkPacket(name: "", type: 0x0800, bytes: source, passing: .always)
            let isPassed = machine.run(packet.frame()).bytes > 0
            if isPassed != wanted.contains(port) { Issue.record("port \(port)") }
        }
        for port in ports {
            let packet = NetworkPacket(
                name: "", type: 0x86dd, bytes: ipv6(6, tcp(quiet, port)), passing: .always)
            #expect(machine.run(packet.frame()).bytes > 0)
        }
    }

    @Test("passes nothing where there is no port and no tunnel")
    func empty() throws {
        let machine = try machine(CaptureFilter(ports: []))
        let first = ipv4(6, tcp(0, 0))
        let packet = NetworkPacket(name: "", type: 0x0800, bytes: first, passing: .never)
        #expect(machine.run(packet.frame()).bytes == 0)
    }

    @Test("rejects every frame that is cut before what it asks for, and reads none beyond its end")
    func cut() throws {
        let machine = try machine(CaptureFilter(ports: [8080], tunnels: Self.everyTunnel))
        for packet in FilterPackets.all() {
            let frame = packet.frame(tags: [0x8100])
            var hasPassed = false
            for length in 0...frame.count {
                let isPassed = machine.run(Array(frame.prefix(length))).bytes > 0
                // Once enough is there, more does not change the answer.
                #expect(isPassed || !hasPassed)
                hasPassed = isPassed
            }
            #expect(hasPassed == packet.passes(Self.everyTunnel))
        }
    }

    @Test(
        "runs few instructions for a packet of TCP, and with 128 ports as many more as a search by halves"
    )
    func steps() throws {
        let toPort = NetworkPacket(
            name: "", type: 0x0800, bytes: ipv4(6, tcp(40000, 8080)), passing: .always)
        let fromPort = NetworkPacket(
            name: "", type: 0x0800, bytes: ipv4(6, tcp(8080, 40000)), passing: .always)
        let one = try machine(CaptureFilter(ports: [8080], tunnels: Self.everyTunnel))
        #expect(one.run(fromPort.frame()).steps == 11)
        #expect(one.run(toPort.frame()).steps == 13)
        let many = try machine(CaptureFilter(ports: Self.ports(128)))
        #expect(many.run(fromPort.frame()).steps <= 19)
        #expect(many.run(toPort.frame()).steps <= 29)
        let most = FilterPackets.all().map { many.run($0.frame(tags: [0x8100, 0x8100])).steps }
            .max()
        #expect(try #require(most) <= 200)
    }

    @Test(
        "has as many instructions as every kernel takes, which counts its own in 20 KiB",
        arguments: [LinkType.ethernet, .linuxSLL, .raw])
    func size(link: LinkType) throws {
        let ports = Self.ports(CaptureFilter.maximumPorts)
        let filter = CaptureFilter(ports: ports, tunnels: Self.everyTunnel)
        let program = try #require(filter.program(for: link))
        #expect(program.count <= 950)
        #expect(program.count <= BPFInstruction.maximumCount)
        #expect(CaptureFilter(ports: [8080]).program(for: link)?.count ?? 0 <= 350)
    }

    @Test("is none for a kind of header that no interface of Linux has")
    func links() {
        for link in [LinkType.null, .loop, .ppp, .pppHDLC, .pppoe] {
            #expect(CaptureFilter(ports: [80]).program(for: link) == nil)
        }
    }

    @Test("is the same for ports in another order or named twice")
    func canonical() {
        #expect(CaptureFilter(ports: [81, 80, 9000]) == CaptureFilter(ports: [9000, 80, 81, 80]))
        #expect(
            CaptureFilter(ports: [81, 80, 9000]).sentences.first
                == "TCP from or to port 80-81, 9000, over IPv4 and IPv6")
        #expect(CaptureFilter(ports: [65535, 1]).ports == [1...1, 65535...65535])
    }

    /// libpcap's answer.
    private func offline(_ program: [BPFInstruction], _ packet: [UInt8]) -> UInt32 {
        bpf_filter(program.map(\.raw), packet, UInt32(packet.count), UInt32(packet.count))
    }
}

@Suite("The assembler of filters")
struct BPFAssemblerTests {
    @Test("jumps over any distance", arguments: [0, 1, 253, 254, 255, 256, 257, 600, 4000])
    func distances(count: Int) {
        for byte in [UInt8(7), 8] {
            var code = BPFAssembler()
            let match = code.label()
            let miss = code.label()
            code.add(.loadByte, 0)
            code.jump(.jumpEqual, 7, to: match, else: miss)
            for _ in 0..<count { code.add(.pass, 99) }
            code.place(match)
            code.add(.pass, 1)
            code.place(miss)
            code.add(.pass, 2)
            let machine = BPFMachine(program: code.assembled())
            #expect(machine.run([byte]).bytes == (byte == 7 ? 1 : 2))
        }
    }

    @Test("goes on behind the jumps it adds where a condition has one way out")
    func fallingThrough() {
        for (byte, isTrueNamed) in [(UInt8(7), true), (7, false), (8, true), (8, false)] {
            var code = BPFAssembler()
            let far = code.label()
            code.add(.loadByte, 0)
            code.jump(
                .jumpEqual, 7, to: isTrueNamed ? far : nil, else: isTrueNamed ? nil : far)
            code.add(.pass, 1)
            for _ in 0..<300 { code.add(.pass, 99) }
            code.place(far)
            code.add(.pass, 2)
            let machine = BPFMachine(program: code.assembled())
            #expect(machine.run([byte]).bytes == ((byte == 7) == isTrueNamed ? 2 : 1))
        }
    }
}
