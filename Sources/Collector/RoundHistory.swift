import Assessment
import Bundle
import Metering
import Report
import Rounds
import SCI
import Store

/// What a closed round's figures were, from those that it closed with to those that they are now.
struct RoundHistory {
    struct Revision {
        let number: Int
        let document: RoundDocument
        let bytes: [UInt8]
        let computedAt: Timestamp
        let software: String
        /// Whether the store has it.
        var isKept: Bool
    }

    /// How long after a round closed what had come by then may still be on its way into the store.
    static let settling = Nanoseconds.seconds(60)

    /// From 1.
    let round: Int
    let closing: Timestamp
    private(set) var revisions: [Revision]
    /// Whether the store's records are those that came, as far as a reading of them tells.
    private(set) var isSound: Bool

    /// What the store keeps of a plan, by round. Throws where something of it cannot be read, or is not where it
    /// belongs: what a round closed with is not computed anew while it may be in another place.
    static func kept(
        of plan: PlanHash, in store: any RevisionSource
    ) throws -> [Int: [Revision]] {
        var rounds: [Int: [Revision]] = [:]
        for one in try store.revisions(of: plan) {
            let document = try RoundDocument(decoding: one.bytes)
            let before = rounds[one.round]?.last?.number ?? 0
            guard document.plan == plan, document.round == one.round, one.revision == before + 1
            else {
                throw StoreError.revisionMoved(
                    hash: plan.description, round: one.round, revision: one.revision)
            }
            rounds[one.round, default: []].append(
                Revision(
                    number: one.revision, document: document, bytes: one.bytes,
                    computedAt: one.computedAt, software: one.software, isKept: true))
        }
        if let stray = try store.strayRevisions(of: plan).first {
            throw StoreError.revisionStray(
                hash: plan.description, round: stray.round, revision: stray.revision)
        }
        return rounds
    }

    /// The histories of a sealed plan's closed rounds, with what the store lacks of them.
    static func all(
        _ reading: PlanReading, _ store: any AssessmentSource
    ) throws -> [Int: RoundHistory] {
        guard let sealed = reading.request.sealed else { return [:] }
        let kept = try kept(of: sealed.hash, in: store)
        var histories: [Int: RoundHistory] = [:]
        for (round, figures) in reading.closed {
            let number = round.number + 1
            var history = RoundHistory(
                round: number, closing: reading.request.closing(of: round.interval),
                revisions: kept[number] ?? [], isSound: DamagedRecords(reading.records) == nil)
            if history.revisions.isEmpty,
                let closing = try RoundDocument.closing(
                    round.number, of: sealed, reading.plan, store,
                    factors: reading.request.factors)
            {
                try history.add(closing, reading.request)
            }
            try history.add(
                RoundDocument(
                    round, figures, of: reading.plan, sealed.hash, reading.roots, reading.imports),
                reading.request)
            histories[number] = history
        }
        return histories
    }

    /// Another revision, where it is not what the latest is. That another version has other words for the same
    /// makes none.
    private mutating func add(_ document: RoundDocument, _ request: PlanReportRequest) throws {
        let bytes = try document.encode()
        guard revisions.last?.bytes != bytes else { return }
        if let last = revisions.last,
            request.keepsOtherWords || last.software != request.software.text,
            document.isSame(as: last.document)
        {
            return
        }
        if let before = revisions.last?.document {
            let difference = RevisionDifference(before: before, after: document)
            if !difference.altered.isEmpty { isSound = false }
        }
        revisions.append(
            Revision(
                number: (revisions.last?.number ?? 0) + 1, document: document, bytes: bytes,
                computedAt: request.now, software: request.software.text, isKept: false))
    }

    /// What the store lacks, and may have: nothing within the time in which the round settles, and nothing
    /// that rests on damaged records.
    func pending(at now: Timestamp) -> [NewRevision] {
        guard isSound, closing + Self.settling <= now else { return [] }
        return revisions.filter { !$0.isKept }.map {
            NewRevision(
                round: round, revision: $0.number, bytes: $0.bytes, computedAt: $0.computedAt,
                software: $0.software)
        }
    }

    mutating func markKept() {
        for index in revisions.indices { revisions[index].isKept = true }
    }
}

extension RoundDocument {
    /// Whether all but the words of the problems is the same.
    func isSame(as other: Self) -> Bool {
        var own = self
        own.problems = other.problems
        return own == other && problems.isEmpty == other.problems.isEmpty
    }
}

/// Records of the store are no longer what came: no figures are kept that rest on them, and no report on them
/// is an assessment.
package struct DamagedRecords: Error, CustomStringConvertible {
    let wording: Wording

    private init(zh: String, en: String) {
        wording = Wording(
            zh: zh + "：须从备份恢复存储，此前不保存任何数值；jouleflow-collector verify 指明位置",
            en: en + ": no figures are kept before the store is restored from a backup; "
                + "jouleflow-collector verify names every place")
    }

    /// `nil` where all could be read.
    init?(_ records: RecordReading) {
        if records.unreadable > 0 {
            let list = records.unreadableList
            self.init(
                zh: "\(records.unreadable) 条记录无法读取（\(list)）",
                en: "\(records.unreadable) record\(records.unreadable == 1 ? "" : "s") "
                    + "cannot be read (\(list))")
        } else if records.hasAlteredCompletions {
            self.init(
                zh: "存储中的完成标记与记录不符",
                en: "rows of completions are not what the records' bytes say")
        } else {
            return nil
        }
    }

    /// `nil` where no history knows of any.
    init?(_ histories: some Sequence<RoundHistory>) {
        let rounds = histories.filter { !$0.isSound }.map(\.round).sorted()
        guard !rounds.isEmpty else { return nil }
        let list = rounds.map(String.init).joined(separator: ", ")
        self.init(
            zh: "已关闭轮次的记录被改动（第 \(list) 轮）",
            en: "records of closed rounds were altered (rounds \(list))")
    }

    package var description: String { wording.en }
}
