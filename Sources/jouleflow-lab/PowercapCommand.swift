import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab powercap`: keeps a simulated powercap tree.
struct PowercapCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "powercap",
        abstract: "Keep the powercap tree of a 2-socket server, driven by real CPU time.",
        discussion: """
            Host watts = idle watts + watts per core × busy cores, split evenly over two sockets \
            and between package and dram. package-1 wraps within seconds.
            """)

    @Option(help: "The folder that plays /sys: new, empty, or made by this command earlier.")
    var root: String

    @Option(help: "Watts of the idle host.")
    var idleWatts: Double = 60

    @Option(help: "Watts added by one busy core.")
    var wattsPerCore: Double = 45

    @Option(help: "The dram's part of the energy, 0 to 1.")
    var dramShare: Double = 0.12

    @Option(help: "How often the counters advance, 1ms to 1s.")
    var interval: String = "20ms"

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    @Option(help: "A file for the truth as JSON.")
    var truth: String?

    func validate() throws {
        guard
            PowerCurve(idleWatts: idleWatts, wattsPerCore: wattsPerCore, dramShare: dramShare)
                != nil
        else {
            throw ValidationError(
                "--idle-watts and --watts-per-core must be 0 to \(Int(PowerCurve.maximumWatts))"
                    + " and --dram-share 0 to 1.")
        }
        _ = try step()
    }

    mutating func run(until signals: StopSignals) throws {
        guard
            let curve = PowerCurve(
                idleWatts: idleWatts, wattsPerCore: wattsPerCore, dramShare: dramShare)
        else { return }
        do {
            let simulation = try PowercapSimulation(root: root, curve: curve)
            say("ready: simulated powercap tree at \(root)", to: .error)
            try keep(simulation, signals)
            try tell(simulation.truth)
        } catch {
            throw quit("\(error)", status: (error as? PowercapFailure)?.status ?? 5)
        }
    }

    private func keep(_ simulation: PowercapSimulation, _ signals: StopSignals) throws {
        let step = try step()
        let end = limit.map { LabClock.boot + $0.length }
        var next = LabClock.boot + step
        while true {
            let stopped = signals.wait(until: next) != nil
            let now = LabClock.boot
            try simulation.tick(at: now)
            if stopped || now >= end ?? Nanoseconds(.max) { return }
            next = max(next + step, now)
        }
    }

    private func tell(_ sum: PowercapTruth) throws {
        say("simulated energy by zone over \(sum.seconds.rounded(to: 1)) s:")
        for zone in sum.zones {
            let name = zone.parent.isEmpty ? zone.name : "\(zone.parent)/\(zone.name)"
            say("  \(zone.zone) \(name): \(zone.advancedMicrojoules) µJ, wraps \(zone.wraps)")
        }
        guard let truth else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let text = String(decoding: try encoder.encode(sum), as: UTF8.self)
        try SmallFile.write(text + "\n", to: truth)
    }

    private func step() throws -> Nanoseconds {
        guard let step = Nanoseconds(length: interval), step >= .milliseconds(1),
            step <= .seconds(1)
        else { throw ValidationError("--interval must be 1ms to 1s.") }
        return step
    }
}

extension Double {
    /// Rounded to a number of decimals, for display.
    func rounded(to decimals: Int) -> String { String(format: "%.\(decimals)f", self) }
}
