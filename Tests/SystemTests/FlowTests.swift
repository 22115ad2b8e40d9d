import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite("Business flows", .hasCapture)
    struct FlowTests {
        @Test("every count of every scenario and rule is the truth, live, and open flows expire")
        func live() throws {
            try Site.with { site in
                let host = try LoanHost("host-a")
                _ = try site.startLoan(host)
                _ = try site.startCollector()
                let settings = try site.loanSettings(host)
                let agent = try site.startAgent(of: host, settings)

                let truth = try site.loanTruth(site.startLoanLoad(host))
                try site.awaitStored()
                let report = try site.report()
                #expect(report.counts == truth.counts)
                #expect(report.ruleHits == truth.hits)

                let hasty = settings.replacing("    steps:", with: "    expires: 1s\n    steps:")
                try write(hasty, to: site.settingsFile)
                agent.send(SIGHUP)
                try agent.awaitSaying("settings read again")
                try site.awaitStored(through: Date() + 2)
                #expect(try agent.stop() == 0)
                try expectExpired(truth, in: site)
                try site.expectNoIdentifier()
            }
        }

        /// The report, the records and recompute.py have what was left open as incomplete as well.
        private func expectExpired(_ truth: LoanTruth, in site: Site) throws {
            #expect(truth.all.scenarios.values.reduce(0) { $0 + $1.open } > 0)
            let report = try site.expectSoundStore()
            try write(report.text, to: site.path("report.json"))
            #expect(report.counts == truth.expiredCounts)
            #expect(report.ruleHits == truth.hits)
            #expect(report.losses.doubtful == [:])
            let recorded = try StoredFlows.byAgent(in: site.path("store.db"))
            #expect(recorded == ["host-a": truth.expiredCounts])
        }

        @Test(
            "every count of every scenario and rule is the truth, from a capture",
            .enabled("tcpdump or curl is missing: apt-get install tcpdump curl") {
                Host.has("tcpdump", "curl")
            })
        func fromCapture() throws {
            try Site.with { site in
                let host = try LoanHost("host-a")
                _ = try site.startLoan(host)
                let file = site.path("traffic.pcap")
                let truth = try record(host, in: file, site)

                let settings = site.path("agent.yaml")
                try write(try site.loanSettings(host), to: settings)
                let replay = try site.start(
                    "replay",
                    [
                        Site.program("agent"), "replay", file, "--config", settings, "--format",
                        "json",
                    ])
                #expect(try replay.end(within: 60) == 0)
                let summary = try ReplaySummary(replay.printed)
                #expect(summary.counts == truth.counts)
                #expect(summary.ruleHits == truth.hits)

                try expectNoIdentifier(inLinesOf: file, settings, site)
            }
        }

        /// Sends a load that tcpdump writes to a file.
        private func record(_ host: LoanHost, in file: String, _ site: Site) throws -> LoanTruth {
            let dump = try site.start(
                "traffic",
                [
                    "tcpdump", "-i", "lo", "-s", "0", "-B", "65536", "-U", "-Z", NSUserName(),
                    "-w", file, host.filter,
                ])
            try dump.awaitSaying("listening on")
            let truth = try site.loanTruth(site.startLoanLoad(host))
            // Packets come in their order: where this one is in the file, the others are.
            let end = "the-end-of-the-load"
            _ = try Host.run(["curl", "-s", "http://127.0.0.1:\(host.port)/\(end)"], within: 10)
            try wait("tcpdump to write all packets", 20, diary: { dump.said }) {
                let bytes = try Data(contentsOf: URL(filePath: file), options: .mappedIfSafe)
                return bytes.suffix(1 << 16).range(of: Data(end.utf8)) != nil
            }
            dump.send(SIGINT)
            #expect(try dump.end(within: 20) == 0)
            #expect(dump.said.contains("\n0 packets dropped by kernel"), "\(dump.said)")
            return truth
        }

        /// The recording has every kind of identifier, and the lines of its exchanges none.
        private func expectNoIdentifier(
            inLinesOf file: String, _ settings: String, _ site: Site
        ) throws {
            let lines = try site.start(
                "lines",
                [Site.program("agent"), "replay", file, "--config", settings, "--exchanges"])
            #expect(try lines.end(within: 60) == 0)
            let found = try LoanIdentifiers.search(
                site.folder, leavingOut: ["loan", "flows", "truth"])
            #expect(found.searched.contains { $0.hasPrefix("lines") })
            #expect(Array(found.patterns.keys) == ["traffic.pcap"])
            #expect(found.patterns["traffic.pcap"]?.count == LoanIdentifiers.patterns.count)
        }

        @Test("two hosts behind a balancer count each flow once between them")
        func fleet() throws {
            try Site.with { site in
                let hosts = [try LoanHost("host-a"), try LoanHost("host-b")]
                let secret = site.path("flow.secret")
                try write("a secret that both hosts have", to: secret)
                chmod(secret, 0o600)
                _ = try site.startCollector()
                let agents = try hosts.map { host in
                    _ = try site.startLoan(host)
                    return try site.startAgent(
                        of: host,
                        site.loanSettings(host, ["--dedupe", "fleet", "--secret", secret]))
                }
                let truth = try site.loanTruth(site.startLoanLoad(hosts[0], hosts[1]))
                // A callback that came to the other host than the request it needs is given up after 5 s.
                try wait("what one host cannot complete to be incomplete", 30) {
                    let recorded = try StoredFlows.byAgent(in: site.path("store.db"))
                    return try hosts.allSatisfy { try recorded[$0.id] == truth.counts(of: $0) }
                }
                for agent in agents { #expect(try agent.stop() == 0) }

                let report = try site.expectSoundStore(runs: 2)
                try write(report.text, to: site.path("report.json"))
                let recorded = try StoredFlows.byAgent(in: site.path("store.db"))
                for host in hosts {
                    #expect(recorded[host.id] == (try truth.counts(of: host)), "\(host.id)")
                }
                #expect(report.fleet == truth.fleet)
                #expect(report.ruleHits == truth.hits)
                #expect(report.losses.doubtful == [:])
                let twice = truth.fleet.values.reduce(0) { $0 + $1.duplicatesAcrossHosts }
                #expect(twice > 0)
                try site.expectNoIdentifier()
            }
        }

        @Test(
            "rules that are read again under load, in another order and with others, lose nothing")
        func reload() throws {
            try Site.with { site in
                let host = try LoanHost("host-a")
                _ = try site.startLoan(host)
                _ = try site.startCollector()
                let settings = try site.loanSettings(host)
                let agent = try site.startAgent(of: host, settings)
                let reloads = 20
                // Longer than the changes take.
                let load = try site.startLoanLoad(
                    host, further: ["--rate", "\(LoanLoad.flows / 8)"])
                var rules = try LoanRules(settings)
                for number in 1...reloads {
                    rules.rotate()
                    try write(rules.text(isLonger: number % 2 == 1), to: site.settingsFile)
                    agent.send(SIGHUP)
                    try agent.awaitSaying("settings read again", times: number)
                    // Some hold for a whole window, some are overtaken by the next.
                    usleep(number % 4 == 0 ? 700_000 : 100_000)
                    #expect(load.isRunning)
                }
                let truth = try site.loanTruth(load)
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let report = try site.expectSoundStore()
                #expect(report.counts.filter { $0.key != LoanRules.further } == truth.counts)
                #expect(report.ruleHits.filter { $0.key != LoanRules.further } == truth.hits)
                #expect(report.losses.doubtful == [:])
            }
        }
    }
}

/// The scenarios of a file, in an order that can change.
private struct LoanRules {
    /// A scenario that nothing matches.
    static let further = "settlement"

    private let beginning: String
    private var scenarios: [String]
    private let end: String

    init(_ settings: String) throws {
        let parts = settings.components(separatedBy: "\n  - id: ")
        guard parts.count == 5, let last = parts[4].range(of: "\ncollectors:") else {
            throw Trouble("not the settings of four scenarios: \(settings)")
        }
        beginning = parts[0]
        scenarios = parts[1...3] + [String(parts[4][..<last.lowerBound])]
        end = String(parts[4][last.lowerBound...])
    }

    mutating func rotate() { scenarios.append(scenarios.removeFirst()) }

    func text(isLonger: Bool) -> String {
        let further = """
            \(Self.further)
                steps:
                  - when: {method: PUT, path: "/nowhere/{settlementNo}"}
                    flow_key: path.settlementNo
            """
        let all = (isLonger ? [further] : []) + scenarios
        return beginning + all.map { "\n  - id: \($0)" }.joined() + end
    }
}

extension [String: Int] {
    /// Losses without the exchanges that have no key: those were sent so, and are counted.
    var doubtful: Self { filter { $0.key != "keyless" && $0.value != 0 } }
}
