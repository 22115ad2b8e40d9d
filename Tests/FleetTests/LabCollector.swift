import Assessment
import Bundle
import Crypto
import Foundation
import Imports
import Logging
import Metering
import NIOCore
import Report
import SCI
import Settings
import Store
import Testing

@testable import Collector

/// A collector on a port of 127.0.0.1, with its store in a file.
struct LabCollector: Sendable {
    let store: SQLiteRecordStore
    /// All that comes is received then.
    private let clock: Timestamp

    init(store path: String, at clock: Timestamp) throws {
        store = try SQLiteRecordStore(path: path)
        self.clock = clock
    }

    struct NoAddress: Error {}

    /// Serves while `body` runs, which is given the port.
    func serving(_ body: @Sendable (Int) async throws -> Void) async throws {
        let (ports, found) = AsyncStream<Int>.makeStream()
        var limits = ServerLimits()
        limits.clockAhead = .seconds(86_400)
        let server = Server(
            host: "127.0.0.1", port: 0, store: store, limits: limits, now: { [clock] in clock },
            log: Logger(label: "fleet") { _ in SwiftLogNoOpLogHandler() },
            listening: { found.yield($0.port ?? 0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            for await port in ports { return try await body(port) }
            throw NoAddress()
        }
    }

    /// Takes what another collector exports. Gives how many records were new, and how many were there.
    func take(from other: Self) throws -> (new: Int, known: Int) {
        var bytes: [UInt8] = []
        _ = try other.store.export(from: Timestamp(0), to: Timestamp(.max)) { bytes += $0 }
        var rest = bytes[...]
        var summary = ImportSummary()
        try StoreImport.run(into: store, &summary) { count in
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        #expect(summary.refused.isEmpty && summary.more == 0)
        return (summary.stored, summary.duplicates)
    }
}

/// A plan that was sealed in time, and the report on it.
struct LabAssessment {
    private let script: FleetScript
    private let factors: FactorTable
    private let sealed: SealedPlan
    private let plan: Plan

    /// Seals the plan at the time of the script, and takes the imports.
    init(_ script: FleetScript, in store: SQLiteRecordStore) throws {
        self.script = script
        let factors = try FactorTable(csv: Array(script.factors.utf8), file: "factors.csv")
        self.factors = factors
        let surroundings = PlanSurroundings(
            factorIDs: factors.factors.map(\.id), factor: { factors[$0] },
            digest: { SHA256.hash(data: $0).map { String($0, radix: 16) }.joined() })
        plan = try PlanFile.parse(Array(script.plan.utf8), name: "plan.yaml", surroundings).plan
        let document = try PlanDocument.encode(plan)
        let hash = try #require(PlanDocument.hash(of: document))
        sealed = try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: Array(script.plan.utf8),
                start: plan.schedule.start, sealedAt: Timestamp(script.sealed)))
        for content in [
            try ImportFile.ledger(Array(script.ledger.utf8), file: "ledger.csv"),
            try ImportFile.meter(Array(script.readings.utf8), file: "meters.csv"),
        ] {
            _ = try Pipeline.keep(
                content, file: "import.csv", signedBy: "the lab", signature: nil,
                at: Timestamp(script.sealed), in: store)
        }
    }

    func report(from store: SQLiteRecordStore) throws -> PlanReportContent {
        try Pipeline.report(
            PlanReportRequest(
                plan: plan, sealed: sealed, factors: factors, now: Timestamp(script.now),
                software: .init(name: "Jouleflow", version: "fleet")), from: store)
    }
}
