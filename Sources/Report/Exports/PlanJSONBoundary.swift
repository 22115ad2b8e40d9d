import Metering

extension PlanReportContent.PlanIdentity {
    var json: JSON {
        .object(
            [
                ("title", .string(title)), ("organization", .string(organization)),
                ("contact", .string(contact)),
            ] + JSON.text("hash", hash)
                + JSON.known("sealed", sealed) { .string(Notation.utc($0)) }
                + JSON.known("lodging", lodging) { proof in
                    .object([
                        ("holder", .string(proof.holder)),
                        ("time", .string(Notation.utc(proof.time))),
                        ("proof", .string(proof.proof)),
                    ])
                } + rules)
    }

    private var rules: [(String, JSON)] {
        let policy: [(String, JSON)]
        switch embodied {
        case .omitted(let reason):
            policy = [
                ("m_policy", .string("omitted")), ("m_policy_reason", reason.json),
                ("m_sources", .array([])),
            ]
        case .included(let sources):
            policy = [
                ("m_policy", .string("included")), ("m_policy_reason", .null),
                ("m_sources", .array(sources.map(JSON.string))),
            ]
        }
        return [
            ("boundary", .string(boundary)),
            ("exclusions", .array(exclusions.map(JSON.string))), ("period", period.json),
            ("rounds", JSON(rounds)), ("reserve", JSON(reserve)),
            ("round_seconds", .number(roundSeconds)), ("grace_seconds", .number(graceSeconds)),
            ("justification", JSON(justification)), ("scope", .string(scope.rawValue)),
            ("minimum_coverage", .number(minimumCoverage)),
            ("full_coverage", .number(fullCoverage)),
            ("maximum_clock_error_ms", .number(maximumClockErrorMilliseconds)),
            ("rule_digests", .array(ruleDigests.map(JSON.string))),
            ("standard_weights", .bool(usesStandardWeights)),
        ] + policy
    }
}

extension PlanReportContent.SealedPlan {
    var json: JSON {
        .object([
            ("title", .string(title)), ("hash", .string(hash)),
            ("sealed", .string(Notation.utc(sealed))), ("period", period.json),
            ("fate", fate.json),
        ])
    }
}

extension PlanReportContent.AssetComparison {
    var json: JSON {
        .object([
            ("digest", .string(digest)), ("listed", .integer(listed)),
            ("in_boundary", .integer(inBoundary)), ("outside", .array(outside.map(\.json))),
            ("not_planned", .array(notPlanned.map(\.json))),
            ("not_listed", .array(notListed.map(\.json))),
        ])
    }
}

extension PlanReportContent.AssetComparison.Difference {
    fileprivate var json: JSON {
        .object([
            ("id", .string(id)), ("site", .string(site)), ("role", .string(role)),
            ("reason", reason?.json ?? .null),
        ])
    }
}

extension PlanReportContent.Host {
    var json: JSON {
        .object(
            [
                ("host", .string(id)), ("role", .string(role)),
                ("sites", .array(sites.map(JSON.string))), ("device", .bool(isDevice)),
                ("sources", .array(sources.map(JSON.string))),
                ("scopes", .array(scopes.map(JSON.string))), ("method", method.json),
                ("boundary_share", .number(boundaryShare)), ("allocation", allocation.json),
                ("simulated", .bool(isSimulated)),
            ] + JSON.known("energy", energy) { $0.json }
                + JSON.figure("measured_share", measuredShare)
                + JSON.figure("coverage", coverage)
                + JSON.figure("clock_error_ms", clockErrorMilliseconds)
                + JSON.text("agent_version", agentVersion))
    }
}

extension PlanReportContent.FactorDocument {
    var json: JSON {
        .object([
            ("factor", factor.json), ("level", .string(level)),
            ("uses", .array(uses.map(JSON.string))), ("market_based", .bool(isMarketBased)),
        ])
    }
}
