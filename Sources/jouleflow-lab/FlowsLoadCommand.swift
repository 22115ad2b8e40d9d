import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab flows-load`: the load of the multi-step application, and its truth.
struct FlowsLoadCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows-load",
        abstract: "Send whole, broken, repeated and abandoned flows; write what to count of them.",
        discussion: """
            The truth is JSON: all is what one agent counts that sees everything, hosts what an \
            agent of each host counts, fleet TA over the hosts without what was counted twice. An \
            open flow is one incomplete more when it expires. SIGTERM ends the load early with the \
            truth of what was sent.
            """)

    @Option(help: "The edge's port.")
    var port: PortArgument

    @Option(help: "The core service's port.")
    var corePort: PortArgument

    @Option(help: "The application's address.")
    var host: String = "127.0.0.1"

    @Option(
        help: ArgumentHelp(
            "Another host of the application, as behind a balancer; may be given 7 times.",
            valueName: "address[:port:core]"))
    var alsoTo: [String] = []

    @Option(help: "Flows, 1 to \(FlowLoadPlan.maximumFlows).")
    var flows: UInt64 = 1_000

    @Option(help: "The same seed gives the same flows, with the same keys.")
    var seed: UInt64 = 1

    @Option(help: "When to end at the latest, 1 to 86400 seconds.")
    var secondsAtMost: UInt64 = 300

    @Option(help: "Keep-alive connections, 1 to \(FlowLoadPlan.maximumConnections).")
    var connections: Int = 32

    @Option(help: "Flows on their way at a time, 1 to \(FlowLoadPlan.maximumOpenFlows).")
    var openFlows: Int = 2_000

    @Option(help: "Flows begun a second, 0.1 to 100000; else as fast as answers come.")
    var rate: Double?

    @Option(help: "Pause when so many flows have begun, some still open; may be repeated.")
    var pauseAt: [UInt64] = []

    @Option(help: "A pause ends when this file appears; it is removed then.")
    var resumeFile: String?

    @Option(help: "The file of the truth, also written at each pause; else standard output.")
    var truth: String?

    @Flag(help: "Say on standard error every second how far the load is.")
    var progress = false

    func validate() throws { _ = try plan() }

    mutating func run(until signals: StopSignals) throws {
        let load = FlowLoad(try plan())
        let start = LabClock.boot
        var told = 0
        var inPause = false
        var state = load.progress
        while state.truth == nil {
            if signals.wait(for: .milliseconds(20)) != nil { load.stop() }
            state = load.progress
            if !inPause, let truth = state.paused {
                inPause = true
                try write(truth)
                say("paused flows=\(truth.flows) requests=\(state.requests)", to: .error)
            } else if inPause, state.paused == nil {
                inPause = false
            } else if inPause, let resumeFile, takeFile(resumeFile) {
                load.resume()
            }
            let second = Int(LabClock.boot.subtractingClamped(start).seconds)
            if progress, second > told {
                told = second
                say(
                    "progress seconds=\(second) flows=\(state.flows) requests=\(state.requests)",
                    to: .error)
            }
        }
        guard let truth = state.truth else { return }
        try load.shutdown()
        try write(truth)
        if self.truth != nil { say(truth.table) }
        if truth.errors > 0 {
            throw quit("\(truth.errors) errors; first: \(truth.firstError ?? "")", status: 1)
        }
    }

    private func write(_ truth: FlowTruth) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let text = String(decoding: try encoder.encode(truth), as: UTF8.self)
        guard let path = self.truth else { return say(text) }
        do {
            try SmallFile.write(text + "\n", to: path)
        } catch {
            throw quit("truth: \(error)", status: 5)
        }
    }

    /// Whether the file was there; it is removed.
    private func takeFile(_ path: String) -> Bool {
        guard FileManager.default.fileExists(atPath: path) else { return false }
        return (try? FileManager.default.removeItem(atPath: path)) != nil
    }

    private func plan() throws -> FlowLoadPlan {
        let home = FlowHost(address: host, port: port.number, corePort: corePort.number)
        let hosts = [home] + (try alsoTo.map(another))
        guard Set(hosts).count == hosts.count,
            var plan = FlowLoadPlan(hosts: hosts, flows: flows, seed: seed)
        else {
            throw ValidationError(
                "--flows must be 1 to \(FlowLoadPlan.maximumFlows); --also-to names at most 7 hosts,"
                    + " each once.")
        }
        guard (1...86_400).contains(secondsAtMost) else {
            throw ValidationError("--seconds-at-most must be 1 to 86400.")
        }
        guard (1...FlowLoadPlan.maximumConnections).contains(connections) else {
            throw ValidationError(
                "--connections must be 1 to \(FlowLoadPlan.maximumConnections).")
        }
        guard (1...FlowLoadPlan.maximumOpenFlows).contains(openFlows) else {
            throw ValidationError("--open-flows must be 1 to \(FlowLoadPlan.maximumOpenFlows).")
        }
        guard rate.map({ (0.1...100_000).contains($0) }) ?? true else {
            throw ValidationError("--rate must be 0.1 to 100000.")
        }
        guard pauseAt == pauseAt.sorted(), pauseAt.isEmpty || resumeFile != nil else {
            throw ValidationError("--pause-at takes ascending numbers and needs --resume-file.")
        }
        plan.connections = connections
        plan.openFlows = openFlows
        plan.rate = rate
        plan.timeLimit = .seconds(secondsAtMost)
        plan.pauses = pauseAt
        return plan
    }

    /// `ADDRESS` with the ports of the first host, or `ADDRESS:PORT:CORE`.
    private func another(_ text: String) throws -> FlowHost {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 1, !text.isEmpty {
            return FlowHost(address: text, port: port.number, corePort: corePort.number)
        }
        guard parts.count == 3, !parts[0].isEmpty,
            let port = PortArgument(argument: String(parts[1])),
            let core = PortArgument(argument: String(parts[2]))
        else {
            throw ValidationError("--also-to takes ADDRESS or ADDRESS:PORT:CORE, not \(text).")
        }
        return FlowHost(
            address: String(parts[0]), port: port.number, corePort: core.number)
    }
}
