import Metering

extension ReportContent {
    /// Version of the JSON below; docs/report.md tells its keys. A key never changes its meaning.
    package static let schemaVersion: UInt64 = 1

    /// The report for machines. What is not known is `null`; units are in the keys' names.
    package func json() -> String {
        JSON.object([
            ("schema_version", .integer(Self.schemaVersion)),
            ("heading", .string("非评估结果 / not an assessment")),
            ("assessment", .bool(false)),
            ("simulated", .bool(simulated)),
            ("period", period.json),
            ("round_seconds", .number(roundSeconds)),
            ("factor", factor.json),
            ("unit", .string("\(factor.gas) per unit of business")),
            ("m_policy", .string("not_counted")),
            ("scopes", .array(scopes.map(JSON.string))),
            (
                "attributions",
                .array(
                    attributions.map {
                        .object([
                            ("model", .string($0.model.label)), ("idle", .string($0.idle.label)),
                        ])
                    })
            ),
            ("summary", summary.json),
            ("totals", .object(totals.members)),
            ("rounds", .array(rounds.map(\.json))),
            ("agents_without_record", .array(silentAgents.map(JSON.string))),
            ("rules", .array(rules.map(\.json))),
            ("losses", .array(losses.map(\.json))),
            ("alerts", .array(alerts.map(\.json))),
            ("records", .integer(records)),
            ("unreadable_records", .integer(unreadable)),
            ("inconsistent_records", .integer(inconsistent)),
            ("altered_completions", .bool(hasAlteredCompletions)),
        ]).text
    }
}

extension ReportContent.Span {
    var json: JSON {
        .object([
            ("from", .string(Notation.utc(from))), ("to", .string(Notation.utc(to))),
        ])
    }
}

extension ReportContent.Factor {
    var json: JSON {
        .object([
            ("id", .string(id)), ("area", .string(area)),
            ("year", .integer(UInt64(clamping: year))),
            ("basis", .string(basis)), ("grams_per_kwh", .number(gramsPerKilowattHour)),
            ("gas", .string(gas)), ("grade", .string(grade)), ("source", .string(source)),
        ])
    }
}

extension ReportContent.Summary {
    fileprivate var json: JSON {
        .object([
            ("rounds", .integer(UInt64(clamping: rounds))),
            ("valid_rounds", .integer(UInt64(clamping: validRounds))),
            ("mean_grams_per_unit", JSON(mean)),
            ("partial_mean_grams_per_unit", JSON(partialMean)),
            ("ratio_of_sums_grams_per_unit", JSON(ratioOfSums)),
            ("ratio_of_sums_rounds", .integer(UInt64(clamping: ratioRounds))),
            ("population_deviation_grams_per_unit", JSON(populationDeviation)),
            ("sample_deviation_grams_per_unit", JSON(sampleDeviation)),
            ("means_relative_difference", JSON(relativeDifference)),
            ("means_differ", .bool(meansDiffer)),
        ])
    }
}

extension ReportContent.Figures {
    fileprivate var members: [(String, JSON)] {
        [
            ("energy_kwh", JSON(kilowattHours)),
            ("energy", energy?.json ?? .null),
            ("o_grams", JSON(operationalGrams)),
            ("m_grams", JSON(embodiedGrams)),
            ("r_cf", JSON(units)),
            ("r_cf_unknown", JSON(unitsUnknown)),
            ("intensity_grams_per_unit", JSON(gramsPerUnit)),
            ("intensity_unknown", JSON(intensityUnknown)),
            ("scenarios", .object(scenarios.map { ($0.id, $0.json) })),
        ]
    }
}

extension ReportContent.Energy {
    fileprivate var json: JSON {
        .object(
            [
                ("total_microjoules", total), ("measured_microjoules", measured),
                ("bridged_microjoules", bridged), ("estimated_microjoules", estimated),
                ("other_microjoules", other), ("background_microjoules", background),
                ("unmonitored_microjoules", unmonitored), ("idle_microjoules", idle),
                ("undivided_microjoules", undivided),
            ].map { ($0.0, .integer($0.1.rawValue)) })
    }
}

extension ReportContent.Scenario {
    fileprivate var json: JSON {
        .object([
            ("ta", JSON(volume)), ("ta_unknown", JSON(unknown)),
            ("counted_flows", .integer(counted)), ("requests", JSON(requests)),
            ("completed", JSON(completed)), ("refused", JSON(refused)),
            ("failed", JSON(failed)), ("incomplete", JSON(incomplete)),
            ("duplicates", JSON(duplicates)),
            ("duplicates_across_hosts", JSON(duplicatesAcrossHosts)),
            ("deduplication", .array(deduplications.map(JSON.string))),
            ("energy_microjoules", JSON(energy?.rawValue)),
            ("joules_per_flow", JSON(joulesPerFlow)),
        ])
    }
}

extension ReportContent.Round {
    fileprivate var json: JSON {
        .object(
            [
                ("from", .string(Notation.utc(span.from))), ("to", .string(Notation.utc(span.to))),
                ("valid", .bool(isValid)),
                ("problems", .array(problems.map(JSON.string))),
                ("disclosures", .array(disclosures.map(JSON.string))),
                ("missing_hosts", .array(missingHosts.map(JSON.string))),
            ] + figures.members + [("hosts", .array(hosts.map(\.json)))])
    }
}

extension ReportContent.Host {
    fileprivate var json: JSON {
        .object([
            ("host", .string(name)), ("records", .integer(records)),
            ("simulated", .bool(simulated)),
            ("sources", .array(sources.map(JSON.string))),
            ("scopes", .array(scopes.map(JSON.string))),
            ("energy_microjoules", JSON(energy?.rawValue)),
            ("comparison", .array(comparisons.map(\.json))),
            (
                "windows_energy_unknown",
                .object(
                    energyUnknown.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
            ),
            ("energy_coverage", .number(energyCovered)),
            ("energy_covered_seconds", .number(energyCoveredSeconds)),
            ("counts_coverage", JSON(countsCovered)),
            ("counts_covered_seconds", JSON(countsCoveredSeconds)),
            ("without_record", .array(withoutRecord.map(\.json))),
            ("without_energy", .array(withoutEnergy.map(\.json))),
            ("without_counts", .array(withoutCounts.map(\.json))),
            ("packets", .integer(packets)), ("exchanges", .integer(exchanges)),
            ("losses", losses.json),
            ("windows_straddling", .integer(straddling)),
            ("windows_doubtful", .integer(doubtful)), ("windows_degraded", .integer(degraded)),
            ("worst_count_loss_parts_per_million", .integer(countLossPartsPerMillion)),
            ("windows_partial", .integer(partial)),
            ("windows_clock_stepped", .integer(clockStepped)),
            ("windows_suspended", .integer(suspended)),
            ("windows_agent_stopped", .integer(agentStopped)),
            ("windows_unsynchronised", .integer(unsynchronised)),
            ("overlap_seconds", .number(overlapSeconds)),
            ("spool_dropped", .integer(spoolDropped)),
            ("clock_error_microseconds", JSON(clockErrorMicroseconds)),
        ])
    }
}

extension ReportContent.Comparison {
    fileprivate var json: JSON {
        .object([
            ("source", .string(source)), ("primary_microjoules", .integer(primary.rawValue)),
            ("other_microjoules", .integer(other.rawValue)), ("ratio", JSON(ratio)),
        ])
    }
}

extension TrafficLosses {
    fileprivate var json: JSON {
        .object([
            ("kernel_drops", .integer(kernelDrops)), ("interface_drops", .integer(interfaceDrops)),
            ("gaps", .integer(gaps)), ("gap_bytes", .integer(gapBytes)),
            ("evicted", .integer(evicted)), ("unpaired_requests", .integer(unpairedRequests)),
            ("unpaired_responses", .integer(unpairedResponses)),
            ("malformed", .integer(malformed)), ("undecoded", .integer(undecoded)),
            ("late", .integer(late)), ("uncaptured_nanoseconds", .integer(uncaptured)),
            ("unread", .integer(unread)), ("shed", .integer(shed)),
            ("forgotten_keys", .integer(forgottenKeys)), ("keyless", .integer(keyless)),
        ])
    }
}

extension ReportContent.Rule {
    var json: JSON {
        .object([
            ("scenario", .string(scenario)), ("rule", .string(name)), ("hits", JSON(hits)),
            ("hosts", .array(hosts.map(JSON.string))),
        ])
    }
}

extension ReportContent.Loss {
    var json: JSON {
        .object([
            ("agent", .string(agent)), ("run", .string(String(run, radix: 16))),
            ("first_sequence", .integer(first)), ("last_sequence", .integer(last)),
        ])
    }
}

extension ReportContent.Alert {
    var json: JSON {
        .object([
            ("agent", .string(agent)), ("kind", .string(kind)), ("text", .string(text)),
            ("first", .string(Notation.utc(first))), ("last", .string(Notation.utc(last))),
            ("count", .integer(count)),
        ])
    }
}
