import Foundation
import Testing

/// A host of the lab's loan application: an edge and a core service on ports of their own.
struct LoanHost {
    let id: String
    let port: UInt16
    let corePort: UInt16

    init(_ id: String) throws {
        self.id = id
        port = try Host.freePort()
        corePort = try Host.freePort()
    }

    /// As the truth names it, and `--also-to` takes it.
    var address: String { "127.0.0.1:\(port):\(corePort)" }

    var ports: [String] { ["--port", "\(port)", "--core-port", "\(corePort)"] }

    /// What tcpdump is to record.
    var filter: String { "tcp port \(port) or tcp port \(corePort)" }
}

/// The flows of a run: `JOULEFLOW_FLOWS`, or so many that a run takes a few seconds.
enum LoanLoad {
    static let flows: Int = {
        let wanted = ProcessInfo.processInfo.environment["JOULEFLOW_FLOWS"].flatMap { Int($0) }
        return max(1000, wanted ?? 10_000)
    }()

    /// Part of every number that is a flow's key.
    static let seed = 7_654_321

    static var secondsAtMost: Int { 60 + flows / 500 }
}

extension Site {
    func startLoan(_ host: LoanHost) throws -> Child {
        let application = try start(
            "loan", [Self.program("lab"), "flows-app"] + host.ports)
        try application.awaitSaying("ready:")
        return application
    }

    /// The agent's settings for the application, as the lab prints them.
    func loanSettings(
        _ host: LoanHost, hasCounters: Bool = false, _ further: [String] = []
    ) throws -> String {
        let outcome = try Host.run(
            [
                Self.program("lab"), "flows-config", "--id", host.id, "--state",
                "state-\(host.id)", "--window", "1s", "--collector", "127.0.0.1:\(collectorPort)",
            ] + host.ports + further, within: 10)
        guard outcome.status == 0 else { throw Trouble("flows-config: \(outcome.said)") }
        let energy = hasCounters ? "{sysfs: sys, idle_watts: 60}" : "{source: none}"
        return outcome.printed.replacing("\nwindow:", with: "\nenergy: \(energy)\nwindow:")
    }

    /// Starts the agent of a host and waits until it captures.
    func startAgent(of host: LoanHost, _ settings: String) throws -> Child {
        let agent = try startAgentUnready(text: settings)
        try agent.awaitSaying("ready")
        try agent.awaitSaying("capturing")
        return agent
    }

    /// Sends flows, by default as fast as answers come; the truth goes to `truth.json`.
    func startLoanLoad(_ hosts: LoanHost..., further: [String] = []) throws -> Child {
        guard let first = hosts.first else { throw Trouble("a load needs a host") }
        return try start(
            "flows",
            [
                Self.program("lab"), "flows-load", "--flows", "\(LoanLoad.flows)", "--seed",
                "\(LoanLoad.seed)", "--connections", "64", "--seconds-at-most",
                "\(LoanLoad.secondsAtMost)", "--truth", path("truth.json"),
            ] + first.ports + hosts.dropFirst().flatMap { ["--also-to", $0.address] } + further)
    }

    /// The truth of a load that came to its end.
    func loanTruth(_ load: Child) throws -> LoanTruth {
        let status = try load.end(within: Double(LoanLoad.secondsAtMost) + 20)
        guard status == 0 else { throw Trouble("flows-load ended with \(status): \(load.said)") }
        let truth = try LoanTruth(path("truth.json"))
        guard truth.finished, truth.errors == 0 else {
            throw Trouble("the load was not sent as planned: \(load.said)")
        }
        return truth
    }
}
