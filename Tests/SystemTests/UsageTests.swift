import Foundation
import Testing

extension SideBySideTests {
    @Suite("Told something wrong")
    struct UsageTests {
        /// A word of a settings file put wrong.
        struct Mistake: CustomTestStringConvertible {
            let word: String
            let wrong: String
            /// What the message must contain.
            let meaning: String
            let fix: String

            var testDescription: String { "\(wrong) in place of \(word)" }

            /// The text with the mistake, and its place as `:line:column:`.
            func made(in text: String, at part: String) throws -> (text: String, place: String) {
                guard let range = text.range(of: word) else { throw Trouble("no \(word)") }
                let changed = text.replacingCharacters(in: range, with: wrong)
                guard let found = changed.range(of: part) else { throw Trouble("no \(part)") }
                let before = changed[..<found.lowerBound]
                let line = before.count { $0 == "\n" } + 1
                let column = before.split(separator: "\n", omittingEmptySubsequences: false)
                    .last.map { $0.count + 1 }
                return (changed, ":\(line):\(column ?? 0): ")
            }
        }

        @Test(
            "a mistake in agent.yaml ends it with status 3, place, meaning and fix",
            arguments: [
                (
                    Mistake(
                        word: "ports:", wrong: "prots:", meaning: "unknown key \"prots\"",
                        fix: "did you mean \"ports\"?"), "prots"
                ),
                (
                    Mistake(
                        word: "idle_watts: 60", wrong: "idle_watts: lots",
                        meaning: "expected learn or a number of watts", fix: "idle_watts: 85.5"),
                    "lots"
                ),
                (
                    Mistake(
                        word: "window: 1s", wrong: "window: 1x", meaning: "unknown unit \"x\"",
                        fix: "window: 10s"), "1x"
                ),
                (
                    Mistake(
                        word: "plaintext: true", wrong: "plaintext: false",
                        meaning: "plaintext", fix: "plaintext: true"), "false"
                ),
                (
                    Mistake(
                        word: "tunnels: []", wrong: "tunnels: [vxlna]",
                        meaning: "\"vxlna\" is not vxlan, geneve, gre",
                        fix: "did you mean \"vxlan\"?"), "vxlna"
                ),
            ])
        func agentSettings(mistake: Mistake, at part: String) throws {
            try Site.with { site in
                let (text, place) = try mistake.made(in: site.agentSettings().text, at: part)
                let file = site.path("agent.yaml")
                try write(text, to: file)
                for command in ["run", "check"] {
                    let outcome = try Host.run(
                        [Site.program("agent"), command, "--config", file], within: 5)
                    #expect(outcome.status == 3)
                    #expect(outcome.said.contains(file + place), "\(outcome.said)")
                    #expect(outcome.said.contains(mistake.meaning), "\(outcome.said)")
                    #expect(outcome.said.contains(mistake.fix), "\(outcome.said)")
                }
            }
        }

        @Test("the kernel filter is printed in words and in instructions")
        func filter() throws {
            try Site.with { site in
                let file = site.path("agent.yaml")
                var settings = site.agentSettings()
                settings.tunnels = "vxlan:8472, gre"
                try write(settings.text, to: file)
                let outcome = try Host.run(
                    [
                        Site.program("agent"), "check", "--config", file, "--filter", "--language",
                        "en",
                    ],
                    within: 5)
                #expect(outcome.status == 0)
                #expect(outcome.said == "")
                let lines = outcome.printed.split(separator: "\n")
                #expect(
                    lines.contains("  TCP from or to port \(site.servicePort), over IPv4 and IPv6"))
                #expect(lines.contains("  VXLAN: UDP to port 8472, and later fragments of UDP"))
                #expect(lines.contains("  GRE: IP protocol 47"))
                let program = lines.drop { !$0.hasPrefix("(000) ldh      [12]") }
                #expect(lines.contains("Nothing else. On Ethernet, \(program.count) instructions:"))
                #expect(program.last?.hasSuffix("ret      #0") == true)
            }
        }

        @Test("check speaks Chinese where that is asked for, also in warnings and of the filter")
        func chinese() throws {
            try Site.with { site in
                let file = site.path("agent.yaml")
                let text = """
                    version: 1
                    services: [{name: a, ports: [8080], counts_flows: true}]
                    collectors: []
                    scenarios: [{id: a, expires: 1h, steps: [{when: {path: /x}}]}]

                    """
                try write(text, to: file)
                func check(_ options: String...) throws -> [Substring] {
                    let command = try [Site.program("agent"), "check", file]
                    let outcome = try Host.run(command + ["--language", "zh"] + options, within: 5)
                    #expect(outcome.status == 0 && outcome.said == "")
                    return outcome.printed.split(separator: "\n")
                }
                let warned = try check().drop { !$0.hasPrefix(file) }
                #expect(
                    warned.first?.hasSuffix(
                        ": 警告：scenarios[0].expires：不起作用：各步骤都没有 flow_key，请求结束后没有进行中的流程") == true)
                #expect(warned.last == "  去掉它，或在每个步骤写 flow_key")
                let filter = try check("--filter").prefix { !$0.hasPrefix("(") }
                #expect(
                    filter.dropFirst().first == "  IPv4 和 IPv6 上源端口或目的端口为 8080 的 TCP")
                #expect(filter.last?.hasPrefix("其他一概不通过。") == true)
            }
        }

        @Test("what many fields cost is said by check, and by the log at the start")
        func fields() throws {
            try Site.with { site in
                var settings = site.agentSettings()
                settings.hasCounters = false
                let steps = (0..<31).map { step in
                    let fields = (0..<16).map { "f\(step * 16 + $0): any" }.joined(separator: ", ")
                    return "      - {name: n\(step), completes: true, "
                        + "when: {path: /\(step), body: {\(fields)}}}"
                }
                settings.rules =
                    "scenarios:\n  - id: s\n    steps:\n" + steps.joined(separator: "\n")
                let file = site.path("agent.yaml")
                try write(settings.text, to: file)
                let check = try Host.run(
                    [Site.program("agent"), "check", file, "--language", "en"], within: 5)
                #expect(check.status == 0)
                #expect(check.printed.contains("\nRules look for 496 different fields in requests"))
                let lines = check.printed.split(separator: "\n")
                let words = "rules look for many fields: each request takes 49152 bytes for 496"
                #expect(lines.last?.hasPrefix("warning: \(words)") == true)
                let agent = try site.startAgentUnready(settings)
                try agent.awaitSaying(words)
                try agent.awaitSaying("ready")
                #expect(try agent.stop() == 0)
            }
        }

        /// The file's bytes and mode, the status, and what the message must contain.
        @Test(
            "the secret of flow keys is looked at by check, and run does not start with a bad one",
            arguments: [
                (nil, 0o600, 3, "there is no secret "),
                (15, 0o600, 3, "has 15 bytes: it takes 16 to"),
                (4097, 0o600, 3, "has 4097 bytes: it takes 16 to 4096."),
                (4096, 0o600, 0, "can be used"),
                (32, 0o640, 3, "chmod 600"), (32, 0o400, 0, "can be used"),
            ] as [(Int?, Int, Int32, String)])
        func secret(bytes: Int?, mode: Int, status: Int32, meaning: String) throws {
            try Site.with { site in
                let file = site.path("agent.yaml")
                let secret = site.path("flow.secret")
                try write(site.agentSettings().text + "flow_secret: \(secret)\n", to: file)
                if let bytes {
                    try write(String(repeating: "s", count: bytes), to: secret)
                    chmod(secret, mode_t(mode))
                }
                let check = try Host.run(
                    [Site.program("agent"), "check", "--config", file], within: 5)
                #expect(check.status == status, "\(check.said)")
                let words = status == 0 ? check.printed : check.said
                #expect(words.contains(meaning), "\(words)")
                #expect(words.contains(secret), "\(words)")
                guard status != 0 else { return }
                #expect(check.printed.contains("Rules are tried in this order"))
                let run = try Host.run(
                    [Site.program("agent"), "run", "--config", file], within: 5)
                #expect(run.status == status)
                #expect(run.said.contains(meaning), "\(run.said)")
            }
        }

        @Test("flows that were kept and cannot be read keep run from starting, with status 3")
        func unreadableFlows() throws {
            try Site.with { site in
                let file = site.path("agent.yaml")
                try write(site.agentSettings().text, to: file)
                try FileManager.default.createDirectory(
                    atPath: site.path("state/flows"), withIntermediateDirectories: true)
                let run = try Host.run(
                    [Site.program("agent"), "run", "--config", file], within: 5)
                #expect(run.status == 3)
                #expect(run.said.contains("cannot read the flows that were kept, "), "\(run.said)")
                #expect(run.said.contains(site.path("state/flows")), "\(run.said)")
            }
        }

        @Test("a mistake in collector.yaml ends it with status 3 and its place")
        func collectorSettings() throws {
            try Site.with { site in
                let file = site.path("collector.yaml")
                try write("version: 1\nplaintext: true\nstore: {sqlit: a.db}\n", to: file)
                let outcome = try Host.run(
                    [Site.program("collector"), "run", "--config", file], within: 5)
                #expect(outcome.status == 3)
                #expect(outcome.said.contains("\(file):3:9: unknown key \"sqlit\""))
                #expect(outcome.said.contains("did you mean \"sqlite\"?"), "\(outcome.said)")
            }
        }

        // The agent itself runs without a file: it meters energy and says what to write.
        @Test(
            "a missing settings file ends the collector, and the agent's check, with status 3",
            arguments: [("collector", ["run", "--config"]), ("agent", ["check"])])
        func missingSettings(program: String, command: [String]) throws {
            let outcome = try Host.run(
                [Site.program(program)] + command + ["/nowhere/it.yaml"], within: 5)
            #expect(outcome.status == 3)
            #expect(outcome.said.contains("/nowhere/it.yaml: cannot read the file"))
            #expect(outcome.said.contains("No such file or directory"))
            #expect(outcome.said.contains("check the path of the file"))
        }

        @Test("an unknown option ends it with status 2", arguments: ["agent", "collector"])
        func unknownOption(program: String) throws {
            let outcome = try Host.run(
                [Site.program(program), "run", "--config", "x", "--frob"], within: 5)
            #expect(outcome.status == 2)
            #expect(outcome.said.contains("Unknown option '--frob'"), "\(outcome.said)")
            #expect(outcome.said.contains("Usage:"))
        }

        @Test(
            "a capture file that cannot be read ends a replay with status 5",
            arguments: [
                ("missing.pcap", nil, "No such file or directory"),
                (
                    "text.pcap", "a text that is longer than the header of a pcap file",
                    "neither a pcap nor a pcapng file"
                ),
                ("empty.pcap", "", "ends after 0 bytes"),
            ])
        func unreadableCapture(name: String, content: String?, meaning: String) throws {
            try Site.with { site in
                if let content { try write(content, to: site.path(name)) }
                let outcome = try replay(name, site)
                #expect(outcome.status == 5)
                #expect(outcome.said.contains(site.path(name)), "\(outcome.said)")
                #expect(outcome.said.contains(meaning), "\(outcome.said)")
                #expect(outcome.printed == "")
            }
        }

        @Test("a capture file that ends inside a packet is counted up to there, and said to end")
        func truncatedCapture() throws {
            try Site.with { site in
                // pcap, little-endian, microseconds, Ethernet; Source: pcap-savefile(5).
                let header: [UInt32] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]
                let packet: [UInt32] = [1_700_000_000, 0, 60, 60]
                let words = (header + packet).flatMap { word in
                    withUnsafeBytes(of: word.littleEndian, Array.init)
                }
                let whole = words + [UInt8](repeating: 0, count: 60)
                let cut = whole + whole[24..<50]
                try Data(cut).write(to: URL(filePath: site.path("cut.pcap")))
                let outcome = try replay("cut.pcap", site, "--format", "json")
                #expect(outcome.status == 0)
                let result = try dictionary(outcome.printed)
                #expect(result["truncated"] as? Bool == true)
                #expect(result["packets"] as? Int == 1)
                let table = try replay("cut.pcap", site)
                #expect(
                    table.printed.contains("ends inside a packet, at byte 100"), "\(table.printed)")
                // Nothing was seen of any service: what no packet could show is unknown.
                let scenarios = try #require(result["scenarios"] as? [String: [String: Any]])
                #expect(!scenarios.isEmpty)
                for figures in scenarios.values {
                    #expect(figures["observed"] as? Bool == false)
                    #expect(figures["requests"] as? Int == 0)
                    for key in [
                        "flows", "completed", "refused", "failed", "incomplete", "duplicates",
                    ] { #expect(figures[key] is NSNull, "\(key)") }
                }
                let rules = try #require(result["rules"] as? [[String: Any]])
                #expect(rules.count >= scenarios.count)
                for rule in rules {
                    #expect(rule["hits"] as? Int == 0)
                    let step = "\(rule["scenario"] ?? ""), \(rule["step"] ?? "")"
                    #expect(table.printed.contains("  \(step): \(rule["matches"] ?? "")\n"))
                }
                #expect(table.printed.contains("Rules that took no exchange:\n"))
            }
        }

        private func replay(
            _ name: String, _ site: Site, _ options: String...
        ) throws -> Host.Outcome {
            let settings = site.path("agent.yaml")
            try write(site.agentSettings().text, to: settings)
            return try Host.run(
                [Site.program("agent"), "replay", site.path(name), "--config", settings]
                    + options, within: 10)
        }
    }
}
