import Glibc
import Metering
import Testing
import TransportSecurity

@testable import Agent
@testable import Settings

/// A user of the system's tables, and the one that is no one's.
private let user = ProcessIdentity(user: 1, group: 1)
private let nobody = ProcessIdentity(user: 65_534, group: 65_534)

/// Folders below one of root's, with a secret of root's in one of them.
private final class Grounds {
    let fixture: StateFixture
    var secret: String { fixture.above + "/secret" }
    var own: String { fixture.above + "/own" }

    init() throws {
        fixture = try StateFixture()
        fixture.write(secret)
        #expect(mkdir(own, 0o755) == 0)
    }

    deinit {
        unlink(own + "/link")
        rmdir(own)
    }

    /// A link to the secret in a folder of the user's.
    func linked(to target: String) -> String {
        let link = own + "/link"
        unlink(link)
        #expect(symlink(target, link) == 0)
        chown(own, user.number, 1)
        lchown(link, user.number, 1)
        return link
    }

    func certificates(_ path: String, as identity: ProcessIdentity = user) -> String {
        CertificateCheck(ca: path, certificate: path, key: path, as: identity).copy
    }
}

extension CertificateCheck {
    /// Of files that an agent's settings name.
    init(ca: String, certificate: String, key: String, as identity: ProcessIdentity) {
        self.init(
            address: "c:1",
            files: TLSSettings(
                ca: ca, certificate: certificate, key: key, serverName: nil), agent: "a",
            now: 0, identity: identity, language: .english)
    }
}

@Suite("What the doctor advises root to do")
struct DoctorAdviceTests {
    @Test(
        "never follows a link that the agent's user may change: it is removed, or its aim is named",
        .enabled(if: geteuid() == 0, "only root gives folders away"))
    func links() throws {
        let grounds = try Grounds()
        let link = grounds.linked(to: grounds.secret)
        #expect(FileWay.changeableLink(to: link) == link)
        #expect(AgentUser.owner(of: link)?.user == nil)
        #expect(user.command(toGive: link, mode: "600") == nil)
        let told = try grounds.fixture.findings(secret: link, owner: user)
            .filter { $0.state == .fault && $0.subject == link }
        for finding in told { #expect(!finding.fix.contains("chown"), "\(finding)") }
        let advice = linkAdvice(link, setting: "flow_secret", .english)
        #expect(advice.contains("`rm \(link)`") && advice.contains("real path in flow_secret"))
        let copy = grounds.certificates(link)
        #expect(!copy.contains("install"), "\(copy)")
    }

    @Test(
        "gives no state folder away behind such a link, and takes no user from what it leads to",
        .enabled(if: geteuid() == 0, "only root gives folders away"))
    func state() throws {
        let grounds = try Grounds()
        let link = grounds.linked(to: grounds.fixture.path)
        for path in [link, link + "/below"] {
            let fix = StateOwnership(folder: path, owner: user, language: .english).fix
            #expect(fix.contains("`rm \(link)`"), "\(fix)")
            #expect(!fix.contains("chown") && !fix.contains("chmod"), "\(fix)")
            #expect(AgentUser.owner(of: path)?.user == nil)
        }
        #expect(AgentUser.owner(of: grounds.fixture.path)?.user == 0)
        // A link of root's, in a folder of root's, is one that root may follow.
        let way = grounds.fixture.above + "/way"
        #expect(symlink(grounds.fixture.path, way) == 0)
        #expect(FileWay.changeableLink(to: way + "/flows") == nil)
        #expect(AgentUser.owner(of: way)?.user == nil)
    }

    @Test(
        "changes a file in a folder of the user's with the user's own rights, or not at all",
        .enabled(if: geteuid() == 0, "only root gives folders away"))
    func ownFolder() throws {
        let grounds = try Grounds()
        let file = grounds.own + "/link"
        grounds.fixture.write(file)
        chown(grounds.own, user.number, 1)
        #expect(user.command(toGive: file, mode: "600") == nil)
        chown(file, user.number, 1)
        let command = try #require(user.command(toGive: file, mode: "600"))
        #expect(command.hasPrefix("`setpriv ") && !command.contains("chown"), "\(command)")
    }

    @Test("gives nothing to nobody, whose rights other programs have too")
    func nobodys() throws {
        #expect(nobody.isNobody && !user.isNobody)
        #expect(ProcessIdentity.nobodies.isSuperset(of: ["nobody", "nogroup", "65534"]))
        let grounds = try Grounds()
        let fixes = [
            StateOwnership(folder: grounds.fixture.path, owner: nobody, language: .english).fix,
            grounds.certificates(grounds.secret, as: nobody),
        ]
        for fix in fixes {
            #expect(fix.hasPrefix("nothing is to be given") && !fix.contains("`"), "\(fix)")
        }
        #expect(nobody.command(toGive: grounds.secret, mode: "600") == nil)
        let absent = grounds.fixture.above + "/absent"
        let told = try grounds.fixture.findings(secret: absent, owner: nobody)
        #expect(told.first { $0.subject == absent }?.fix.hasPrefix("nothing is to be") == true)
    }

    @Test(
        "puts no name into a command that could end it or look like another",
        arguments: ["a`; rm -rf ~; `", "a\u{202E}b", "a\nb", "$(x)", "a;b", "日", "a'b", "*"])
    func names(name: String) throws {
        let fixture = try StateFixture()
        let path = fixture.directory.spool + "/" + name
        #expect(symlink("/etc/shadow", path) == 0)
        for language in SentenceLanguage.allCases {
            let told = try fixture.findings(language).filter { $0.state == .fault }
            #expect(told.count == 1)
            let (fix, subject) = (told.first?.fix ?? "", told.first?.subject ?? "")
            #expect(fix.contains("`ls -lab \(fixture.directory.spool)`"), "\(fix)")
            #expect(!fix.contains(name) && fix.count { $0 == "`" } == 4, "\(fix)")
            #expect(subject.hasPrefix("\"") && subject.hasSuffix("\""), "\(subject)")
            #expect(!subject.unicodeScalars.contains { ["`", "\u{202E}", "\n"].contains($0) })
        }
    }

    @Test("lays open no folder for a secret in it: the agent's user gets a copy")
    func closedSecret() throws {
        let fixture = try StateFixture()
        let check = StateCheck(
            settings: try fixture.settings(), isMadeByUnit: false, identity: user, owner: user,
            language: .english)
        let fix = check.behind(BlockedWay(folder: "/srv/closed", who: "o"), "/srv/closed/secret")
        #expect(!fix.contains("chmod") && fix.contains("name the copy in flow_secret"), "\(fix)")
        #expect(
            fix.contains(
                "`install -m 0600 -o \(user.user) -g \(user.group) /srv/closed/secret "
                    + "/etc/jouleflow/flow.secret`"), "\(fix)")
        // The folder of the settings is the agent's own.
        let own = check.behind(
            BlockedWay(folder: "/etc/jouleflow", who: "o"), "/etc/jouleflow/flow.secret")
        #expect(own == "`chgrp \(user.group) /etc/jouleflow && chmod g+x /etc/jouleflow`")
    }

    @Test(
        "lets the agent's group alone into a closed folder, and takes from no other group what it has",
        arguments: [
            (0o700, true), (0o600, true), (0o704, true),
            (0o750, false), (0o710, false), (0o740, false), (0o2700, false),
        ] as [(mode_t, Bool)])
    func closedFolder(mode: mode_t, isGiven: Bool) throws {
        let grounds = try Grounds()
        let (folder, blocked) = (grounds.own, BlockedWay(folder: grounds.own, who: "o"))
        #expect(chmod(folder, mode) == 0)
        let given = "`chgrp \(user.group) \(folder) && chmod g+x \(folder)`"
        #expect(blocked.fix(for: user) == (isGiven ? given : nil))
        #expect(blocked.fix(for: nobody) == nil)
        // What is the agent's own is opened to itself.
        for who in ["u", "g"] {
            #expect(
                BlockedWay(folder: folder, who: who).fix(for: user) == "`chmod \(who)+x \(folder)`")
        }
        #expect(BlockedWay(folder: folder + "/absent", who: "o").fix(for: user) == nil)
    }

    @Test("opens to everybody what no service does without, and to the agent the packages' folders")
    func knownFolders() {
        for folder in ["/", "/etc", "/var/lib"] {
            let fix = BlockedWay(folder: folder, who: "o").fix(for: user)
            #expect(fix == "`chmod o+x \(folder)`")
        }
        for folder in ["/etc/jouleflow", "/var/lib/jouleflow"] {
            let fix = BlockedWay(folder: folder, who: "o").fix(for: user)
            #expect(fix == "`chgrp \(user.group) \(folder) && chmod g+x \(folder)`")
        }
    }

    @Test(
        "takes no right from another group in the packages' folders: the agent's files move apart",
        .enabled(if: geteuid() == 0, "only root gives folders away"))
    func sharedFolder() throws {
        let grounds = try Grounds()
        let (folder, blocked) = (grounds.own, BlockedWay(folder: grounds.own, who: "o"))
        let given = "`chgrp \(user.group) \(folder) && chmod g+x \(folder)`"
        for (group, mode, isGiven) in [
            (4, 0o750, false), (4, 0o710, false), (4, 0o2700, false), (4, 0o700, true),
            (0, 0o750, true),
        ] as [(gid_t, mode_t, Bool)] {
            #expect(chown(folder, 0, group) == 0 && chmod(folder, mode) == 0)
            let fix = blocked.fix(for: user, own: [folder])
            #expect(fix == (isGiven ? given : nil), "\(group) \(mode)")
        }
        for language in SentenceLanguage.allCases {
            let apart = blocked.apart(for: user, language)
            #expect(apart.contains("`install -d -m 0750 -g \(user.group) /etc/jouleflow-agent`"))
            #expect(!apart.contains("chgrp") && !apart.contains("chmod"), "\(apart)")
        }
        #expect(!blocked.apart(for: nobody, .english).contains("`"))
    }

    @Test("looks at the clock before a certificate is issued anew")
    func clockFirst() {
        let check = CertificateCheck(ca: "/t/ca", certificate: "/t/c", key: "/t/k", as: user)
        for warning in [
            CredentialWarning.expired(path: "/t/c", at: 0), .expired(path: "/t/ca", at: 0),
            .notYetValid(path: "/t/c", from: 0),
        ] {
            let fix = check.words(warning).fix
            #expect(fix.hasPrefix("see this host's clock: `date -u`; if it is right, "), "\(fix)")
            #expect(fix.contains("authority"), "\(fix)")
        }
    }

    @Test("copies no certificate onto itself: the agent's own folder is opened to its group")
    func ownCertificates() throws {
        let fixture = try StateFixture()
        func copy(_ names: String..., outside: String) -> String {
            let paths = names.map { "\($0 == outside ? "/root/ca" : fixture.path)/\($0)" }
            var check = CertificateCheck(
                ca: paths[0], certificate: paths[1], key: paths[2], as: user)
            check.folder = fixture.path
            return check.copy
        }
        let opening = "`install -d -m 0750 -g \(user.group) \(fixture.path) && "
        let all = copy("ca", "a.pem", "a.key", outside: "")
        #expect(all.hasPrefix(opening) && !all.contains("install -m"), "\(all)")
        #expect(all.contains("&& chown \(user.user) \(fixture.path)/a.key && "), "\(all)")
        let key = copy("ca", "a.pem", "a.key", outside: "a.key")
        #expect(
            key.contains(
                opening + "install -m 0600 -o \(user.user) /root/ca/a.key \(fixture.path)/`"),
            "\(key)")
        // Of a link that is there its aim is copied, and takes its place.
        #expect(symlink("/root/ca/ca", fixture.path + "/ca") == 0)
        let link = copy("ca", "a.pem", "a.key", outside: "")
        #expect(link.contains("install -m 0644 /root/ca/ca \(fixture.path)/`"), "\(link)")
    }

    @Test("puts plain names into commands, as a shell takes them")
    func plainNames() {
        let name = AdvisedName("/s/spool/a b,c=d%", .english)
        #expect(name.removal { "rm \($0)" } == "`rm '/s/spool/a b,c=d%'`")
        #expect(AdvisedName.quoted("/s/a b") == "/s/a b")
    }

    @Test("names a folder in the spool that is in the way of the agent's own file")
    func folder() throws {
        let fixture = try StateFixture()
        let path = fixture.directory.spool + "/new"
        #expect(mkdir(path, 0o700) == 0)
        defer { rmdir(path) }
        let told = try fixture.findings().filter { $0.state == .fault }
        #expect(told.map(\.subject) == [path])
        #expect(told.first?.fix.contains("rm -r \(path)`") == true)
    }

    @Test("tells how long a process has run from its line, whatever its name")
    func age() {
        let fields = ["S"] + [String](repeating: "0", count: 18) + ["250", "0"]
        let line = "7 (a) b) " + fields.joined(separator: " ")
        let uptime = Nanoseconds.seconds(10)
        #expect(
            ProcessStatus.age(line, uptime: uptime, ticks: 100) == Nanoseconds(7_500_000_000))
        #expect(ProcessStatus.age(line, uptime: .seconds(2), ticks: 100) == nil)
        #expect(ProcessStatus.age(line, uptime: uptime, ticks: 0) == nil)
        for text in ["", "7 (a", "7 (a) S 1 2", line.replacing("250", with: "\(UInt64.max)")] {
            #expect(ProcessStatus.age(text, uptime: uptime, ticks: 100) == nil)
        }
        #expect(ProcessStatus.age(of: Int(getpid()), procfs: "/proc") != nil)
    }
}
