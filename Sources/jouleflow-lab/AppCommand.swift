import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab app`: the small loan application.
struct AppCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "app",
        abstract: "Serve the four scenarios over HTTP/1.1, burning CPU in the ratio 24:7:3:1.",
        discussion: """
            The request chooses how it ends: JSON field or query parameter expect=completed, \
            refused or failed. ?framing=chunked asks for a chunked response. GET /truth tells \
            counts, CPU and wall time by scenario.
            """)

    @Option(help: "The port to listen on.")
    var port: PortArgument

    @Option(help: "The address to listen on.")
    var host: String = "127.0.0.1"

    // Reading and answering alone costs up to 80 µs: a unit below that would bend the ratio.
    @Option(help: "CPU time of one unit; a query burns 1, a credit decision 24. At most 100ms.")
    var unit: String = "100us"

    @Option(help: "Units of credit, drawdown, repayment and query.")
    var weights: SharesArgument = SharesArgument(shares: [24, 7, 3, 1])

    @Option(help: "Milliseconds for which each of the four sleeps before it burns; at most 1000.")
    var waits: SharesArgument = SharesArgument(shares: [0, 0, 0, 0])

    @Option(help: "Threads that serve connections, 1 to 256; each connection belongs to one.")
    var threads: Int = 3

    @Option(help: "Threads of a pool that requests are handed to, 1 to 256; 0 for none.")
    var pool: Int = 0

    @Option(help: "A file in which it tells what CPU time is used for, for `powercap --ledger`.")
    var ledger: String?

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    func validate() throws { _ = try work() }

    mutating func run(until signals: StopSignals) throws {
        let server: LoanServer
        do {
            var work = try work()
            work.told = try ledger.map { path in try CPULedger(path: path) }
            server = try LoanServer(host: host, port: port.number, work: work)
        } catch let failure as LoanServerFailure {
            throw quit("\(failure)", status: 3)
        } catch let failure as SystemFailure {
            throw quit("\(failure)", status: 5)
        }
        say("ready: loan application on \(host):\(server.port)", to: .error)
        _ = signals.wait(for: limit?.length ?? .seconds(3_650 * 86_400))
        try server.stop()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        say(String(decoding: try encoder.encode(server.ledger.snapshot), as: UTF8.self))
    }

    private func work() throws -> LoanWork {
        guard let unit = Nanoseconds(length: unit), unit <= .milliseconds(100) else {
            throw ValidationError("--unit must be 1us to 100ms.")
        }
        guard weights.shares.allSatisfy({ (0...1_000).contains($0) }) else {
            throw ValidationError("--weights must be 0 to 1000.")
        }
        guard waits.shares.allSatisfy({ (0...1_000).contains($0) }) else {
            throw ValidationError("--waits must be 0 to 1000.")
        }
        guard (1...256).contains(threads), (0...256).contains(pool) else {
            throw ValidationError("--threads must be 1 to 256, and --pool 0 to 256.")
        }
        var work = LoanWork(unit: unit)
        work.units = weights.shares.map { UInt64($0) }
        work.waits = waits.shares.map { Nanoseconds(UInt64($0 * 1_000_000)) }
        work.threads = threads
        work.pool = pool
        return work
    }
}
