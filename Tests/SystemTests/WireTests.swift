import Glibc
import Testing

extension SystemTests {
    @Suite(
        "On whatever wire",
        .hasWebLoad,
        .enabled("no right to make a network namespace") { Host.canMakeInterfaces },
        .hasCapture)
    struct WireTests {
        static let wires = [
            Wire(name: "IPv4 and IPv6"),
            Wire(name: "a VLAN", tags: [0x8100]),
            Wire(name: "a VLAN in a VLAN", tags: [0x88a8, 0x8100]),
            Wire(name: "VXLAN", overlay: .init(isSix: false, port: 4789), tunnels: "vxlan"),
            Wire(
                name: "VXLAN over IPv6 on a port of its own",
                overlay: .init(isSix: true, port: 9999), tunnels: "\"vxlan:9999\""),
            Wire(
                name: "VXLAN in fragments", overlay: .init(isSix: false, port: 4789), mtu: 256,
                tunnels: "vxlan", isFragmented: true),
            Wire(
                name: "VXLAN over IPv6 in a VLAN in a VLAN", tags: [0x88a8, 0x8100],
                overlay: .init(isSix: true, port: 8472), tunnels: "vxlan:8472, gre"),
        ]

        @Test(
            "counts per scenario and outcome equal the server's log, live and replayed",
            .enabled("tcpdump is missing: apt-get install tcpdump") { Host.has("tcpdump") },
            arguments: wires)
        func countsEqualTheAccessLog(wire: Wire) throws {
            try Site.with { site in
                let hosts = try TwoHosts(site, wire)
                let server = TwoHosts.on(hosts.server)
                let nginx = try startNginx(site, on: server)
                _ = try site.startCounters()
                _ = try site.startCollector(before: server)
                var settings = site.agentSettings()
                settings.interfaces = TwoHosts.interface
                settings.tunnels = wire.tunnels
                let agent = try site.startAgentUnready(settings, before: server)
                try agent.awaitSaying("capturing")
                try agent.awaitSaying("ready")
                let file = site.path("wire.pcap")
                let tcpdump = try site.start(
                    "tcpdump",
                    server + ["tcpdump", "-i", TwoHosts.interface, "-B", "65536", "-w", file])
                try tcpdump.awaitSaying("listening on")

                try write(NginxFiles.load, to: site.path("load.lua"))
                for isSix in [false, true] { try load(site, hosts, isSix: isSix) }
                nginx.send(SIGQUIT)
                #expect(try nginx.end(within: 5) == 0)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                tcpdump.send(SIGINT)
                #expect(try tcpdump.end(within: 5) == 0)

                let logged = try NginxFiles.flows(inLog: read(site.path("access.log")))
                let report = try site.expectSoundStore()
                #expect(report.flows == logged)
                #expect(report.losses.filter { $0.value != 0 } == [:])
                #expect(logged.values.reduce(0) { $0 + $1.requests } > 1000)
                #expect(logged.values.allSatisfy { $0.refused > 0 && $0.failed > 0 })
                try expectReplayed(file, settings, site, logged, isFragmented: wire.isFragmented)
            }
        }

        /// The recording, counted by the same settings, gives the same.
        private func expectReplayed(
            _ file: String, _ settings: AgentSettings, _ site: Site, _ logged: [String: Flows],
            isFragmented: Bool
        ) throws {
            let path = site.path("replay.yaml")
            try write(settings.text, to: path)
            let outcome = try Host.run(
                [Site.program("agent"), "replay", file, "--config", path, "--format", "json"],
                within: 30)
            #expect(outcome.status == 0, "\(outcome.said)")
            let result = try dictionary(outcome.printed)
            let fragments = result["fragments"] as? [String: Int]
            #expect((fragments?["joined"] ?? 0 > 100) == isFragmented)
            let scenarios = result["scenarios"] as? [String: [String: Any]]
            let flows = (scenarios ?? [:]).mapValues { figures in
                func count(_ key: String) -> Int { figures[key] as? Int ?? -1 }
                return Flows(
                    requests: count("requests"), completed: count("completed"),
                    refused: count("refused"), failed: count("failed"))
            }
            #expect(flows == logged)
        }

        private func load(_ site: Site, _ hosts: TwoHosts, isSix: Bool) throws {
            let wrk = try site.start(
                "wrk",
                TwoHosts.on(hosts.client) + [
                    "wrk", "-t1", "-c16", "-d3s", "-s", site.path("load.lua"),
                    "http://\(TwoHosts.server(isSix: isSix)):\(site.servicePort)/",
                ])
            #expect(try wrk.end(within: 20) == 0)
            #expect(!wrk.printed.contains("Socket errors"), "\(wrk.printed)")
        }

        private func startNginx(_ site: Site, on server: [String]) throws -> Child {
            let file = site.path("nginx.conf")
            let text = NginxFiles.configuration(
                folder: site.folder, address: "[::]:\(site.servicePort) ipv6only=off")
            try write(text, to: file)
            let nginx = try site.start("nginx", server + ["nginx", "-p", site.folder, "-c", file])
            // Its own view of its namespace: the port in hexadecimal, in the state LISTEN.
            let port = String(site.servicePort, radix: 16, uppercase: true)
            let socket = ":" + String(repeating: "0", count: 4 - port.count) + port
            try wait("nginx to listen", 5, diary: { nginx.said }) {
                try read("/proc/\(nginx.pid)/net/tcp6").split(separator: "\n").contains {
                    $0.contains(socket) && $0.contains(" 0A ")
                }
            }
            return nginx
        }
    }
}
