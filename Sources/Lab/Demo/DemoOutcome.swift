import Foundation

/// The result of a demonstration: what was sent beside what was counted.
package struct DemoOutcome: Sendable {
    /// What the agent itself cost.
    package struct Agent: Sendable {
        package let cpuSeconds: Double
        package let peakBytes: UInt64?
        /// How long it took to end after SIGTERM.
        package let stopSeconds: Double

        package init(cpuSeconds: Double, peakBytes: UInt64?, stopSeconds: Double) {
            self.cpuSeconds = cpuSeconds
            self.peakBytes = peakBytes
            self.stopSeconds = stopSeconds
        }
    }

    /// What the report covers, as the arguments of `report` and `scripts/recompute.py`.
    package struct Period: Sendable {
        package let from: String
        package let to: String
        package let round: String

        package init(from: String, to: String, round: String) {
            self.from = from
            self.to = to
            self.round = round
        }
    }

    package let simulated: Bool
    package let period: Period
    package let load: LoadResult
    package let report: DemoReport
    package let agent: Agent

    package init(
        simulated: Bool, period: Period, load: LoadResult, report: DemoReport, agent: Agent
    ) {
        self.simulated = simulated
        self.period = period
        self.load = load
        self.report = report
        self.agent = agent
    }

    /// What the standard counts of the flows the load generator completed.
    ///
    /// Source: T/CQJR 032.2-2025, 5.2, Table 1, and 8.2.1: a flow counts when it ran to its end, so
    /// a credit refusal after assessment is a completed flow and other refusals are not.
    package func completedByLoad(_ scenario: LoanScenario) -> UInt64 {
        let counts = load[scenario]
        return scenario == .credit ? counts.completed + counts.refused : counts.completed
    }

    /// TA by the report, or `nil` where it is not known.
    package func counted(_ scenario: LoanScenario) -> UInt64? { report.scenarios[scenario]?.volume }

    /// The scenario's energy over its completed flows; `nil` without either.
    package func joulesPerFlow(_ scenario: LoanScenario) -> Double? {
        guard let part = report.scenarios[scenario], let energy = part.microjoules,
            let flows = part.volume, flows > 0
        else { return nil }
        return Double(energy) / 1_000_000 / Double(flows)
    }

    /// One sentence for each number that differs; empty where the report agrees with the load.
    package var differences: [String] {
        var lines: [String] = []
        for scenario in LoanScenario.allCases {
            let sent = load[scenario]
            let part = report.scenarios[scenario]
            let pairs = [
                ("TA", completedByLoad(scenario), part?.volume),
                ("refused", sent.refused, part?.refused), ("failed", sent.failed, part?.failed),
            ]
            for (what, wanted, got) in pairs where got != wanted {
                let found = got.map { "\($0)" } ?? "unknown"
                lines.append("\(scenario.rawValue) \(what): load \(wanted), counted \(found)")
            }
        }
        if report.simulated != simulated {
            let said = report.simulated.map { "\($0)" } ?? "unknown"
            lines.append("simulated energy: in truth \(simulated), by the report \(said)")
        }
        return lines
    }

    /// The result as JSON, with `null` for what is not known.
    package func json() throws -> String {
        func value(_ number: (some Encodable)?) -> Any { number ?? NSNull() }
        var scenarios: [String: Any] = [:]
        for scenario in LoanScenario.allCases {
            scenarios[scenario.rawValue] = [
                "completed_by_load": completedByLoad(scenario), "counted": value(counted(scenario)),
                "joules_per_flow": value(joulesPerFlow(scenario)),
            ]
        }
        let object: [String: Any] = [
            "simulated": simulated, "scenarios": scenarios,
            "period": ["from": period.from, "to": period.to, "round": period.round],
            "energy_kwh": value(report.energyKilowattHours), "o_grams": value(report.operational),
            "m_policy": value(report.embodiedPolicy), "r_cf": value(report.volume),
            "sci_cf_grams": value(report.intensity), "coverage": value(report.coverage),
            "agent": [
                "cpu_seconds": agent.cpuSeconds, "peak_rss_bytes": value(agent.peakBytes),
            ],
        ]
        let options: JSONSerialization.WritingOptions = [.prettyPrinted, .sortedKeys]
        let bytes = try JSONSerialization.data(withJSONObject: object, options: options)
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    /// The result for people.
    package var table: String {
        var lines = ["非评估结果 / not an assessment (there is no sealed plan)"]
        if simulated { lines.append("energy is SIMULATED: this host shows no energy counters") }
        lines += [
            "", "scenario       flows by load    counted   refused   failed   J/flow   share",
        ]
        lines += LoanScenario.allCases.map(row)
        lines += ["", figures("energy", report.energyKilowattHours, "kWh", 9)]
        lines.append(figures("O", report.operational, "g", 6))
        lines.append("M          \(report.embodiedPolicy ?? "unknown")")
        lines.append(figures("R_CF", report.volume, "", 0))
        lines.append(figures("intensity", report.intensity, report.unit ?? "g per unit of R_CF", 9))
        lines.append(figures("coverage", report.coverage.map { $0 * 100 }, "%", 2))
        let megabytes = agent.peakBytes.map { Double($0) / 1_000_000 }
        lines.append(figures("agent CPU", agent.cpuSeconds, "s", 2))
        lines.append(figures("agent peak", megabytes, "MB resident", 1))
        lines.append(figures("agent end", agent.stopSeconds, "s after SIGTERM", 2))
        return lines.joined(separator: "\n")
    }

    private func row(_ scenario: LoanScenario) -> String {
        let part = report.scenarios[scenario]
        func text(_ number: UInt64?) -> String { number.map { "\($0)" } ?? "unknown" }
        let joules = joulesPerFlow(scenario).map { String(format: "%.4f", $0) } ?? "unknown"
        let share = part?.microjoules.flatMap { energy in
            report.energyKilowattHours.flatMap { total in
                total > 0 ? Double(energy) / (total * 3.6e12) * 100 : nil
            }
        }
        return scenario.rawValue.padded(9) + text(completedByLoad(scenario)).padded(-19)
            + text(counted(scenario)).padded(-11) + text(part?.refused).padded(-10)
            + text(part?.failed).padded(-9) + joules.padded(-9)
            + (share.map { String(format: "%.2f %%", $0) } ?? "unknown").padded(-9)
    }

    private func figures(_ name: String, _ value: Double?, _ unit: String, _ decimals: Int)
        -> String
    {
        let number = value.map { String(format: "%.\(decimals)f", $0) } ?? "unknown"
        return name.padded(11) + number + (value == nil || unit.isEmpty ? "" : " " + unit)
    }
}
