import Glibc
import Testing

@testable import Agent

@Suite("The doctor's process with the agent's rights")
struct DoctorUserProcessTests {
    /// A shell in the place of the doctor, which leads no group.
    private func shell(_ script: String) throws -> UserProcess {
        var (output, errors) = ([Int32](repeating: -1, count: 2), [Int32](repeating: -1, count: 2))
        let isMade = pipe(&output) == 0 && pipe(&errors) == 0
        try #require(isMade)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errors[1], 2)
        let words = (["sh", "-c", script] as [String]).map { strdup($0) }
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, "/bin/sh", &actions, nil, words + [nil], [nil])
        try #require(code == 0)
        close(output[1])
        close(errors[1])
        return UserProcess(process: process, output: output[0], errors: errors[0])
    }

    @Test("passes on what it says, and how it ends")
    func ends() throws {
        let said = try shell(#"printf 'a\tb\n'; printf '\033[2Jx' >&2; exit 3"#).account()
        #expect(said.output == Array("a\tb\n".utf8))
        #expect(said.errors == Array("\u{FFFD}[2Jx".utf8))
        #expect(said.end == .status(3))
        #expect(try shell("kill -KILL $$").account().end == .signal(9))
    }

    @Test("ends with it, whoever still holds its output")
    func held() throws {
        let said = try shell("sleep 20 & echo x").account(silence: 10)
        #expect(said.end == .status(0) && said.output == Array("x\n".utf8))
    }

    @Test("is killed where it says nothing, or does not stop, and nothing of it is passed on")
    func bounds() throws {
        for (script, end) in [
            ("echo x; exec sleep 600", UserProcess.End.silent),
            ("exec cat /dev/zero", .tooMuch), ("exec cat /dev/zero >&2", .tooMuch),
        ] {
            let process = try shell(script)
            let said = process.account(silence: 1, most: 100_000)
            #expect(said.end == end && said.output.isEmpty && said.errors.isEmpty)
            var status: Int32 = 0
            let gone = waitpid(process.process, &status, 0)
            #expect(gone == process.process)
            #expect(status & 0x7f == SIGKILL)
        }
        let whole = try shell("head -c 100000 /dev/zero | tr '\\0' a").account(most: 100_000)
        #expect(whole.end == .status(0) && whole.output.count == 100_000)
    }

    @Test("has the unit's groups where the unit runs this user on these settings")
    func groups() throws {
        let file = "/etc/jouleflow/agent.yaml"
        let user = try #require(getpwnam("daemon")).pointee.pw_uid
        let own = try #require(getpwuid(user)).pointee.pw_gid
        func groups(_ changes: [String: String], user: uid_t = user) -> (gid_t?, [gid_t]) {
            var unit = ["LoadState": "loaded", "User": "daemon", "Group": "4"]
            unit["ExecStart"] = "jouleflow-agent run --config \(file)"
            unit.merge(changes) { $1 }
            return AgentUser.groups(of: unit, file: file, user: user)
        }
        #expect(groups([:]) == (4, []))
        #expect(groups(["Group": "root", "SupplementaryGroups": "5 daemon"]) == (0, [5, own]))
        #expect(groups(["Group": ""]) == (nil, []))
        #expect(groups(["Group": "no-such-group"]) == (nil, []))
        #expect(groups([:], user: user + 1) == (nil, []))
        #expect(groups(["ExecStart": "jouleflow-agent run --config /b.yaml"]) == (nil, []))
        #expect(AgentUser.groups(of: nil, file: file, user: user) == (nil, []))
        // Advice gives to the unit's group, and to the user's own where the unit names none.
        #expect(ProcessIdentity.of(user, group: 0).group == "root")
        #expect(ProcessIdentity.of(user, group: nil) == ProcessIdentity(user: user, group: own))
        for group in ["4", ""] {
            let unit = ["LoadState": "loaded", "User": "daemon", "Group": group]
            let found = AgentUser.identity(unit: unit, file: file, state: nil)
            #expect(found == .of(user, group: gid_t(group)))
        }
        #expect(Set(["Group", "SupplementaryGroups"]).isSubset(of: AgentUser.shown))
    }

    @Test("leaves clean text as it is, byte for byte")
    func clean() {
        let text = "{\"found\":\"正常 → e\u{301} 🙂 \\u001b\",\n\t\"fix\":\"`rm 'a b'`\"}\n"
        #expect(UserProcess.tame(Array(text.utf8)) == Array(text.utf8))
        #expect(UserProcess.tame([]).isEmpty)
    }

    @Test(
        "lets nothing through that moves a cursor or turns a line",
        arguments: [
            "\u{0}", "\u{7}", "\u{8}", "\r", "\u{1B}", "\u{7F}", "\u{85}", "\u{9B}", "\u{61C}",
            "\u{200E}", "\u{200F}", "\u{202A}", "\u{202E}", "\u{2028}", "\u{2029}", "\u{2066}",
            "\u{2069}", "\u{FEFF}", "\u{E0041}",
        ])
    func tame(scalar: String) {
        let tamed = UserProcess.tame(Array("a\(scalar)\n`".utf8))
        #expect(tamed == Array("a\u{FFFD}\n`".utf8))
    }

    @Test("makes text of bytes that are none")
    func noText() {
        #expect(UserProcess.tame([0x61, 0xFF, 0x0A]) == Array("a\u{FFFD}\n".utf8))
    }
}
