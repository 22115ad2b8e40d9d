import Foundation
import Testing

@testable import Report

/// The records of a CSV text, by the grammar of RFC 4180.
private func records(_ text: String) -> [[String]] {
    var out: [[String]] = []
    var row: [String] = []
    var cell = ""
    var isQuoted = false
    var scalars = Array(text.unicodeScalars)[...]
    while let next = scalars.popFirst() {
        switch (isQuoted, next) {
        case (true, "\""):
            if scalars.first == "\"" {
                cell.unicodeScalars.append("\"")
                scalars.removeFirst()
            } else {
                isQuoted = false
            }
        case (true, _): cell.unicodeScalars.append(next)
        case (false, "\""): isQuoted = true
        case (false, ","):
            row.append(cell)
            cell = ""
        case (false, "\r"):
            #expect(scalars.popFirst() == "\n")
            row.append(cell)
            out.append(row)
            (row, cell) = ([], "")
        default: cell.unicodeScalars.append(next)
        }
    }
    #expect(row.isEmpty && cell.isEmpty)
    return out
}

private func objects(_ lines: String) throws -> [[String: Any]] {
    try lines.split(separator: "\n").map { line in
        try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

@Suite("The files beside the report")
struct ExportTests {
    @Test("have rows of one length, whatever names are in them", arguments: hostileTexts)
    func hostile(text: String) {
        let content = Sample(hosts: 4, hostile: text).full()
        for csv in [content.roundsCSV(), content.hostRoundsCSV(), content.upstreamCSV()] {
            let all = records(csv)
            #expect(all.count > 9)
            #expect(Set(all.map(\.count)).count == 1)
        }
    }

    @Test("have no cell that a spreadsheet would compute")
    func formulas() {
        let csv = Sample(hosts: 2, hostile: "=1+1").full().hostRoundsCSV()
        let cells = records(csv).dropFirst().joined()
        #expect(cells.contains("'=1+1 app-00"))
        #expect(!cells.contains { $0.hasPrefix("=") || $0.hasPrefix("@") })
    }

    @Test("tell numbers in full precision")
    func precision() throws {
        let content = Sample().full()
        let rows = records(content.roundsCSV())
        let column = try #require(rows.first?.firstIndex(of: "sci_g_per_unit"))
        for (row, round) in zip(rows.dropFirst(), content.rounds) {
            #expect(Double(row[column]) == round.intensity.value)
        }
    }

    @Test("leave out what is not known, and write no zero for it")
    func unknown() throws {
        let rows = records(Sample().incomplete().roundsCSV())
        let column = try #require(rows.first?.firstIndex(of: "query_ta"))
        #expect(rows[5][column].isEmpty)
        #expect(rows[1][column] == "56301")
    }

    @Test("upstream: the columns are those that were agreed, in the same order in both forms")
    func columns() throws {
        let content = Sample(hosts: 3).full()
        let head = try #require(records(content.upstreamCSV()).first)
        let wanted = """
            schema_version row plan_hash round_id revision start_utc end_utc host_id site_id role \
            in_service_from in_service_to energy_uj measured_uj bridged_uj estimated_uj imputed_uj \
            idle_uj energy_source energy_scope meter_id wall_ratio allocation_method \
            boundary_share energy_in_boundary_uj simulated segment_start segment_end \
            electricity_source factor_id factor_g_per_kwh factor_year basis gas pue pue_source \
            o_it_g o_facility_g te_g lifetime_h resource_share m_g m_policy
            """.split(separator: " ").map(String.init)
        #expect(Array(head.prefix(wanted.count)) == wanted)
        let quality = """
            expected_s covered_s lost_s kernel_drops gaps unpaired encrypted_connections \
            key_evictions clock_error_ms boot_ids first_seq last_seq records_expected \
            records_received records_root signer_id agent_version
            """.split(separator: " ").map(String.init)
        #expect(Array(head.suffix(quality.count)) == quality)
        #expect(head.contains("credit.counting_point_id") && head.contains("query.dedup_scope"))
        for row in try objects(content.upstreamJSONLines()) {
            #expect(Set(row.keys) == Set(wanted + ["flows"] + quality))
        }
    }

    @Test("upstream: a whole column sums to the round's figure, as no row repeats another's part")
    func sums() throws {
        let content = Sample(hosts: 8).full()
        let rows = try objects(content.upstreamJSONLines())
        for round in content.rounds {
            let own = rows.filter { $0["round_id"] as? String == "\(round.number)" }
            let operational = own.compactMap { $0["o_it_g"] as? Double }.reduce(0, +)
            #expect(abs(operational - (round.operationalIT.value ?? 0)) < 1e-6)
            let mass = own.compactMap { $0["m_g"] as? Double }.reduce(0, +)
            #expect(abs(mass - (round.embodied.value?.typical ?? 0)) < 1e-6)
            #expect(own.count { $0["row"] as? String == "host" } == 8)
            #expect(own.count { $0["row"] as? String == "segment" } == (round.number == 4 ? 9 : 8))
        }
    }

    @Test("report.yaml has the keys of the specification, and none that a name could add")
    func sciReport() throws {
        for text in hostileTexts + ["x\nsci: 0", "- a: b", "!!python/object", "\u{85}\u{FEFF}"] {
            let yaml = try #require(Sample(hosts: 2, hostile: text).full().sciReportYAML())
            let keys = yaml.split(separator: "\n").map { $0.prefix { $0 != ":" } }
            #expect(
                keys == [
                    "sci", "  software-boundary", "  sci", "  r", "  r-source", "metadata",
                    "  name", "  contact-name", "  contact-email", "  organization", "  guid",
                    "  entity-version", "  sci-version", "  calculation-date",
                    "  workload-start-time", "  calculation-information",
                ])
            #expect(yaml.contains("contact-email: \"zhang.san@example.com\""))
            #expect(yaml.contains("guid: 9f2c41d0-7be8-8a36-9f2c-41d07be85a36"))
            #expect(yaml.contains("calculation-date: '2026-10-10'"))
        }
    }

    @Test("there is no report.yaml without a result")
    func noResult() {
        #expect(Sample().incomplete().sciReportYAML() == nil)
    }

    @Test("the manifest's inputs give each round's SCI when multiplied and summed anew")
    func manifest() throws {
        for scope in [PlanReportContent.Scope.equipment, .facility] {
            var content = Sample(hosts: 8).full()
            content.plan.scope = scope
            let yaml = try #require(content.impactManifestYAML())
            var sums: [Int: Double] = [:]
            let pattern =
                /energy: ([^,]+), grid\/carbon-intensity: ([^,]+),(?: pue: ([^,]+),)? embodied-carbon: ([^,]+), scicf-units: (\d+), scicf-round: (\d+)/
            for match in yaml.matches(of: pattern) {
                let numbers = [match.1, match.2, match.3 ?? "1", match.4].compactMap {
                    Double($0)
                }
                let units = try #require(Double(match.5))
                let round = try #require(Int(match.6))
                #expect(numbers.count == 4)
                sums[round, default: 0] +=
                    (numbers[0] * numbers[1] * numbers[2] + numbers[3]) / units
            }
            let counted = content.rounds.filter(\.use.isCounted)
            #expect(sums.count == counted.count)
            for round in counted {
                let operational =
                    scope == .equipment ? round.operationalIT : round.operationalFacility
                let wanted =
                    ((operational.value ?? 0) + (round.embodied.value?.typical ?? 0))
                    / Double(round.units.value ?? 0)
                #expect(abs((sums[round.number] ?? 0) - wanted) < 1e-9)
            }
        }
    }

    @Test("the manifest is not written with a part of it missing")
    func noManifest() {
        var content = Sample(hosts: 2).full()
        content.rounds[0].hosts[0].segments[0].boundary = .unknown(.notGiven)
        #expect(content.impactManifestYAML() == nil)
        content.rounds = []
        #expect(content.impactManifestYAML() == nil)
    }

    @Test("numbers of YAML are numbers in both versions of it")
    func yamlNumbers() {
        #expect(YAML.number(1e-7) == "1.0e-07")
        #expect(YAML.number(0.5) == "0.5")
        #expect(YAML.number(2e20) == "2.0e+20" || YAML.number(2e20) == "2e+20")
        #expect(YAML.number(.nan) == "null")
    }
}
