import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab flows-app`: the multi-step loan application.
struct FlowsAppCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows-app",
        abstract: "Serve a loan application of several steps: an edge and a core service.",
        discussion: """
            The request's headers choose the answer: x-expect: \
            \(FlowReply.allCases.map(\.rawValue).joined(separator: ", ")); x-framing: length, \
            chunked or gzip. At the end it prints what it answered, by endpoint, status and code.
            """)

    @Option(help: "The edge's port.")
    var port: PortArgument

    @Option(help: "The core service's port.")
    var corePort: PortArgument

    @Option(help: "The address to listen on.")
    var host: String = "127.0.0.1"

    @Option(help: "Threads that serve connections, 1 to 64.")
    var threads: Int = 2

    @Option(help: "CPU time a request burns, e.g. 100us, at most 100ms; else none.")
    var work: LengthArgument?

    @Option(
        help: "A file for one line per answer: service, method, path, status, code, state, key.")
    var accessLog: String?

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    func validate() throws {
        guard (1...64).contains(threads) else {
            throw ValidationError("--threads must be 1 to 64.")
        }
        guard port.number != corePort.number else {
            throw ValidationError("--port and --core-port must differ.")
        }
        guard work.map({ $0.length <= .milliseconds(100) }) ?? true else {
            throw ValidationError("--work must be 1us to 100ms.")
        }
    }

    mutating func run(until signals: StopSignals) throws {
        let server: FlowServer
        do {
            server = try FlowServer(
                host: host, port: port.number, corePort: corePort.number, threads: threads,
                work: work?.length ?? .zero, log: FlowLog(path: accessLog))
        } catch let failure as LoanServerFailure {
            throw quit("\(failure)", status: 3)
        } catch let failure as SystemFailure {
            throw quit("access log: \(failure)", status: 5)
        }
        say(
            "ready: gateway on \(host):\(server.port), core on \(host):\(server.corePort)",
            to: .error)
        _ = signals.wait(for: limit?.length ?? .seconds(3_650 * 86_400))
        try server.stop()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        say(String(decoding: try encoder.encode(server.log.answers), as: UTF8.self))
        if let failure = server.log.failure { throw quit("\(failure)", status: 5) }
    }
}
