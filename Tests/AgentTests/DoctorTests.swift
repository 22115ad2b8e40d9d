import Capture
import Glibc
import Metering
import Processes
import Settings
import Spool
import Testing

@testable import Agent

private let hour = Nanoseconds.seconds(3600)

private func settings(_ further: String = "") throws -> AgentSettings {
    let text = """
        version: 1
        agent: {id: a, state: /var/lib/jouleflow}
        services:
          - {name: web, ports: [8080, 8081], cpu: process, counts_flows: true}
          - {name: bank, ports: [9090], direction: out}
        scenarios: [{id: query, steps: [{name: ask, when: {path: /q}, completes: true}]}]
        collectors: [{address: "192.0.2.7:7443", plaintext: true}]
        \(further)
        """
    return try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "a")
}

@Suite("A check of the doctor")
struct DoctorTests {
    @Test(
        "of the clock: a fault where it is years behind, a warning where nothing keeps it, or badly",
        arguments: [
            (UInt64(1_000_000_000), UInt64?.some(5), DoctorFinding.State.fault),
            (1_800_000_000, nil, .warning), (1_800_000_000, 1_000_001, .warning),
            (1_800_000_000, 1_000_000, .ok), (1_800_000_000, 0, .ok),
        ] as [(UInt64, UInt64?, DoctorFinding.State)])
    func clock(seconds: UInt64, bound: UInt64?, state: DoctorFinding.State) throws {
        for language in SentenceLanguage.allCases {
            let findings = ClockCheck(
                now: Timestamp(seconds * 1_000_000_000), errorBound: bound, language: language
            ).findings()
            #expect(findings.map(\.state) == [state])
            let fix = try #require(findings.first?.fix)
            #expect(fix.contains("timedatectl set-ntp true") == (state != .ok))
        }
    }

    @Test(
        "of the kernel: versions are numbers, and what an old one lacks is told where it is missed",
        arguments: [
            ("6.1.0-13-amd64", true, DoctorFinding.State.ok), ("5.10.0", true, .ok),
            ("5.8", true, .ok), ("5.7.19", true, .warning), ("5.7.19", false, .ok),
            ("4.19.0-5", false, .warning), ("4.20.1", false, .ok), ("", false, .unknown),
            ("six", false, .unknown), ("6.", false, .unknown),
        ])
    func kernel(release: String, usesCgroups: Bool, state: DoctorFinding.State) {
        let findings = KernelCheck(
            release: release, usesSocketCgroups: usesCgroups, language: .english
        ).findings()
        #expect(findings.map(\.state) == [state])
        #expect(findings.allSatisfy { $0.fix.isEmpty == (state == .ok || state == .unknown) })
    }

    @Test(
        "of interfaces: each is tried as the agent opens it, and what it lacks is told with its fix"
    )
    func capture() {
        let links = [
            Link(index: 2, name: "eth0"), Link(index: 3, name: "eth1", isUp: false),
            Link(index: 4, name: "wlan0"), Link(index: 5, name: "ib0"),
            Link(index: 6, name: "eth5"),
        ]
        let nothing = WantedInterfaces([]).select(from: [Link](), addressed: [], open: [])
        var selection = nothing
        (selection.links, selection.absent, selection.leftOut) = (links, ["eth9"], ["veth77"])
        let chosen = selection
        func findings(agentMayCapture: Bool, ring: Int = 16) -> [String: DoctorFinding] {
            let all = CaptureCheck(
                selection: chosen, ringMebibytes: ring, agentMayCapture: agentMayCapture,
                open: { link throws(CaptureError) in
                    switch link.name {
                    case "wlan0": throw .noPermission(interface: "wlan0")
                    case "ib0": throw .unknownLinkType(interface: "ib0", number: 247)
                    default: return
                    }
                }, language: .english
            ).findings()
            return Dictionary(uniqueKeysWithValues: all.map { ($0.subject, $0) })
        }
        let found = findings(agentMayCapture: false)
        #expect(found["eth0"]?.state == .ok)
        #expect(found["eth1"]?.fix == "`ip link set eth1 up`")
        #expect(found["wlan0"]?.fix.contains("AmbientCapabilities=CAP_NET_RAW") == true)
        #expect(found["ib0"]?.found.contains("247") == true)
        for name in ["eth1", "wlan0", "ib0", "eth9", "veth77"] {
            #expect(found[name]?.state == .fault, "\(name)")
        }
        // The doctor's own lack of a right says nothing of an agent that has it.
        #expect(findings(agentMayCapture: true)["wlan0"]?.state == .unknown)
        // Four rings of 256 MiB are as many as there may be.
        #expect(findings(agentMayCapture: false, ring: 256)["eth5"]?.state == .fault)
        #expect(findings(agentMayCapture: false, ring: 204)["eth5"]?.state == .ok)
        let none = CaptureCheck(
            selection: nothing, ringMebibytes: 16, agentMayCapture: false,
            open: { _ throws(CaptureError) in }, language: .chinese
        ).findings()
        #expect(none.map { $0.state } == [DoctorFinding.State.fault])
    }

    @Test("of services: every port that nobody listens on is named, but not those of other hosts")
    func services() throws {
        func findings(
            _ listening: Known<Set<UInt16>, ProcessorUnknown>,
            _ time: Known<Nanoseconds, ProcessorUnknown> = .known(.zero)
        ) throws -> [DoctorFinding] {
            ServiceCheck(
                settings: try settings(), listening: listening, times: [time, .unknown(.notFound)],
                language: .english
            ).findings()
        }
        let deaf = try findings(.known([80]))
        #expect(deaf.map(\.state) == [.warning, .warning, .ok])
        #expect(deaf[0].found.contains("8080") && deaf[1].found.contains("8081"))
        #expect(try findings(.known([8080])).filter { $0.state == .warning }.count == 1)
        #expect(try findings(.known([8080, 8081])).map(\.state) == [.ok, .ok])
        #expect(try findings(.unknown(.notFound)).map(\.state) == [.unknown, .ok])
        let denied = try findings(.known([8080, 8081]), .unknown(.permissionDenied))
        #expect(denied[0].state == .warning && denied[0].found.contains("CAP_SYS_PTRACE"))
    }

    @Test("of the disk: full is a fault, and less than the spool may need a warning")
    func space() throws {
        let survey = try SpoolSurvey(
            directory: "/nowhere/spool", identity: "/nowhere/identity", destinations: ["d"])
        #expect(!survey.exists && !survey.isInUse)
        func states(_ bytes: UInt64, files: UInt64? = nil) throws -> [DoctorFinding.State] {
            SpoolCheck(
                settings: try settings("spool: {max_mib: 8}"), now: Timestamp(0),
                survey: .success(survey), kept: KeptWindows(),
                room: .init(bytes: bytes, files: files), identity: .current,
                language: .english
            ).findings().map(\.state)
        }
        #expect(try states(8 << 20) == [.ok, .unknown])
        #expect(try states((8 << 20) - 1) == [.warning, .unknown])
        #expect(try states((2 << 20) - 1) == [.fault, .unknown])
        #expect(try states(8 << 20, files: 15) == [.fault, .unknown])
    }

    @Test("of a newer version's spool: the advice moves what is in the way, once and again")
    func newer() throws {
        let state = "/var/lib/jouleflow"
        for (path, moved) in [("identity", "identity"), ("spool/segment-1.spool", "spool")] {
            for language in SentenceLanguage.allCases {
                let newer = SpoolCheck(
                    settings: try settings(), now: Timestamp(0),
                    survey: .failure(.unknownFormat(path: "\(state)/\(path)", version: 3)),
                    kept: KeptWindows(), room: nil, identity: .current, language: language
                ).findings()
                #expect(newer.map(\.state) == [.fault])
                #expect(newer[0].found.contains("written by a newer version"))
                let (from, to) = ("\(state)/\(moved)", "\(state)/\(moved).newer")
                #expect(newer[0].fix.hasSuffix("`mv -T --backup=numbered \(from) \(to)`"))
            }
        }
    }

    @Test(
        "of the agent: one that runs and writes nothing is a fault, one that does not run a warning"
    )
    func agent() throws {
        let failed = DoctorFinding(.agent, "u", .fault, "failed")
        func states(
            isInUse: Bool?, pid: Int? = 7, age: Nanoseconds? = nil, unit: [DoctorFinding] = []
        ) throws -> [DoctorFinding.State] {
            AgentCheck(
                settings: try settings(), file: "f", isInUse: isInUse, unit: unit, pid: pid,
                age: age, kept: KeptWindows(), now: Timestamp(0), language: .english
            ).findings().map(\.state)
        }
        #expect(try states(isInUse: true) == [.ok])
        #expect(try states(isInUse: false) == [.warning])
        // The window is 10 s long, and the first record may take 30 s more.
        #expect(try states(isInUse: true, age: .seconds(40)) == [.ok])
        #expect(try states(isInUse: true, age: .seconds(41)) == [.fault])
        #expect(try states(isInUse: true, unit: [failed]) == [.ok, .fault])
        #expect(try states(isInUse: false, unit: [failed]) == [.fault])
        // Who may not look at the spool hears what systemd says, and else that nothing is known.
        #expect(try states(isInUse: nil) == [.ok])
        #expect(try states(isInUse: nil, pid: nil) == [.unknown])
        #expect(try states(isInUse: nil, pid: nil, unit: [failed]) == [.fault])
        let locks = """
            1: POSIX  ADVISORY  WRITE 11 08:01:4711 0 EOF
            2: FLOCK  ADVISORY  WRITE 12 08:01:47110 0 EOF
            2: -> FLOCK  ADVISORY  WRITE 13 08:01:4711 0 EOF
            3: FLOCK  ADVISORY  WRITE 14 08:01:4711 0 EOF
            4: FLOCK
            5: FLOCK  ADVISORY  WRITE x 08:01:5 0 EOF
            """
        #expect(AgentCheck.holder(inode: 4711, locks: locks) == 14)
        #expect(AgentCheck.holder(inode: 5, locks: locks) == nil)
        #expect(AgentCheck.holder(inode: 1, locks: "") == nil)
    }

    @Test("of settings: nothing configured is a fault, and a shell takes every path that it prints")
    func words() throws {
        #expect(shellWord("/etc/jouleflow/agent.yaml") == "/etc/jouleflow/agent.yaml")
        #expect(shellWord("a b") == "'a b'" && shellWord("it's") == "'it'\\''s'")
        #expect(shellWord("$(x)") == "'$(x)'" && shellWord("") == "''")
        let (found, findings) = ConfigurationCheck(
            file: "/nowhere/agent.yaml", hostName: "a", language: .english
        ).run()
        #expect(found?.isUnconfigured == true)
        #expect(findings.map(\.state) == [.fault])
    }

    @Test("of manuals: the installed one is named, compressed or not, else that of the sources")
    func manuals() {
        let folder = "/tmp/jouleflow-manuals-\(UInt64.random(in: 0...UInt64.max))"
        mkdir(folder, 0o755)
        #expect(Manual.path(of: "tls", in: folder) == "docs/tls.md")
        for name in ["tls.md.gz", "tls.md"] {
            let path = "\(folder)/\(name)"
            close(open(path, O_WRONLY | O_CREAT, 0o644))
            #expect(Manual.path(of: "tls", in: folder) == path)
        }
        for name in ["tls.md.gz", "tls.md"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    @Test("of the state: the folder above, up to the root and to where relative paths begin")
    func folders() {
        #expect(StateCheck.folder(above: "/var/lib") == "/var")
        #expect(StateCheck.folder(above: "/var") == "/" && StateCheck.folder(above: "/") == "/")
        #expect(StateCheck.folder(above: "state") == "." && StateCheck.folder(above: ".") == ".")
    }
}

@Suite("The doctor's report")
struct DoctorReportTests {
    private let findings = [
        DoctorFinding(.energy, "package-0", .fault, "a \"b\"\u{1b}[2J\n", fix: "`do it`"),
        DoctorFinding(.clock, .ok, "fine"), DoctorFinding(.rules, "q/a", .warning, "没有"),
    ]

    @Test("is sound without a fault, and its JSON has every finding under its stable keys")
    func json() {
        let report = DoctorReport(
            findings: findings, file: "f", isRunning: true, language: .english)
        #expect(!report.isSound)
        #expect(
            report.json.contains(
                #"{"check":"energy","subject":"package-0","state":"fault","found":"a \"b\"\u001b[2J\u000a","fix":"`do it`"}"#
            ), "\(report.json)")
        #expect(
            report.json.hasPrefix(
                #"{"version":1,"config":"f","sound":false,"counts":{"ok":1,"warning":1,"fault":1,"unknown":0},"#
            ))
        let well = DoctorReport(
            findings: Array(findings.dropFirst()), file: "f", isRunning: nil, language: .english)
        #expect(well.isSound && well.json.contains(#""sound":true"#))
    }

    @Test("moves no terminal's cursor, and tells what to do below what was found")
    func table() {
        for language in SentenceLanguage.allCases {
            let text = DoctorReport(
                findings: findings, file: "f", isRunning: true, language: language
            ).table
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
            #expect(text.contains("→ `do it`\n"))
        }
    }

    @Test("says that metering is right only where an agent runs and all was looked at")
    func verdict() {
        func end(_ findings: [DoctorFinding], _ isRunning: Bool?) -> Substring {
            let table = DoctorReport(
                findings: findings, file: "f", isRunning: isRunning, language: .english
            ).table
            return table.split(separator: "\n").last ?? ""
        }
        let well = DoctorFinding(.clock, .ok, "fine")
        let unseen = DoctorFinding(.state, .unknown, "not looked at", isOfRights: true)
        #expect(end([well], true).hasSuffix("Metering is right."))
        #expect(end([well], false).hasSuffix("no agent runs: nothing is metered now."))
        #expect(end([well, unseen], true).hasSuffix("1 checks need root."))
        #expect(end(findings + [unseen], true).contains("wrong or incomplete"))
        let json = DoctorReport(
            findings: [well], file: "f", isRunning: false, language: .english
        ).json
        #expect(json.contains(#""sound":true"#) && json.contains(#""running":false"#))
    }

    @Test("has keys for its checks that are told in docs/operating.md")
    func keys() {
        let names = DoctorFinding.Topic.allCases.map(\.rawValue)
        #expect(Set(names).count == names.count)
        #expect(names.sorted() == names.sorted().filter { $0.allSatisfy { $0.isLowercase } })
    }
}
