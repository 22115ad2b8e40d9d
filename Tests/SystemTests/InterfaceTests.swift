import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite(
        "Interfaces that come and go",
        .enabled("no right to make network namespaces") { Host.canMakeInterfaces },
        .enabled("nginx is missing: apt-get install nginx-light") { Host.has("nginx") })
    struct InterfaceTests {
        private static let batch = 40

        @Test(
            "20 times removed, made anew, renamed, replaced and brought down: counts are exact but for what passed while it was away, which is declared"
        )
        func comingAndGoing() throws {
            try Namespaces.with { site, spaces in
                try spaces.addPair("h0", net: 0)
                try spaces.addPair("h1", net: 1)
                let agent = try start(site, spaces, interfaces: "h0, h1")
                let nginx = try spaces.startNginx(site)
                // All the while another interface carries traffic of which nothing may be missed.
                let other = try spaces.startRequests(
                    site, net: 1, count: 100_000, name: "other", pause: 0.005)
                // Between these two sums lies the time without capture.
                var (shortest, longest) = (0.0, 0.0)
                for round in 0..<20 {
                    try spaces.request(site, net: 0, count: Self.batch, name: "here")
                    let began = Date()
                    guard let time = try trouble(round, site, spaces, agent) else { continue }
                    shortest += time
                    let openings = 2 + (round / 4) * 3 + round % 4 + 1
                    try agent.awaitSaying("capturing interface=", times: openings)
                    // The agent looks 20 times a second: it was there at the look before it went.
                    longest += Date().timeIntervalSince(began) + 0.1
                }
                try spaces.request(site, net: 0, count: Self.batch, name: "here")
                other.send(SIGTERM)
                #expect(try other.end(within: 5) == 0, "\(other.said)")
                // The socket of an interface that is gone is closed once it is read to its end.
                try wait("two sockets, of two interfaces", 5, diary: { agent.said }) {
                    let captured = try spaces.captured()
                    return captured.count == 2 && Set(captured).count == 2
                }

                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let log = try read(site.path("access.log"))
                #expect(log.count(of: "/away-") == 5 * Self.batch)
                #expect(log.count(of: "/here-") == 21 * Self.batch)
                let asked = log.count(of: "/here-") + log.count(of: "/other-")
                let windows = try StoredWindow.all(in: site.path("store.db"))
                #expect(windows.reduce(0) { $0 + $1.exchanges } == asked)
                #expect(windows.allSatisfy { $0.kernelDrops == 0 && $0.gaps == 0 && $0.late == 0 })
                let declared = windows.reduce(0) { $0 + $1.uncaptured }
                #expect((shortest...longest).contains(Double(declared) / 1e9))
                for window in windows {
                    #expect(window.notCaptured == (window.uncaptured > 1_000_000), "\(window)")
                    #expect(window.servicePackets <= window.packets, "\(window)")
                }
                // A frame of the instant between an opening and its filter is handed over whatever it is.
                let strangers = windows.reduce(0) { $0 + $1.packets - $1.servicePackets }
                #expect(strangers <= agent.said.count(of: "capturing interface="))
                #expect(windows.last?.uncaptured == 0)
            }
        }

        /// Does one of four things to h0, and gives the seconds for which it was surely away; `nil`
        /// where it was only down: then it stays open, and its next packet is captured again.
        private func trouble(
            _ round: Int, _ site: Site, _ spaces: Namespaces, _ agent: Child
        ) throws -> Double? {
            let times = round / 4 + 1
            var began = Date()
            var away = 0.0
            switch round % 4 {
            case 0:
                try spaces.ip("link del h0")
                try agent.awaitSaying("not captured any more: it is gone", times: times)
                began = Date()
                usleep(50_000)
                away = Date().timeIntervalSince(began)
                try spaces.addPair("h0", net: 0)
            case 1:
                try spaces.ip("link set h0 name away0")
                try agent.awaitSaying("away0 is not wanted", times: times)
                began = Date()
                try spaces.request(site, net: 0, count: Self.batch, name: "away")
                away = Date().timeIntervalSince(began)
                try spaces.ip("link set away0 name h0")
            case 2:
                // Another interface takes its name.
                try spaces.ip("link set h0 name old0")
                try spaces.ip("address flush dev old0")
                try spaces.ip("link set old0 down")
                try spaces.ip("link del old0")
                try spaces.addPair("h0", net: 0)
            default:
                try spaces.ip("link set h0 down")
                try agent.awaitSaying("an interface is down", times: times)
                try spaces.ip("link set h0 up")
                return nil
            }
            return away
        }

        @Test("a pattern captures what matches it, from its coming to its going, and nothing else")
        func pattern() throws {
            try Namespaces.with { site, spaces in
                try spaces.addPair("h0", net: 0)
                let agent = try start(site, spaces, interfaces: "\"w*\"")
                try agent.awaitSaying("no interface that is up matches")
                let nginx = try spaces.startNginx(site)
                try spaces.request(site, net: 0, count: Self.batch, name: "unwanted")
                for number in 1...6 {
                    let name = "w\(getpid() % 1000)x\(number)"
                    try spaces.addPair(name, net: number)
                    try agent.awaitSaying("capturing interface=\(name)")
                    try spaces.request(site, net: number, count: Self.batch, name: "wanted")
                    guard number <= 4 else { continue }
                    try spaces.ip("link del \(name)")
                    try agent.awaitSaying("it is gone", times: number)
                }
                try wait("the interfaces that went to be closed", 3) {
                    try spaces.captured().count == 2
                }
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let windows = try StoredWindow.all(in: site.path("store.db"))
                #expect(windows.reduce(0) { $0 + $1.exchanges } == 6 * Self.batch)
                // Nothing was captured before the first came; that is known of the first window.
                #expect(windows.first?.notCaptured == true)
                #expect(windows.last?.notCaptured == false)
            }
        }

        @Test("a connection that two captured interfaces see counts once, as does one on loopback")
        func seenTwice() throws {
            try Namespaces.with { site, spaces in
                try spaces.ip("link add br0 type bridge")
                try spaces.ip("address add 10.77.0.1/24 dev br0")
                try spaces.ip("link set br0 up")
                try spaces.addPair("h0", net: 0, hasAddress: false)
                try spaces.ip("link set h0 master br0")
                let agent = try start(site, spaces, interfaces: "h0, br0, lo")
                let nginx = try spaces.startNginx(site)
                try spaces.request(site, net: 0, count: 5 * Self.batch, name: "bridged")
                let local = try Host.run(
                    Namespaces.inside(spaces.server) + [
                        "python3", "-c",
                        """
                        import http.client
                        server = http.client.HTTPConnection("127.0.0.1", \(site.servicePort))
                        for number in range(100):
                            server.request("GET", f"/api/account/local-{number}/summary")
                            assert server.getresponse().read()
                        """,
                    ], within: 20)
                #expect(local.status == 0, "\(local.said)")
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let windows = try StoredWindow.all(in: site.path("store.db"))
                #expect(windows.reduce(0) { $0 + $1.exchanges } == 5 * Self.batch + 100)
                #expect(windows.allSatisfy { !$0.notCaptured && $0.kernelDrops == 0 })
                // Each packet of the bridge's was seen on both.
                #expect(windows.reduce(0) { $0 + $1.packets } > 4 * 5 * Self.batch)
            }
        }

        @Test("beyond 64 interfaces the others are named once, and counts are unknown")
        func limit() throws {
            try Namespaces.with { site, spaces in
                for number in 0..<33 {
                    try spaces.ip("link add v\(number)a type veth peer name v\(number)b")
                    try spaces.ip("link set v\(number)a up")
                    try spaces.ip("link set v\(number)b up")
                }
                let agent = try start(site, spaces, interfaces: "\"v*\"", ringMebibytes: 1)
                try agent.awaitSaying("64 interfaces are captured at most")
                #expect(try spaces.captured().count == 64)
                try spaces.ip("link del v0a")
                try spaces.ip("link del v1a")
                try agent.awaitSaying("capturing interface=", times: 66, within: 10)
                try wait("the interfaces that went to be closed", 3) {
                    try spaces.captured().count == 62
                }
                try site.awaitStored()
                // The kernel takes its time to close each.
                #expect(try agent.stop(within: 10) == 0)
                #expect(agent.said.count(of: "are captured at most") == 1)
                let windows = try StoredWindow.all(in: site.path("store.db"))
                #expect(windows.first?.notCaptured == true)
            }
        }

        @Test("one that other settings want besides takes no time from the windows before them")
        func wantedLater() throws {
            try Namespaces.with { site, spaces in
                try spaces.addPair("h0", net: 0)
                try spaces.addPair("h1", net: 1)
                let agent = try start(site, spaces, interfaces: "h0")
                let nginx = try spaces.startNginx(site)
                let first = try read(site.settingsFile)
                for round in 1...4 {
                    try spaces.request(site, net: 0, count: Self.batch, name: "here")
                    let both = first.replacing("interfaces: [h0]", with: "interfaces: [h0, h1]")
                    try write(round % 2 == 1 ? both : first, to: site.settingsFile)
                    agent.send(SIGHUP)
                    try agent.awaitSaying("settings read again", times: round)
                    if round % 2 == 1 {
                        try agent.awaitSaying("capturing interface=h1", times: (round + 1) / 2)
                        try spaces.request(site, net: 1, count: Self.batch, name: "there")
                    } else {
                        try agent.awaitSaying("h1 is not wanted", times: round / 2)
                    }
                }
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let windows = try StoredWindow.all(in: site.path("store.db"))
                #expect(windows.allSatisfy { $0.uncaptured == 0 && !$0.notCaptured }, "\(windows)")
                #expect(windows.reduce(0) { $0 + $1.exchanges } >= 4 * Self.batch)
            }
        }

        private func start(
            _ site: Site, _ spaces: Namespaces, interfaces: String, ringMebibytes: Int = 4
        ) throws -> Child {
            let inside = Namespaces.inside(spaces.server)
            let collector = try site.startCollectorUnready(before: inside)
            try collector.awaitSaying("ready")
            var settings = site.agentSettings()
            settings.hasCounters = false
            settings.interfaces = interfaces
            settings.ringMebibytes = ringMebibytes
            let agent = try site.startAgentUnready(settings, before: inside)
            try agent.awaitSaying("ready")
            return agent
        }
    }
}
