import Metering

extension WeightsContent {
    /// Version of the JSON below; docs/weights.md tells its keys. A key never changes its meaning.
    package static let schemaVersion: UInt64 = 1
    private static let heading = "非评估结果 / not an assessment"

    // MARK: - Table

    /// The figures for people, in lines of text.
    package func table() -> String {
        TerminalText.joined([header] + parts.map(lines) + [shapleyLines, informationLines])
    }

    private var header: [String] {
        var lines = [Self.heading + " (measured weights, for information)"]
        if simulated { lines.append("SIMULATED: energy of simulated counters is in these figures") }
        lines.append("Period     \(Notation.utc(from)) to \(Notation.utc(to))")
        lines.append("Hosts      " + (hosts.isEmpty ? "—" : hosts.joined(separator: ", ")))
        lines.append("Boundary   " + boundary)
        if !silent.isEmpty { lines.append("No record  " + silent.joined(separator: ", ")) }
        lines.append("Energy     " + (sources.isEmpty ? "—" : sources.joined(separator: ", ")))
        let kind = isDesigned ? "blocks of a designed test" : "windows"
        let length = windowSeconds.map { " of \(Notation.significant($0)) s" } ?? ""
        lines.append(
            "Windows    \(wholeWindows) of \(windows) \(kind)\(length) are whole on every host")
        lines += notWhole
        if misaligned > 0 {
            lines.append("           \(misaligned) records lie across their ends and are left out")
        }
        if unreadable > 0 {
            lines.append(
                "           \(unreadable) records cannot be read, or are kept as of another time or host"
            )
        }
        if implausible > 0 {
            lines.append(
                "           \(implausible) records tell what no host can have done and are left out:"
            )
            lines += implausiblePlaces.map { "             " + $0 }
            if implausible > UInt64(implausiblePlaces.count) { lines.append("             …") }
        }
        lines.append(
            "Counted    \(counted); \(otherExchanges) exchanges of no scenario are background")
        return lines
    }

    /// The hosts with the fewest whole windows, and where rules are lacking.
    private var notWhole: [String] {
        let partly = wholeByHost.filter { $0.count < windows }.sorted { $0.count < $1.count }
        var lines = lackingRules
        if wholeByHost.count > 1 {
            lines = partly.map { "host \($0.host): \($0.count) of them are whole" } + lines
        }
        return lines.prefix(Self.places).map { "           " + $0 }
            + (lines.count > Self.places ? ["           …"] : [])
    }

    private static let places = 8

    private func lines(_ part: Part) -> [String] {
        let isCPU = part.quantity == "cpu_seconds"
        var text = [part.title]
        let rows = zip(scenarios, part.lines).map { scenario, line in
            [
                scenario.name, "\(scenario.exchanges)", "\(scenario.flows)",
                Notation.significant(line.perFlow?.value), Self.interval(line.perFlow),
                Notation.significant(line.ratio?.value), Self.interval(line.ratio),
                Notation.whole(scenario.weight), line.verdict ?? "",
            ]
        }
        let unit = isCPU ? "CPU s" : "J"
        text += Columns.lines(
            [
                "Scenario", "Exchanges", "Flows", unit + " per flow", "95 %", "To query", "95 %",
                "Table 2", "Verdict",
            ], rows)
        text.append(
            "Background \(Notation.significant(part.background?.value)) \(isCPU ? "CPUs" : "W") "
                + "(\(Self.interval(part.background)))")
        text.append(
            "Windows \(part.windows) in \(part.blocks) blocks, condition number "
                + "\(Notation.significant(part.condition)), hold-out error "
                + "\(Notation.percent(part.holdOut)), residuals' autocorrelation "
                + Notation.significant(part.autocorrelation))
        text += part.prices.map { host, joules in
            "Host \(host): \(Notation.significant(joules)) J above idle of a CPU second of its services"
        }
        if let probability = part.probability {
            text.append(
                "Ratios as far from Table 2 as these, were it true: "
                    + "\(Notation.percent(probability)). A high figure is no proof of Table 2.")
        } else if let untested = untested(part) {
            text.append(
                "Ratios as far from Table 2 as these, were it true: —. Table 2 is of all its scenarios, "
                    + "and there is no ratio of " + untested.joined(separator: ", "))
        }
        return text + part.obstacles.map { "Not told: " + $0 }
    }

    /// Scenarios of Table 2 without a ratio; `nil` where all have one, or something stands against all.
    private func untested(_ part: Part) -> [String]? {
        guard part.obstacles.isEmpty else { return nil }
        let names = zip(scenarios, part.lines).filter { $0.weight != nil && $1.ratio == nil }
            .map(\.0.name)
        return names.isEmpty ? nil : names
    }

    private static func interval(_ figure: Figure?) -> String {
        guard let figure else { return "—" }
        guard let low = figure.low, let high = figure.high else { return "— unbounded" }
        return "\(Notation.significant(low)) to \(Notation.significant(high))"
    }

    private var shapleyLines: [String] {
        var text = ["Joules per flow by Shapley's value over each host's power curve"]
        if let obstacle = shapley.obstacle { return text + ["Not told: " + obstacle] }
        text += zip(scenarios, shapley.perFlow).map { scenario, joules in
            "\(scenario.name): \(Notation.significant(joules))"
        }
        text += shapley.curves.map { curve in
            let factors = curve.factors.map(Notation.significant)
            return "Host \(curve.host): \(Notation.significant(curve.idle)) W + "
                + zip(factors, ["√u", "u", "u²"]).map { "\($0) \($1)" }.joined(separator: " + ")
        }
        return text + [
            "Without an interval; what the curve says of mixes that never took place is not measured."
        ]
    }

    private var informationLines: [String] {
        var text = [
            "consistent: the whole interval lies within ±\(Notation.significant(band * 100)) % of the "
                + "weight; differs: all of it outside. The band is ours, not the standard's.",
            "An assessment always uses Table 2. For information, were the measured weights in its place:",
        ]
        guard isWhole else {
            text.append("—: SCI_CF is a figure of the whole boundary, which this is not")
            if let emission {
                text.append(
                    "O of this part's windows with known energy: "
                        + "\(Notation.significant(emission.grams)) \(emission.gas)")
            }
            return text + gramless
        }
        for part in parts {
            guard let factor = part.intensityFactor else { continue }
            let figure = Figure(
                value: factor, low: part.factorInterval?.low, high: part.factorInterval?.high)
            var line =
                "by \(part.name): SCI_CF × \(Notation.significant(factor)) (\(Self.interval(figure)))"
            if let intensity = intensity, let emission {
                line +=
                    " = \(Notation.significant(intensity * factor)) "
                    + "(\(Self.interval(figure.times(intensity)))) in place of "
                    + "\(Notation.significant(intensity)) \(emission.gas)/unit, M not counted, "
                    + "of the windows with known energy"
            }
            text.append(line)
        }
        if text.count == 2 { text.append("—: no measured weights are told") }
        return text + gramless
    }

    private var gramless: [String] { emissionObstacles.map { "No grams: " + $0 } }

    /// O/R of the windows with known energy, by Table 2.
    private var intensity: Double? {
        let joules = parts.first { $0.quantity == "joules" }
        guard let emission, let units = joules?.units, units > 0 else { return nil }
        return emission.grams / units
    }

    // MARK: - JSON

    /// The figures for machines. What is not known is `null`; units are in the keys' names.
    package func json() -> String {
        JSON.object([
            ("schema_version", .integer(Self.schemaVersion)),
            ("heading", .string(Self.heading)), ("assessment", .bool(false)),
            ("simulated", .bool(simulated)), ("designed", .bool(isDesigned)),
            ("from", .string(Notation.utc(from))), ("to", .string(Notation.utc(to))),
            ("hosts", .array(hosts.map(JSON.string))),
            ("hosts_without_record", .array(silent.map(JSON.string))),
            ("boundary", .string(boundary)), ("boundary_whole", .bool(isWhole)),
            ("energy_sources", .array(sources.map(JSON.string))),
            ("counted", .string(counted)), ("window_seconds", JSON(windowSeconds)),
            ("windows", .integer(UInt64(windows))),
            ("whole_windows", .integer(UInt64(wholeWindows))),
            (
                "whole_windows_by_host",
                .object(wholeByHost.map { ($0.host, .integer(UInt64($0.count))) })
            ),
            ("lacking_rules", .array(lackingRules.map(JSON.string))),
            ("misaligned_records", .integer(misaligned)),
            ("unreadable_records", .integer(unreadable)),
            ("implausible_records", .integer(implausible)),
            ("implausible_places", .array(implausiblePlaces.map(JSON.string))),
            ("other_exchanges", .integer(otherExchanges)), ("band", .number(band)),
            ("scenarios", .array(scenarios.map(Self.json))),
            ("parts", .array(parts.map(json))), ("shapley", shapleyJSON),
            ("emission", emissionJSON),
            ("emission_obstacles", .array(emissionObstacles.map(JSON.string))),
        ]).text
    }

    private static func json(_ scenario: Scenario) -> JSON {
        .object([
            ("id", .string(scenario.name)), ("table_2", JSON(scenario.weight)),
            ("exchanges", .integer(scenario.exchanges)), ("flows", .integer(scenario.flows)),
        ])
    }

    private static func json(_ figure: Figure?) -> JSON {
        guard let figure else { return .null }
        return .object([
            ("value", .number(figure.value)), ("low", JSON(figure.low)),
            ("high", JSON(figure.high)),
        ])
    }

    private func json(_ part: Part) -> JSON {
        .object([
            ("quantity", .string(part.quantity)), ("windows", .integer(UInt64(part.windows))),
            ("blocks", .integer(UInt64(part.blocks))), ("used", .number(part.used)),
            (
                "joules_per_cpu_second",
                part.prices.isEmpty
                    ? .null : .object(part.prices.map { ($0.host, .number($0.joules)) })
            ),
            ("background_per_second", Self.json(part.background)),
            ("condition_number", JSON(part.condition)),
            ("residual_autocorrelation", JSON(part.autocorrelation)),
            ("hold_out_error", JSON(part.holdOut)),
            ("table_2_probability", JSON(part.probability)),
            ("obstacles", .array(part.obstacles.map(JSON.string))),
            (
                "scenarios",
                .array(
                    zip(scenarios, part.lines).map { scenario, line in
                        .object([
                            ("id", .string(scenario.name)), ("per_flow", Self.json(line.perFlow)),
                            ("ratio_to_query", Self.json(line.ratio)),
                            ("verdict", JSON(line.verdict)),
                        ])
                    })
            ),
            ("units", JSON(part.units)), ("measured_units", JSON(part.measuredUnits)),
            ("intensity_factor", JSON(part.intensityFactor)),
            ("intensity_factor_low", JSON(part.factorInterval?.low)),
            ("intensity_factor_high", JSON(part.factorInterval?.high)),
        ])
    }

    private var shapleyJSON: JSON {
        .object([
            ("obstacle", JSON(shapley.obstacle)),
            (
                "joules_per_flow",
                .object(zip(scenarios, shapley.perFlow).map { ($0.name, JSON($1)) })
            ),
            (
                "curves",
                .array(
                    shapley.curves.map { curve in
                        .object([
                            ("host", .string(curve.host)), ("idle_watts", .number(curve.idle)),
                            ("factors", .array(curve.factors.map(JSON.number))),
                        ])
                    })
            ),
        ])
    }

    private var emissionJSON: JSON {
        guard let emission else { return .null }
        return .object([
            ("factor", .string(emission.factor)), ("gas", .string(emission.gas)),
            ("operational_grams", .number(emission.grams)),
            ("grams_per_unit", JSON(intensity)),
            (
                "grams_per_unit_measured",
                .object(
                    parts.map { part in
                        let factor = part.intensityFactor
                        return (
                            part.quantity, JSON(intensity.flatMap { i in factor.map { i * $0 } })
                        )
                    })
            ),
        ])
    }
}

extension WeightsContent.Part {
    fileprivate var title: String {
        switch quantity {
        case "cpu_seconds": "CPU seconds per flow: what Table 2 speaks of (算力消耗量)"
        case "joules": "Joules per flow, fitted to the hosts' joules: for information"
        default:
            "Joules per flow by CPU time: its CPU seconds times what one of them drew above idle"
        }
    }

    fileprivate var name: String {
        switch quantity {
        case "cpu_seconds": "CPU seconds"
        case "joules": "joules"
        default: "joules by CPU time"
        }
    }

    /// What SCI_CF would be multiplied with; `nil` where not all weights are known.
    fileprivate var intensityFactor: Double? {
        guard let units, let measuredUnits, measuredUnits > 0 else { return nil }
        return units / measuredUnits
    }

    /// Its 95 % interval: unbounded above is none.
    fileprivate var factorInterval: (low: Double, high: Double)? {
        guard intensityFactor != nil, let units, let measuredInterval, measuredInterval.low > 0
        else {
            return nil
        }
        return (units / measuredInterval.high, units / measuredInterval.low)
    }
}

extension WeightsContent.Figure {
    fileprivate func times(_ factor: Double) -> Self {
        Self(value: value * factor, low: low.map { $0 * factor }, high: high.map { $0 * factor })
    }
}
