import Assessment
import Bundle
import Chain
import Foundation
import GRDB
import Imports
import Logging
import Metering
import Records
import Report
import SCI
import Store
import Testing

@testable import Collector

@Suite("A closed round stays closed")
struct RevisionTests {
    let directory: TemporaryDirectory
    let truth = PlanTruth()
    private let software = PlanReportContent.Software(name: "Jouleflow", version: "test")

    init() throws { directory = try TemporaryDirectory() }

    private func store(_ name: String = "a") throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/\(name).db")
    }

    /// So long after a round closed; it settles in 60 s.
    private func after(_ round: Int, seconds: UInt64 = 60) -> Timestamp {
        Timestamp(Deliveries.end(round) + (10 + seconds) * 1_000_000_000)
    }

    private func close(
        _ plan: SealedPlan, in store: SQLiteRecordStore, at now: Timestamp
    ) throws -> [NewRevision] {
        try Pipeline.closeRounds(
            of: plan, in: store, factors: .builtIn(), software: software, at: now)
    }

    private func revise(
        _ plan: SealedPlan, in store: SQLiteRecordStore, at now: Timestamp
    ) throws -> [NewRevision] {
        try Pipeline.reviseRounds(
            of: plan, in: store, factors: .builtIn(), software: software, at: now)
    }

    private func report(
        _ plan: SealedPlan, in store: SQLiteRecordStore, at now: Timestamp
    ) throws -> PlanReportContent {
        try Pipeline.report(
            PlanReportRequest(
                plan: PlanFleet.plan, sealed: plan, factors: .builtIn(), now: now,
                software: software), from: store
        ) {
            try store.keep($0, of: plan.hash).count == $0.count
        }
    }

    @Test(
        "with the same bytes in whatever order its records came within the grace",
        arguments: [1, 2, 3])
    func order(seed: UInt64) throws {
        let deliveries = try Deliveries(seed: seed)
        // The collector closes each round as its time comes, while later rounds are delivered.
        let running = try store("running")
        let plan = try PlanFleet.seal(in: running)
        var waiting = deliveries.all[...]
        for round in 0..<PlanFleet.rounds {
            while let next = waiting.first, next.at <= after(round) {
                try deliveries.deliver(next, to: running)
                waiting.removeFirst()
            }
            #expect(try close(plan, in: running, at: after(round, seconds: 59)).isEmpty)
            let kept = try close(plan, in: running, at: after(round))
            #expect(kept.map(\.round) == [round + 1] && kept.map(\.revision) == [1])
            #expect(try close(plan, in: running, at: after(round)).isEmpty)
        }
        #expect(waiting.isEmpty)
        // Another has all records from host to host, and closes all rounds with its first report.
        let late = try store("late")
        let same = try PlanFleet.seal(in: late)
        for one in try Deliveries(seed: seed + 100).all.sorted(by: { $0.host > $1.host }) {
            try deliveries.deliver(one, to: late)
        }
        let content = try report(same, in: late, at: after(3, seconds: 86_400))
        let (first, second) = (
            try running.revisions(of: plan.hash), try late.revisions(of: same.hash)
        )
        #expect(first.count == 4 && first.map(\.bytes) == second.map(\.bytes))
        #expect(first.map(\.digest) == second.map(\.digest))
        #expect(content.revisions.map(\.round) == [1, 2, 3, 4])
        #expect(content.revisions.allSatisfy { $0.revision == 1 && $0.isKept })
        #expect(content.rounds.map(\.revision) == [1, 1, 1, 1])
        #expect(content.result.meanAtClosing.value == content.result.mean.value)
        #expect(content.result.mean.value != nil)
        for (kept, truth) in zip(first, truth.rounds) where kept.round != 2 {
            let document = try RoundDocument(decoding: kept.bytes)
            let energy = document.machines.compactMap(\.energy).reduce(UInt64(0)) {
                $0 + $1.total.rawValue
            }
            #expect(energy == truth.energy)
            #expect(document.units == truth.units && document.isValid)
            let intensity = try #require(document.intensity.flatMap { Double($0) })
            #expect(abs(intensity / truth.intensity - 1) < 1e-12)
        }
        #expect(try RoundDocument(decoding: first[1].bytes).isValid == false)
        // Looking again changes nothing.
        #expect(try revise(plan, in: running, at: after(3, seconds: 90_000)).isEmpty)
        _ = try report(same, in: late, at: after(3, seconds: 90_000))
        #expect(try running.revisions(of: plan.hash) == first)
        #expect(try late.revisions(of: same.hash) == second)
    }

    @Test("and a late record makes one revision more, which tells what it changed")
    func lateRecord() throws {
        let deliveries = try Deliveries(seed: 9)
        let late = after(3, seconds: 3_600)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        // Window 11 of a2 lies in round 1, whose lack is filled; counts are others' business.
        let all = deliveries.hold(11, of: "a2", until: late)
        for one in all where one.at < late { try deliveries.deliver(one, to: store) }
        #expect(try close(plan, in: store, at: after(3)).count == 4)
        #expect(try revise(plan, in: store, at: after(3)).isEmpty)
        let before = try report(plan, in: store, at: after(3))
        for one in all where one.at == late { try deliveries.deliver(one, to: store) }
        let new = try revise(plan, in: store, at: late + .seconds(1))
        #expect(new.map(\.round) == [1] && new.map(\.revision) == [2])
        #expect(try revise(plan, in: store, at: late + .seconds(2)).isEmpty)
        let content = try report(plan, in: store, at: late + .seconds(3))
        #expect(try store.revisions(of: plan.hash).map(\.round) == [1, 1, 2, 3, 4])
        #expect(content.rounds.map(\.revision) == [2, 1, 1, 1])
        #expect(content.result.meanAtClosing.value == before.result.mean.value)
        let mean = [0, 2, 3].map { truth.rounds[$0].intensity }.reduce(0, +) / 3
        let shownMean = try #require(content.result.mean.value)
        #expect(abs(shownMean / mean - 1) < 1e-12)
        #expect(content.result.mean.value != before.result.mean.value)

        let revision = try #require(content.revisions.first { $0.isLate })
        #expect(revision.reason.en == "late records of a2: +1 (abcd0001:12)")
        #expect(revision.time == late + .seconds(1) && revision.software == "Jouleflow test")
        let imputed = try #require(
            revision.changes.first { $0.figure.en == "imputed energy, kWh" })
        let filled = try #require(imputed.before.value)
        #expect(filled > (imputed.after.value ?? .infinity))
        let energy = try #require(
            revision.changes.first { $0.figure.en == "energy of a2, kWh" })
        let whole = truth.rounds[0].parts.filter { $0.host == "a2" }.reduce(0) { $0 + $1.total }
        #expect(energy.after.value == Double(whole) / 3.6e12)
        let shown = try #require(before.rounds[0].hosts[1].segments[0].boundary.value)
        #expect(energy.before.value == Double(shown.total.energy.rawValue) / 3.6e12)
        let sci = try #require(revision.changes.first { $0.figure.en == "SCIʲ" })
        #expect(sci.before.value == before.rounds[0].intensity.value)
        #expect(sci.after.value == content.rounds[0].intensity.value)
        let table = content.table(.english)
        #expect(table.contains("Round 1, revision 2, "))
        #expect(table.contains("late records of a2: +1 (abcd0001:12)\n  SCIʲ: "))
        #expect(content.html(.chinese).contains("a2 迟到记录 +1（abcd0001:12）"))
        // It is a part of the figures alone that it changed: those before stay as they were.
        let kept = try store.revisions(of: plan.hash)
        let closing = try RoundDocument(decoding: kept[0].bytes)
        #expect(closing.intensity == before.rounds[0].intensity.value.map(\.description))
    }

    @Test("whoever finds the late record first: a report that may not write shows it as not kept")
    func withoutKeeping() throws {
        let deliveries = try Deliveries(seed: 4)
        let late = after(3, seconds: 600)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        // b1 counts: without a window of it round 3 is invalid until that comes.
        for one in deliveries.hold(120, of: "b1", until: late) {
            try deliveries.deliver(one, to: store)
        }
        let request = PlanReportRequest(
            plan: PlanFleet.plan, sealed: plan, factors: try .builtIn(), now: late + .seconds(1),
            software: software)
        let shown = try Pipeline.report(request, from: store)
        #expect(shown.revisions.map(\.revision) == [1, 1, 1, 2, 1])
        #expect(shown.revisions.allSatisfy { !$0.isKept })
        #expect(try store.revisions(of: plan.hash).isEmpty)
        #expect(shown.table(.english).contains("; the round is valid now"))
        #expect(shown.result.meanAtClosing.value == nil && shown.result.mean.value != nil)
        let kept = try report(plan, in: store, at: late + .seconds(1))
        #expect(kept.revisions.map(\.digest) == shown.revisions.map(\.digest))
        #expect(kept.revisions.allSatisfy { $0.isKept })
        let digests = try store.revisions(of: plan.hash).map(\.digest.hexadecimal)
        #expect(digests == kept.revisions.map(\.digest))
        // A round that has closed and not settled is shown, and kept only later.
        let other = try self.store("b")
        let same = try PlanFleet.seal(in: other)
        for one in deliveries.all { try deliveries.deliver(one, to: other) }
        let early = try report(same, in: other, at: after(3, seconds: 1))
        #expect(early.revisions.map(\.isKept) == [true, true, true, false])
    }

    @Test("and so does an import that comes late, by its digest")
    func lateImport() throws {
        let deliveries = try Deliveries(seed: 5)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        for one in deliveries.all { try deliveries.deliver(one, to: store) }
        #expect(try close(plan, in: store, at: after(3)).count == 4)
        _ = try revise(plan, in: store, at: after(3))
        let totals = ImportContent.ledger([
            LedgerTotal(
                scenario: .credit,
                interval: Interval(
                    start: Timestamp(PlanFleet.start), end: Timestamp(Deliveries.end(0))), flows: 1)
        ])
        let late = after(3, seconds: 7_200)
        let stored = try #require(
            try Pipeline.keep(
                totals, file: "l.csv", signedBy: nil, signature: nil, at: late, in: store))
        #expect(try revise(plan, in: store, at: late).map(\.round) == [1])
        #expect(try revise(plan, in: store, at: late).isEmpty)
        let content = try report(plan, in: store, at: late)
        let revision = try #require(content.revisions.first { $0.isLate })
        #expect(revision.reason.en == "import \(stored.digest.hexadecimal.prefix(16)) came")
        #expect(revision.changes.isEmpty)
    }

    @Test("for ever: no retention and no program deletes or changes a revision")
    func kept() throws {
        let deliveries = try Deliveries(seed: 6)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        for one in deliveries.all { try deliveries.deliver(one, to: store) }
        #expect(try close(plan, in: store, at: after(3)).count == 4)
        let kept = try store.revisions(of: plan.hash)
        try store.beginRebuild(.standard)
        while try Pipeline.continueRebuild(store) {}
        let outcome = try Pipeline.deleteRecords(
            store, before: after(3, seconds: 999_999), keeping: [], at: after(3))
        #expect(outcome.deleted > 0)
        #expect(try store.revisions(of: plan.hash) == kept)
        // Neither the next revision but one nor another for the same number is kept.
        let other = NewRevision(
            round: 1, revision: 1, bytes: [1], computedAt: Timestamp(1), software: "x")
        let far = NewRevision(
            round: 1, revision: 3, bytes: [1], computedAt: Timestamp(1), software: "x")
        #expect(try store.keep([other, far], of: plan.hash).isEmpty)
        try store.close()
        let raw = try DatabaseQueue(path: directory.path + "/a.db")
        for sql in ["DELETE FROM revisions", "UPDATE revisions SET round = 9"] {
            #expect(throws: DatabaseError.self) { try raw.write { try $0.execute(sql: sql) } }
        }
        try raw.write { db in
            try db.execute(sql: "DROP TRIGGER revisions_stay")
            try db.execute(sql: "UPDATE revisions SET bytes = x'00' WHERE round = 3")
        }
        try raw.close()
        let again = try self.store()
        #expect(
            throws: StoreError.revisionAltered(hash: plan.hash.description, round: 3, revision: 1)
        ) {
            try again.revisions(of: plan.hash)
        }
    }

    @Test(
        "what was put in another place is refused, and nothing takes its own",
        arguments: [
            ("round = 9 WHERE round = 1", "revision 1 of round 9 of plan "),
            ("round = 1, revision = 2 WHERE round = 2", "revision 2 of round 1 of plan "),
            ("revision = 2 WHERE round = 3", "revision 2 of round 3 of plan "),
            ("plan_id = 99 WHERE round = 1", "as revision 1 of round 1 of another plan"),
        ])
    func moved(change: String, place: String) throws {
        let deliveries = try Deliveries(seed: 6)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        for one in deliveries.all { try deliveries.deliver(one, to: store) }
        #expect(try close(plan, in: store, at: after(3)).count == 4)
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let raw = try DatabaseQueue(
            path: directory.path + "/a.db", configuration: configuration)
        try raw.write { db in
            try db.execute(sql: "DROP TRIGGER revisions_stay")
            try db.execute(sql: "UPDATE revisions SET \(change)")
        }
        for work in [
            { _ = try report(plan, in: store, at: after(3)) },
            { _ = try revise(plan, in: store, at: after(3)) },
        ] as [() throws -> Void] {
            let error = #expect(throws: StoreError.self) { try work() }
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("restore the store from a backup") == true)
        }
        #expect((try? close(plan, in: store, at: after(3)))?.isEmpty ?? true)
        #expect(try raw.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM revisions") } == 4)
        #expect(try !Pipeline.verify(store).findings.isEmpty)
    }

    @Test("by the running collector's own clock, and by the report, to the same bytes")
    func service() async throws {
        let deliveries = try Deliveries(seed: 7)
        let store = try store()
        let plan = try PlanFleet.seal(in: store)
        for one in deliveries.hold(11, of: "a2", until: after(3, seconds: 30)) {
            try deliveries.deliver(one, to: store)
        }
        let now = after(3, seconds: 120)
        let closing = RoundClosing(
            store, factors: try .builtIn(), software: software, interval: .milliseconds(1),
            now: { now }, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let task = Task { try await closing.run() }
        let deadline = ContinuousClock.now + .seconds(600)
        while try store.revisions(of: plan.hash).count < 5, .now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        task.cancel()
        try await task.value
        let kept = try store.revisions(of: plan.hash)
        #expect(kept.map(\.round) == [1, 1, 2, 3, 4])
        let path = directory.path + "/a.db"
        try store.close()
        let end = try await offPool {
            try run(
                products.appending(path: "jouleflow-collector"),
                ["report", plan.hash.short, "--store", path, "--language", "en"])
        }
        #expect(end.status == 0 && end.errors.isEmpty, "\(end.errors)")
        #expect(end.output.contains("late records of a2: +1"))
        #expect(try self.store().revisions(of: plan.hash) == kept)
    }
}
