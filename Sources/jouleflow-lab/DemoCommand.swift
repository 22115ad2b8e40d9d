import ArgumentParser
import Lab

/// `jouleflow-lab demo`: the whole job, end to end.
struct DemoCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run application, load, counters, agent, collector and report; compare counts.",
        discussion: """
            Exit status 0 only where every count of the report equals the load generator's. On a \
            host without readable energy counters the energy is simulated, and said to be.
            """)

    @Option(help: "The folder of jouleflow-agent, jouleflow-collector and jouleflow-lab.")
    var bin: String

    @Option(help: "Seconds of load, 1 to 86400.")
    var seconds: Int = 60

    @Option(help: "The file for the result as JSON.")
    var out: String = "out/demo.json"

    @Option(help: "A new or empty folder to work in; else a temporary one.")
    var work: String?

    @Flag(help: "Leave the work folder with settings, logs and store.")
    var keep = false

    func validate() throws {
        guard (1...86_400).contains(seconds) else {
            throw ValidationError("--seconds must be 1 to 86400.")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        let demo: Demo
        do {
            demo = try Demo(
                DemoOptions(programs: bin, seconds: seconds, work: work), signals: signals)
        } catch {
            throw quit("\(error)", status: status(error))
        }
        if demo.simulated {
            say("energy is SIMULATED: no readable energy counters on this host")
        }
        do {
            try conclude(try demo.run(), of: demo)
        } catch let code as ExitCode {
            say("settings, logs and store are in \(demo.work)", to: .error)
            throw code
        } catch DemoFailure.interrupted(let signal) where !keep {
            try demo.removeWork()
            throw quit(
                "interrupted; everything it started has ended",
                status: DemoFailure.interrupted(signal: signal).status)
        } catch {
            say("settings, logs and store are in \(demo.work)", to: .error)
            throw quit("\(error)", status: status(error))
        }
        if keep {
            say("settings, logs and store are in \(demo.work)")
        } else {
            try demo.removeWork()
        }
    }

    private func conclude(_ outcome: DemoOutcome, of demo: Demo) throws {
        say("\n" + outcome.table)
        if let slash = out.lastIndex(of: "/"), slash > out.startIndex {
            try SmallFile.makeFolder(String(out[..<slash]))
        }
        try SmallFile.write(try outcome.json(), to: out)
        let store = (out.hasSuffix(".json") ? String(out.dropLast(5)) : out) + ".db"
        try demo.copyStore(to: store)
        let period = outcome.period
        say(
            """

            written to \(out), the records to \(store); without Jouleflow the same is computed by
              python3 scripts/recompute.py --db \(store) --from \(period.from) --to \(period.to) \
            --round \(period.round) --factor-g-per-kwh \(outcome.report.factor.map { "\($0)" } ?? "FACTOR")
            """)
        let differences = outcome.differences
        guard differences.isEmpty else {
            throw quit(
                "the counts differ:\n  " + differences.joined(separator: "\n  "), status: 1)
        }
        say("every count equals the load generator's")
    }

    private func status(_ error: any Error) -> Int32 { (error as? DemoFailure)?.status ?? 5 }
}
