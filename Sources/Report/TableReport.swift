import Metering

extension ReportContent {
    /// Rules without a hit listed by name; the rest is a number here and complete in the JSON.
    static let rulesShown = 20
    /// Holes listed per host and round; the rest is a number here and complete in the JSON.
    static let holesShown = 5
    /// Alerts listed; the rest is a number here and complete in the JSON.
    static let alertsShown = 20

    /// The report for people, in lines of text.
    package func table() -> String {
        let parts = [header, roundTable, summaryLines, businessTable, energyLines, coverageTable]
        return TerminalText.joined(
            parts + [comparisonLines, ruleLines, unobservedLines, alertLines])
    }

    private var header: [String] {
        var lines = ["非评估结果 / not an assessment (no sealed plan)"]
        if simulated { lines.append("SIMULATED: energy of simulated counters is in these figures") }
        lines.append(
            "Period     \(Notation.utc(period.from)) to \(Notation.utc(period.to)), "
                + "\(rounds.count) rounds of \(Notation.significant(roundSeconds)) s")
        lines.append(
            "Factor     \(factor.id): \(Notation.significant(factor.gramsPerKilowattHour)) "
                + "\(factor.gas)/kWh, grade \(factor.grade)")
        lines.append(
            "Scope      " + (scopes.isEmpty ? "—" : scopes.map(Self.label).joined(separator: "; ")))
        lines.append(
            "Unit       \(factor.gas) per unit of business (R = 24 TA1 + 7 TA2 + 3 TA3 + TA4)")
        lines.append("M          M未统计 / not counted")
        return lines
    }

    private static func label(_ scope: String) -> String {
        switch scope {
        case "cpu+dram": "cpu+dram (仅CPU+内存口径)"
        case "none": "none (a host without energy source)"
        default: scope
        }
    }

    private var roundTable: [String] {
        let rows = rounds.map { round in
            let figures = round.figures
            return [
                Notation.utc(round.span.from), Notation.significant(figures.kilowattHours),
                Notation.significant(figures.operationalGrams),
                Notation.significant(figures.embodiedGrams), Notation.whole(figures.units),
                Notation.significant(figures.gramsPerUnit), round.isValid ? "yes" : "no",
            ]
        }
        let titles = ["Round", "kWh", "O", "M", "R", "(O+M)/R", "valid"]
        return Columns.lines(titles, rows)
            + rounds.flatMap { round in
                let notes =
                    [round.figures.intensityUnknown].compactMap { $0 } + round.problems
                    + round.disclosures
                return notes.map { "  \(Notation.utc(round.span.from)): \($0)" }
            }
    }

    private var summaryLines: [String] {
        var lines: [String] = []
        if summary.partialMean != nil || summary.mean == nil {
            lines.append(
                "Mean of rounds   —  (\(summary.validRounds) of \(summary.rounds) rounds are valid; "
                    + "mean of those \(Notation.significant(summary.partialMean)))")
        } else {
            lines.append("Mean of rounds   \(Notation.significant(summary.mean))")
        }
        lines.append(
            "Ratio of sums    \(Notation.significant(summary.ratioOfSums))  "
                + "(\(summary.ratioRounds) of \(summary.rounds) rounds)")
        lines.append(
            "Deviation        \(Notation.significant(summary.sampleDeviation)) of the sample, "
                + "\(Notation.significant(summary.populationDeviation)) of the population")
        if summary.meansDiffer {
            lines.append(
                "WARNING: the two means differ by \(Notation.percent(summary.relativeDifference)): "
                    + "rounds of little business carry the mean")
        }
        return lines
    }

    private var businessTable: [String] {
        let titles = [
            "Scenario", "TA", "completed", "refused", "failed", "incomplete", "duplicates",
            "on other hosts", "dedupe", "J/flow", "not known",
        ]
        return Columns.lines(
            titles,
            totals.scenarios.map { scenario in
                [
                    scenario.id, Notation.whole(scenario.volume),
                    Notation.whole(scenario.completed), Notation.whole(scenario.refused),
                    Notation.whole(scenario.failed), Notation.whole(scenario.incomplete),
                    Notation.whole(scenario.duplicates),
                    Notation.whole(scenario.duplicatesAcrossHosts),
                    scenario.deduplications.isEmpty
                        ? "—" : scenario.deduplications.joined(separator: "+"),
                    Notation.significant(scenario.joulesPerFlow),
                    scenario.unknown.map { "\($0) (counted at least \(scenario.counted))" } ?? "",
                ]
            })
    }

    private var energyLines: [String] {
        guard let energy = totals.energy else {
            return ["Energy     — (no host's energy is known)"]
        }
        let states = [
            ("measured", energy.measured), ("bridged", energy.bridged),
            ("estimated", energy.estimated),
        ]
        let uses =
            totals.scenarios.map { ($0.id, $0.energy ?? .zero) } + [
                ("other", energy.other), ("background", energy.background),
                ("unmonitored", energy.unmonitored), ("idle", energy.idle),
                ("undivided", energy.undivided),
            ]
        let write = { (parts: [(String, Microjoules)]) in
            parts.filter { $0.1 > .zero }
                .map { "\($0.0) \(Notation.significant($0.1.joules)) J" }.joined(separator: ", ")
        }
        return [
            "Energy     \(Notation.significant(totals.kilowattHours)) kWh: \(write(states))",
            "Used for   \(write(uses))",
        ] + divisionLines
    }

    private var divisionLines: [String] {
        let rules = attributions.map { "by model \($0.model.label), idle \($0.idle.label)" }
        return rules.isEmpty ? [] : ["Divided    " + rules.joined(separator: "; ")]
    }

    private var coverageTable: [String] {
        let rows = rounds.flatMap { round in
            round.hosts.map { host in
                [
                    Notation.utc(round.span.from), host.name, "\(host.records)",
                    Notation.percent(host.energyCovered), Notation.percent(host.countsCovered),
                    "\(host.losses.kernelDrops)", "\(host.losses.gaps)",
                    "\(host.losses.uncaptured.addingClamped(999_999_999) / 1_000_000_000)",
                    "\(host.doubtful)",
                ]
            }
        }
        let titles = [
            "Round", "Host", "records", "energy", "counts", "drops", "gaps", "away s", "doubtful",
        ]
        return rows.isEmpty ? [] : Columns.lines(titles, rows)
    }

    private var comparisonLines: [String] {
        rounds.flatMap { round in
            round.hosts.flatMap { host in
                host.comparisons.map { other in
                    "For comparison  \(Notation.utc(round.span.from)) \(host.name): "
                        + "\(host.sources.joined(separator: "+")) "
                        + "\(Notation.significant(other.primary.joules)) J, \(other.source) "
                        + "\(Notation.significant(other.other.joules)) J, "
                        + "ratio \(Notation.significant(other.ratio))"
                }
            }
        }
    }

    private var ruleLines: [String] {
        let unhit = rules.filter { $0.hits == 0 }
        let untold = rules.filter { $0.hits == nil }.count
        let shown = unhit.prefix(Self.rulesShown).map {
            "Rule without a hit: \($0.scenario): \($0.name), on \($0.hosts.joined(separator: ", "))"
        }
        let rest = unhit.count - shown.count
        return shown + (rest > 0 ? ["\(rest) more rules without a hit"] : [])
            + (untold > 0 ? ["Hits of \(untold) rules are not told by any record"] : [])
    }

    private var unobservedLines: [String] {
        var lines: [String] = []
        for round in rounds {
            for host in round.hosts {
                lines += Self.holes("no record", host.name, host.withoutRecord)
                for (missing, spans) in [
                    ("no energy", host.withoutEnergy), ("no counts", host.withoutCounts),
                ] {
                    let alone = spans.filter { !host.withoutRecord.contains($0) }
                    lines += Self.holes(missing, host.name, alone)
                }
            }
        }
        lines += losses.prefix(Self.holesShown).map {
            "Lost before delivery: \($0.agent), run \(String($0.run, radix: 16)), "
                + "records \($0.first) to \($0.last)"
        }
        if !silentAgents.isEmpty {
            lines.append("No record in the period: " + silentAgents.joined(separator: ", "))
        }
        if unreadable > 0 {
            lines.append("Records that cannot be read, not counted: \(unreadable)")
        }
        if hasAlteredCompletions {
            lines.append(
                "Flows that several hosts completed: the store's rows of completions are not what its "
                    + "records say; jouleflow-collector verify names them")
        }
        if inconsistent > 0 {
            lines.append("Records whose energy contradicts itself, not counted: \(inconsistent)")
        }
        return lines.isEmpty ? [] : ["Not observed"] + lines.map { "  " + $0 }
    }

    private var alertLines: [String] {
        let lines = alerts.prefix(Self.alertsShown).map { alert in
            let times =
                alert.count == 1 ? "" : " to \(Notation.utc(alert.last)), \(alert.count) times"
            return
                "  \(alert.agent): \(alert.kind): \(alert.text) (\(Notation.utc(alert.first))\(times))"
        }
        let rest = alerts.count - lines.count
        return lines.isEmpty ? [] : ["ALERTS"] + lines + (rest > 0 ? ["  \(rest) more"] : [])
    }

    private static func holes(_ what: String, _ host: String, _ spans: [Span]) -> [String] {
        let shown = spans.prefix(holesShown).map {
            "\(host): \(what) from \(Notation.utc($0.from)) to \(Notation.utc($0.to))"
        }
        let rest = spans.count - shown.count
        return shown + (rest > 0 ? ["\(host): \(rest) more intervals with \(what)"] : [])
    }
}

/// Columns of text, the first on the left, the others too where they hold words.
enum Columns {
    static func lines(_ titles: [String], _ rows: [[String]]) -> [String] {
        let all = [titles] + rows
        let widths = titles.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        let isNumber = titles.indices.map { column in
            rows.allSatisfy { row in
                row[column].isEmpty || row[column].first.map { "0123456789—".contains($0) } ?? true
            } && column > 0
        }
        return all.map { row in
            let cells = titles.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return isNumber[column] ? space + row[column] : row[column] + space
            }
            return String(
                cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }
}
