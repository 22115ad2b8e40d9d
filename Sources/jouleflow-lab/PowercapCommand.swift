import ArgumentParser
import Foundation
import Lab
import Metering

/// `jouleflow-lab powercap`: keeps the simulated counters of a machine.
struct PowercapCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "powercap",
        abstract: "Keep the energy counters of a machine below a folder that plays /sys.",
        discussion: """
            Their power follows this machine's CPU time: host watts = idle watts + watts per core \
            × busy cores, split evenly over the packages and between package and dram, and the \
            last package wraps within seconds. With --steady, or the watts of a kind of zone, it \
            stays the same. Where nothing else is said, psys counts 105 % of packages and dram \
            and 20 W, and the wall 115 % and 45 W.

            Machines:

            """
                + Machine.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

    @Option(help: "The folder that plays /sys: new, empty, or made by this command earlier.")
    var root: String

    @Option(help: "Which machine to play.")
    var machine = MachineArgument(machine: .usual)

    @OptionGroup(title: "Power") var power: PowerArguments

    @Option(help: "Make every counter wrap about that long after the start.")
    var wrapAfter: LengthArgument?

    @OptionGroup(title: "Failing reads") var failure: FailureArguments

    @Option(help: "How often the counters advance, 1ms to 1s.")
    var interval: String = "20ms"

    @Option(name: .customLong("for"), help: "When to end, e.g. 90s; else on SIGTERM or Ctrl-C.")
    var limit: LengthArgument?

    @Option(
        help: """
            A file in which a program tells what it used CPU time for, as `app --ledger`: the truth \
            then says whose the energy above idle was. May be given several times.
            """)
    var ledger: [String] = []

    @Option(help: "A file for the truth as JSON.")
    var truth: String?

    func validate() throws {
        _ = try plan()
        _ = try step()
    }

    mutating func run(until signals: StopSignals) throws {
        do {
            let simulation = try Simulation(root: root, plan: try planWithLedgers())
            say("ready: simulated powercap tree at \(root)", to: .error)
            try keep(simulation, signals)
            try tell(simulation.truth)
        } catch {
            throw quit("\(error)", status: (error as? SimulationFailure)?.status ?? 5)
        }
    }

    private func plan() throws -> SimulationPlan {
        SimulationPlan(
            machine: machine.machine, power: try power.model(), wrapAfter: wrapAfter?.length,
            failure: try failure.window(), wallInterval: try power.meterInterval())
    }

    private func planWithLedgers() throws -> SimulationPlan {
        var plan = try plan()
        do { plan.ledgers = try ledger.map { path in try CPULedger(path: path) } } catch {
            throw quit("\(error)", status: 5)
        }
        return plan
    }

    private func keep(_ simulation: Simulation, _ signals: StopSignals) throws {
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

    private func tell(_ sum: Truth) throws {
        say("simulated energy by zone over \(sum.seconds.rounded(to: 1)) s:")
        for zone in sum.zones {
            let name = zone.parent.isEmpty ? zone.name : "\(zone.parent)/\(zone.name)"
            say("  \(zone.zone) \(name): \(zone.advancedMicrojoules) µJ, wraps \(zone.wraps)")
        }
        if let wall = sum.wall { say("  wall: \(wall.advancedMicrojoules) µJ") }
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
