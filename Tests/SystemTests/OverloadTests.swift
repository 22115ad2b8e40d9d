import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite(
        "Under overload", .enabled("no right to make network namespaces") { Host.canMakeInterfaces }
    )
    struct OverloadTests {
        private static let window = 2
        /// Above what a ring of 1 MiB holds, which is about 3,000 of these packets.
        private static let flood = 20_000
        private static let trickle = 1_000

        @Test(
            "what was sent in a window is what was handled and declared lost, to the packet; then counts are exact again"
        )
        func conserved() throws {
            try Namespaces.with { site, spaces in
                try spaces.addPair("h0", net: 0)
                let (agent, inside) = try start(site, spaces)
                let rest = try residentBytes(agent)
                let floods = Array(repeating: Int.max, count: 3) + [Self.flood, Self.flood]
                let senders = try startSenders(
                    site, spaces, floods + Array(repeating: Self.trickle, count: 3),
                    paced: floods.count)
                var sent: [Int: Int] = [:]
                for (number, sender) in senders.enumerated() {
                    try sender.awaitWindow()
                    if number < 3 {
                        // The agent gets a tenth of a core's time, in pieces, while it is flooded.
                        while sender.child.isRunning {
                            agent.send(SIGSTOP)
                            usleep(90_000)
                            agent.send(SIGCONT)
                            usleep(10_000)
                        }
                    } else if number < floods.count {
                        agent.send(SIGSTOP)
                    }
                    sent[sender.begin] = try sender.count()
                    agent.send(SIGCONT)
                }
                let recovered = Set(senders.dropFirst(floods.count).map(\.begin))
                let windows = try finish(site, agent, inside)
                let strays = Self.strays(in: windows)
                for (index, window) in windows.enumerated() {
                    let number = (sent[Int(window.start)] ?? 0) + (index == 0 ? strays : 0)
                    // Where this machine did not run the agent at a boundary, it says so.
                    if window.undatedDrops == 0 {
                        #expect(window.packets + window.kernelDrops == number, "\(window)")
                    }
                    let isOverloaded = window.kernelDrops > 0 || window.undatedDrops > 0
                    let others = index == 0 ? strays : 0
                    #expect(window.servicePackets == window.packets - others, "\(window)")
                    #expect(window.isDegraded == isOverloaded, "\(window)")
                    #expect(window.isDoubtful == isOverloaded, "\(window)")
                    #expect(window.uncaptured == 0 && !window.notCaptured, "\(window)")
                    #expect(!isOverloaded || !recovered.contains(Int(window.start)), "\(window)")
                }
                #expect(
                    windows.reduce(0) { $0 + $1.packets + $1.kernelDrops }
                        == sent.values.reduce(strays, +))
                #expect(windows.count { $0.kernelDrops > 0 && $0.undatedDrops == 0 } >= 3)
                #expect(windows.count { sent[Int($0.start)] != nil } == sent.count)
                #expect(try residentBytes(agent) < rest + (4 << 20))
            }
        }

        @Test(
            "stopped over several windows, the agent counts each one's packets and says that drops are of some of them"
        )
        func stopped() throws {
            try Namespaces.with { site, spaces in
                try spaces.addPair("h0", net: 0)
                let (agent, inside) = try start(site, spaces)
                // The ring of four blocks, of which each has the packets of 0.1 s at most, holds what
                // comes first, of two windows.
                let counts = [Self.trickle, Self.trickle, Self.flood, Self.flood]
                let senders = try startSenders(
                    site, spaces, counts + [Self.trickle, Self.trickle], paced: counts.count)
                var sent: [Int: Int] = [:]
                for (number, sender) in senders.enumerated() {
                    try sender.awaitWindow()
                    if number == 0 { agent.send(SIGSTOP) }
                    sent[sender.begin] = try sender.count()
                    if number == counts.count - 1 { agent.send(SIGCONT) }
                }
                let (first, last) = (senders[0].begin, senders[counts.count - 1].begin)
                let windows = try finish(site, agent, inside)
                let spanned = windows.filter { first...last ~= Int($0.start) }
                #expect(spanned.count == (last - first) / Self.window + 1)
                let lost = spanned.reduce(0) { $0 + $1.kernelDrops }
                #expect(
                    spanned.reduce(lost) { $0 + $1.packets }
                        == spanned.reduce(0) { $0 + (sent[Int($1.start)] ?? 0) })
                #expect(lost > 2 * Self.flood - 4000)
                for window in spanned {
                    #expect(window.undatedDrops == lost, "\(window)")
                    #expect(window.isDegraded && window.isDoubtful, "\(window)")
                    #expect(window.late == 0, "\(window)")
                }
                // What the ring held is counted in its own windows.
                #expect(
                    spanned.prefix(2).map(\.packets) == senders.prefix(2).map { sent[$0.begin] })
                let strays = Self.strays(in: windows)
                for (index, window) in windows.enumerated()
                where Int(window.start) > last || Int(window.start) < first {
                    let number = (sent[Int(window.start)] ?? 0) + (index == 0 ? strays : 0)
                    #expect(window.packets == number, "\(window)")
                    #expect(window.kernelDrops == 0 && window.undatedDrops == 0, "\(window)")
                    #expect(!window.isDegraded && !window.isDoubtful, "\(window)")
                }
            }
        }

        /// Packets of other traffic in the first window: an interface that has just come up sends some
        /// of its own, and what comes between opening and the filter is handed over.
        private static func strays(in windows: [StoredWindow]) -> Int {
            windows.first.map { $0.packets - $0.servicePackets } ?? 0
        }

        private func start(
            _ site: Site, _ spaces: Namespaces
        ) throws -> (agent: Child, inside: [String]) {
            let inside = Namespaces.inside(spaces.server)
            let collector = try site.startCollectorUnready(before: inside)
            try collector.awaitSaying("ready")
            var settings = site.agentSettings()
            settings.hasCounters = false
            settings.interfaces = "h0"
            settings.ringMebibytes = 1
            settings.windowSeconds = Self.window
            let agent = try site.startAgentUnready(settings, before: inside)
            try agent.awaitSaying("ready")
            return (agent, inside)
        }

        private func finish(
            _ site: Site, _ agent: Child, _ inside: [String]
        ) throws -> [StoredWindow] {
            try site.awaitStored()
            let windows = try StoredWindow.all(in: site.path("store.db"))
            return windows
        }

        /// Sends packets of the service's port in one window, far from its boundaries.
        private struct Sender {
            let child: Child
            /// Where the window begins, in seconds since 1970.
            let begin: Int

            /// Waits until the window has begun; nothing is sent in its first 0.4 s.
            func awaitWindow() throws {
                try wait("the window's beginning", 60) {
                    Date().timeIntervalSince1970 >= Double(begin) + 0.1
                }
            }

            /// Waits for its end, and gives the number of packets.
            func count() throws -> Int {
                guard try child.end(within: 20) == 0, let count = Int(child.printed.dropLast())
                else { throw Trouble("packets: \(child.said)") }
                return count
            }
        }

        /// One sender for each of the next windows, from the client's end of the pair: at most so
        /// many packets, in a second at most; from the sender `paced` on they take their time.
        private func startSenders(
            _ site: Site, _ spaces: Namespaces, _ counts: [Int], paced: Int
        ) throws -> [Sender] {
            // They need time to start, all at once.
            let first = (Int(Date().timeIntervalSince1970) + 4 + Self.window) / Self.window
            return try counts.enumerated().map { number, count in
                let begin = (first + number) * Self.window
                let script = """
                    import socket, struct, time
                    source, target = bytes([10, 77, 0, 2]), bytes([10, 77, 0, 1])
                    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 240, 1, 0, 64, 6, 0, source, target)
                    ports = (40000, \(site.servicePort))
                    tcp = struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, 0x10, 512, 0, 0)
                    link = b"\\xff" * 6 + b"\\x02\\0\\0\\0\\0\\1" + b"\\x08\\0"
                    frame = link + ip + tcp + b"a" * 200
                    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                    port.bind(("c0", 0))
                    time.sleep(\(begin) + 0.4 - time.time())
                    sent = 0
                    while sent < \(count) and time.time() < \(begin) + 1.4:
                        sent += port.send(frame) == len(frame)
                        if \(number) >= \(paced): time.sleep(0.0003)
                    print(sent)
                    """
                let child = try site.start(
                    "packets", Namespaces.inside(spaces.client) + ["python3", "-c", script])
                return Sender(child: child, begin: begin)
            }
        }

        private func residentBytes(_ agent: Child) throws -> Int {
            // Memory of its own, without the rings.
            let status = try read("/proc/\(agent.pid)/status")
            let key = "RssAnon:"
            let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
            let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first
            guard let bytes = kibibytes.flatMap({ Int($0) }) else { throw Trouble(status) }
            return bytes << 10
        }
    }
}
