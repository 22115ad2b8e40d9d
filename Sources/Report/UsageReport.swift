import Metering

extension UsageContent {
    /// Version of the JSON below; docs/store.md tells its keys. A key never changes its meaning.
    package static let schemaVersion: UInt64 = 1
    private static let heading = "非评估结果 / not an assessment"
    /// Hosts without a record that are named; the rest is a number here and complete in the JSON.
    private static let silentShown = 20

    // MARK: - Table

    /// The figures for people, in lines of text.
    package func table() -> String {
        var text = [Self.heading + " (sums of roll-ups)"]
        if total.simulated {
            text.append("SIMULATED: energy of simulated counters is in these figures")
        }
        text.append("Period     \(Notation.utc(total.from)) to \(Notation.utc(total.to))")
        let sign = offsetHours < 0 ? "−" : "+"
        text.append("Days       of UTC\(sign)\(abs(offsetHours)), as months are")
        text.append(
            "Scope      " + (total.scopes.isEmpty ? "—" : total.scopes.joined(separator: "; ")))
        text.append(
            "Sources    " + (total.sources.isEmpty ? "—" : total.sources.joined(separator: ", ")))
        if waiting > 0 {
            text.append("INCOMPLETE: up to \(waiting) stored records are not in these figures yet")
        }
        text.append("")
        text += Self.columns([Self.head(names)] + (lines + [total]).map { Self.row($0, names) })
        if !total.notes.isEmpty {
            text.append("")
            text += total.notes.map { "Records \($0.name): \($0.records)" }
        }
        if total.losses > 0 {
            text.append("Losses that may each hide one exchange: \(total.losses)")
        }
        if !silent.isEmpty {
            let rest =
                silent.count > Self.silentShown
                ? " and \(silent.count - Self.silentShown) more" : ""
            text.append(
                "Without a record: " + silent.prefix(Self.silentShown).joined(separator: ", ")
                    + rest)
        }
        text.append("")
        text.append(
            "Flows are those that each host counted for itself: what several counted is in them as often."
        )
        return TerminalText.joined([text])
    }

    private var names: [String] { total.scenarios.map(\.name) }

    private static func head(_ names: [String]) -> [String] {
        ["From", "Host", "kWh", "Energy known", "Counts known"] + names
    }

    private static func row(_ line: Line, _ names: [String]) -> [String] {
        [
            Notation.utc(line.from), line.host ?? "\(line.hosts) hosts",
            Notation.significant(line.energy?.kilowattHours),
            Notation.percent(line.energyCovered.share(of: line.expected)),
            Notation.percent(line.countsCovered.share(of: line.expected)),
        ]
            + names.map { name in
                let scenario = line.scenarios.first { $0.name == name }
                return Notation.whole(scenario.flatMap { $0.isCounted ? $0.flows : nil })
            }
    }

    /// Cells below each other, the first two to the left, figures to the right.
    private static func columns(_ rows: [[String]]) -> [String] {
        let widths = (rows.first ?? []).indices.map { index in
            rows.map { $0[index].count }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                let space = String(repeating: " ", count: widths[index] - cell.count)
                return index < 2 ? cell + space : space + cell
            }.joined(separator: "  ")
        }
    }

    // MARK: - JSON

    /// The figures for machines. What is not known is `null`; units are in the keys' names.
    package func json() -> String {
        JSON.object([
            ("schema_version", .integer(Self.schemaVersion)),
            ("heading", .string(Self.heading)),
            ("assessment", .bool(false)),
            ("simulated", .bool(total.simulated)),
            ("day_offset_hours", .number(Double(offsetHours))),
            ("records_waiting", .integer(waiting)),
            ("agents_without_record", .array(silent.map(JSON.string))),
            ("total", Self.json(total)),
            ("lines", .array(lines.map(Self.json))),
        ]).text
    }

    private static func json(_ line: Line) -> JSON {
        .object([
            ("from", .string(Notation.utc(line.from))), ("to", .string(Notation.utc(line.to))),
            ("host", JSON(line.host)), ("hosts", .integer(UInt64(line.hosts))),
            ("records", .integer(line.records)),
            ("energy_microjoules", JSON(line.energy?.rawValue)),
            ("energy_kwh", JSON(line.energy?.kilowattHours)),
            ("measured_microjoules", .integer(line.measured.rawValue)),
            ("bridged_microjoules", .integer(line.bridged.rawValue)),
            ("estimated_microjoules", .integer(line.estimated.rawValue)),
            (
                "unassigned",
                .object(line.uses.map { ("\($0.name)_microjoules", .integer($0.energy.rawValue)) })
            ),
            ("expected_seconds", .number(line.expected.seconds)),
            ("energy_seconds", .number(line.energyCovered.seconds)),
            ("counts_seconds", .number(line.countsCovered.seconds)),
            ("simulated", .bool(line.simulated)),
            ("sources", .array(line.sources.map(JSON.string))),
            ("scopes", .array(line.scopes.map(JSON.string))),
            ("clock_error_microseconds", JSON(line.clockErrorMicroseconds)),
            ("losses", .integer(line.losses)),
            ("notes", .object(line.notes.map { ($0.name, .integer($0.records)) })),
            ("scenarios", .array(line.scenarios.map(json))),
        ])
    }

    private static func json(_ scenario: Scenario) -> JSON {
        .object([
            ("id", .string(scenario.name)),
            ("flows", JSON(scenario.isCounted ? scenario.flows : nil)),
            ("flows_counted", .integer(scenario.flows)),
            ("requests", .integer(scenario.requests)),
            ("completed", .integer(scenario.completed)),
            ("refused", .integer(scenario.refused)), ("failed", .integer(scenario.failed)),
            ("incomplete", .integer(scenario.incomplete)),
            ("duplicates", .integer(scenario.duplicates)),
            ("energy_microjoules", .integer(scenario.energy.rawValue)),
        ])
    }

    // MARK: - CSV

    /// One line for each stretch and host, and each scenario's flows; the first says what it is. RFC 4180.
    package func csv() -> String {
        let head =
            [
                "assessment", "simulated", "from", "to", "host", "hosts", "energy_kwh",
                "energy_microjoules", "energy_seconds", "counts_seconds", "expected_seconds",
            ] + names.map { "flows_\($0)" }
        let rows = lines.map { line in
            [
                "no", line.simulated ? "yes" : "no", Notation.utc(line.from), Notation.utc(line.to),
                line.host ?? "", "\(line.hosts)", line.energy.map { "\($0.kilowattHours)" } ?? "",
                line.energy.map { "\($0.rawValue)" } ?? "", "\(line.energyCovered.seconds)",
                "\(line.countsCovered.seconds)", "\(line.expected.seconds)",
            ]
                + names.map { name in
                    let scenario = line.scenarios.first { $0.name == name }
                    return scenario.flatMap { $0.isCounted ? "\($0.flows)" : nil } ?? ""
                }
        }
        return ([head] + rows).map { $0.map(Self.quoted).joined(separator: ",") }
            .joined(separator: "\r\n") + "\r\n"
    }

    /// A field that a spreadsheet would take for a formula begins with an apostrophe.
    static func quoted(_ field: String) -> String {
        var field = field
        if let first = field.first, "=+-@\t\r".contains(first) { field = "'" + field }
        guard field.contains(where: { ",\"\r\n".contains($0) }) else { return field }
        return "\"" + field.replacing("\"", with: "\"\"") + "\""
    }
}

extension Nanoseconds {
    fileprivate func share(of whole: Self) -> Double? {
        whole > .zero ? Double(rawValue) / Double(whole.rawValue) : nil
    }
}
