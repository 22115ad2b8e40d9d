import Metering

extension PlanReportContent {
    /// One line a round: `rounds.csv`.
    package func roundsCSV() -> String {
        let scenarioIDs = Self.unique(rounds.flatMap(\.scenarios).map(\.id))
        let titles =
            [
                "round", "reserve", "start_utc", "end_utc", "use", "revision", "energy_kwh",
                "measured_kwh", "bridged_kwh", "estimated_kwh", "imputed_kwh", "simulated_kwh",
                "o_it_g", "o_facility_g", "o_market_g", "o_g", "m_low_g", "m_typical_g",
                "m_high_g", "r_cf", "sci_g_per_unit", "unit", "coverage", "clock_error_ms",
                "records_root", "problems",
            ] + scenarioIDs.flatMap { id in Self.flowColumns.map { "\(id)_\($0)" } }
        return CSV.text(titles, rounds.map { cells($0) + flowCells($0, scenarioIDs) })
    }

    private static let flowColumns = [
        "ta", "approved", "refused", "failed", "incomplete", "duplicates",
        "duplicates_across_hosts", "outside_counting_layer", "ledger",
    ]

    static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    private func cells(_ round: Round) -> [CSV.Cell] {
        let energy = round.energy.value
        let parts = [
            energy?.total, energy?.measured, energy?.bridged, energy?.estimated, energy?.imputed,
            energy?.simulated,
        ]
        let mass = round.embodied.value
        return [
            CSV.Cell(round.number), CSV.Cell(round.isReserve),
            CSV.Cell(Notation.utc(round.span.from)), CSV.Cell(Notation.utc(round.span.to)),
            CSV.Cell(round.use.word), CSV.Cell(round.revision),
        ] + parts.map { CSV.Cell($0?.kilowattHours) } + [
            CSV.Cell(round.operationalIT.value), CSV.Cell(round.operationalFacility.value),
            CSV.Cell(round.operationalMarket.value), CSV.Cell(round.operational.value),
            CSV.Cell(mass?.low), CSV.Cell(mass?.typical), CSV.Cell(mass?.high),
            CSV.Cell(round.units.value), CSV.Cell(round.intensity.value),
            CSV.Cell(result.unit.rawValue), CSV.Cell(round.coverage.value),
            CSV.Cell(round.clockErrorMilliseconds.value), CSV.Cell(round.recordsRoot.value),
            CSV.Cell(round.problems.map(\.en).joined(separator: "; ")),
        ]
    }

    private func flowCells(_ round: Round, _ ids: [String]) -> [CSV.Cell] {
        ids.flatMap { id -> [CSV.Cell] in
            guard let scenario = round.scenarios.first(where: { $0.id == id }) else {
                return Self.flowColumns.map { _ in .empty }
            }
            return [
                scenario.volume.value, scenario.approved, scenario.refused, scenario.failed,
                scenario.incomplete, scenario.duplicates, scenario.duplicatesAcrossHosts,
                scenario.outsideLayer, scenario.ledger.value,
            ].map { CSV.Cell($0) }
        }
    }

    /// One line a host or device and round: `host-rounds.csv`.
    package func hostRoundsCSV() -> String {
        let titles = [
            "round", "start_utc", "end_utc", "host", "role", "sites", "energy_source",
            "energy_scope", "meter", "wall_ratio", "boundary_share", "simulated", "m_g",
            "coverage", "expected_s", "covered_s", "lost_s", "clock_error_ms", "runs",
            "records_expected", "records_received", "records_root", "signer", "agent_version",
        ]
        let rows = rounds.flatMap { round in
            round.hosts.map { host in Self.cells(round, host) }
        }
        return CSV.text(titles, rows)
    }

    private static func cells(_ round: Round, _ host: HostRound) -> [CSV.Cell] {
        let quality = host.quality
        let sites = unique(host.segments.map(\.site))
        let runs = quality.runs.map { "\($0.name):\($0.first)-\($0.last)" }
        return [
            CSV.Cell(round.number), CSV.Cell(Notation.utc(round.span.from)),
            CSV.Cell(Notation.utc(round.span.to)), CSV.Cell(host.host), CSV.Cell(host.role),
            CSV.Cell(sites.joined(separator: "; ")), CSV.Cell(host.energySource),
            CSV.Cell(host.energyScope), CSV.Cell(host.meter), CSV.Cell(host.wallRatio.value),
            CSV.Cell(host.boundaryShare), CSV.Cell(host.isSimulated),
            CSV.Cell(host.embodied.grams.value), CSV.Cell(quality.coverage.value),
            CSV.Cell(quality.expectedSeconds), CSV.Cell(quality.coveredSeconds),
            CSV.Cell(quality.lostSeconds), CSV.Cell(quality.clockErrorMilliseconds.value),
            CSV.Cell(runs.joined(separator: "; ")), CSV.Cell(quality.recordsExpected),
            CSV.Cell(quality.recordsReceived), CSV.Cell(quality.recordsRoot.value),
            CSV.Cell(quality.signer.value), CSV.Cell(quality.agentVersion.value),
        ]
    }
}

extension PlanReportContent.Use {
    /// The word that machines read.
    var word: String {
        switch self {
        case .counted: "counted"
        case .replaces: "replaces"
        case .invalid: "invalid"
        case .notNeeded: "not_needed"
        case .notClosed: "not_closed"
        }
    }
}
