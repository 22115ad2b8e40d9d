import Foundation
import Glibc
import Testing

extension SideBySideTests {
    @Suite("Of collectors and certificates that do not fit, the doctor")
    struct DoctorCollectorTests {
        private func settings(_ site: Site) -> AgentSettings {
            var settings = site.agentSettings()
            settings.transport = Site.agentTLS
            return settings
        }

        private func startCollector(
            _ site: Site, _ transport: String = Site.collectorTLS
        ) throws -> Child {
            let collector = try site.startCollectorUnready(transport: transport)
            try collector.awaitSaying("ready")
            return collector
        }

        @Test("names a collector that is not there, and is content when it was started")
        func absent() throws {
            try Site.with { site in
                try site.makeCertificates()
                let fault = try site.doctor(settings(site)).trouble("collector")
                #expect(fault.state == "fault" && fault.found.contains("Connection refused"))
                #expect(fault.fix.contains("systemctl start jouleflow-collector"))
                let collector = try startCollector(site)
                let well = try site.doctor(settings(site))
                #expect(well.states("collector") == ["ok"], "\(well.lines("collector"))")
                #expect(well.states("certificates") == ["ok"])
                #expect(try collector.stop() == 0)
            }
        }

        @Test("names a host whose name leads nowhere")
        func unresolved() throws {
            try Site.with { site in
                let text = site.agentSettings().text.replacing(
                    "address: \"127.0.0.1:", with: "address: \"collector.invalid:")
                let fault = try site.doctor(text: text).trouble("collector")
                #expect(fault.state == "fault" && fault.fix.contains("getent hosts"))
            }
        }

        @Test("names a collector of another authority, and is content with that authority's file")
        func otherAuthority() throws {
            try Site.with { site in
                try site.makeCertificates()
                try site.makeCertificates(in: "other")
                let theirs = Site.collectorTLS.replacing("collector-", with: "../other/collector-")
                let collector = try startCollector(site, theirs)
                let ill = try site.doctor(settings(site))
                let fault = try ill.trouble("collector")
                #expect(fault.state == "fault" && fault.found.contains("not trusted"))
                #expect(ill.states("certificates") == ["ok"])
                #expect(rename(site.path("other/ca.pem"), site.path("ca/ca.pem")) == 0)
                // Its agents' authority is still the one before.
                let well = try site.doctor(settings(site))
                #expect(
                    well.states("collector") != ["fault"]
                        || well.lines("collector")[0].found
                            .contains("refused"),
                    "\(well.lines("collector"))")
                #expect(try collector.stop() == 0)
            }
        }

        @Test("hears that the collector refuses the agent's certificate; a new one is taken")
        func refused() throws {
            try Site.with { site in
                try site.makeCertificates()
                try site.makeCertificates(in: "other")
                let collector = try startCollector(site)
                try site.renewCertificate(from: "other")
                let ill = try site.doctor(settings(site))
                let fault = try ill.trouble("collector")
                #expect(fault.state == "fault" && fault.found.contains("certificate"), "\(fault)")
                #expect(fault.fix.contains("journalctl -u jouleflow-collector"))
                #expect(collector.said.contains("not trusted"))
                try site.renewCertificate()
                let well = try site.doctor(settings(site))
                #expect(well.states("collector") == ["ok"], "\(well.lines("collector"))")
                #expect(try collector.stop() == 0)
            }
        }

        @Test("tells a port without TLS from one with")
        func plainPort() throws {
            try Site.with { site in
                try site.makeCertificates()
                let collector = try startCollector(site, "plaintext: true")
                let fault = try site.doctor(settings(site)).trouble("collector")
                #expect(fault.state == "fault" && fault.found.contains("no TLS"), "\(fault)")
                #expect(try site.doctor().states("collector") == ["ok"])
                #expect(try collector.stop() == 0)
            }
        }

        @Test(
            "names an expired certificate; its words make one that holds",
            .enabled("openssl is missing: apt-get install openssl") { Host.has("openssl") })
        func expired() throws {
            try Site.with { site in
                try site.makeCertificates()
                try expire(site)
                let ill = try site.doctor(settings(site))
                let fault = try ill.trouble("certificates")
                #expect(fault.state == "fault" && fault.found.contains("expired on"), "\(fault)")
                #expect(fault.fix.contains("jouleflow-collector ca agent --ca CA --out NEW host-a"))
                try site.renewCertificate()
                #expect(try site.doctor(settings(site)).states("certificates") == ["ok"])
            }
        }

        /// Puts a certificate of the site's authority in place that ended in 2001, with its key.
        private func expire(_ site: Site) throws {
            let script = """
                cd '\(site.path("ca"))'
                touch index; echo 01 > serial
                cat > ca.conf <<'END'
                [ca]
                default_ca = own
                [own]
                database = index
                serial = serial
                new_certs_dir = .
                default_md = sha256
                policy = any
                copy_extensions = copy
                [any]
                commonName = optional
                [req]
                distinguished_name = name
                [name]
                END
                openssl ecparam -name prime256v1 -genkey -noout -out agent-host-a.key
                openssl req -new -key agent-host-a.key -subj /CN=host-a -config ca.conf \
                    -addext subjectAltName=URI:urn:jouleflow:agent:host-a \
                    -addext extendedKeyUsage=clientAuth -out host-a.csr
                openssl ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key \
                    -startdate 20000101000000Z -enddate 20010101000000Z \
                    -in host-a.csr -out agent-host-a.pem
                chmod 600 agent-host-a.key
                """
            let outcome = try Host.run(["sh", "-ec", script], within: 20)
            guard outcome.status == 0 else { throw Trouble("openssl: \(outcome.said)") }
        }

        @Test("names a key of another certificate; both files of one issue are taken")
        func otherKey() throws {
            try Site.with { site in
                try site.makeCertificates(agents: ["host-a", "host-b"])
                #expect(
                    rename(site.path("ca/agent-host-b.key"), site.path("ca/agent-host-a.key")) == 0)
                let fault = try site.doctor(settings(site)).trouble("certificates")
                #expect(fault.state == "fault" && fault.found.contains("is not that of"))
                try site.renewCertificate()
                #expect(try site.doctor(settings(site)).states("certificates") == ["ok"])
            }
        }

        @Test("names a key that others may read, and a certificate of another agent")
        func exposedKey() throws {
            try Site.with { site in
                try site.makeCertificates(agents: ["host-a", "host-b"])
                #expect(chmod(site.path("ca/agent-host-a.key"), 0o640) == 0)
                let fault = try site.doctor(settings(site)).trouble("certificates")
                #expect(fault.state == "fault" && fault.found.contains("others"))
                try fault.follow()
                #expect(try site.doctor(settings(site)).states("certificates") == ["ok"])
                var foreign = settings(site)
                foreign.transport = Site.agentTLS.replacing("host-a", with: "host-b")
                let other = try site.doctor(foreign).trouble("certificates")
                #expect(other.state == "fault" && other.found.contains("of agent host-b"))
            }
        }
    }
}
