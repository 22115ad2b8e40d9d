import Metering

extension PlanReportContent {
    /// Version of the JSON below; docs/plan-report.schema.json tells its keys. A key never changes
    /// its meaning; new ones may come.
    package static let schemaVersion: UInt64 = 1

    /// The report for machines, in full precision. What is not known is `null`, and the key beside
    /// it, which ends with `_unknown`, says why.
    package func json() -> String {
        var members: [(String, JSON)] = [
            ("schema_version", .integer(Self.schemaVersion)),
            ("kind", .string("plan_report")),
            ("standard", .string("T/CQJR 032.2-2025")),
            ("standing", .string(standing.name)),
            ("standing_reason", standing.reason?.json ?? .null),
            ("figure_name", figureName.json),
            ("scope_labels", .array(scopeLabels.map(\.json))),
            ("simulated", .bool(isSimulated)),
            ("generated", .string(Notation.utc(generated))),
            (
                "software",
                .object([("name", .string(software.name)), ("version", .string(software.version))])
            ),
            ("plan", plan.json),
            ("sealed_plans", .array(plans.map(\.json))),
        ]
        members += JSON.known("assets", assets) { $0.json }
        members += [
            ("hosts", .array(hosts.map(\.json))), ("factors", .array(factors.map(\.json))),
            ("result", result.json), ("scenarios", .array(scenarios.map(\.json))),
        ]
        members += JSON.known("energy", energy) { $0.json }
        members += [
            ("energy_by_source", .array(sources.map(\.json))),
            ("sites", .array(sites.map(\.json))),
            ("rounds", .array(rounds.map(\.json))),
            ("sensitivity", .array(sensitivity.map(\.json))),
            ("months", .array(months.map(\.json))),
            ("ledger_reconciliation", .array(reconciliations.map(\.json))),
            ("meter_comparison", .array(meterComparisons.map(\.json))),
            ("imports", .array(imports.map(\.json))),
            ("revisions", .array(revisions.map(\.json))),
            ("rules", .array(rules.map(\.json))),
            ("losses", .array(losses.map(\.json))),
            ("alerts", .array(alerts.map(\.json))),
            ("uncertainties", .array(uncertainties.map(\.json))),
        ]
        members += JSON.known("weights_check", weightsCheck) { $0.json }
        members += JSON.known("baseline", baseline) { $0.json }
        members += [
            ("iso_deviation", Self.isoDeviation.json),
            ("part_1", Self.partOneNotAssessed.json),
            ("evidence", evidence.json),
        ]
        return JSON.object(members).text
    }
}

extension JSON {
    /// A value under its key, and why there is none under the key with `_unknown`.
    static func known<Value>(
        _ key: String, _ value: Known<Value, Wording>, _ write: (Value) -> JSON
    ) -> [(String, JSON)] {
        [
            (key, value.value.map(write) ?? .null),
            (key + "_unknown", value.reason?.json ?? .null),
        ]
    }

    static func figure(
        _ key: String, _ value: PlanReportContent.Figure
    ) -> [(String, JSON)] { known(key, value, JSON.number) }

    static func count(_ key: String, _ value: PlanReportContent.Count) -> [(String, JSON)] {
        known(key, value, JSON.integer)
    }

    static func text(_ key: String, _ value: Known<String, Wording>) -> [(String, JSON)] {
        known(key, value, JSON.string)
    }

    static func time(_ key: String, _ value: Timestamp?) -> [(String, JSON)] {
        [(key, value.map { .string(Notation.utc($0)) } ?? .null)]
    }

    static func signed(_ value: Int64) -> JSON {
        value < 0 ? .negative(value) : .integer(value.magnitude)
    }

    init(_ number: Int) { self = Self.signed(Int64(number)) }
}

extension Wording {
    var json: JSON { .object([("zh", .string(zh)), ("en", .string(en))]) }
}

extension PlanReportContent.Standing {
    /// The word that machines read.
    var name: String {
        switch self {
        case .assessment: "assessment"
        case .incomplete: "incomplete"
        case .notAssessment: "not_assessment"
        }
    }

    var reason: Wording? {
        switch self {
        case .assessment: nil
        case .incomplete(let reason), .notAssessment(let reason): reason
        }
    }
}

extension PlanReportContent.Statement {
    fileprivate var json: JSON { .object([("subject", subject.json), ("text", text.json)]) }
}

extension PlanReportContent.Evidence {
    fileprivate var json: JSON {
        .object(
            JSON.text("records_root", recordsRoot)
                + [("signers", .array(signers.map(JSON.string)))]
                + JSON.text("verifier_command", verifierCommand))
    }
}

extension PlanReportContent.Result {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [
            ("unit", .string(unit.rawValue)), ("planned_rounds", JSON(plannedRounds)),
            ("valid_rounds", JSON(validRounds)),
        ]
        let figures: [(String, PlanReportContent.Figure)] = [
            ("mean_grams_per_unit", mean), ("partial_mean_grams_per_unit", partialMean),
            ("sample_deviation_grams_per_unit", deviation),
            ("ratio_of_sums_grams_per_unit", ratioOfSums),
            ("means_relative_difference", relativeDifference),
            ("without_refusals_grams_per_unit", withoutRefusals),
            ("mean_at_closing_grams_per_unit", meanAtClosing),
            ("market_mean_grams_per_unit", marketMean), ("o_grams", operationalSum),
            ("o_it_grams", operationalITSum), ("o_facility_grams", operationalFacilitySum),
            ("o_market_grams", operationalMarketSum),
        ]
        members += figures.flatMap { JSON.figure($0.0, $0.1) }
        members.append(("means_differ", .bool(meansDiffer)))
        members += JSON.known("interval_95_grams_per_unit", interval) {
            .object([("low", .number($0.low)), ("high", .number($0.high))])
        }
        members += JSON.known("m_grams", embodiedSum) { $0.json }
        members += JSON.count("r_cf", unitsSum)
        return .object(members)
    }
}

extension PlanReportContent.SensitivityLine {
    fileprivate var json: JSON {
        .object(
            [
                ("group", group.json), ("choice", choice.json), ("headline", .bool(isHeadline)),
            ] + JSON.figure("mean_grams_per_unit", mean)
                + JSON.figure("relative_change", relativeChange))
    }
}

extension PlanReportContent.MonthOfSite {
    fileprivate var json: JSON {
        .object(
            [
                ("month", .string(month)), ("site", .string(site)), ("unit", .string(unit)),
                ("simulated", .bool(isSimulated)),
            ] + JSON.figure("energy_kwh", kilowattHours) + JSON.figure("tonnes", tonnes))
    }
}

extension PlanReportContent.LedgerReconciliation {
    fileprivate var json: JSON {
        .object(
            [("scenario", .string(scenario)), ("span", span.json)]
                + JSON.count("counted", counted) + JSON.count("ledger", ledger)
                + [
                    ("difference", difference.map(JSON.signed) ?? .null),
                    ("digest", .string(digest)),
                ])
    }
}

extension PlanReportContent.ImportLine {
    fileprivate var json: JSON {
        .object([
            ("kind", .string(kind)), ("digest", .string(digest)),
            ("time", .string(Notation.utc(time))), ("signed_by", JSON(signer)),
            ("signature", .string(signature)), ("signature_told", told.json),
        ])
    }
}

extension PlanReportContent.MeterComparison {
    fileprivate var json: JSON {
        .object(
            [
                ("meter", .string(meter)), ("span", span.json), ("metered", metered.json),
            ] + JSON.known("summed", summed) { $0.json } + JSON.figure("ratio", ratio)
                + [("digest", .string(digest))])
    }
}

extension PlanReportContent.Revision {
    fileprivate var json: JSON {
        .object([
            ("round", JSON(round)), ("revision", JSON(revision)),
            ("time", .string(Notation.utc(time))), ("reason", reason.json),
            ("sha256", .string(digest)), ("software", .string(software)), ("kept", .bool(isKept)),
            (
                "changes",
                .array(
                    changes.map { change in
                        .object(
                            [("figure", change.figure.json)]
                                + JSON.figure("before", change.before)
                                + JSON.figure("after", change.after))
                    })
            ),
        ])
    }
}
