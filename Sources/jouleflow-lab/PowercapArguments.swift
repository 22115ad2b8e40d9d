import ArgumentParser
import Foundation
import Lab
import Metering

/// A machine of the laboratory on the command line, by its name.
struct MachineArgument: ExpressibleByArgument {
    let machine: Machine

    init(machine: Machine) { self.machine = machine }

    init?(argument: String) {
        guard let machine = Machine.named(argument) else { return nil }
        self.machine = machine
    }

    var defaultValueDescription: String { machine.name }
    static var allValueStrings: [String] { Machine.all.map(\.name) }
}

/// How much power the machine takes: following the CPU time, or steady.
struct PowerArguments: ParsableArguments {
    @Option(help: "Watts of the idle host. (default: 60)")
    var idleWatts: Double?

    @Option(help: "Watts added by one busy core. (default: 45)")
    var wattsPerCore: Double?

    @Option(help: "What is missing of the busy cores' watts at full load, 0 to 1. (default: 0)")
    var bend: Double?

    @Option(help: "The dram's part of the energy, 0 to 1. (default: 0.12)")
    var dramShare: Double?

    @Flag(help: "Power that stays the same, whatever this machine does.")
    var steady = false

    @Option(help: "Steady watts of each package. (default: 100)")
    var packageWatts: Double?

    @Option(help: "Steady watts of each dram. (default: 10)")
    var dramWatts: Double?

    @Option(help: "Steady watts of each core zone. (default: 60)")
    var coreWatts: Double?

    @Option(help: "Steady watts of each uncore zone. (default: 8)")
    var uncoreWatts: Double?

    @Option(help: "Steady watts of psys.")
    var psysWatts: Double?

    @Option(help: "Steady watts at the wall.")
    var wallWatts: Double?

    @Option(help: "The wall meter's averaging interval, 100ms to 5m.")
    var wallInterval: String = "1s"

    func model() throws -> PowerModel {
        PowerModel(
            try source(), platform: try platform(psysWatts, "--psys-watts") ?? .platform,
            wall: try platform(wallWatts, "--wall-watts") ?? .wall)
    }

    func meterInterval() throws -> Nanoseconds {
        guard let length = Nanoseconds(length: wallInterval), WallMeter.intervals.contains(length)
        else { throw ValidationError("--wall-interval must be 100ms to 5m.") }
        return length
    }

    private func source() throws -> PowerModel.Source {
        let zones = [packageWatts, dramWatts, coreWatts, uncoreWatts].contains { $0 != nil }
        guard steady || zones else { return try curve() }
        guard [idleWatts, wattsPerCore, dramShare, bend].allSatisfy({ $0 == nil }) else {
            throw ValidationError(
                "Steady watts and the power by CPU time (--idle-watts, --watts-per-core,"
                    + " --dram-share, --bend) exclude each other.")
        }
        guard
            let power = SteadyPower(
                package: packageWatts ?? 100, dram: dramWatts ?? 10, core: coreWatts ?? 60,
                uncore: uncoreWatts ?? 8)
        else {
            throw ValidationError(
                "The watts of a zone must be 0 to \(Int(PowerCurve.maximumWatts)).")
        }
        return .steady(power)
    }

    private func curve() throws -> PowerModel.Source {
        guard
            let curve = PowerCurve(
                idleWatts: idleWatts ?? 60, wattsPerCore: wattsPerCore ?? 45,
                dramShare: dramShare ?? 0.12, bend: bend ?? 0,
                cores: ProcessInfo.processInfo.activeProcessorCount)
        else {
            throw ValidationError(
                "--idle-watts and --watts-per-core must be 0 to \(Int(PowerCurve.maximumWatts))"
                    + " and --dram-share and --bend 0 to 1.")
        }
        return .curve(curve)
    }

    private func platform(_ watts: Double?, _ option: String) throws -> PlatformPower? {
        guard let watts else { return nil }
        guard let power = PlatformPower(watts: watts) else {
            throw ValidationError("\(option) must be 0 to \(Int(PlatformPower.maximumWatts)).")
        }
        return power
    }
}

/// When the counters show no number.
struct FailureArguments: ParsableArguments {
    @Option(help: "When reads begin to give nothing usable, after the start.")
    var failFrom: LengthArgument?

    @Option(help: "How long they do; the energy goes on meanwhile.")
    var failFor: LengthArgument?

    func window() throws -> FailureWindow? {
        switch (failFrom, failFor) {
        case (nil, nil): return nil
        case (let from?, let length?):
            return FailureWindow(from: from.length, length: length.length)
        default: throw ValidationError("--fail-from and --fail-for need each other.")
        }
    }
}
