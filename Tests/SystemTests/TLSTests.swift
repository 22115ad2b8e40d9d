import Foundation
import Glibc
import Testing

extension SideBySideTests {
    @Suite("With certificates made by jouleflow-collector ca", .hasCapture)
    struct TLSTests {
        /// Makes an authority in `folder` of the site, a collector's and agents' certificates.
        private func makeCertificates(
            _ site: Site, in folder: String = "ca", hosts: [String] = ["127.0.0.1"],
            agents: [String] = ["host-a", "host-b"]
        ) throws {
            let out = site.path(folder)
            try ca(["init", "--out", out])
            try ca(["collector", "--ca", out] + hosts)
            try ca(["agent", "--ca", out] + agents)
        }

        /// Puts the certificates of a new authority in the place of all there are.
        private func renewAll(_ site: Site, by folder: String) throws {
            try makeCertificates(site, in: folder)
            for name in ["agent-host-a", "collector-127.0.0.1", "ca"] {
                for file in ["\(name).key", "\(name).pem"] {
                    #expect(rename(site.path("\(folder)/\(file)"), site.path("ca/\(file)")) == 0)
                }
            }
        }

        private func ca(_ arguments: [String]) throws {
            let outcome = try Host.run(
                [Site.program("collector"), "ca"] + arguments, within: 5)
            guard outcome.status == 0 else { throw Trouble("ca: \(outcome.said)") }
        }

        private func tls(_ name: String) -> String {
            "tls: {ca: ca/ca.pem, certificate: ca/\(name).pem, key: ca/\(name).key}"
        }

        private func startCollector(_ site: Site, _ transport: String) throws -> Child {
            let collector = try site.startCollectorUnready(transport: transport)
            try collector.awaitSaying("ready")
            return collector
        }

        @Test("records arrive, and renewed certificates are used by both without a restart")
        func arrives() throws {
            try Site.with { site in
                try makeCertificates(site)
                _ = try site.startCounters()
                let certificates = tls("collector-127.0.0.1")
                var collector = try startCollector(site, certificates)
                var settings = site.agentSettings()
                settings.transport = tls("agent-host-a")
                let check = try checked(site, settings)
                #expect(check.status == 0, "\(check.said)")
                #expect(check.printed.contains("The certificates for 127.0.0.1:"))
                let agent = try site.startAgent(settings)
                try site.awaitStored()

                try renewAll(site, by: "second")
                #expect(try collector.stop(within: 2) == 0)
                collector = try startCollector(site, certificates)
                try agent.awaitSaying("certificates read again", within: 30)
                try agent.awaitSaying("collector connected", times: 2, within: 30)
                try site.awaitStored()

                try renewAll(site, by: "third")
                #expect(try agent.stop(within: 2) == 0)
                let again = try site.startAgent(settings)
                try collector.awaitSaying("certificates read again")
                try site.awaitStored()
                #expect(try again.stop(within: 2) == 0)
                #expect(try collector.stop(within: 2) == 0)
                #expect(!agent.said.contains("without encryption"))
                #expect(!collector.said.contains("without encryption"))
                try site.expectSoundStore()
            }
        }

        @Test("an agent with another's certificate is refused and named, and keeps its records")
        func otherAgent() throws {
            try Site.with { site in
                try makeCertificates(site)
                _ = try site.startCounters()
                let collector = try startCollector(site, tls("collector-127.0.0.1"))
                var settings = site.agentSettings()
                settings.transport = tls("agent-host-b")
                let check = try checked(site, settings)
                #expect(check.status == 3)
                #expect(check.said.contains("is of agent host-b, not of agent host-a"))
                let refused = try site.startAgent(settings)
                try refused.awaitSaying("is of agent host-b, not of agent host-a: the collector")
                try refused.awaitSaying("identity refused")
                #expect(collector.said.contains("is of agent host-b, not of agent host-a"))
                #expect(try refused.stop(within: 2) == 0)
                #expect(try StoredRecords(site.path("store.db")).runs.isEmpty)

                settings.transport = tls("agent-host-a")
                let agent = try site.startAgent(settings)
                try site.awaitStored()
                #expect(try agent.stop(within: 2) == 0)
                try site.expectSoundStore()
            }
        }

        @Test("an agent that is refused tries again as soon as it has another certificate")
        func refusedAndRenewed() throws {
            try Site.with { site in
                try makeCertificates(site)
                _ = try site.startCounters()
                let collector = try startCollector(site, tls("collector-127.0.0.1"))
                var settings = site.agentSettings()
                settings.transport = tls("agent-host-b")
                let agent = try site.startAgent(settings)
                try agent.awaitSaying("identity refused")
                for file in ["key", "pem"] {
                    #expect(
                        rename(
                            site.path("ca/agent-host-a.\(file)"),
                            site.path("ca/agent-host-b.\(file)")) == 0)
                }
                // A pause after a refusal is 30 s at least.
                try agent.awaitSaying("collector connected", within: 10)
                try site.awaitStored()
                #expect(try agent.stop(within: 2) == 0)
                #expect(try collector.stop(within: 2) == 0)
                try site.expectSoundStore()
            }
        }

        /// How the two sides are told to speak, and what their logs must then say.
        struct Misfit: CustomTestStringConvertible, Sendable {
            let testDescription: String
            let agent: String
            let collector: String
            let agentSays: String
            let collectorSays: String
        }

        private static let collectorTLS =
            "tls: {ca: ca/ca.pem, certificate: ca/collector-127.0.0.1.pem, "
            + "key: ca/collector-127.0.0.1.key}"
        private static let agentTLS =
            "tls: {ca: ca/ca.pem, certificate: ca/agent-host-a.pem, key: ca/agent-host-a.key}"

        @Test(
            "what does not fit is said with what to do, and the agent goes on metering",
            arguments: [
                Misfit(
                    testDescription: "TLS to a plain port", agent: agentTLS,
                    collector: "plaintext: true", agentSays: "no TLS is spoken at this address",
                    collectorSays: "the peer speaks TLS and this port does not"),
                Misfit(
                    testDescription: "plain to a TLS port", agent: "plaintext: true",
                    collector: collectorTLS, agentSays: "this collector takes TLS only",
                    collectorSays: "the peer speaks no TLS"),
                Misfit(
                    testDescription: "an authority the agent does not know",
                    agent: agentTLS.replacing("ca: ca/", with: "ca: other/"),
                    collector: collectorTLS,
                    agentSays: "the collector's certificate is not trusted",
                    collectorSays: "the peer refused this collector's certificate (unknown ca)"),
                Misfit(
                    testDescription: "an authority the collector does not know", agent: agentTLS,
                    collector: collectorTLS.replacing("ca: ca/", with: "ca: other/"),
                    agentSays: "its log says why",
                    collectorSays: "the peer's certificate is not trusted"),
                Misfit(
                    testDescription: "a name that is not in the collector's certificate",
                    agent: agentTLS.replacing("}", with: ", server_name: c.example}"),
                    collector: collectorTLS, agentSays: "is of 127.0.0.1, not of c.example",
                    collectorSays: "ready"),
                Misfit(
                    testDescription: "a missing file",
                    agent: agentTLS.replacing("host-a.key", with: "host-c.key"),
                    collector: collectorTLS, agentSays: "agent-host-c.key: put the file there",
                    collectorSays: "ready"),
            ])
        func misfit(_ misfit: Misfit) throws {
            try Site.with { site in
                try makeCertificates(site)
                try ca(["init", "--out", site.path("other")])
                _ = try site.startCounters()
                let collector = try startCollector(site, misfit.collector)
                var settings = site.agentSettings()
                settings.transport = misfit.agent
                let agent = try site.startAgent(settings)
                try agent.awaitSaying(misfit.agentSays)
                try collector.awaitSaying(misfit.collectorSays)
                #expect(agent.said.contains("records are kept in the spool"))
                #expect(try agent.stop(within: 2) == 0)
                #expect(try collector.stop(within: 2) == 0)
                #expect(try StoredRecords(site.path("store.db")).runs.isEmpty)
            }
        }

        @Test("the collector does not start with files that cannot be used")
        func collectorFiles() throws {
            try Site.with { site in
                try makeCertificates(site)
                #expect(chmod(site.path("ca/collector-127.0.0.1.key"), 0o644) == 0)
                let collector = try site.startCollectorUnready(transport: Self.collectorTLS)
                #expect(try collector.end(within: 5) == 3)
                #expect(collector.said.contains("chmod 600"), "\(collector.said)")
            }
        }

        @Test("ca overwrites nothing and says where files go")
        func overwriting() throws {
            try Site.with { site in
                try makeCertificates(site)
                let again = try Host.run(
                    [Site.program("collector"), "ca", "agent", "--ca", site.path("ca"), "host-a"],
                    within: 5)
                #expect(again.status == 3)
                #expect(again.said.contains("is never overwritten"), "\(again.said)")
                let renewed = try Host.run(
                    [
                        Site.program("collector"), "ca", "agent", "--ca", site.path("ca"), "--out",
                        site.path("renewed"), "host-a",
                    ], within: 5)
                #expect(renewed.status == 0, "\(renewed.said)")
                #expect(renewed.printed.contains("certificate: agent-host-a.pem"))
                let refused = try Host.run(
                    [Site.program("collector"), "ca", "agent", "--ca", site.path("ca"), "a b"],
                    within: 5)
                #expect(refused.status == 3)
                #expect(refused.said.contains("is no agent's id"), "\(refused.said)")
            }
        }

        private func checked(
            _ site: Site, _ settings: AgentSettings
        ) throws -> Host.Outcome {
            let file = site.path("checked.yaml")
            try write(settings.text, to: file)
            return try Host.run([Site.program("agent"), "check", file], within: 5)
        }
    }
}
