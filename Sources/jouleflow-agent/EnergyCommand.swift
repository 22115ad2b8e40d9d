import Agent
import ArgumentParser
import CommandLines
import Glibc
import Metering

/// `jouleflow-agent energy`.
struct EnergyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "energy",
        abstract: "Reads this host's energy counters for a while and says what is added and why.",
        discussion: """
            The first thing to run on a new host. Needs no configuration. Exit status 1 where the \
            host's energy is not known, 4 where that is for want of a right.
            """)

    @Option(
        name: .customLong("for"), help: "How long to read, such as 10s or 1m.",
        transform: LengthOfTime.parse)
    var length = Nanoseconds.seconds(10)

    @Option(help: "table for people, json for programs.")
    var format = ReplayCommand.Format.table

    @Option(help: "The root of sysfs. Another than /sys is marked simulated.")
    var sysfs = "/sys"

    func run() async throws {
        let isWatched = isatty(STDERR_FILENO) == 1
        let reading = try readEnergy(sysfs: sysfs, for: length) { left in
            guard isWatched else { return }
            complain("\r\(left + 1) s left \u{8}")
        }
        if isWatched { complain("\r\u{1b}[K") }
        let report = EnergyReport(reading)
        print(format == .json ? report.json : report.table)
        guard let reason = reading.host.reason else { return }
        throw Failure(
            reason == .permissionDenied ? .permission : .answerIsNo,
            "the host's energy is not known: " + report.words(reason))
    }
}

/// An energy reading for people and for programs.
struct EnergyReport {
    private let reading: EnergyReading

    init(_ reading: EnergyReading) { self.reading = reading }

    func words(_ reason: EnergyUnknown) -> String {
        switch reason {
        case .noSource:
            "no RAPL counters under powercap; virtual machines and some processors have none"
        default: reading.remedy ?? "\(reason)"
        }
    }

    var json: String {
        let zones = reading.zones.map { zone in
            object([
                ("path", text(zone.path)), ("name", text(zone.description.name)),
                ("joules", number(zone.energy.energy.value?.joules)),
                ("counted", "\(zone.description.counted)"),
                ("state", zone.energy.state.map { text("\($0)") } ?? "null"),
                ("reason", text(zone.failure ?? zone.role)),
            ])
        }
        let joules = reading.host.value?.joules
        return object([
            ("source", text(reading.source == .rapl ? "rapl" : "none")),
            ("scope", text(reading.scope == .processorAndMemory ? "cpu+dram" : "none")),
            ("simulated", "\(reading.isSimulated)"), ("seconds", "\(reading.seconds)"),
            (
                "host",
                object([
                    ("joules", number(joules)),
                    ("watts", number(joules.map { $0 / reading.seconds })),
                ])
            ), ("zones", "[" + zones.joined(separator: ",") + "]"),
        ])
    }

    var table: String {
        var lines: [String] = []
        if reading.isSimulated { lines.append("SIMULATED: the counters are not the system's own") }
        let names = reading.zones.map(name)
        let width = max(4, names.map(\.count).max() ?? 0) + 2
        lines.append(padded("zone", width) + "     joules      watts")
        for (zone, name) in zip(reading.zones, names) {
            let joules = zone.energy.energy.value?.joules
            lines.append(
                padded(name, width) + figure(joules) + figure(joules.map { $0 / reading.seconds })
                    + "  " + (zone.failure.map { "unknown: \($0); " } ?? "") + zone.role
                    + (zone.energy.state == .bridged ? " (bridged over failed readings)" : ""))
        }
        let host = reading.host.value?.joules
        lines.append(
            padded("host", width) + figure(host) + figure(host.map { $0 / reading.seconds })
                + "  packages and dram, each counter once (cpu+dram)")
        lines += reading.leftAlone.map { "\($0.path): \($0.reason)" }
        return lines.joined(separator: "\n")
    }

    private func name(_ zone: EnergyReading.Zone) -> String {
        let parent = zone.description.parent
        return (parent.isEmpty ? "" : parent + "/") + zone.description.name
    }

    private func figure(_ value: Double?) -> String {
        guard let value else { return "          —" }
        let hundredths = (value * 100).rounded()
        guard hundredths.magnitude < 1e15 else { return "\(value)" }
        let whole = Int64(hundredths)
        let digits = "\(whole / 100).\(whole % 100 < 10 ? "0" : "")\(whole % 100)"
        return String(repeating: " ", count: max(1, 11 - digits.count)) + digits
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "null" }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    /// A JSON string; what comes from sysfs may hold anything.
    private func text(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
