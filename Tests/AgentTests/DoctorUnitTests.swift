import Metering
import Settings
import Synchronization
import Testing

@testable import Agent

@Suite("The doctor's look at the unit")
struct DoctorUnitTests {
    private static let status = """
        Name:\tjouleflow-agent
        Uid:\t997\t997\t997\t997
        CapEff:\t0000000000002000
        CapBnd:\t0000000000002000
        NoNewPrivs:\t1
        Seccomp:\t2
        """

    private func sandbox(
        _ status: String, _ unit: String?, user: UInt32 = 997, seesProcesses: Bool = false
    ) -> [DoctorFinding] {
        SandboxCheck(
            process: ProcessStatus(status), unit: unit.map(SystemdProperties.parse),
            unitName: "jouleflow-agent.service", user: user, state: "/var/lib/jouleflow",
            seesProcesses: seesProcesses, language: .english
        ).findings()
    }

    @Test("says that all is as it comes, or that there is nothing to look at")
    func whole() {
        #expect(sandbox(Self.status, shippedUnit).map(\.state) == [.ok, .ok])
        #expect(sandbox("", nil).map(\.state) == [.unknown, .unknown])
        #expect(sandbox(Self.status, "LoadState=not-found").map(\.state) == [.ok, .unknown])
    }

    @Test(
        "names every right that the running agent has too many or too few",
        arguments: [
            ("Uid:\t997\t997", "Uid:\t0\t0", DoctorFinding.State.warning),
            ("CapEff:\t0000000000002000", "CapEff:\t0000000000000000", .fault),
            ("CapBnd:\t0000000000002000", "CapBnd:\t000001ffffffffff", .warning),
            ("CapEff:\t0000000000002000", "CapEff:\t0000000000002004", .warning),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", .warning),
            ("Seccomp:\t2", "Seccomp:\t0", .warning),
        ])
    func rights(old: String, new: String, state: DoctorFinding.State) {
        let findings = sandbox(Self.status.replacing(old, with: new), shippedUnit)
        #expect(findings.map(\.state) == [state, .ok])
        #expect(!findings[0].fix.isEmpty)
    }

    @Test("says where it was looked at as another user than the agent's")
    func otherUser() {
        let findings = sandbox(Self.status, shippedUnit, user: 1000)
        #expect(findings[0].state == .warning && findings[0].fix.contains("--user"))
    }

    @Test("says that systemd has not read a unit's file that changed")
    func stale() {
        let stale = shippedUnit.replacing("NeedDaemonReload=no", with: "NeedDaemonReload=yes")
        #expect(sandbox(Self.status, stale)[1].fix.contains("daemon-reload"))
    }

    @Test("takes the right to see processes for meant where the settings ask for their CPU time")
    func processes() {
        let more = Self.status.replacing("0000000000002000", with: "0000000000082000")
        #expect(sandbox(more, shippedUnit).map(\.state) == [.warning, .ok])
        #expect(sandbox(more, shippedUnit, seesProcesses: true).map(\.state) == [.ok, .ok])
    }

    @Test("is refused nothing by a status that is cut anywhere")
    func cut() {
        for end in 0..<Self.status.utf8.count - 1 {
            #expect(ProcessStatus(String(Self.status.prefix(end))) == nil)
        }
    }

    private func view(
        _ unit: String, _ further: String = "", state: String = "/var/lib/jouleflow",
        links: [String: String] = [:], nameServers: [String] = []
    ) throws -> [DoctorFinding] {
        let text = """
            version: 1
            agent: {id: a, state: \(state)}
            services: [{name: web, ports: [8080]}]
            collectors: [{address: "c.example:7443", \(further.isEmpty ? "plaintext: true" : further)}]
            """
        let settings = try AgentSettings.parse(
            Array(text.utf8), name: "/etc/jouleflow/agent.yaml", hostName: "a")
        return UnitViewCheck(
            settings: settings, unit: SystemdProperties.parse(unit), unitName: "u",
            resolve: { $0 == "c.example" ? ["192.0.2.7"] : [] },
            nameServers: nameServers, target: { links[$0] }, language: .english
        ).findings()
    }

    @Test("names a collector that the unit may not send to, and the line that lets it")
    func addresses() throws {
        let denied = try view(shippedUnit)
        #expect(denied.map(\.subject) == ["c.example:7443"])
        #expect(denied[0].state == .fault && denied[0].fix.contains("IPAddressAllow=192.0.2.7"))
        for range in ["192.0.2.7", "192.0.2.0/29", "192.0.0.0/8", "0.0.0.0/0"] {
            let allowed = shippedUnit.replacing("10.0.0.0/8", with: range)
            #expect(try view(allowed).isEmpty, "\(range)")
        }
        for range in ["192.0.2.8/29", "193.0.0.0/8", "::/0", "192.0.2.7/33", "192.0.2.7/x"] {
            let others = shippedUnit.replacing("10.0.0.0/8", with: range)
            #expect(try view(others).count == 1, "\(range)")
        }
        #expect(try view(shippedUnit.replacing("IPAddressDeny=0.0.0.0/0 ::/0", with: "")).isEmpty)
    }

    @Test("warns of name servers that the unit may not ask for a collector's name")
    func resolvers() throws {
        let open = shippedUnit.replacing("10.0.0.0/8", with: "192.0.2.7 10.0.0.0/8")
        for own in [[], ["127.0.0.53"], ["10.0.0.1", "::1"]] {
            #expect(try view(open, nameServers: own).isEmpty, "\(own)")
        }
        let told = try view(open, nameServers: ["10.0.0.1", "9.9.9.9", "2620:fe::fe"])
        #expect(told.map(\.state) == [.warning])
        #expect(told[0].found.contains("9.9.9.9 2620:fe::fe for c.example "))
        #expect(told[0].fix.contains("IPAddressAllow=9.9.9.9 2620:fe::fe,"))
        let all = shippedUnit.replacing("IPAddressDeny=0.0.0.0/0 ::/0", with: "")
        #expect(try view(all, nameServers: ["9.9.9.9"]).isEmpty)
        let text = "# nameserver 1.1.1.1\nsearch x\nnameserver  9.9.9.9\nnameserver\tfe80::1%eth0\n"
        #expect(UnitViewCheck.nameServers(text) == ["9.9.9.9", "fe80::1"])
        let many = text + "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
        #expect(UnitViewCheck.nameServers(many) == ["9.9.9.9", "fe80::1", "8.8.8.8"])
        #expect(UnitViewCheck.nameServers("") == ["127.0.0.1"])
    }

    @Test("names files that the unit hides, and a state folder that is read-only for it")
    func files() throws {
        let open = shippedUnit.replacing("IPAddressDeny=0.0.0.0/0 ::/0", with: "")
        let tls = "tls: {ca: /home/a/ca.pem, certificate: /etc/a.pem, key: /root/a.key}"
        #expect(try view(open, tls).map(\.subject) == ["/home/a/ca.pem", "/root/a.key"])
        let away = try view(open, state: "/data/jouleflow")
        #expect(away.map(\.subject) == ["/data/jouleflow"])
        #expect(away[0].fix.contains("ReadWritePaths=/data/jouleflow"))
        let given = open.replacing("ReadWritePaths=", with: "ReadWritePaths=/srv -/data")
        #expect(try view(given, state: "/data/jouleflow").isEmpty)
    }

    @Test("names what a drop-in makes read-only or hides, and the property that does")
    func closed() throws {
        let open = shippedUnit.replacing("IPAddressDeny=0.0.0.0/0 ::/0", with: "") + "\n"
        let state = "/var/lib/jouleflow"
        let tls = "tls: {ca: /etc/j/ca.pem, certificate: /etc/j/a.pem, key: /etc/j/a.key}"
        for (lines, subjects) in [
            ("ReadOnlyPaths=\(state)", [state]),
            ("ReadOnlyPaths=-\(state)/spool", [state + "/spool"]),
            ("InaccessiblePaths=/var", [state]), ("InaccessiblePaths=\(state)", [state]),
            ("TemporaryFileSystem=\(state):ro", [state]),
            // The folder that the unit makes lies below, and is written to all the same.
            ("ReadOnlyPaths=/var/lib", []), ("ReadOnlyPaths=/var/lib/jouleflow-other", []),
            ("InaccessiblePaths=/etc/j/a.key", ["/etc/j/a.key"]),
            ("TemporaryFileSystem=/etc/j\nBindReadOnlyPaths=/srv/j:/etc/j:rbind", []),
        ] {
            let told = try view(open + lines, tls)
            #expect(told.map(\.subject) == subjects, "\(lines): \(told)")
            let property = lines.prefix { $0 != "=" }
            for finding in told {
                #expect(finding.state == .fault && finding.found.contains("(\(property)="))
                #expect(finding.fix.contains("out of \(property)="), "\(finding)")
            }
        }
        // Without ProtectSystem=strict too.
        let loose = open.replacing("ProtectSystem=strict", with: "ProtectSystem=no")
        #expect(try view(loose + "ReadOnlyPaths=/data", state: "/data/j").count == 1)
        #expect(try view(loose, state: "/data/j").isEmpty)
    }

    @Test("names a link in the place of a folder that systemd makes ready, and how to do without")
    func links() throws {
        let open = shippedUnit.replacing("IPAddressDeny=0.0.0.0/0 ::/0", with: "")
        #expect(try view(open).isEmpty)
        let linked = try view(open, links: ["/var/lib/jouleflow": "/data/jf"])
        #expect(linked.map(\.state) == [.fault] && linked.map(\.subject) == ["/var/lib/jouleflow"])
        #expect(linked[0].fix.contains("mount --bind /data/jf /var/lib/jouleflow"))
        // Also where the state is elsewhere: the unit does not start.
        let away = open.replacing("ReadWritePaths=", with: "ReadWritePaths=/srv")
        #expect(try view(away, state: "/srv/j", links: ["/var/lib/jouleflow": "/data"]).count == 1)
        let made = ["/var/lib/jouleflow": "/var/lib/private/jouleflow"]
        #expect(try view(open, links: made).isEmpty)
    }

    private func told(_ status: String?, _ changes: [String: String?] = [:]) -> [DoctorFinding] {
        StatusTextCheck(
            unit: SystemdProperties.parse(
                shippedUnit(changes) + (status.map { "\nStatusText=\($0)" } ?? "")),
            unitName: "u.service", destinations: ["c.example:7443", "d.example:7443"],
            language: .english
        ).findings()
    }

    @Test("says for a fault each collector that the running agent says takes no records, and why")
    func statusText() throws {
        let lines = Mutex<[String]>([])
        let line = StatusLine(
            try AgentSettings.unconfigured(name: "f", hostName: "a"), file: "f"
        ) { text in lines.withLock { $0.append(text) } }
        // Of energy the line says what this machine has.
        func told(_ text: String?, _ changes: [String: String?] = [:]) -> [DoctorFinding] {
            self.told(text, changes).filter { $0.topic == .collector }
        }
        #expect(told(line.text).isEmpty && told(nil).isEmpty)
        line.note("c.example:7443", refuses: "refused (identity refused): another key")
        line.note("d.example:7443", refuses: "cannot read /etc/j/a.key: Permission denied")
        let both = told(line.text)
        #expect(both.map(\.state) == [.fault, .fault])
        #expect(both.map(\.subject) == ["c.example:7443", "d.example:7443"])
        #expect(both[0].found.hasSuffix(": refused (identity refused): another key"))
        #expect(both[0].fix.contains("its own agent.id"))
        #expect(
            both[1].found.contains("Permission denied") && both[1].fix.contains("systemctl cat"))
        // One that does not run says nothing of now.
        #expect(told(line.text, ["ActiveState": "failed"]).isEmpty)
        line.note("c.example:7443", refuses: nil)
        line.note("d.example:7443", refuses: "Connection refused")
        #expect(told(line.text).map(\.subject) == ["d.example:7443"])
        // What a moment ends is no fault.
        #expect(told(line.text).map(\.state) == [.warning])
        line.note("d.example:7443", refuses: "refused (shutting down): come back later")
        #expect(told(line.text).map(\.state) == [.warning])
        line.note("d.example:7443", refuses: "refused (unsupported version): 9")
        #expect(told(line.text).map(\.state) == [.fault])
        line.note("d.example:7443", refuses: nil)
        #expect(told(line.text).isEmpty)
    }

    @Test(
        "says for a fault that the running agent does not know the energy, and why",
        arguments: [EnergyReason.permissionDenied, .missing, .noSource])
    func unknownEnergy(reason: EnergyReason) throws {
        let text = """
            version: 1
            services: [{name: web, ports: [80]}]
            collectors: [{address: "c.example:7443", plaintext: true}]
            """
        let settings = try AgentSettings.parse(Array(text.utf8), name: "f", hostName: "a")
        let empty = try AgentSettings.unconfigured(name: "f", hostName: "a")
        let waits = StatusLine.waiting + "c.example:7443: Connection refused"
        for one in [settings, empty] {
            let line = StatusLine.text(of: one, file: "f", energy: .unknown(reason))
            for status in [line, line + waits] {
                let found = try #require(told(status).first)
                #expect(found.topic == .energy && found.state == .fault)
                #expect(found.found.hasSuffix(reason.sentence))
            }
            for known in [EnergyStatus.metered(.rapl), .metered(.model), .off] {
                #expect(told(StatusLine.text(of: one, file: "f", energy: known)).isEmpty)
            }
        }
    }

    @Test("bounds what a collector may have said, and lets nothing of it move a cursor")
    func foreignStatus() {
        let reason = "\u{1b}[2J\u{202e}`rm x`\u{9b}" + String(repeating: "x", count: 100_000)
        let all = told("Counts. Records wait for c.example:7443: \(reason)")
        #expect(all.count == 1 && all[0].found.unicodeScalars.count < 400)
        let scalars = (all.first?.found ?? "").unicodeScalars
        #expect(!scalars.contains { ["\u{1b}", "\u{202e}", "\u{9b}", "`"].contains($0) })
        #expect(told("Counts. Records wait for evil: x").isEmpty)
    }
}
