import Agent
import ArgumentParser
import CommandLines
import EnergySources
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

    @Option(
        name: .customLong("wall-sensor"),
        help: ArgumentHelp(
            "A sensor that measures the whole host, as energy.wall_sensors names it; may be repeated.",
            valueName: "chip/sensor"))
    var wallSensors: [String] = []

    func run() async throws {
        let isWatched = isatty(STDERR_FILENO) == 1
        let options = EnergyOptions(
            sysfs: sysfs, primary: .automatic, wallSensors: wallSensors, showsAllSensors: true)
        let reading = try readEnergy(options, for: length) { left in
            guard isWatched else { return }
            complain("\r\(left + 1) s left \u{8}")
        }
        if isWatched { complain("\r\u{1b}[K") }
        let report = EnergyReport(reading)
        print(format == .json ? report.json : report.table)
        guard let reason = reading.host.reason else { return }
        throw Failure(
            reason == .permissionDenied ? .permission : .answerIsNo,
            "the host's energy is not known: " + (reading.shortfall ?? reason.sentence))
    }
}

/// An energy reading for people and for programs.
struct EnergyReport {
    private let reading: EnergyReading

    init(_ reading: EnergyReading) { self.reading = reading }

    var json: String {
        let zones = reading.zones.map { zone in
            object([
                ("path", text(zone.path)), ("name", text(zone.description.name)),
                ("parent", text(zone.description.parent)),
                ("source", text(zone.description.source.label)),
                ("joules", number(zone.energy.energy.value?.joules)),
                ("counted", "\(isCounted(zone))"),
                ("state", text(zone.energy.state.label)),
                ("reason", text(zone.energy.reason?.sentence ?? zone.role)),
                ("role", text(zone.role)),
            ])
        }
        let joules = reading.host.value?.joules
        return object([
            ("source", text(reading.source.label)), ("scope", text(reading.scope.label)),
            ("simulated", "\(reading.isSimulated)"), ("seconds", "\(reading.seconds)"),
            ("started_boottime_nanoseconds", "\(reading.started.rawValue)"),
            ("ended_boottime_nanoseconds", "\(reading.ended.rawValue)"),
            (
                "host",
                object([
                    ("joules", number(joules)),
                    ("watts", number(joules.map { $0 / reading.seconds })),
                ])
            ),
            (
                "comparison",
                "[" + reading.others.map { comparison($0.source, $0.energy) }.joined(separator: ",")
                    + "]"
            ), ("zones", "[" + zones.joined(separator: ",") + "]"),
        ])
    }

    private func comparison(
        _ source: EnergySourceKind, _ energy: Known<Microjoules, EnergyReason>
    ) -> String {
        object([
            ("source", text(source.label)), ("joules", number(energy.value?.joules)),
            ("ratio", number(ratio(to: energy))),
        ])
    }

    /// The host's energy over another source's.
    private func ratio(to other: Known<Microjoules, EnergyReason>) -> Double? {
        guard let host = reading.host.value, let other = other.value, other > .zero else {
            return nil
        }
        return host.joules / other.joules
    }

    /// Whether the zone's energy is part of the host's.
    private func isCounted(_ zone: EnergyReading.Zone) -> Bool {
        zone.description.counted && zone.description.source == reading.source
    }

    var table: String {
        var lines: [String] = []
        if reading.isSimulated { lines.append("SIMULATED: the counters are not the system's own") }
        let width = max(4, reading.zones.map(\.description.label.count).max() ?? 0) + 2
        lines.append(padded("zone", width) + "     joules      watts  state")
        for zone in reading.zones {
            let state = padded(zone.energy.state.label, 10)
            let reason = zone.energy.reason.map { $0.sentence + "; " } ?? ""
            lines.append(
                row(zone.description.label, width, zone.energy.energy.value) + "  " + state
                    + reason + role(of: zone))
        }
        lines.append(row("host", width, reading.host.value) + "  " + scope)
        for (source, energy) in reading.others {
            lines.append(
                row("(\(source.label))", width, energy.value) + "  for comparison"
                    + (ratio(to: energy).map { "; host / \(source.label) = " + hundredths($0) }
                        ?? ""))
        }
        lines += reading.leftAlone.map { "\($0.path): \($0.reason)" }
        return lines.joined(separator: "\n")
    }

    private func role(of zone: EnergyReading.Zone) -> String {
        guard zone.description.counted, !isCounted(zone) else { return zone.role }
        return "for comparison: the host's energy is from \(reading.source.label)"
    }

    private var scope: String {
        switch reading.scope {
        case .none: "no energy source"
        case .host: "the whole host (\(reading.source.label))"
        case .processorAndMemory: "packages and dram, each counter once (cpu+dram)"
        }
    }

    private func row(_ name: String, _ width: Int, _ energy: Microjoules?) -> String {
        let joules = energy?.joules
        return padded(name, width) + figure(joules) + figure(joules.map { $0 / reading.seconds })
    }

    private func figure(_ value: Double?) -> String {
        let digits = value.map(hundredths) ?? "—"
        return String(repeating: " ", count: max(1, 11 - digits.count)) + digits
    }

    private func hundredths(_ value: Double) -> String {
        let hundredths = (value * 100).rounded()
        guard hundredths.magnitude < 1e15 else { return "\(value)" }
        let whole = Int64(hundredths)
        return "\(whole / 100).\(whole % 100 < 10 ? "0" : "")\(whole % 100)"
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
