import Metering

extension PlanReportContent.EnergyPart {
    var json: JSON {
        .object([
            ("microjoules", .integer(energy.rawValue)), ("kwh", .number(kilowattHours)),
            ("share", .number(share)),
        ])
    }
}

extension PlanReportContent.Energy {
    var json: JSON {
        .object(
            [
                ("total", total.json), ("measured", measured.json), ("bridged", bridged.json),
                ("estimated", estimated.json), ("imputed", imputed.json),
                ("simulated", simulated.json),
            ] + JSON.known("idle", idle) { $0.json })
    }
}

extension PlanReportContent.SourceEnergy {
    var json: JSON {
        .object(
            [("source", .string(source)), ("scope", .string(scope))]
                + JSON.known("energy", energy) { $0.json })
    }
}

extension PlanReportContent.Embodied {
    var json: JSON {
        .object([("low", .number(low)), ("typical", .number(typical)), ("high", .number(high))])
    }
}

extension PlanReportContent.SiteEnergy {
    var json: JSON {
        .object(
            [("site", .string(site)), ("name", .string(name))]
                + JSON.known("energy", energy) { $0.json }
                + [("factors", .array(factorIDs.map(JSON.string)))]
                + JSON.figure("pue", pue) + [("pue_source", .string(pueSource))]
                + JSON.figure("o_it_grams", operationalIT)
                + JSON.figure("o_facility_grams", operationalFacility)
                + JSON.figure("o_market_grams", operationalMarket))
    }
}

extension PlanReportContent.Scenario {
    var json: JSON {
        .object(
            [("scenario", .string(id)), ("name", name.json), ("weight", .integer(weight))]
                + JSON.count("ta", volume)
                + [
                    ("approved", JSON(approved)), ("refused", JSON(refused)),
                    ("failed", JSON(failed)), ("incomplete", JSON(incomplete)),
                    ("duplicates", JSON(duplicates)),
                    ("duplicates_across_hosts", JSON(duplicatesAcrossHosts)),
                    ("outside_counting_layer", JSON(outsideLayer)),
                ] + JSON.count("ledger", ledger) + [("origin", origin.json)])
    }
}

extension PlanReportContent.Use {
    /// The round that it speaks of.
    private var other: Int? {
        switch self {
        case .replaces(let round): round
        case .invalid(let round): round
        case .counted, .notNeeded, .notClosed: nil
        }
    }

    fileprivate var members: [(String, JSON)] {
        [
            ("use", .string(word)), ("use_round", other.map { JSON($0) } ?? .null),
            ("counted", .bool(isCounted)),
        ]
    }
}

extension PlanReportContent.Round {
    var json: JSON {
        var members: [(String, JSON)] = [
            ("round", JSON(number)), ("reserve", .bool(isReserve)), ("span", span.json),
        ]
        members += use.members
        members += [
            ("problems", .array(problems.map(\.json))),
            ("disclosures", .array(disclosures.map(\.json))),
            ("annotations", .array(annotations.map(\.json))), ("revision", JSON(revision)),
        ]
        members += JSON.time("closed", closed)
        members.append(("scenarios", .array(scenarios.map(\.json))))
        members += JSON.count("r_cf", units)
        members += JSON.known("energy", energy) { $0.json }
        members.append(("sites", .array(sites.map(\.json))))
        let figures: [(String, PlanReportContent.Figure)] = [
            ("o_grams", operational), ("o_it_grams", operationalIT),
            ("o_facility_grams", operationalFacility), ("o_market_grams", operationalMarket),
            ("sci_grams_per_unit", intensity), ("coverage", coverage),
            ("imputed_share", imputedShare), ("clock_error_ms", clockErrorMilliseconds),
        ]
        members += figures.flatMap { JSON.figure($0.0, $0.1) }
        members += JSON.known("m_grams", embodied) { $0.json }
        members.append(("missing_hosts", .array(missingHosts.map(JSON.string))))
        members += JSON.text("records_root", recordsRoot)
        members.append(("hosts", .array(hosts.map(\.json))))
        return .object(members)
    }
}

extension PlanReportContent.HostRound {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [("host", .string(host)), ("role", .string(role))]
        members += JSON.time("in_service_from", inServiceFrom)
        members += JSON.time("in_service_to", inServiceTo)
        members += [
            ("energy_source", .string(energySource)), ("energy_scope", .string(energyScope)),
            ("meter", JSON(meter)),
        ]
        members += JSON.figure("wall_ratio", wallRatio)
        members += [
            ("allocation_method", .string(allocationMethod)),
            ("boundary_share", .number(boundaryShare)), ("simulated", .bool(isSimulated)),
            ("segments", .array(segments.map(\.json))),
        ]
        members += JSON.count("te_grams", embodied.totalGrams)
        members += JSON.count("lifetime_hours", embodied.lifetimeHours)
        members += JSON.figure("resource_share", embodied.resourceShare)
        members += JSON.figure("m_grams", embodied.grams)
        members += [("flows", .array(flows.map(\.json))), ("quality", quality.json)]
        return .object(members)
    }
}

extension PlanReportContent.Segment {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [
            ("site", .string(site)), ("span", span.json),
            ("electricity_source", .string(electricitySource)), ("factor", .string(factorID)),
        ]
        members += JSON.figure("grams_per_kwh", gramsPerKilowattHour)
        members += [
            ("factor_year", factorYear.map { JSON($0) } ?? .null),
            ("basis", .string(factorBasis)), ("gas", .string(gas)),
        ]
        members += JSON.known("energy", energy) { $0.json }
        members += JSON.known("energy_in_boundary", boundary) { $0.json }
        members += JSON.figure("pue", pue)
        members.append(("pue_source", .string(pueSource)))
        members += JSON.figure("o_it_grams", operationalIT)
        members += JSON.figure("o_facility_grams", operationalFacility)
        return .object(members)
    }
}

extension PlanReportContent.HostFlows {
    fileprivate var json: JSON {
        .object([
            ("scenario", .string(scenario)), ("counting_point", .string(countingPoint)),
            ("observed", .bool(isObserved)), ("completed", JSON(completed)),
            ("approved", JSON(approved)), ("refused", JSON(refused)), ("failed", JSON(failed)),
            ("incomplete", JSON(incomplete)), ("duplicates", JSON(duplicates)),
            ("deduplication", .string(deduplication)), ("rules_digest", .string(rulesDigest)),
        ])
    }
}

extension PlanReportContent.HostQuality {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [
            ("expected_seconds", .number(expectedSeconds)),
            ("covered_seconds", .number(coveredSeconds)), ("lost_seconds", .number(lostSeconds)),
        ]
        members += JSON.figure("coverage", coverage)
        members += [
            ("kernel_drops", JSON(kernelDrops)), ("gaps", JSON(gaps)),
            ("unpaired", JSON(unpaired)), ("encrypted_connections", JSON(encryptedConnections)),
            ("key_evictions", JSON(keyEvictions)),
        ]
        members += JSON.figure("clock_error_ms", clockErrorMilliseconds)
        members += [
            (
                "runs",
                .array(
                    runs.map { run in
                        .object([
                            ("run", .string(run.name)), ("first_seq", .integer(run.first)),
                            ("last_seq", .integer(run.last)),
                        ])
                    })
            ), ("records_expected", JSON(recordsExpected)),
            ("records_received", JSON(recordsReceived)),
        ]
        members += JSON.text("records_root", recordsRoot)
        members += JSON.text("signer", signer)
        members += JSON.text("agent_version", agentVersion)
        return .object(members)
    }
}
