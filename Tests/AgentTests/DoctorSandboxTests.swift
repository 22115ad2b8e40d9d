import Foundation
import Settings
import Testing

@testable import Agent

@Suite("The doctor's comparison of the unit with how it comes")
struct DoctorSandboxTests {
    private func findings(
        _ unit: String, state: String = "/var/lib/jouleflow", seesProcesses: Bool = false,
        _ language: SentenceLanguage = .english
    ) -> [DoctorFinding] {
        SandboxCheck(
            process: nil, unit: SystemdProperties.parse(unit), unitName: "u.service", user: 997,
            state: state, seesProcesses: seesProcesses, language: language
        ).findings().filter { $0.subject != "process" }
    }

    /// What drop-ins were made of in a trial, and more of the kind.
    private static let weaker: [(String, String)] = [
        ("IPAddressAllow", "0.0.0.0/0 ::/0"), ("IPAddressAllow", "10.0.0.0/8 203.0.112.0/23"),
        ("IPAddressAllow", "2001:db8::/63"), ("IPAddressDeny", ""),
        ("IPAddressDeny", "0.0.0.0/0"), ("RestrictNamespaces", "no"),
        ("RestrictNamespaces", "cgroup net user"), ("PrivateDevices", "no"),
        ("DevicePolicy", "auto"), ("DeviceAllow", "/dev/mem rw"),
        ("ProtectKernelTunables", "no"), ("ProtectKernelModules", "no"),
        ("ProtectKernelLogs", "no"), ("RestrictAddressFamilies", "~"),
        ("RestrictAddressFamilies", "~AF_VSOCK"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_UNIX AF_VSOCK"),
        ("ProtectClock", "no"), ("SystemCallFilter", "~"), ("SystemCallFilter", ""),
        ("SystemCallFilter", "~mount"), ("SystemCallFilter", "accept bpf read"),
        ("SystemCallFilter", "accept setpriority write"), ("WatchdogUSec", "0"),
        ("WatchdogUSec", "infinity"), ("WatchdogUSec", "1min 500ms"), ("UMask", "0022"),
        ("LimitCORE", "infinity"), ("LimitCORE", "1"), ("NoNewPrivileges", "no"),
        ("MemoryMax", "infinity"), ("MemoryHigh", "infinity"), ("MemorySwapMax", "infinity"),
        ("CPUQuotaPerSecUSec", "infinity"), ("TasksMax", "4915"), ("OOMScoreAdjust", "-900"),
        ("CapabilityBoundingSet", "cap_net_raw cap_sys_admin"),
        ("CapabilityBoundingSet", "cap_net_raw cap_sys_ptrace"),
        ("AmbientCapabilities", "cap_net_raw cap_sys_ptrace"), ("User", "root"), ("User", ""),
        ("User", "0"), ("User", "meter"), ("Group", "root"), ("Group", "adm"),
        ("ProtectSystem", "full"), ("ProtectHome", "read-only"),
        ("ProtectProc", "default"), ("KeyringMode", "shared"), ("StateDirectoryMode", "0755"),
        ("SystemCallArchitectures", ""), ("ReadWritePaths", "/etc"),
    ]

    @Test("names each weaker property, with its value, what it comes with, and what to do")
    func weaker() {
        for (property, value) in Self.weaker {
            let unit = shippedUnit([property: value]) + "\nDropInPaths=/etc/x.conf"
            let all = findings(unit)
            let told = all.map { "\($0.subject) \($0.state)" }
            #expect(told == ["\(property) warning"], "\(property)=\(value)")
            #expect(all.first?.found.contains("/etc/x.conf") == true)
            #expect(all.first?.fix.hasPrefix("`systemctl revert u.service &&") == true)
        }
    }

    @Test("says for a fault that the agent runs as nobody, and not that the unit is as it comes")
    func nobody() {
        for (property, value) in [
            ("User", "nobody"), ("User", "65534"), ("Group", "nogroup"), ("Group", "nobody"),
        ] {
            for language in SentenceLanguage.allCases {
                let all = findings(shippedUnit([property: value]), language)
                #expect(all.map(\.state) == [.fault] && all.map(\.subject) == [property])
                #expect(all.first?.fix.contains("systemctl edit u.service") == true)
            }
        }
    }

    @Test("holds no change for a weakness that is none")
    func stricter() {
        let changes: [(String, String?)] = [
            ("IPAddressAllow", "127.0.0.0/8"), ("IPAddressAllow", ""),
            ("IPAddressAllow", "10.1.0.0/16 203.0.113.0/24 2001:db8:1:2::/64 192.0.2.7/32"),
            ("IPAddressDeny", "::/0 0.0.0.0/0 10.0.0.0/8"), ("DevicePolicy", "strict"),
            ("RestrictAddressFamilies", "AF_INET AF_NETLINK AF_PACKET AF_UNIX"),
            ("SystemCallFilter", "accept read write setpriority:0 mount:1"),
            ("WatchdogUSec", "3s"), ("WatchdogUSec", "29s 999ms"), ("UMask", "0177"),
            ("StateDirectoryMode", "0500"), ("MemoryMax", "536870912"), ("MemoryHigh", "1048576"),
            ("CPUQuotaPerSecUSec", "2s"), ("TasksMax", "32"), ("OOMScoreAdjust", "1000"),
            ("Group", ""), ("ProtectHome", "tmpfs"),
            ("ProtectProc", "ptraceable"), ("ReadWritePaths", "-/var/lib/jouleflow/spool"),
        ]
        for (property, value) in changes {
            let all = findings(shippedUnit([property: value]))
            #expect(all.map(\.state) == [.ok], "\(property)=\(value ?? "") \(all)")
        }
        #expect(findings(shippedUnit(["ReadWritePaths": "/srv/j"]), state: "/srv/j").count == 1)
        // What packaging/README.md says for services whose processes must be seen.
        let seeing = shippedUnit([
            "CapabilityBoundingSet": "cap_net_raw cap_sys_ptrace",
            "AmbientCapabilities": "cap_net_raw cap_sys_ptrace", "ProtectProc": "default",
        ])
        #expect(findings(seeing, seesProcesses: true).map(\.state) == [.ok])
    }

    @Test("says nothing of properties that an older systemd does not know")
    func unknown() {
        for rule in UnitRule.all(seesProcesses: false) {
            #expect(findings(shippedUnit([rule.property: nil])).map(\.state) == [.ok])
        }
    }

    @Test("says the same in both languages")
    func languages() {
        for language in SentenceLanguage.allCases {
            let all = findings(
                shippedUnit(["ProtectHome": "no", "UMask": "0000"]), language)
            #expect(all.map(\.subject).sorted() == ["ProtectHome", "UMask"])
            #expect(all.allSatisfy { !$0.fix.isEmpty && $0.found.contains($0.subject) })
        }
    }

    @Test("asks for every line of the unit's file that bounds the agent")
    func complete() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "systemd/jouleflow-agent.service").path
        let lines = String(
            decoding: try #require(FileManager.default.contents(atPath: file)), as: UTF8.self
        ).split(separator: "\n")
        let names = Set(
            lines.filter { !$0.hasPrefix("#") && $0.contains("=") }
                .map { String($0.prefix { $0 != "=" }) })
        // What is no bound, and what bounds in a way that no drop-in is likely to lift.
        let others: Set = [
            "Description", "Documentation", "After", "Wants", "StartLimitIntervalSec",
            "StartLimitBurst", "Type", "NotifyAccess", "ExecStart", "ExecReload",
            "WatchdogSignal", "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartSec",
            "RestartPreventExitStatus", "SyslogIdentifier", "StateDirectory", "LimitNOFILE",
            "ProcSubset", "SystemCallErrorNumber", "WantedBy", "SecureBits",
        ]
        let shown = ["WatchdogSec": "WatchdogUSec", "CPUQuota": "CPUQuotaPerSecUSec"]
        let asked = Set(UnitRule.all(seesProcesses: false).map(\.property))
        for name in names.subtracting(others) {
            #expect(asked.contains(shown[name] ?? name), "\(name)")
        }
        #expect(names.isSuperset(of: ["ProtectClock", "UMask"]), "\(file) was read")
    }

    @Test(
        "reads times as systemd prints them",
        arguments: [
            ("0", 0), ("30s", 30), ("500ms", 0.5), ("1min 30s", 90), ("1h 1us", 3600.000001),
            ("infinity", nil), ("", nil), ("30", nil), ("1y 2month", 31_557_600 + 5_259_600),
        ] as [(String, Double?)])
    func times(text: String, seconds: Double?) {
        #expect(SystemdTime.seconds(text) == seconds)
    }
}

@Suite("The doctor's look at what the unit needs and how it fares")
struct DoctorUnitLifeTests {
    private func life(_ changes: [String: String?], isInUse: Bool? = false) -> [DoctorFinding] {
        UnitCheck(
            unit: SystemdProperties.parse(shippedUnit(changes)), unitName: "u.service",
            isInUse: isInUse, language: .english
        ).findings()
    }

    @Test("says a unit that cannot run for a fault, and what to do about it")
    func faults() {
        for (changes, word, fix) in [
            (["LoadState": "masked"], "masked", "systemctl unmask u.service"),
            (
                ["LoadState": "masked", "UnitFileState": "masked-runtime"], "masked",
                "systemctl unmask --runtime u.service"
            ),
            (["LoadState": "bad-setting"], "cannot load", "systemctl status u.service"),
            (
                ["ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "4"],
                "exit status 4", "systemctl reset-failed u.service && systemctl start"
            ),
            (
                ["ActiveState": "failed", "Result": "start-limit-hit"], "start-limit-hit",
                "journalctl -u u.service"
            ),
            (
                ["ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "7"],
                "again and again (7", "journalctl -u u.service"
            ),
            (
                ["ActiveState": "activating", "SubState": "start", "NRestarts": "3"],
                "again and again (3", "journalctl -u u.service"
            ),
        ] as [([String: String?], String, String)] {
            let all = life(changes)
            #expect(all.map(\.state) == [.fault], "\(changes)")
            #expect(all.first?.found.contains(word) == true, "\(all)")
            #expect(all.first?.fix.contains(fix) == true, "\(all)")
        }
    }

    @Test("says one that was stopped, or that a boot does not start, for a warning")
    func warnings() {
        for (changes, isInUse, fix) in [
            (["ActiveState": "inactive"], false, "`systemctl start u.service`"),
            (["ActiveState": "deactivating"], nil, "`systemctl start u.service`"),
            (
                ["ActiveState": "inactive", "UnitFileState": "disabled"], false,
                "`systemctl enable --now u.service`"
            ),
            (["UnitFileState": "disabled"], true, "`systemctl enable u.service`"),
            (["ActiveState": "inactive"], true, "then `systemctl enable --now u.service`"),
        ] as [([String: String?], Bool?, String)] {
            let all = life(changes, isInUse: isInUse)
            #expect(all.map(\.state) == [.warning], "\(changes)")
            #expect(all.first?.fix.contains(fix) == true, "\(all)")
        }
    }

    @Test("names a user or a group of the unit that is not there any more")
    func absentAccount() {
        let ends = [
            ["ActiveState": "failed", "SubState": "failed", "Result": "exit-code"],
            ["ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "0"],
        ]
        for end in ends {
            for (status, property) in [("217", "User"), ("216", "Group")] {
                let last = end.merging(["ExecMainStatus": status]) { $1 }
                let all = life(last.merging([property: "no-such-account"]) { $1 })
                #expect(all.map(\.state) == [.fault])
                #expect(all.first?.found.contains("no-such-account") == true, "\(all)")
                #expect(all.first?.fix.contains("correct \(property)=") == true, "\(all)")
                // One that is there was refused for another reason.
                let other = life(last.merging([property: "root"]) { $1 })
                #expect(other.first?.fix.contains("journalctl") == true, "\(other)")
            }
        }
        #expect(life(ends[1]).first?.found.contains("0 times") == false)
    }

    @Test("is content with one that runs, and says nothing where there is none")
    func content() {
        #expect(life([:], isInUse: true).isEmpty)
        #expect(life(["LoadState": "not-found", "ActiveState": "inactive"]).isEmpty)
        #expect(
            life(["ActiveState": "activating", "SubState": "start"]).map(\.state) == [.unknown])
        let second = ["ActiveState": "activating", "SubState": "start", "NRestarts": "2"]
        #expect(life(second).map(\.state) == [.unknown])
        let nowhere = UnitCheck(
            unit: nil, unitName: "u.service", isInUse: nil, language: .chinese)
        #expect(nowhere.findings().isEmpty)
    }

    private func needs(_ changes: [String: String?]) -> [DoctorFinding] {
        UnitNeedsCheck(
            unit: SystemdProperties.parse(shippedUnit(changes)), unitName: "u.service",
            language: .english
        ).findings()
    }

    @Test("says for a fault what takes from the agent that it meters with")
    func needs() {
        #expect(needs([:]).isEmpty)
        #expect(needs(["AmbientCapabilities": "", "User": "root"]).isEmpty)
        #expect(needs(["RestrictAddressFamilies": "~AF_VSOCK"]).isEmpty)
        #expect(needs(["LoadState": "not-found", "CapabilityBoundingSet": ""]).isEmpty)
        // Of calls with the same aim one suffices; what the agent never calls may be refused.
        for value in ["", "~clone", "~mount setpriority:1 keyctl"] {
            #expect(needs(["SystemCallFilter": value]).isEmpty, "\(value)")
        }
        // While the unit is activating, too.
        let starting = needs(["ActiveState": "activating", "SystemCallFilter": "~epoll_ctl futex"])
        #expect(starting.first?.found.contains("(epoll_ctl futex)") == true, "\(starting)")
        for (property, value) in [
            ("AmbientCapabilities", ""), ("CapabilityBoundingSet", "cap_sys_ptrace"),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_NETLINK AF_UNIX"),
            ("RestrictAddressFamilies", ""), ("RestrictAddressFamilies", "~AF_PACKET"),
            ("PrivateNetwork", "yes"), ("PrivateUsers", "yes"), ("ProcSubset", "pid"),
            ("SystemCallFilter", "~futex"), ("SystemCallFilter", "~clone clone3"),
            ("SystemCallFilter", "read write"), ("SystemCallFilter", "~poll:1 ppoll"),
        ] {
            let all = needs([property: value])
            #expect(all.map(\.state) == [.fault] && all.map(\.subject) == [property])
            #expect(all.first?.fix.contains("systemctl edit u.service") == true)
        }
    }

    @Test("takes the unit for that of the settings where its command names no others")
    func settings() {
        let unit = SystemdProperties.parse(shippedUnit)
        #expect(AgentUser.isRun(by: unit, "/etc/jouleflow/agent.yaml"))
        #expect(!AgentUser.isRun(by: unit, "/etc/jouleflow/agent2.yaml"))
        let other = SystemdProperties.parse(
            shippedUnit(["ExecStart": "{ path=/a ; argv[]=/a run --config=/b.yaml ; x=y }"]))
        #expect(AgentUser.isRun(by: other, "/b.yaml"))
        let broken = SystemdProperties.parse(shippedUnit(["ExecStart": "{ path=/bin/false }"]))
        #expect(AgentUser.isRun(by: broken, "/b.yaml"))
        #expect(!AgentUser.isRun(by: ["LoadState": "masked"], "/b.yaml"))
        // A name that comes more than once is a list.
        #expect(SystemdProperties.parse("A=1\nB=2\nA=3") == ["A": "1 3", "B": "2"])
    }
}
