import ArgumentParser
import Lab
import Metering

/// `jouleflow-lab burn`: a noisy neighbour.
struct BurnCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "burn",
        abstract: "Use CPU time at random, as a neighbour of the application would.",
        discussion: "Burns for up to 400 ms at a time, and rests as long as the share asks for.")

    @Option(help: "The part of the time that it burns, 0.05 to 0.95.")
    var share: Double = 0.5

    @Option(help: "A file in which it tells what it used, for `powercap --ledger`.")
    var ledger: String?

    @Option(help: "The same seed gives the same turns.")
    var seed: UInt64 = 1

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    func validate() throws {
        guard (0.05...0.95).contains(share) else {
            throw ValidationError("--share must be 0.05 to 0.95.")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        let told: CPULedger?
        do { told = try ledger.map { path in try CPULedger(path: path) } } catch {
            throw quit("\(error)", status: 5)
        }
        var neighbour = Neighbour(share: share, seed: seed, told: told)
        let end = limit.map { LabClock.boot + $0.length } ?? Nanoseconds(.max)
        say("ready: using \(share) of a processor", to: .error)
        while LabClock.boot < end {
            let rest = neighbour.burn()
            if signals.wait(for: rest) != nil { return }
        }
    }
}
