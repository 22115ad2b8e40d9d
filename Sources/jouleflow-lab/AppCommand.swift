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

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    func validate() throws { _ = try work() }

    mutating func run(until signals: StopSignals) throws {
        let server: LoanServer
        do {
            server = try LoanServer(host: host, port: port.number, unit: try work())
        } catch let failure as LoanServerFailure {
            throw quit("\(failure)", status: 3)
        }
        say("ready: loan application on \(host):\(server.port)", to: .error)
        _ = signals.wait(for: limit?.length ?? .seconds(3_650 * 86_400))
        try server.stop()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        say(String(decoding: try encoder.encode(server.ledger.snapshot), as: UTF8.self))
    }

    private func work() throws -> Nanoseconds {
        guard let unit = Nanoseconds(length: unit), unit <= .milliseconds(100) else {
            throw ValidationError("--unit must be 1us to 100ms.")
        }
        return unit
    }
}
