import Foundation
import Glibc
import Testing

extension SideBySideTests {
    /// systemd need not run here: the doctor is told what it would say, as root leaves that to the
    /// program that goes on as the agent's user.
    @Suite("Of a unit, and of a user that is not the agent's, the doctor")
    struct DoctorUnitTests {
        private func saying(_ site: Site, _ changes: [String: String] = [:]) -> [String] {
            let unit = [
                "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
                "UnitFileState": "enabled", "User": ServiceUser.name, "NeedDaemonReload": "no",
                "ExecStart":
                    "{ argv[]=jouleflow-agent run --config \(site.path("doctor.yaml")) ; }",
            ].merging(changes) { $1 }
            let lines = unit.map { "\($0)=\($1)" }.joined(separator: "\n")
            return ["env", "JOULEFLOW_DOCTOR_UNIT=\(lines)"]
        }

        private func settings(_ site: Site) -> AgentSettings {
            var settings = site.agentSettings()
            settings.collectorPort = nil
            return settings
        }

        @Test(
            "ends with status 1 where the unit cannot run, also where its settings are wrong",
            arguments: [
                ["ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "4"],
                ["LoadState": "masked", "ActiveState": "inactive", "ExecStart": "", "User": ""],
                ["ActiveState": "activating", "SubState": "auto-restart"],
                ["LoadState": "bad-setting", "ActiveState": "inactive", "ExecStart": ""],
            ])
        func broken(changes: [String: String]) throws {
            try Site.with { site in
                _ = try site.startCounters()
                let ill = try site.doctor(settings(site), before: saying(site, changes))
                #expect(ill.faults.contains("agent") && ill.status == 1, "\(ill.lines("agent"))")
                #expect(try ill.trouble("agent").fix.contains("jouleflow-agent.service"))
                let wrong = try site.doctor(text: "version: 2\n", before: saying(site, changes))
                #expect(wrong.faults == ["agent", "configuration"])
            }
        }

        @Test(
            "ends with status 0 where it was stopped, and does not say that metering is right",
            .hasCapture)
        func stopped() throws {
            try Site.with { site in
                _ = try site.startCounters()
                for (file, command) in [("enabled", "start"), ("disabled", "enable --now")] {
                    let life = [
                        "ActiveState": "inactive", "SubState": "dead", "UnitFileState": file,
                        "User": NSUserName(),
                    ]
                    let well = try site.doctor(settings(site), before: saying(site, life))
                    #expect(well.faults.isEmpty && well.status == 0, "\(well.lines)")
                    #expect(well.isRunning == false)
                    let line = try well.trouble("agent")
                    #expect(line.state == "warning")
                    #expect(line.fix == "`systemctl \(command) jouleflow-agent.service`")
                    let table = try Host.run(
                        saying(site, life) + [
                            try Site.program("agent"), "doctor", "--config",
                            site.path("doctor.yaml"), "--language", "en",
                        ], within: 60)
                    #expect(table.printed.contains("Metering would be right, but no agent runs"))
                }
            }
        }

        @Test(
            "looks with the unit's group, and not with the user's own",
            .enabled("only root can become another user") { Host.isRoot })
        func unitsGroup() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                for group in ["daemon", "bin"] {
                    let told = try site.doctor(before: saying(site, ["Group": group]))
                    let user = try #require(told.lines("user").first)
                    #expect(user.state == "ok" && user.found.hasSuffix("group \(group)"), "\(user)")
                }
            }
        }

        @Test("does not hold settings against a unit that runs on others")
        func otherSettings() throws {
            try Site.with { site in
                let other = [
                    "ActiveState": "failed", "ProtectHome": "no",
                    "ExecStart": "{ argv[]=jouleflow-agent run --config /etc/other.yaml ; }",
                ]
                let well = try site.doctor(settings(site), before: saying(site, other))
                #expect(well.states("agent") == ["warning"], "\(well.lines("agent"))")
                let unit = try #require(well.lines("sandbox", "unit").first)
                #expect(unit.state == "unknown" && unit.found.contains("does not run on"))
            }
        }

        @Test(
            "goes on as the unit's user, whoever owns the state folder; its words give it back",
            .enabled("only root can become another user") { Host.isRoot })
        func wrongOwner() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                let spool = site.path("state/spool")
                #expect(mkdir(spool, 0o700) == 0)
                for owner in [UInt32(0), 2] {
                    for path in [site.path("state"), spool] { chown(path, owner, owner) }
                    let running = saying(site, ["MainPID": "\(getpid())"])
                    let ill = try site.doctor(before: running)
                    #expect(ill.lines("user").first?.found.contains(ServiceUser.name) == true)
                    // What cannot be passed is named, not what lies behind it.
                    for check in ["state", "spool"] {
                        let fault = try ill.trouble(check)
                        #expect(fault.state == "fault" && ill.status == 1)
                        let command = try fault.command
                        #expect(command.hasPrefix("chown -hR \(ServiceUser.name):"), "\(command)")
                        #expect(command.contains(" \(site.path("state")) "), "\(command)")
                    }
                    // As systemd says, and since before its settings were written.
                    #expect(ill.states("agent") == ["ok", "warning"])
                    try ill.trouble("spool").follow()
                    let well = try site.doctor(before: saying(site))
                    #expect(!well.faults.contains("state") && !well.faults.contains("spool"))
                }
            }
        }

        @Test(
            "names the folder that is in the way, also behind a link; its words let the agent pass",
            .enabled("only root can become another user") { Host.isRoot })
        func blockedWay() throws {
            try Site.with { site in
                for folder in ["closed", "closed/in", "closed/in/state"] {
                    #expect(mkdir(site.path(folder), 0o700) == 0)
                }
                let state = site.path("closed/in/state")
                chown(state, ServiceUser.number, ServiceUser.group)
                #expect(symlink(site.path("closed/in"), site.path("way")) == 0)
                var settings = settings(site)
                settings.state = site.path("way/state")
                for folder in ["closed", "closed/in"] {
                    let ill = try site.doctor(settings, before: ServiceUser.words)
                    let fault = try ill.trouble("state")
                    #expect(try letsGroupPass(fault.command, site.path(folder)), "\(fault)")
                    #expect(try ill.trouble("spool").command == fault.command)
                    try fault.follow()
                }
                #expect(
                    try site.doctor(settings, before: ServiceUser.words)
                        .states("state", "state") == ["ok"])
                // A folder of another group's stays as it is.
                let closed = site.path("closed/in")
                #expect(chown(closed, 0, 2) == 0 && chmod(closed, 0o750) == 0)
                let fix = try site.doctor(settings, before: ServiceUser.words).trouble("state").fix
                #expect(fix.hasPrefix("\(closed) stays closed") && !fix.contains("`"), "\(fix)")
            }
        }

        @Test(
            "lets the agent's group alone pass to its settings, or has them moved",
            .enabled("only root can become another user") { Host.isRoot })
        func blockedSettings() throws {
            try Site.with { site in
                let closed = site.path("closed")
                #expect(mkdir(closed, 0o700) == 0)
                func doctor() throws -> Diagnosis {
                    try site.doctor(
                        text: settings(site).text, in: "closed/agent.yaml",
                        before: ServiceUser.words)
                }
                let fault = try doctor().trouble("configuration")
                #expect(fault.state == "fault", "\(fault)")
                #expect(try letsGroupPass(fault.command, closed), "\(fault)")
                try fault.follow()
                #expect(try !doctor().faults.contains("configuration"))
                #expect(chown(closed, 0, 2) == 0 && chmod(closed, 0o750) == 0)
                let fix = try doctor().trouble("configuration").fix
                #expect(fix.contains("/etc/jouleflow/agent.yaml") && !fix.contains("`"), "\(fix)")
            }
        }

        private func letsGroupPass(_ command: String, _ folder: String) -> Bool {
            command.hasPrefix("chgrp ")
                && command.hasSuffix(" \(folder) && chmod g+x \(folder)")
        }

        @Test(
            "names a link in the place of the folder that systemd makes ready; its words do without",
            .enabled("no right to mount") { Host.isRoot && Host.canMakeInterfaces })
        func link() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                let holder = try site.start(
                    "namespace",
                    [
                        "unshare", "-m", "--", "sh", "-ec",
                        "mount -t tmpfs none /var/lib; ln -s '\(site.path("state"))' "
                            + "/var/lib/jouleflow; echo made >&2; exec sleep 600",
                    ])
                try holder.awaitSaying("made")
                let enter = ["nsenter", "-t", "\(holder.pid)", "-m", "--"]
                var settings = settings(site)
                settings.state = "/var/lib/jouleflow"
                let unit = saying(site, ["StateDirectory": "jouleflow"])
                let ill = try site.doctor(settings, before: enter + unit)
                let fault = try ill.trouble("sandbox", "/var/lib/jouleflow")
                #expect(fault.state == "fault" && fault.found.contains("238/STATE_DIRECTORY"))
                // Without the calls of systemctl, which asks for a systemd.
                let command = try fault.command.split(separator: "; ").last.map(String.init) ?? ""
                let done = try Host.run(enter + ["sh", "-ec", command], within: 10)
                #expect(done.status == 0, "\(command): \(done.said)")
                let well = try site.doctor(settings, before: enter + unit)
                #expect(well.states("sandbox", "/var/lib/jouleflow").isEmpty)
                #expect(well.states("state", "/var/lib/jouleflow") == ["ok"], "\(well.lines)")
            }
        }

        @Test(
            "tells a user who is not the agent's what that one may not look at, and calls it no fault",
            .enabled("only root can become another user") { Host.isRoot })
        func stranger() throws {
            try Site.with { site in
                try site.makeStateOfUser()
                _ = try site.startCounters()
                for counter in site.counters() { #expect(chmod(counter, 0o400) == 0) }
                let state = site.path("state")
                chown(state, 2, 2)
                let name = Host.account(2).name
                // Of a systemd that does not answer, or does not run, the folder's owner tells.
                for before in [[], saying(site, ["User": name])] {
                    let seen = try site.doctor(settings(site), as: .nobody, before: before)
                    #expect(seen.faults.isEmpty && seen.status == 0, "\(seen.lines)")
                    let user = try seen.trouble("user")
                    #expect(user.found.contains("the agent runs as \(name)"), "\(user)")
                    #expect(user.fix.contains("sudo jouleflow-agent doctor"))
                    for check in ["energy", "capture", "state", "spool"] {
                        let lines = seen.lines(check).filter { $0.state == "unknown" }
                        #expect(!lines.isEmpty, "\(check): \(seen.lines(check))")
                        #expect(lines.allSatisfy { !$0.fix.isEmpty })
                    }
                    #expect(seen.states("ring") == ["unknown"])
                    #expect(!seen.states("agent").contains("warning"))
                }
            }
        }

        @Test("does not judge energy by other settings than those that are wrong")
        func unjudged() throws {
            try Site.with { site in
                let ill = try site.doctor(text: "version: 1\nenergy: {source: rapp}\n")
                #expect(ill.faults == ["configuration"])
                let energy = try #require(ill.lines("energy").first)
                #expect(energy.state == "unknown" && energy.fix.contains("configuration"))
                #expect(ill.states("energy") == ["unknown"])
            }
        }
    }
}
