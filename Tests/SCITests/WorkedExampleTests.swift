import Assessment
import Foundation
import Metering
import Testing

@testable import SCI

/// The values of the tables of docs/report.md by step.
private func documented() throws -> [String: Double] {
    let manual = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../docs/report.md")
    let lines = try String(contentsOf: manual, encoding: .utf8).split(separator: "\n")
    var values: [String: Double] = [:]
    for line in lines {
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        if cells.count >= 2 { values[cells[0]] = Double(cells[1]) }
    }
    return values
}

/// Whether four significant digits of `found` are `printed`.
private func rounds(_ found: Double?, to printed: Double?) -> Bool {
    guard let found, let printed, found > 0 else { return false }
    let scale = pow(10, 3 - floor(log10(found)))
    return (found * scale).rounded(.toNearestOrEven) == (printed * scale).rounded()
}

@Suite("The worked examples of the manual")
struct WorkedExamples {
    @Test("one round comes out as printed")
    func oneRound() throws {
        let values = try documented()
        let estimated = try #require(values["boundary, estimated"])
        let imputed = try #require(values["boundary, imputed"])
        let host = PlannedHost(
            id: "a", role: "app", assignments: [],
            allocation: .reserved(PartsPerMillion(rawValue: 600_000), reason: "r"), model: "m")
        let model = HardwareModel(
            id: "m", lowGrams: 0, typicalGrams: 900_000, highGrams: 900_000, lifetimeHours: 35_040,
            source: "s")
        let one = AssessedRound(
            number: 0, interval: Interval(start: time(0), end: time(100)),
            segments: [
                segment(
                    .host("a"), 0, 100,
                    energies(0, imputed: UInt64(imputed), estimated: UInt64(estimated)))
            ], volumes: volumes([10, 20, 30, 40]), isSound: true)
        let found = try figures(
            plan(length: 100, factors: [factor("g", 0.5227)], hosts: [host], models: [model]),
            [one])
        let figure = found.rounds[0].intensity
        #expect(rounds(figure.operationalGrams, to: values["O"]))
        #expect(rounds(figure.embodiedGrams, to: values["M"]))
        #expect(figure.units.value.map { Double($0) } == values["R"])
        #expect(rounds(figure.gramsPerUnit.value, to: values["SCI_CF^j"]))
    }

    @Test("the mean of two rounds comes out as printed")
    func twoRounds() throws {
        let values = try documented()
        let found = try figures(
            plan(rounds: 2, factors: [factor("g", 0.5366)]),
            [round(0, of: 2, kwh: 36, units: 20_000), round(1, of: 2, kwh: 60, units: 300_000)])
        let summary = found.summary
        for (step, value) in [
            ("first round", found.rounds[0].intensity.gramsPerUnit.value),
            ("second round", found.rounds[1].intensity.gramsPerUnit.value),
            ("mean", summary.mean), ("ratio of sums", summary.ratioOfSums),
            ("deviation", summary.sampleDeviation),
            ("half of the interval", summary.confidenceHalfWidth),
        ] {
            #expect(rounds(value, to: values[step]), "\(step)")
        }
    }
}
