import Testing

extension SideBySideTests {
    @Suite("Over a slow way to the collector, the doctor")
    struct DoctorSlowWayTests {
        /// Stands between an agent and the collector, and holds back what the collector says once the
        /// agent has finished its handshake: for some seconds, or for good.
        private static let relay = """
            import socket, sys, threading, time
            port, hold = int(sys.argv[1]), float(sys.argv[2])
            server = socket.create_server(("127.0.0.1", 0))
            print("at", server.getsockname()[1], file=sys.stderr, flush=True)

            def pass_on(source, target, before):
                try:
                    while data := source.recv(1 << 16):
                        before()
                        target.sendall(data)
                    before()
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

            while True:
                agent, _ = server.accept()
                collector = socket.create_connection(("127.0.0.1", port))
                answered, finished = threading.Event(), threading.Event()

                def from_agent():
                    if answered.is_set():
                        finished.set()

                def from_collector():
                    answered.set()
                    if finished.is_set():
                        time.sleep(hold)

                for ends in ((agent, collector, from_agent), (collector, agent, from_collector)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()
            """

        /// What the doctor finds of the collector over a relay that holds its words back.
        private func found(_ site: Site, holding seconds: Int) throws -> Diagnosis.Line {
            let relay = try site.start(
                "relay",
                ["python3", "-c", Self.relay, "\(site.collectorPort)", "\(seconds)"])
            try relay.awaitSaying("at ")
            let words = relay.said.split(whereSeparator: \.isWhitespace)
            guard words.count > 1 else { throw Trouble("the relay said \(relay.said)") }
            var settings = site.agentSettings()
            settings.transport = Site.agentTLS
            let text = settings.text.replacing(
                "127.0.0.1:\(site.collectorPort)", with: "127.0.0.1:\(words[1])")
            return try #require(try site.doctor(text: text).lines("collector").first)
        }

        private func collected(_ body: (Site) throws -> Void) throws {
            try Site.with { site in
                try site.makeCertificates()
                try site.makeCertificates(in: "other")
                let collector = try site.startCollectorUnready(transport: Site.collectorTLS)
                try collector.awaitSaying("ready")
                try body(site)
                #expect(try collector.stop() == 0)
            }
        }

        @Test("hears a refusal that comes late, and waits for a late word that it is taken")
        func late() throws {
            try collected { site in
                #expect(try found(site, holding: 3).state == "ok")
                try site.renewCertificate(from: "other")
                let refused = try found(site, holding: 3)
                #expect(refused.state == "fault", "\(refused)")
                #expect(refused.fix.contains("journalctl -u jouleflow-collector"), "\(refused)")
            }
        }

        @Test("says that it does not know where no word comes")
        func never() throws {
            try collected { site in
                let unheard = try found(site, holding: 60)
                #expect(unheard.state == "unknown", "\(unheard)")
                #expect(unheard.fix.contains("journalctl -u jouleflow-agent"), "\(unheard)")
            }
        }
    }
}
