import Testing

/// How two hosts reach each other: what lies between the wire and the addresses programs use.
struct Wire: CustomTestStringConvertible {
    struct Overlay {
        /// Whether the outer packets are IPv6.
        let isSix: Bool
        let port: Int
    }

    let name: String
    /// EtherTypes of the tags around every frame, the outer one first.
    var tags: [Int] = []
    var overlay: Overlay?
    /// The longest packet of the wire.
    var mtu = 1600
    /// `capture.tunnels`.
    var tunnels = ""
    /// Whether requests and responses do not fit in its packets.
    var isFragmented = false

    var testDescription: String { name }
}

/// Two hosts on one wire: network namespaces that end with the processes which hold them.
struct TwoHosts {
    /// On both sides the wire's interface, and the one whose addresses programs use.
    static let interface = "jf0"

    let server: Child
    let client: Child
    private let site: Site

    init(_ site: Site, _ wire: Wire) throws {
        self.site = site
        server = try site.start("server", Self.holder)
        client = try site.start("client", Self.holder)
        for host in [server, client] { try host.awaitSaying("held") }
        try run(
            server,
            "ip link add \(Self.interface) mtu \(wire.mtu) type veth peer name \(Self.interface) "
                + "mtu \(wire.mtu) netns \(client.pid)")
        try connect(server, wire, own: 1, other: 2)
        try connect(client, wire, own: 2, other: 1)
    }

    private static let holder = [
        "unshare", "-n", "--", "sh", "-c", "ip link set lo up && echo held >&2 && exec sleep 600",
    ]

    /// The address of the server.
    static func server(isSix: Bool) -> String { isSix ? "[fd08::1]" : "10.8.0.1" }

    /// The words that run a program on a host.
    static func on(_ host: Child) -> [String] { ["nsenter", "-t", "\(host.pid)", "-n", "--"] }

    func run(_ host: Child, _ command: String) throws {
        let words = command.split(separator: " ").map(String.init)
        let outcome = try Host.run(Self.on(host) + words, within: 10)
        guard outcome.status == 0 else { throw Trouble("\(command): \(outcome.said)") }
    }

    private func connect(_ host: Child, _ wire: Wire, own: Int, other: Int) throws {
        var base = Self.interface
        // Below 1280 bytes an interface has no IPv6.
        let hasSix = wire.mtu >= 1280
        try run(host, "ip link set \(base) \(hasSix ? "addrgenmode none" : "") up")
        if !wire.tags.isEmpty {
            let tags = wire.tags.map { "\($0)" }
            let relay = try site.start(
                "relay", Self.on(host) + ["python3", "-c", Self.relay, base, "jfv"] + tags)
            try relay.awaitSaying("relaying")
            base = "jfv"
            try run(host, "ip link set \(base) addrgenmode none up")
        }
        if let overlay = wire.overlay {
            let net = overlay.isSix ? "fd09::" : "10.9.0."
            try run(
                host, "ip addr add \(net)\(own)/\(overlay.isSix ? "64 nodad" : "24") dev \(base)")
            try run(
                host,
                "ip link add jfx mtu 1300 type vxlan id 7 local \(net)\(own) remote \(net)\(other) "
                    + "dstport \(overlay.port)")
            base = "jfx"
            try run(host, "ip link set \(base) addrgenmode none up")
        }
        try run(host, "ip addr add 10.8.0.\(own)/24 dev \(base)")
        try run(host, "ip addr add fd08::\(own)/64 nodad dev \(base)")
    }

    /// Puts tags around the frames of a tap device and takes them off again, as a VLAN interface
    /// does: not every kernel has those. The kernel itself takes the first tag off what comes in.
    private static let relay = """
        import fcntl, os, select, socket, struct, sys
        wire, name, tags = sys.argv[1], sys.argv[2], [int(t) for t in sys.argv[3:]]
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1002))
        outside = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        outside.bind((wire, 3))
        outside.setblocking(False)
        outside.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        head = b"".join(struct.pack(">HH", t, 100 + i) for i, t in enumerate(tags))
        inner = 4 * (len(tags) - 1)
        print("relaying", file=sys.stderr, flush=True)
        while True:
            ready = select.select([tap, outside], [], [])[0]
            for source in ready:
                for _ in range(64):
                    try:
                        if source == tap:
                            frame = os.read(tap, 65536)
                            outside.send(frame[:12] + head + frame[12:])
                        else:
                            frame, address = outside.recvfrom(65536)
                            if address[2] != socket.PACKET_OUTGOING:
                                os.write(tap, frame[:12] + frame[12 + inner:])
                    except BlockingIOError:
                        break
        """
}
