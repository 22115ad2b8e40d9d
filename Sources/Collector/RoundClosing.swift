import Assessment
import Bundle
package import Logging
package import Metering
import NIOPosix
package import Report
package import SCI
import ServiceLifecycle
package import Store

extension Pipeline {
    /// Keeps the figures that rounds of a plan closed with, of each closed round that the store has none of.
    /// Returns what was kept. They follow from what had been received when a round closed, so that they
    /// are the same bytes whenever, and by whomever, they are computed. Throws ``DamagedRecords`` where records are not what came.
    package static func closeRounds(
        of sealed: Store.SealedPlan, in store: any AssessmentStore, factors: FactorTable,
        software: PlanReportContent.Software, at now: Timestamp
    ) throws -> [NewRevision] {
        let plan = try PlanDocument.decode(sealed.document)
        let schedule = plan.schedule
        let closed = (0..<schedule.rounds + schedule.reserve).prefix { number in
            let closing = schedule.end(afterRounds: number + 1) + schedule.grace
            return closing + RoundHistory.settling <= now
        }
        let there = Set(try store.revisions(of: sealed.hash).map(\.round))
        guard closed.contains(where: { !there.contains($0 + 1) }) else { return [] }
        let kept = try RoundHistory.kept(of: sealed.hash, in: store)
        var new: [NewRevision] = []
        for number in closed where kept[number + 1] == nil {
            let document = try store.consistently {
                try RoundDocument.closing(
                    number, of: sealed, plan, store, factors: factors, isSound: true)
            }
            guard let document else { continue }
            new += try store.keep(
                [
                    NewRevision(
                        round: number + 1, revision: 1, bytes: try document.encode(),
                        computedAt: now, software: software.text)
                ], of: sealed.hash)
        }
        return new
    }

    /// Looks whether data came that a plan's closed rounds do not have, and keeps a revision of each round
    /// that it changes. Returns what was kept; throws ``DamagedRecords`` where records are not what came.
    package static func reviseRounds(
        of sealed: Store.SealedPlan, in store: any AssessmentStore, factors: FactorTable,
        software: PlanReportContent.Software, at now: Timestamp
    ) throws -> [NewRevision] {
        let plan = try PlanDocument.decode(sealed.document)
        let request = PlanReportRequest(
            plan: plan, sealed: sealed, factors: factors, now: now, software: software)
        let rounds = 0..<plan.schedule.rounds + plan.schedule.reserve
        let ends = rounds.map { plan.schedule.end(afterRounds: $0 + 1) }
        guard let end = ends.last(where: { $0 + plan.schedule.grace <= now }) else { return [] }
        let arrivals = try store.arrivals()
        let compared = try store.comparedArrivals(of: sealed.hash)
        guard arrivals != compared else { return [] }
        var new: [NewRevision] = []
        if try compared.map({ try store.hasArrivals(after: $0, before: end) }) ?? true {
            let pending = try store.consistently {
                let reading = try PlanReading(request, store)
                if let damage = DamagedRecords(reading.records) { throw damage }
                let histories = try RoundHistory.all(reading, store).values
                if let damage = DamagedRecords(histories) { throw damage }
                return histories.flatMap { $0.pending(at: now) }
            }
            new = try store.keep(
                pending.sorted { ($0.round, $0.revision) < ($1.round, $1.revision) },
                of: sealed.hash)
        }
        // What came after a round closed, and before it settled, is looked for again.
        let isSettling = rounds.contains { number in
            let closing = ends[number] + plan.schedule.grace
            return closing <= now && now < closing + RoundHistory.settling
        }
        if !isSettling { try store.noteCompared(arrivals, of: sealed.hash) }
        return new
    }
}

extension PlanReportContent.Software {
    var text: String { "\(name) \(version)" }
}

/// Closes the rounds of sealed plans by the collector's clock while it runs, and looks for late data.
package struct RoundClosing: Service {
    private let store: any AssessmentStore
    private let factors: FactorTable
    private let software: PlanReportContent.Software
    private let interval: Duration
    /// How many steps lie between two looks for late data.
    private let stepsBetweenLooks: Int
    private let now: @Sendable () -> Timestamp
    private let log: Logger

    package init(
        _ store: any AssessmentStore, factors: FactorTable, software: PlanReportContent.Software,
        interval: Duration = .seconds(60), stepsBetweenLooks: Int = 60,
        now: @escaping @Sendable () -> Timestamp = { .now }, log: Logger
    ) {
        self.store = store
        self.factors = factors
        self.software = software
        self.interval = interval
        self.stepsBetweenLooks = stepsBetweenLooks
        self.now = now
        self.log = log
    }

    /// Runs until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            do {
                for step in 0... {
                    try await self.step(looksForLateData: step % stepsBetweenLooks == 0)
                    try await Task.sleep(for: interval)
                }
            } catch {}
        }
    }

    private func step(looksForLateData: Bool) async throws {
        do {
            let plans = try await onDisk { try store.plans() }
            for plan in plans { try await step(plan, looksForLateData) }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            log.error("rounds cannot be closed: \(error)")
        }
    }

    private func step(_ plan: Store.SealedPlan, _ looksForLateData: Bool) async throws {
        let now = now()
        do {
            var kept = try await onDisk {
                try Pipeline.closeRounds(
                    of: plan, in: store, factors: factors, software: software, at: now)
            }
            if looksForLateData {
                kept += try await onDisk {
                    try Pipeline.reviseRounds(
                        of: plan, in: store, factors: factors, software: software, at: now)
                }
            }
            for one in kept { tell(one, of: plan) }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            log.error(
                "the rounds of a plan cannot be closed: \(error)",
                metadata: ["plan": "\(plan.hash.short)"])
        }
    }

    private func tell(_ revision: NewRevision, of plan: Store.SealedPlan) {
        log.notice(
            revision.revision == 1
                ? "a round was closed" : "late data changed a closed round",
            metadata: [
                "plan": "\(plan.hash.short)", "round": "\(revision.round)",
                "revision": "\(revision.revision)",
            ])
    }

    private func onDisk<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}
