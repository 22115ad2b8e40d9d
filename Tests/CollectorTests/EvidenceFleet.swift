import Assessment
import Bundle
import Foundation
import Imports
import Metering
import Records
import SCI
import Store
import Testing

@testable import Collector

/// Two counting hosts that count flows of each other, at other times too; a database with a window missing,
/// hardware past its life and a wall ratio; a switch with a meter; a host outside the plan; a scenario of the
/// ledger's, and one that the ledger contradicts in round 2.
enum EvidenceFleet {
    static let start = origin + 60

    static func time(_ seconds: UInt64) -> Timestamp {
        Timestamp((origin + seconds) * 1_000_000_000)
    }

    static var plan: Plan {
        let source = MeasuredRatio(
            value: PartsPerMillion(rawValue: 1_370_000), source: "clamp", period: "2026-10")
        return Plan(
            title: "T", organization: "O", contact: "C", boundary: "B",
            schedule: RoundSchedule(
                start: time(60), length: .seconds(60), rounds: 2, reserve: 2, grace: .zero,
                justification: "accelerated"),
            scenarios: [
                PlannedScenario(id: .credit, countingHosts: ["loan-1", "loan-2"]),
                PlannedScenario(id: .drawdown, countingHosts: ["loan-1"]),
                PlannedScenario(id: .repayment, volume: .ledger(reason: "by file")),
                PlannedScenario(
                    id: .query, countingHosts: ["loan-1", "loan-2"], isReconciled: true),
            ],
            sites: [
                Site(
                    id: "a", name: "A",
                    supplies: [
                        Supply(source: "grid", factor: "grid"),
                        Supply(from: time(97), source: "diesel", factor: "diesel"),
                    ]), Site(id: "b", name: "B", supplies: [Supply(source: "g", factor: "grid")]),
            ],
            hosts: ["loan-1", "loan-2"].map {
                PlannedHost(
                    id: $0, role: "app", assignments: [Assignment(site: "a")], model: "m",
                    installed: time(0))
            } + [
                PlannedHost(
                    id: "db", role: "db",
                    assignments: [
                        Assignment(site: "b", to: time(113)),
                        Assignment(site: "a", from: time(125)),
                    ], allocation: .reserved(PartsPerMillion(rawValue: 333_333), reason: "shared"),
                    wallRatio: source, model: "m",
                    installed: Timestamp(time(150).rawValue - 3_600_000_000_000))
            ],
            devices: [
                PlannedDevice(
                    id: "switch", role: "switch", site: "b", meter: "pdu", model: "m",
                    installed: time(0))
            ],
            factors: [
                PlanFleet.factor("diesel", PlanFleet.diesel),
                PlanFleet.factor("grid", PlanFleet.grid),
            ],
            embodied: .included(
                models: [
                    HardwareModel(
                        id: "m", lowGrams: 500_000, typicalGrams: 900_000, highGrams: 2_000_001,
                        lifetimeHours: 1, source: "LCA")
                ]),
            validity: ValidityRules(
                fullCoverage: PartsPerMillion(rawValue: 990_000),
                minimumCoverage: PartsPerMillion(rawValue: 800_000)))
    }

    /// Fills a store and gives the bundle of its plan.
    static func bundle(_ store: SQLiteRecordStore) throws -> [UInt8] {
        let document = try PlanDocument.encode(plan)
        let hash = try #require(PlanDocument.hash(of: document))
        let sealed = try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: [], start: time(60), sealedAt: time(0)))
        try fill(store)
        try importBeside(store)
        let request = PlanReportRequest(
            plan: plan, sealed: sealed, factors: try FactorTable.builtIn(), now: time(300),
            software: .init(name: "Jouleflow", version: "test"))
        nonisolated(unsafe) var bytes: [UInt8] = []
        _ = try Pipeline.export(request, from: store) { bytes += $0 }
        return bytes
    }

    private static func fill(_ store: SQLiteRecordStore) throws {
        for (index, name) in ["loan-1", "loan-2"].enumerated() {
            let agent = try FleetAgent(name)
            for window in UInt64(1)...40 {
                let own = (UInt64(index) + 1) * 10_000 + window * 10
                var digests = [own, own + 1]
                // The flows of a round, of which one was counted by the other host four windows before.
                if index == 1, window > 4 { digests.append(10_000 + (window - 4) * 10) }
                // And some that the other counts at the same time, or long after.
                if window.isMultiple(of: 3) { digests.append(5_000 + window) }
                if index == 0, window > 30 { digests.append(20_000 + (window - 20) * 10) }
                for entry in try agent.entries(window, digests, cutOff: window == 3) {
                    try agent.keep(entry, in: store)
                }
            }
        }
        for name in ["db", "extra"] {
            let agent = try SampleAgent(name)
            for window in UInt64(1)...40 where name == "extra" || window != 15 {
                try agent.signer.keep(
                    [try agent.record(window)], from: window, under: agent.manifest, in: store)
            }
        }
    }

    private static func importBeside(_ store: SQLiteRecordStore) throws {
        func line(_ name: String, _ from: UInt64, _ to: UInt64, _ value: String) -> String {
            "\(name),\(time(from).rfc3339),\(time(to).rfc3339),\(value)\n"
        }
        func ledger(_ lines: String) throws -> ImportContent {
            try ImportFile.ledger(
                Array(("scenario,from,to,flows\n" + lines).utf8), file: "ledger.csv")
        }
        let meter =
            "meter,from,to,kwh\n" + line("pdu", 50, 100, "0.0041")
            + line("pdu", 100, 150, "0.003800007") + line("pdu", 150, 310, "0.01")
        let first =
            line("query", 60, 120, "24") + line("query", 120, 180, "25")
            + line("query", 180, 210, "10") + line("query", 210, 240, "18")
            + line("query", 240, 300, "24") + line("repayment", 60, 300, "1")
        let second =
            line("repayment", 60, 120, "5") + line("repayment", 120, 180, "6")
            + line("repayment", 180, 240, "7") + line("repayment", 240, 300, "8")
        for content in [
            try ImportFile.meter(Array(meter.utf8), file: "meter.csv"),
            try ledger(first.replacing(line("repayment", 60, 300, "1"), with: "")),
            try ledger(second.replacing(",5\n", with: ",4\n")), try ledger(second),
        ] {
            _ = try Pipeline.keep(
                content, file: "f.csv", signedBy: nil, signature: nil, at: time(300), in: store)
        }
    }
}
