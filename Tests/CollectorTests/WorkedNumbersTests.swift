import Assessment
import Bundle
import Foundation
import Metering
import Records
import Report
import SCI
import Store
import Testing

@testable import Collector

/// One server with a wall meter and records of an hour, over rounds with so much energy and business.
private struct WorkedServer {
    struct Round {
        let wattHours: UInt64
        let units: UInt64
    }

    /// In microjoules.
    static let wattHour: UInt64 = 3_600_000_000
    static let start = origin * 1_000_000_000
    static let hour: UInt64 = 3_600_000_000_000

    let hours: UInt64
    let rounds: [Round]
    /// µg/kWh.
    let factor: UInt64
    /// In grams, over four years; left out where there is none.
    var embodied: UInt64?

    private var length: Nanoseconds { Nanoseconds(hours * Self.hour) }

    private var plan: Plan {
        Plan(
            title: "t", organization: "o", contact: "c", boundary: "b",
            schedule: RoundSchedule(
                start: Timestamp(Self.start), length: length, rounds: rounds.count, reserve: 0,
                grace: .zero), scenarios: StandardWeights.scenarios.map { PlannedScenario(id: $0) },
            sites: [Site(id: "s", name: "s", supplies: [Supply(source: "grid", factor: "g")])],
            hosts: [
                PlannedHost(
                    id: "server", role: "app", assignments: [Assignment(site: "s")],
                    model: embodied == nil ? nil : "m")
            ],
            factors: [
                EmissionFactor(
                    id: "g", level: "own", area: "here", year: 2023, basis: "average",
                    kilogramsPerKilowattHour: Double(factor) / 1e9, grade: "A", source: "s")
            ],
            embodied: embodied.map { grams in
                .included(models: [
                    HardwareModel(
                        id: "m", lowGrams: grams, typicalGrams: grams, highGrams: grams,
                        lifetimeHours: 35_040, source: "s")
                ])
            } ?? .omitted(reason: "r"))
    }

    /// The JSON report, made from records in a store.
    func report(in directory: TemporaryDirectory) throws -> [String: Any] {
        let store = try SQLiteRecordStore(path: directory.path + "/\(UUID().uuidString).db")
        let document = try PlanDocument.encode(plan)
        let hash = try #require(PlanDocument.hash(of: document))
        let sealed = try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: [], start: plan.schedule.start,
                sealedAt: Timestamp(Self.start - 1)))
        let run = RunID(7)
        let signer = Signer("server", run: run)
        let manifest = try manifest()
        let digest = RecordCodec.digest(ofManifest: manifest)
        var records: [[UInt8]] = []
        for (number, round) in rounds.enumerated() {
            for hour in 0..<hours {
                let begin = Self.start + (UInt64(number) * hours + hour) * Self.hour
                records.append(
                    try RecordCodec.encode(
                        record(
                            run, UInt64(records.count + 1), digest, begin,
                            round.wattHours / hours * Self.wattHour,
                            units: hour == 0 ? round.units : 0)))
            }
        }
        try signer.keep(records, from: 1, under: manifest, in: store)
        let end = Self.start + UInt64(rounds.count) * length.rawValue
        let content = try Pipeline.report(
            PlanReportRequest(
                plan: plan, sealed: sealed, factors: try FactorTable.builtIn(),
                now: Timestamp(end), software: .init(name: "Jouleflow", version: "test")),
            from: store)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(content.json().utf8)) as? [String: Any])
    }

    private func manifest() throws -> [UInt8] {
        try RecordCodec.encode(
            Manifest(
                agent: "server", hostName: "server", bootID: "b", softwareVersion: "1",
                simulated: true, windowLength: Nanoseconds(Self.hour), source: .wall, scope: .host,
                zones: [
                    ZoneDescription(
                        control: "hwmon", name: "power1", parent: "", kind: .wall, counted: true,
                        source: .wall)
                ],
                services: [ServiceDescription(name: "s", ports: [8080], countsFlows: true)],
                scenarios: StandardWeights.scenarios,
                rulesDigest: String(repeating: "0", count: 64), model: .standard, idle: nil))
    }

    /// One flow of each scenario, and queries for the rest of the units.
    private func record(
        _ run: RunID, _ sequence: UInt64, _ manifest: ManifestDigest, _ begin: UInt64,
        _ energy: UInt64, units: UInt64
    ) -> Record {
        let flows = units == 0 ? [0, 0, 0, 0] : [1, 1, 1, units - 24 - 7 - 3]
        var tally = Tally(
            scenarios: flows.map { flows in
                var one = ScenarioTally(observation: .seen)
                (one.completed, one.flows, one.requests) = (flows, flows, flows)
                return one
            }, services: [ServiceTally(scenarios: 4)])
        tally.services[0].flows = flows
        var partition = EnergyPartition(scenarios: 4)
        partition.undivided = Microjoules(energy)
        partition.undividedReason = .idleUnknown
        return Record(
            run: run, sequence: sequence, manifest: manifest,
            window: Window(
                start: Timestamp(begin), end: Timestamp(begin + Self.hour),
                duration: Nanoseconds(Self.hour)), flags: [.simulated],
            zones: [.measured(Microjoules(energy))], energy: .known(Microjoules(energy)),
            partition: partition,
            processor: ProcessorTime(
                hostBusy: .known(.seconds(1)), services: [.unknown(.notFound)]),
            tally: tally, clockError: 100)
    }
}

@Suite("Worked numbers come out of the report as they were worked by hand")
struct WorkedNumbersTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// With so many significant digits.
    private func printed(_ value: Any?, _ digits: Int = 3) -> String {
        guard let value = value as? Double, value > 0 else { return "none" }
        let decimals = max(0, digits - 1 - Int(log10(value).rounded(.down)))
        return String(format: "%.\(decimals)f", value)
    }

    @Test("one round of much business and one of little: 0.537 g against 0.161 g")
    func twoRounds() throws {
        let report = try WorkedServer(
            hours: 12,
            rounds: [
                .init(wattHours: 36_000, units: 20_000), .init(wattHours: 60_000, units: 300_000),
            ], factor: 536_600_000
        ).report(in: directory)
        let result = try #require(report["result"] as? [String: Any])
        #expect(printed(result["mean_grams_per_unit"]) == "0.537")
        #expect(printed(result["ratio_of_sums_grams_per_unit"]) == "0.161")
        #expect(result["means_differ"] as? Bool == true)
    }

    @Test("a round with next to no business among three: 64.5 g against 0.139 g")
    func nearlyEmpty() throws {
        let report = try WorkedServer(
            hours: 12,
            rounds: [
                .init(wattHours: 36_000, units: 100), .init(wattHours: 60_000, units: 300_000),
                .init(wattHours: 60_000, units: 300_000),
            ], factor: 536_600_000
        ).report(in: directory)
        let result = try #require(report["result"] as? [String: Any])
        #expect(printed(result["mean_grams_per_unit"]) == "64.5")
        #expect(printed(result["ratio_of_sums_grams_per_unit"]) == "0.139")
    }

    @Test(
        "a server of 300 W: O of 3.82 kg a day, M of 14 % or 43 % of O + M",
        arguments: [(900_000 as UInt64, "0.62", "14"), (4_283_000, "2.93", "43")])
    func embodied(grams: UInt64, daily: String, share: String) throws {
        let day = WorkedServer.Round(wattHours: 7_200, units: 1_000)
        let report = try WorkedServer(
            hours: 24, rounds: [day], factor: 530_600_000, embodied: grams
        ).report(in: directory)
        let result = try #require(report["result"] as? [String: Any])
        let operational = try #require(result["o_grams"] as? Double) / 1_000
        let masses = try #require(result["m_grams"] as? [String: Any])
        let mass = try #require(masses["typical"] as? Double) / 1_000
        #expect(String(format: "%.2f", operational) == "3.82")
        #expect(String(format: "%.2f", mass) == daily)
        #expect(String(format: "%.0f", mass / (operational + mass) * 100) == share)
    }
}
