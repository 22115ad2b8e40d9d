import Foundation
import Glibc
import Testing

extension SideBySideTests {
    @Suite("Where root runs it, the doctor")
    struct DoctorIsolationTests {
        /// The process with the agent's rights, as soon as others of its user may not look into it.
        private func looking(of doctor: Child) throws -> pid_t {
            var found: pid_t?
            try wait("the user's process", 10, diary: { doctor.said }) {
                let names = try FileManager.default.contentsOfDirectory(atPath: "/proc")
                found = names.compactMap { pid_t($0) }.first { pid in
                    words(pid, "PPid") == ["\(doctor.pid)"] && isHidden(pid)
                }
                return found != nil
            }
            return try #require(found)
        }

        private func uid(of path: String) -> uid_t? {
            var status = stat()
            return stat(path, &status) == 0 ? status.st_uid : nil
        }

        private func words(_ pid: pid_t, _ name: String) -> [String] {
            let text = (try? read("/proc/\(pid)/status")) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
            return line.split(whereSeparator: \.isWhitespace).dropFirst().map(String.init)
        }

        /// Of the user, and its files in /proc root's: proc(5), PR_SET_DUMPABLE.
        private func isHidden(_ pid: pid_t) -> Bool {
            words(pid, "Uid").allSatisfy { $0 == "\(ServiceUser.number)" }
                && (try? read("/proc/\(pid)/environ"))?.contains("JOULEFLOW_DOCTOR_CHILD") == true
                && uid(of: "/proc/\(pid)/environ") == 0
        }

        private func aim(_ pid: pid_t, _ descriptor: Int) -> String? {
            var bytes = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/\(pid)/fd/\(descriptor)", &bytes, bytes.count - 1)
            guard count >= 0 else { return nil }
            return String(
                decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        private func started(_ site: Site) throws -> Child {
            try site.makeStateOfUser()
            _ = try site.startCounters()
            let file = site.path("doctor.yaml")
            try write(site.agentSettings().text, to: file)
            let secret = "SECRET_OF_ROOT=x"
            return try site.start(
                "doctor",
                ["env", secret, try Site.program("agent"), "doctor", "--config", file])
        }

        @Test(
            "lets the agent's user look without terminal, new privileges, or what only root has",
            .enabled("only root can become another user") { Host.isRoot })
        func isolation() throws {
            try Site.with { site in
                let doctor = try started(site)
                let pid = try looking(of: doctor)
                let stat = try read("/proc/\(pid)/stat")
                let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
                try #require(fields.count > 4)
                #expect(fields[3] == "\(pid)", "a session of its own")
                #expect(fields[4] == "0", "no terminal")
                #expect(words(pid, "NoNewPrivs") == ["1"])
                #expect(words(pid, "Gid").allSatisfy { $0 == "\(ServiceUser.group)" })
                let rights: [String?] = ["0000000000000000", "0000000000002000"]
                #expect(rights.contains(words(pid, "CapPrm").first))
                #expect(aim(pid, 0) == "/dev/null")
                for descriptor in [1, 2] {
                    #expect(aim(pid, descriptor)?.hasPrefix("pipe:") == true)
                }
                let environment = try read("/proc/\(pid)/environ")
                #expect(!environment.contains("SECRET_OF_ROOT"))
                // Root's own process goes on, and passes on what this one says.
                #expect(words(doctor.pid, "Uid").first == "0")
                let status = try doctor.end(within: 60)
                #expect(status == 0 || status == 1)
                #expect(doctor.printed.contains("faults"), "\(doctor.printed)\(doctor.said)")
            }
        }

        @Test(
            "ends by SIGINT, and the process with the agent's rights with it",
            .enabled("only root can become another user") { Host.isRoot })
        func interrupted() throws {
            try Site.with { site in
                let doctor = try started(site)
                let pid = try looking(of: doctor)
                doctor.send(SIGINT)
                #expect(try doctor.end(within: 10) == 128 + SIGINT)
                try wait("its end", 10) {
                    let state = words(pid, "State").first
                    return state == nil || state == "Z"
                }
                #expect(doctor.printed.isEmpty)
            }
        }

        @Test(
            "names a unit that runs as nobody, and gives nothing to it",
            .enabled("only root can become another user") { Host.isRoot })
        func nobody() throws {
            try Site.with { site in
                let state = site.path("state")
                #expect(mkdir(state, 0o700) == 0)
                let unit = [
                    "LoadState=loaded", "ActiveState=inactive", "SubState=dead", "User=nobody",
                    "ExecStart={ argv[]=jouleflow-agent run --config \(site.path("doctor.yaml")) ; }",
                ]
                let said = try site.doctor(
                    before: ["env", "JOULEFLOW_DOCTOR_UNIT=" + unit.joined(separator: "\n")])
                #expect(said.states("sandbox", "User") == ["fault"], "\(said.lines("sandbox"))")
                for line in said.lines {
                    for word in ["chown", "chgrp", "install -"] {
                        #expect(!line.fix.contains(word), "\(line)")
                    }
                }
            }
        }
    }
}
