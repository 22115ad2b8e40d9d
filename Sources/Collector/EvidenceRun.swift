import Chain
import Metering
import Store

/// One run of a bundle while its batches are read: its chain, its signatures, and which of its records are
/// there.
struct EvidenceRun {
    /// What the run after it needs to know.
    struct End {
        let title: String
        /// The highest record that is told; `nil` where none was to be.
        let reached: UInt64?
    }

    /// A stretch of numbers.
    private struct Stretch {
        let first: UInt64
        var last: UInt64
    }

    let exported: ExportedRun
    /// Whether its first record is there.
    private(set) var holdsFirst = false
    private var parts: [Stretch] = []
    private var lost: [Stretch] = []
    private var deleted: [Stretch] = []
    /// Those that batches hold, in order and apart.
    private var there: [Stretch] = []
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
        if let before = there.last, first < before.first { problems.append("are not in order") }
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
        add(first, last)
        return problems
    }

    private mutating func add(_ first: UInt64, _ last: UInt64) {
        if let end = there.last, first <= end.last + 1 {
            there[there.count - 1].last = max(end.last, last)
        } else {
            there.append(Stretch(first: first, last: last))
        }
    }

    /// Records that should be there, or be told to be lost or deleted, and are neither; those that are
    /// both; and stretches that are not in order. At most ``EvidenceFindings/most`` and a few.
    func missing() -> [String] {
        var sentences: [String] = []
        let told = Self.merged(there + lost + deleted)
        var index = 0
        var before: UInt64 = 0
        for part in parts where sentences.count < EvidenceFindings.most {
            guard part.first > before else {
                return sentences + ["the stretches of \(exported.title) are not in order"]
            }
            before = part.last
            while index < told.count, told[index].last < part.first { index += 1 }
            var at = part.first
            while at <= part.last {
                guard index < told.count, told[index].first <= part.last else {
                    sentences.append(sentence(at, part.last))
                    break
                }
                if told[index].first > at {
                    sentences.append(sentence(at, told[index].first - 1))
                }
                guard told[index].last < part.last else { break }
                at = told[index].last + 1
                index += 1
            }
        }
        return sentences + contradictions()
    }

    /// Records that are told to be lost, and are there.
    private func contradictions() -> [String] {
        let held = Self.merged(there)
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

    private func sentence(_ first: UInt64, _ last: UInt64) -> String {
        let what = first == last ? "record \(first)" : "records \(first) to \(last)"
        return "\(what) of \(exported.title) \(first == last ? "is" : "are") missing"
    }

    var end: End {
        let reached = parts.isEmpty ? nil : (there + lost + deleted).map(\.last).max()
        return End(title: exported.title, reached: reached)
    }
}
