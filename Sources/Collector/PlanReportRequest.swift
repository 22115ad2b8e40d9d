package import Assessment
package import Chain
import Imports
package import Metering
package import Report
import Rounds
package import SCI
package import Store

/// What a report on a plan is made of, beside the store.
package struct PlanReportRequest: Sendable {
    package let plan: Plan
    /// The plan as the store keeps it; `nil` for a plan that was never sealed.
    package let sealed: Store.SealedPlan?
    /// Where the factors of other levels of the grid are looked up: the plan's are in it, before those of other files.
    package let factors: FactorTable
    /// Rounds are closed whose grace is over at this time.
    package let now: Timestamp
    package let software: PlanReportContent.Software
    /// Keys beside those of the plan that the ledger's totals may be signed with.
    package let ledgerKeys: [VerifyingKey]
    /// The version that kept the revisions may have other words than this program.
    var keepsOtherWords = false

    package init(
        plan: Plan, sealed: Store.SealedPlan?, factors: FactorTable, now: Timestamp,
        software: PlanReportContent.Software, ledgerKeys: [VerifyingKey] = []
    ) {
        self.plan = plan
        self.sealed = sealed
        self.factors = factors.holding(plan.factors)
        self.now = now
        self.software = software
        self.ledgerKeys = ledgerKeys
    }

    /// When a round closes: its end and the plan's grace.
    func closing(of round: Interval) -> Timestamp { round.end + plan.schedule.grace }

    func isClosed(_ round: Interval) -> Bool { closing(of: round) <= now }
}

/// What reports on plans are read from.
package typealias AssessmentSource = RecordSource & PlanSource & ImportSource & RevisionSource

/// What reports on plans are read from, and closed rounds kept in.
package typealias AssessmentStore = RecordStore & PlanStore & ImportStore & RevisionStore

extension Pipeline {
    /// The report on a plan, all from one state of the store. Throws where the store cannot be read, an
    /// import or a revision was altered, or the plan's rounds cannot be made.
    ///
    /// Revisions of rounds that the store lacks are given to `keep`, which tells whether it kept them;
    /// without it they are shown as not kept.
    package static func report(
        _ request: PlanReportRequest, from store: any AssessmentSource,
        keep: (([NewRevision]) throws -> Bool)? = nil
    ) throws -> PlanReportContent {
        var (reading, histories) = try store.consistently {
            let reading = try PlanReading(request, store)
            return (reading, try RoundHistory.all(reading, store))
        }
        let pending = histories.sorted { $0.key < $1.key }.flatMap {
            $0.value.pending(at: request.now)
        }
        if let keep, !pending.isEmpty, try keep(pending) {
            for round in Set(pending.map(\.round)) { histories[round]?.markKept() }
        }
        return PlanReportContent(reading, histories)
    }
}
