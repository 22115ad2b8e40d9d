import Glibc
import Logging
import Settings
import Spool
import Synchronization
import Testing

@testable import Agent

/// A state folder of its own, below one of root's where root runs the tests.
final class StateFixture {
    let above: String
    var path: String { above + "/state" }
    var directory: StateDirectory { StateDirectory(at: path) }

    init() throws {
        var template = Array("/tmp/jouleflow-doctor-XXXXXX".utf8CString)
        above = try #require(mkdtemp(&template).map { String(cString: $0) })
        mkdir(path, 0o700)
        mkdir(path + "/spool", 0o700)
    }

    deinit {
        for name in (try? names(path + "/spool")) ?? [] { unlink("\(path)/spool/\(name)") }
        unlink(path + "/spool")
        rmdir(path + "/spool")
        for name in (try? names(path)) ?? [] {
            unlink("\(path)/\(name)")
            rmdir("\(path)/\(name)")
        }
        rmdir(path)
        for name in (try? names(above)) ?? [] { unlink("\(above)/\(name)") }
        rmdir(above)
    }

    private func names(_ folder: String) throws -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func write(_ path: String, _ bytes: Int = 32, mode: mode_t = 0o600) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
        _ = Glibc.write(file, [UInt8](repeating: 7, count: bytes), bytes)
        fchmod(file, mode)
        close(file)
    }

    func settings(secret: String? = nil) throws -> AgentSettings {
        let flowSecret = secret.map { "flow_secret: \($0)" } ?? ""
        let text = """
            version: 1
            agent: {id: a, state: \(path)}
            \(flowSecret)
            """
        return try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "a")
    }

    func findings(
        secret: String? = nil, owner: ProcessIdentity = .current,
        _ language: SentenceLanguage = .english
    ) throws -> [DoctorFinding] {
        StateCheck(
            settings: try settings(secret: secret), isMadeByUnit: false, identity: .current,
            owner: owner, language: language
        ).findings()
    }
}

/// A user without rights, whatever its name here.
private let other = ProcessIdentity(user: 1, group: 1)

@Suite("The doctor's look at the state folder")
struct DoctorStateTests {
    @Test(
        "follows no link of the agent's user: what is one is removed, and nothing is given away",
        arguments: [
            "flow-secret", "signing-key", "identity", "baselines", "idle-power", "flows",
            "flows.new", "signing-key.new", "spool",
        ])
    func links(name: String) throws {
        let fixture = try StateFixture()
        let (aim, path) = (fixture.above + "/shadow", "\(fixture.path)/\(name)")
        fixture.write(aim, mode: 0o640)
        if name == "spool" { rmdir(path) }
        for target in [aim, "/root/.ssh/id", "/nowhere"] {
            #expect(symlink(target, path) == 0)
            for language in SentenceLanguage.allCases {
                let told = try fixture.findings(language).filter { $0.state == .fault }
                #expect(told.map(\.subject) == [path], "\(target)")
                expectRemoval(told, of: path)
            }
            unlink(path)
        }
    }

    private func expectRemoval(_ told: [DoctorFinding], of path: String) {
        for finding in told {
            #expect(finding.fix.hasPrefix("`rm \(path)`"), "\(finding.fix)")
            for word in ["chown", "chmod", "head ", "shadow", ".ssh"] {
                #expect(!finding.fix.contains(word), "\(finding.fix)")
                #expect(!finding.found.contains(word), "\(finding.found)")
            }
        }
    }

    @Test("has a FIFO and a folder in the place of a file removed, and waits for no writer")
    func special() throws {
        let fixture = try StateFixture()
        #expect(mkfifo(fixture.directory.flowSecret, 0o600) == 0)
        #expect(mkdir(fixture.directory.signingKey, 0o700) == 0)
        let told = try fixture.findings().filter { $0.state == .fault }
        #expect(
            told.map { String($0.fix.prefix { $0 != ";" }) } == [
                "`rm \(fixture.directory.flowSecret)`", "`rm -r \(fixture.directory.signingKey)`",
            ])
    }

    @Test("holds a file of another user's that has a second name here for none of the agent's")
    func otherName() throws {
        let fixture = try StateFixture()
        let aim = fixture.above + "/shadow"
        fixture.write(aim)
        #expect(link(aim, fixture.directory.flows) == 0)
        #expect(StateEntry(fixture.directory.flows, of: geteuid())?.kind == .file)
        #expect(StateEntry(fixture.directory.flows, of: other.number)?.kind == .otherName)
        #expect(StateEntry(fixture.directory.identity, of: other.number) == nil)
    }

    @Test("names what is no plain file in the spool, up to a bound; lost+found may lie there")
    func spool() throws {
        let fixture = try StateFixture()
        mkdir(fixture.directory.spool + "/lost+found", 0o700)
        defer { rmdir(fixture.directory.spool + "/lost+found") }
        for number in 0..<20 { symlink("/etc/shadow", "\(fixture.directory.spool)/s\(number)") }
        let told = try fixture.findings().filter { $0.state == .fault }
        #expect(told.count == 9)
        #expect(told[0].fix.contains("rm \(fixture.directory.spool)/s0`"))
        #expect(told[8].found.hasPrefix("12 more"))
        // The spool could be changed for a link to another folder: the user's own rights suffice.
        #expect(other.asUser("rm a").hasPrefix("setpriv --reuid \(other.user) "))
    }

    @Test("takes a secret that the settings name in the state folder for one of the agent's")
    func named() throws {
        let fixture = try StateFixture()
        let path = fixture.path + "/fleet/secret"
        symlink("/root", fixture.path + "/fleet")
        let told = try fixture.findings(secret: path).filter { $0.state == .fault }
        #expect(told.map(\.subject) == [fixture.path + "/fleet"])
        unlink(fixture.path + "/fleet")
        symlink("/etc/shadow", fixture.path + "/own")
        let own = try fixture.findings(secret: fixture.path + "/own").filter { $0.state == .fault }
        expectRemoval(own, of: fixture.path + "/own")
        #expect(own.count == 1)
    }

    @Test(
        "has what the agent made and is damaged removed, and tells what is lost by that",
        arguments: [
            ("flow-secret", "and no flow is known again", "此前的流程均不再识别"),
            ("signing-key", "records that were not sent are lost", "尚未发送的记录将丢失"),
        ])
    func damaged(name: String, loss: String, chinese: String) throws {
        let fixture = try StateFixture()
        let path = "\(fixture.path)/\(name)"
        fixture.write(path, 5)
        let told = try SentenceLanguage.allCases.map { language in
            try fixture.findings(language).filter { $0.state == .fault }
        }
        #expect(told.map { $0.map(\.subject) } == [[path], [path]])
        let fixes = told.flatMap { $0.map(\.fix) }
        #expect(
            fixes.first?.hasPrefix(
                "restore it, or remove it, `rm \(path)`: the agent makes another at its next "
                    + "start, \(loss)") == true, "\(fixes)")
        #expect(
            fixes.last?.hasPrefix("恢复该文件，或将其删除（`rm \(path)`）：代理下次启动时会另建，\(chinese)")
                == true, "\(fixes)")
    }

    @Test("changes owners of links themselves, and rights as the user whose they are")
    func ownership() throws {
        let fixture = try StateFixture()
        fixture.write(fixture.directory.flowSecret, mode: 0o644)
        fixture.write(fixture.directory.signingKey)
        let fix = try #require(try fixture.findings().first { $0.state == .fault }).fix
        let (user, group) = (ProcessIdentity.current.user, ProcessIdentity.current.group)
        #expect(fix.hasPrefix("`chown -hR \(user):\(group) \(fixture.path) && "), "\(fix)")
        let given = StateOwnership(folder: "/var/lib/jouleflow", owner: other, language: .english)
        #expect(
            given.fix == """
                `chown -hR \(other.user):\(other.group) /var/lib/jouleflow && \
                setpriv --reuid \(other.user) --regid \(other.group) --clear-groups \
                chmod -R u=rwX,go= /var/lib/jouleflow`
                """)
    }

    @Test("lays open no home and no folder of an authority: certificates are copied")
    func homes() throws {
        for folder in ["/root", "/root/jouleflow-ca", "/home/a", "/home"] {
            #expect(BlockedWay(folder: folder, who: "o").fix(for: other) == nil, "\(folder)")
        }
        let copy = CertificateCheck(
            ca: "/root/ca/ca.pem", certificate: "/root/ca/a.pem", key: "/root/ca/a.key", as: other
        ).copy
        #expect(copy.contains("install -m 0600 -o \(other.user) /root/ca/a.key"))
        #expect(copy.contains("/etc/jouleflow/agent-tls/") && !copy.contains("chmod"))
    }

    @Test("gives nothing away in a folder that somebody else could change")
    func foreign() throws {
        let fixture = try StateFixture()
        let path = fixture.above + "/secret"
        chmod(fixture.above, 0o777)
        defer { chmod(fixture.above, 0o700) }
        fixture.write(path, mode: 0o644)
        for secret in [path, fixture.above + "/absent"] {
            let told = try fixture.findings(secret: secret).filter { $0.subject == secret }
            #expect(told.map(\.state) == [.fault])
            #expect(told[0].fix.contains("/etc/jouleflow/flow.secret"), "\(told)")
            #expect(!told[0].fix.contains(secret), "\(told)")
        }
        #expect(FileWay.foreignFolder(to: path, user: geteuid()) == fixture.above)
        #expect(FileWay.foreignFolder(to: "/etc/passwd", user: 0) == nil)
        #expect(
            StateOwnership(folder: fixture.path, owner: .current, language: .english).fix
                .contains("move it below /var/lib/jouleflow"))
    }

    @Test(
        "names every file that is not the agent's user's, and makes all of them right at once",
        .enabled(if: geteuid() == 0, "only root gives files away"),
        arguments: [
            "identity", "baselines", "idle-power", "flows", "flow-secret", "signing-key", "spool",
            "spool/lock", "spool/position-1", "spool/segment-1",
        ])
    func owners(name: String) throws {
        let fixture = try StateFixture()
        let path = "\(fixture.path)/\(name)"
        if name != "spool" { fixture.write(path) }
        for each in [fixture.path, fixture.path + "/spool", path] {
            chown(each, other.number, 1)
        }
        func told() throws -> [DoctorFinding] {
            try fixture.findings(owner: other).filter { $0.subject == fixture.path }
        }
        #expect(try told().map(\.state) == [.ok])
        chown(path, 0, 0)
        let found = try told()
        #expect(found.map(\.state) == [.ok, .fault])
        #expect(found.last?.found.contains("\(name) (root, ") == true, "\(found)")
        let fix = found.last?.fix ?? ""
        #expect(fix.hasPrefix("`chown -hR \(other.user):\(other.group) \(fixture.path) && "))
        chown(path, other.number, 1)
        chmod(path, 0o200)
        #expect(try told().map(\.state) == [.ok, .fault])
    }

    @Test("says with whose rights check looked at a secret, and root where the agent's count")
    func whoLooked() throws {
        let fixture = try StateFixture()
        let path = fixture.above + "/secret"
        fixture.write(path)
        let settings = try fixture.settings(secret: path)
        let (root, plain) = (
            ProcessIdentity(user: 0, group: 0), ProcessIdentity(user: 4711, group: 4711)
        )
        for language in SentenceLanguage.allCases {
            let line = try #require(try FlowSecretSummary.line(settings, in: language))
            #expect(line.contains(ProcessIdentity.current.whoLooked(language)), "\(line)")
            #expect(root.whoLooked(language).contains("jouleflow-agent doctor"))
            #expect(plain.whoLooked(language).contains(plain.user))
            #expect(!plain.whoLooked(language).contains("doctor"))
        }
    }

    @Test("gives nothing to the agent's user before what is strange there is removed")
    func order() throws {
        let fixture = try StateFixture()
        fixture.write(fixture.directory.flows, mode: 0o400)
        symlink("/etc/shadow", fixture.directory.baselines)
        let found = try fixture.findings().filter { $0.state == .fault }
        #expect(found.map(\.subject) == [fixture.directory.baselines, fixture.path])
        #expect(found.last?.fix.hasPrefix("first remove") == true)
    }

    @Test("tells why baselines cannot be read, and nothing where there are none")
    func baselines() throws {
        let fixture = try StateFixture()
        let file = StateFile(path: fixture.directory.baselines, synchronizes: false)
        let told = Mutex<[String]>([])
        let log = Logger(label: "t") { _ in
            ToldLines(lines: { line in told.withLock { $0.append(line) } })
        }
        #expect(Baselines(in: file, log: log) == nil && told.withLock { $0.isEmpty })
        fixture.write(file.path)
        #expect(Baselines(in: file, log: log) == nil)
        unlink(file.path)
        symlink("/etc/shadow", file.path)
        #expect(Baselines(in: file, log: log) == nil)
        let lines = told.withLock { $0 }
        #expect(lines.map { $0.hasPrefix("warning where the counters stood") } == [true, true])
        #expect(lines.first?.hasSuffix("baselines: it is damaged") == true)
        unlink(file.path)
        try file.write(Baselines(bootID: "b", sysfs: "/sys", boundaries: []).message)
        #expect(Baselines(in: file, log: log)?.bootID == "b")
        #expect(told.withLock { $0.count } == 2)
    }
}

/// Hands on what is logged.
private struct ToldLines: LogHandler {
    let lines: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines("\(event.level) \(event.message)") }
}
