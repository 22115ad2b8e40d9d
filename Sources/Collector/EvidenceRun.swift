import Assessment
import Chain
import Metering
import Records
import Store

/// One run of a bundle while its batches are read: its chain, its signatures, and which of its records are
/// there.
struct EvidenceRun {
    /// What is known of a run when all of its batches are read.
    struct End {
        let exported: ExportedRun
        /// The highest record that is there, lost or deleted; 0 where none is.
        let reached: UInt64
        /// Whether its first record is there, and when its time begins; `nil` where it cannot be read.
        let holdsFirst: Bool
        let opens: Timestamp?
        /// Whether a record is there, and when the time of the last one ends.
        let isHeld: Bool
        let closes: Timestamp?
    }

    /// A stretch of numbers.
    private struct Stretch {
        let first: UInt64
        var last: UInt64
    }

    /// Records that are there, from when their time is; `nil` where a record cannot be read.
    private struct Held {
        let first: UInt64
        var last: UInt64
        let opens: Timestamp?
        var closes: Timestamp?

        var numbers: Stretch { Stretch(first: first, last: last) }
    }

    let exported: ExportedRun
    /// Whether its first record is there.
    private(set) var holdsFirst = false
    private var parts: [Stretch] = []
    private var lost: [Stretch] = []
    private var deleted: [Stretch] = []
    /// Those that batches hold, in order and apart.
    private var there: [Held] = []
    /// Numbers of the batch before.
    private var before: (first: UInt64, last: UInt64) = (0, 0)
    /// Of the batch that reaches furthest: the heads before its first record and after each.
    private var heads: (first: UInt64, heads: [ChainHead])?

    init(_ exported: ExportedRun) { self.exported = exported }

    mutating func note(_ first: UInt64, _ last: UInt64, isDeleted: Bool) {
        if isDeleted {
            deleted.append(Stretch(first: first, last: last))
        } else {
            parts.append(Stretch(first: first, last: last))
        }
    }

    mutating func lose(_ first: UInt64, _ last: UInt64) {
        lost.append(Stretch(first: first, last: last))
    }

    /// What is wrong with the batch's signature and its place in the chain.
    mutating func take(_ batch: ExportedBatch) -> [String] {
        let first = batch.first
        let (last, over) = first.addingReportingOverflow(UInt64(batch.records.count - 1))
        guard first >= 1, !over, last < .max else { return ["have no such numbers"] }
        var problems: [String] = []
        let chain = [batch.previous] + batch.previous.heads(after: batch.records)
        let statement = BatchStatement(
            agent: exported.agent, run: exported.run.rawValue, first: first, last: last,
            previous: batch.previous, head: chain[chain.count - 1])
        if !exported.key.verifies(batch.signature, of: statement) {
            problems.append(
                "are not what the key \(exported.key.fingerprint) of their agent signed")
        }
        if first == 1 {
            holdsFirst = true
            let start = ChainHead(
                startOf: exported.run.rawValue,
                after: exported.predecessor.map { ($0.run.rawValue, $0.last) })
            if batch.previous != start {
                problems.append("do not begin the chain of this run after the run before it")
            }
        }
        if (first, last) == before {
            problems.append("are there twice")
        } else if (first, last) < before {
            problems.append("are not in order")
        }
        before = (first, last)
        if let known = heads {
            // The heads that both batches tell, from the one before the first record of this one.
            for (index, head) in chain.enumerated() {
                let place = first - 1 + UInt64(index)
                guard place >= known.first, place - known.first < UInt64(known.heads.count) else {
                    break
                }
                if known.heads[Int(place - known.first)] != head {
                    problems.append(
                        index == 0
                            ? "do not follow record \(place): the chain is another there"
                            : "tell another record \(place) than the batch before")
                    break
                }
            }
        }
        if last >= (there.last?.last ?? 0) { heads = (first - 1, chain) }
        add(batch, through: last)
        return problems
    }

    private mutating func add(_ batch: ExportedBatch, through last: UInt64) {
        let closes = batch.records.last.flatMap { try? RecordCodec.header(of: $0) }.map {
            // The window of completions is told by a later record.
            $0.kind == .completions ? $0.window.start : $0.window.end
        }
        if let end = there.last, batch.first <= end.last + 1 {
            guard last > end.last else { return }
            there[there.count - 1].last = last
            there[there.count - 1].closes = closes
        } else {
            let opens = batch.records.first.flatMap { try? RecordCodec.header(of: $0) }
            there.append(
                Held(first: batch.first, last: last, opens: opens?.window.start, closes: closes))
        }
    }

    /// Records that should be there, or be told to be lost or deleted, and are neither; those that are
    /// both, or there and in no part; deletions in the time of the plan's rounds; and parts that are not in
    /// order. At most a few times ``EvidenceFindings/most``.
    func missing(from period: Interval?) -> [String] {
        for (part, next) in zip(parts, parts.dropFirst()) where next.first <= part.last {
            return ["the stretches of \(exported.title) are not in order"]
        }
        let holes = period.map(holes(in:)) ?? []
        let held = there.map(\.numbers)
        let gaps = Self.gaps(
            in: Self.merged(parts + holes.filter { $0.last < .max }),
            but: Self.merged(held + lost + deleted))
        let stray = Self.gaps(in: held, but: Self.merged(parts))
        let late = Self.common(holes, Self.merged(deleted))
        return gaps.map { sentence($0, "missing") } + stray.map { sentence($0, "in no part of it") }
            + late.map {
                sentence($0, "told to be deleted, and retention keeps what is of the plan's time")
            } + contradictions()
    }

    /// The numbers before, between and behind the records that are there whose time touches the period.
    private func holes(in period: Interval) -> [Stretch] {
        guard let first = there.first, let last = there.last else { return [] }
        var holes: [Stretch] = []
        if first.first > 1, (first.opens ?? period.start) >= period.start {
            holes.append(Stretch(first: 1, last: first.first - 1))
        }
        for (one, next) in zip(there, there.dropFirst()) {
            let from = one.closes ?? period.start
            let to = next.opens ?? period.end
            let (low, high) = (min(from, to), max(from, to))
            guard low < period.end, high > period.start || low == high && low >= period.start
            else { continue }
            holes.append(Stretch(first: one.last + 1, last: next.first - 1))
        }
        if (last.closes ?? period.start) < period.end {
            holes.append(Stretch(first: last.last + 1, last: .max))
        }
        return holes
    }

    /// The numbers of stretches that others lack; both in order and apart.
    private static func gaps(in stretches: [Stretch], but others: [Stretch]) -> [Stretch] {
        var gaps: [Stretch] = []
        var index = 0
        for one in stretches where gaps.count < EvidenceFindings.most {
            while index < others.count, others[index].last < one.first { index += 1 }
            var at = one.first
            while true {
                guard index < others.count, others[index].first <= one.last else {
                    gaps.append(Stretch(first: at, last: one.last))
                    break
                }
                if others[index].first > at {
                    gaps.append(Stretch(first: at, last: others[index].first - 1))
                }
                guard others[index].last < one.last else { break }
                at = others[index].last + 1
                index += 1
            }
        }
        return gaps
    }

    /// The numbers that both have; both in order and apart.
    private static func common(_ some: [Stretch], _ others: [Stretch]) -> [Stretch] {
        var common: [Stretch] = []
        var (one, other) = (0, 0)
        while one < some.count, other < others.count, common.count < EvidenceFindings.most {
            let first = max(some[one].first, others[other].first)
            let last = min(some[one].last, others[other].last)
            if first <= last { common.append(Stretch(first: first, last: last)) }
            if some[one].last < others[other].last { one += 1 } else { other += 1 }
        }
        return common
    }

    /// Records that are told to be lost, and are there.
    private func contradictions() -> [String] {
        let held = there.map(\.numbers)
        var index = 0
        var sentences: [String] = []
        for one in Self.merged(lost) where sentences.count < EvidenceFindings.most {
            while index < held.count, held[index].last < one.first { index += 1 }
            guard index < held.count, held[index].first <= one.last else { continue }
            sentences.append(
                "records \(one.first) to \(one.last) of \(exported.title) are told to be lost, and "
                    + "some of them are there")
        }
        return sentences
    }

    /// The same numbers, in order and apart.
    private static func merged(_ stretches: [Stretch]) -> [Stretch] {
        stretches.sorted { $0.first < $1.first }.reduce(into: []) { merged, one in
            if let end = merged.last, one.first <= end.last.addingClamped(1) {
                merged[merged.count - 1].last = max(end.last, one.last)
            } else {
                merged.append(one)
            }
        }
    }

    private func sentence(_ stretch: Stretch, _ what: String) -> String {
        stretch.first == stretch.last
            ? "record \(stretch.first) of \(exported.title) is \(what)"
            : "records \(stretch.first) to \(stretch.last) of \(exported.title) are \(what)"
    }

    var end: End {
        let told = there.map(\.numbers) + lost + deleted
        return End(
            exported: exported, reached: told.map(\.last).max() ?? 0, holdsFirst: holdsFirst,
            opens: there.first?.opens, isHeld: !there.isEmpty, closes: there.last?.closes)
    }
}

extension EvidenceRun.End {
    /// Says which records of the run before it are missing: the first record is signed over how
    /// many there were.
    ///
    /// `before` is that run where it is in the bundle. What lies behind the period need not be there.
    /// Of a run without any record there, nothing need be known where this one begins before or behind
    /// the period; of one that is not there at all, where this one begins before it.
    func missing(of before: Self?, in period: Interval?) -> String? {
        guard holdsFirst, let predecessor = exported.predecessor else { return nil }
        let reached = before?.reached ?? 0
        guard reached < predecessor.last else { return nil }
        if let period {
            let opens = self.opens ?? period.start
            let touches =
                switch before {
                case nil: opens >= period.start
                case let before? where before.isHeld:
                    (before.closes ?? period.start) < period.end
                default: opens >= period.start && opens < period.end
                }
            guard touches else { return nil }
        }
        let run = String(predecessor.run.rawValue, radix: 16)
        return "records \(reached + 1) to \(predecessor.last) of run \(run) of \(exported.agent) "
            + "are missing: the run after it says that they were made"
    }
}
