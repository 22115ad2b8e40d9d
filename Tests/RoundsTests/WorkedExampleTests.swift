import Assessment
import Foundation
import Metering
import Testing

@testable import Rounds

/// The values of the tables of docs/report.md by step.
private func documented() throws -> [String: String] {
    let manual = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/report.md")
    let lines = try String(contentsOf: manual, encoding: .utf8).split(separator: "\n")
    var values: [String: String] = [:]
    for line in lines {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        if cells.count >= 2 { values[cells[0]] = cells[1] }
    }
    return values
}

@Suite("The worked example of the manual")
struct WorkedExample {
    @Test("comes out as printed")
    func energies() throws {
        var lifted = host("a")
        lifted.wallRatio = MeasuredRatio(
            value: PartsPerMillion(rawValue: 1_350_000), source: "", period: "")
        lifted.allocation = .reserved(PartsPerMillion(rawValue: 600_000), reason: "")
        let records =
            windows("a", 0, 95) + [busy("a", 96, 95, 96, microjoules: 3_000_000)]
            + windows("a", 97, 100, microjoules: 7_000_000)
        let round = try assess(plan([lifted]), records)[0]
        let energy = try #require(round.machine("a")?.energy)
        let values = try documented()
        for (step, found) in [
            ("metered, measured", energy.metered.measured),
            ("metered, imputed", energy.metered.imputed),
            ("host, estimated", energy.host.estimated), ("host, imputed", energy.host.imputed),
            ("boundary, estimated", energy.boundary.estimated),
            ("boundary, imputed", energy.boundary.imputed),
        ] {
            #expect(values[step] == "\(found.rawValue)", "\(step)")
        }
        #expect(energy.boundary.measured == .zero && energy.boundary.bridged == .zero)
    }
}
