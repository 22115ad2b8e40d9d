import Capture
import Metering
package import Settings

/// What settings mean, for people.
package enum SettingsSummary {
    /// What the kernel filter passes, and its program for an Ethernet interface as
    /// `tcpdump -d` has programs; interfaces without Ethernet headers get its like.
    package static func filter(_ settings: AgentSettings) -> [String] {
        let filter = CaptureFilter(settings)
        let program = filter.program(for: .ethernet) ?? []
        return ["Passes, behind zero to two VLAN tags and one that the interface strips besides:"]
            + filter.sentences.map { "  " + $0 }
            + ["Nothing else. On Ethernet, \(program.count) instructions:"]
            + program.enumerated().map { $1.image(at: $0) }
    }

    /// One sentence a line.
    package static func lines(_ settings: AgentSettings) -> [String] {
        var lines = ["Host \(settings.id): one record every \(settings.window.seconds) s."]
        lines.append(energy(settings))
        let interfaces = settings.capture.interfaces.map(\.name)
        lines.append(
            "Captures on "
                + (interfaces.isEmpty
                    ? "every interface that is up and carries an address."
                    : interfaces.joined(separator: ", ") + "."))
        if !settings.capture.tunnels.isEmpty {
            let tunnels = settings.capture.tunnels.map { "\($0)" }
            lines.append("Looks inside tunnels: \(tunnels.joined(separator: ", ")).")
        }
        if let percent = settings.capture.cpuPercent {
            lines.append(
                "Leaves out connections where capture needs more than \(percent) % of a processor, "
                    + "and says in the records how much.")
        }
        lines += settings.services.map(service)
        for (index, scenario) in settings.scenarios.enumerated() {
            let weight = StandardWeights.weight(of: scenario.id)
            lines.append(
                "\(index + 1). Scenario \(scenario.id)"
                    + (weight.map { " (weight \($0) of T/CQJR 032.2-2025, Table 2):" }
                        ?? " (not one of the standard's: no SCI_CF is computed with it):"))
            for step in scenario.steps {
                lines.append("     \(step.method ?? "any method") \(step.path)")
                lines += outcomes(step.outcome, of: scenario.id).map { "       " + $0 }
            }
        }
        lines.append(
            settings.collectors.isEmpty
                ? "No collector: records stay in the spool under \(settings.state)."
                : "Records go to \(settings.collectors.map { "\($0.address)" }.joined(separator: ", ")), without encryption."
        )
        return lines
    }

    private static func energy(_ settings: AgentSettings) -> String {
        let energy = settings.energy
        guard energy.source != .none else { return "Energy is not metered." }
        let root = energy.sysfs
        let sensors = energy.wallSensors.map(\.description).joined(separator: " + ")
        let wall =
            sensors.isEmpty
            ? "the ACPI power meter under \(root)/class/hwmon" : "the sensors \(sensors)"
        let model = energy.model.map {
            "a model between \(watts($0.idle)) and \(watts($0.maximum)) W, marked estimated"
        }
        let source =
            switch energy.source {
            case .none: ""
            case .rapl: "Energy from \(root)/class/powercap"
            case .wall: "Energy from \(wall)"
            case .model: "Energy from \(model ?? "a model")"
            case .auto:
                "Energy from \(wall), else from \(root)/class/powercap"
                    + (model.map { ", else from " + $0 } ?? "")
            }
        let idle =
            energy.idleMilliwatts.map { "Idle power is \(watts($0)) W." }
                ?? """
                Idle power is learned from quiet windows; until it is known, energy is reported undivided.
                """
        return source + (energy.isSimulated ? ", marked SIMULATED" : "") + ". " + idle
    }

    private static func watts(_ milliwatts: UInt64) -> String { "\(Double(milliwatts) / 1000)" }

    private static func service(_ service: ServiceSettings) -> String {
        let ports = service.ports.map { "\($0)" }.joined(separator: ", ")
        let cpu =
            switch service.cpu {
            case .cgroup: "the cgroup of its listening socket"
            case .cgroupPath(let path): "the cgroup \(path)"
            case .process: "the processes behind its listening socket"
            case .callers: "the services that call it"
            }
        let place = service.direction == .incoming ? "on port" : "that this host calls at port"
        return "Service \(service.name) \(place) \(ports), HTTP/1: CPU time of \(cpu); "
            + (service.countsFlows
                ? "its flows are counted." : "its requests are counted, not its flows.")
    }

    /// In the order of trial.
    private static func outcomes(_ outcome: OutcomeSettings, of id: ScenarioID) -> [String] {
        let refused =
            id.refusalIsCompleteFlow
            ? "refused, which is a complete flow" : "refused, which is no complete flow"
        return [
            outcome.failed.map { "failed: \(words($0))" },
            outcome.refused.map { "\(refused): \(words($0))" },
            "completed: \(words(outcome.completed))", "otherwise incomplete",
        ].compactMap { $0 }
    }

    private static func words(_ condition: ResponseCondition) -> String {
        var parts: [String] = []
        if !condition.status.isEmpty {
            let codes = condition.status.map { pattern in
                switch pattern {
                case .code(let code): "\(code)"
                case .hundred(let digit): "\(digit)xx"
                }
            }
            parts.append("status \(codes.joined(separator: " or "))")
        }
        if let body = condition.body, case .responseJSON(let path) = body.field {
            let values = body.values.map { String(decoding: $0, as: UTF8.self) }
            parts.append(
                "\(path.joined(separator: ".")) in the body is \(values.joined(separator: " or "))")
        }
        return parts.joined(separator: " and ")
    }
}
