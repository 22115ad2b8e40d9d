import Metering

extension PlanReportContent {
    /// Version of the upstream rows' columns.
    static let upstreamVersion: UInt64 = 1

    /// The rows for accounting systems upstream as JSON, one a line.
    ///
    /// Rows of `row` = `segment` have energy and carbon, one for each stretch of a host's round
    /// under one factor; rows of `row` = `host` have M, flows and quality, one for each host and
    /// round. What the other kind has is `null`, so that whole columns may be summed. Sum O, M and
    /// deduplicated TA over hosts, then divide; never average or add the intensities of hosts.
    package func upstreamJSONLines() -> String {
        upstreamRows().map { JSON.object($0).line + "\n" }.joined()
    }

    /// The same rows as CSV. Flows have one column for each scenario and key, as
    /// `credit.completed`; lists are joined by `;`.
    package func upstreamCSV() -> String {
        let scenarioIDs = Self.unique(rounds.flatMap(\.hosts).flatMap(\.flows).map(\.scenario))
        let flat = upstreamRows().map { Self.flattened($0, scenarioIDs) }
        let titles = (flat.first ?? Self.flattened(emptyRow, scenarioIDs)).map(\.0)
        return CSV.text(titles, flat.map { $0.map(\.1) })
    }

    private typealias Members = [(String, JSON)]

    private func upstreamRows() -> [Members] {
        rounds.flatMap { round in round.hosts.flatMap { rows(round, $0) } }
    }

    private func rows(_ round: Round, _ host: HostRound) -> [Members] {
        var rows = host.segments.map { row(round, host, $0) }
        rows.append(row(round, host, nil))
        return rows
    }

    /// The row of a segment, or that of the host.
    private func row(_ round: Round, _ host: HostRound, _ segment: Segment?) -> Members {
        let whole = segment == nil ? host : nil
        var members = identity(round, host, segment)
        members += energy(host, segment)
        members += carbon(segment)
        members += embodied(whole)
        members.append(("flows", whole.map { .array($0.flows.map(flows)) } ?? .null))
        members += quality(whole)
        return members
    }

    private var emptyRow: Members {
        row(Round(number: 0, span: plan.period), HostRound(), Segment(span: plan.period))
    }

    private func identity(_ round: Round, _ host: HostRound, _ segment: Segment?) -> Members {
        let kind = segment == nil ? "host" : "segment"
        let site = (segment ?? host.segments.first)?.site
        return [
            ("schema_version", .integer(Self.upstreamVersion)), ("row", .string(kind)),
            ("plan_hash", JSON(plan.hash.value)), ("round_id", .string("\(round.number)")),
            ("revision", JSON(round.revision)),
            ("start_utc", .string(Notation.utc(round.span.from))),
            ("end_utc", .string(Notation.utc(round.span.to))), ("host_id", .string(host.host)),
            ("site_id", JSON(site)), ("role", .string(host.role)),
        ] + JSON.time("in_service_from", host.inServiceFrom)
            + JSON.time("in_service_to", host.inServiceTo)
    }

    private func energy(_ host: HostRound, _ segment: Segment?) -> Members {
        let energy = segment?.energy.value
        func part(_ part: EnergyPart?) -> JSON { JSON(part?.energy.rawValue) }
        return [
            ("energy_uj", part(energy?.total)), ("measured_uj", part(energy?.measured)),
            ("bridged_uj", part(energy?.bridged)), ("estimated_uj", part(energy?.estimated)),
            ("imputed_uj", part(energy?.imputed)), ("idle_uj", part(energy?.idle.value)),
            ("energy_source", .string(host.energySource)),
            ("energy_scope", .string(host.energyScope)), ("meter_id", JSON(host.meter)),
            ("wall_ratio", JSON(host.wallRatio.value)),
            ("allocation_method", .string(host.allocationMethod)),
            ("boundary_share", .number(host.boundaryShare)),
            ("energy_in_boundary_uj", part(segment?.boundary.value?.total)),
            ("simulated", .bool(host.isSimulated)),
        ]
    }

    private func carbon(_ segment: Segment?) -> Members {
        [
            ("segment_start", JSON(segment.map { Notation.utc($0.span.from) })),
            ("segment_end", JSON(segment.map { Notation.utc($0.span.to) })),
            ("electricity_source", JSON(segment?.electricitySource)),
            ("factor_id", JSON(segment?.factorID)),
            ("factor_g_per_kwh", JSON(segment?.gramsPerKilowattHour.value)),
            ("factor_year", segment?.factorYear.map { JSON($0) } ?? .null),
            ("basis", JSON(segment?.factorBasis)), ("gas", JSON(segment?.gas)),
            ("pue", JSON(segment?.pue.value)), ("pue_source", JSON(segment?.pueSource)),
            ("o_it_g", JSON(segment?.operationalIT.value)),
            ("o_facility_g", JSON(segment?.operationalFacility.value)),
        ]
    }

    private func embodied(_ host: HostRound?) -> Members {
        let policy = plan.embodied.isIncluded ? "included" : "omitted"
        return [
            ("te_g", JSON(host?.embodied.totalGrams.value)),
            ("lifetime_h", JSON(host?.embodied.lifetimeHours.value)),
            ("resource_share", JSON(host?.embodied.resourceShare.value)),
            ("m_g", JSON(host?.embodied.grams.value)), ("m_policy", .string(policy)),
        ]
    }

    private func flows(_ flows: HostFlows) -> JSON {
        .object([
            ("scenario", .string(flows.scenario)),
            ("counting_point_id", .string(flows.countingPoint)),
            ("observed", .bool(flows.isObserved)), ("completed", JSON(flows.completed)),
            ("approved", JSON(flows.approved)), ("refused", JSON(flows.refused)),
            ("failed", JSON(flows.failed)), ("incomplete", JSON(flows.incomplete)),
            ("duplicates", JSON(flows.duplicates)),
            ("dedup_scope", .string(flows.deduplication)),
            ("rules_digest", .string(flows.rulesDigest)),
        ])
    }

    private static let flowKeys = [
        "counting_point_id", "observed", "completed", "approved", "refused", "failed",
        "incomplete", "duplicates", "dedup_scope", "rules_digest",
    ]

    /// `boot_ids` are the agent's runs; `first_seq` and `last_seq` have one element for each.
    private func quality(_ host: HostRound?) -> Members {
        let quality = host?.quality
        func list(_ value: (RunRange) -> JSON) -> JSON {
            quality.map { .array($0.runs.map(value)) } ?? .null
        }
        return [
            ("expected_s", JSON(quality?.expectedSeconds)),
            ("covered_s", JSON(quality?.coveredSeconds)), ("lost_s", JSON(quality?.lostSeconds)),
            ("kernel_drops", JSON(quality?.kernelDrops)), ("gaps", JSON(quality?.gaps)),
            ("unpaired", JSON(quality?.unpaired)),
            ("encrypted_connections", JSON(quality?.encryptedConnections)),
            ("key_evictions", JSON(quality?.keyEvictions)),
            ("clock_error_ms", JSON(quality?.clockErrorMilliseconds.value)),
            ("boot_ids", list { .string($0.name) }), ("first_seq", list { .integer($0.first) }),
            ("last_seq", list { .integer($0.last) }),
            ("records_expected", JSON(quality?.recordsExpected)),
            ("records_received", JSON(quality?.recordsReceived)),
            ("records_root", JSON(quality?.recordsRoot.value)),
            ("signer_id", JSON(quality?.signer.value)),
            ("agent_version", JSON(quality?.agentVersion.value)),
        ]
    }

    private static func flattened(_ row: Members, _ ids: [String]) -> [(String, CSV.Cell)] {
        row.flatMap { key, value -> [(String, CSV.Cell)] in
            guard key == "flows" else { return [(key, CSV.Cell(value))] }
            var byScenario: [String: [String: JSON]] = [:]
            if case .array(let all) = value {
                for case .object(let members) in all {
                    let keyed = Dictionary(members, uniquingKeysWith: { one, _ in one })
                    if case .string(let id)? = keyed["scenario"] { byScenario[id] = keyed }
                }
            }
            return ids.flatMap { id in
                flowKeys.map { ("\(id).\($0)", CSV.Cell(byScenario[id]?[$0] ?? .null)) }
            }
        }
    }
}

extension CSV.Cell {
    /// A JSON value that is no object; lists are joined by `;`.
    init(_ value: JSON) {
        switch value {
        case .null, .object: self = .empty
        case .bool(let value): self.init(value)
        case .integer(let value): self.init(value)
        case .negative(let value): self = .number("\(value)")
        case .number(let value): self.init(value)
        case .string(let value): self = .text(value)
        case .array(let items):
            self = .text(
                items.map { item in
                    if case .string(let text) = item { text } else { item.line }
                }.joined(separator: ";"))
        }
    }
}
