package import Assessment

/// A value with how often it was imported anew.
package struct Revised<Value: Sendable>: Sendable {
    package let value: Value
    /// 1 for the first of its time.
    package let revision: Int
    /// The import that it stands in.
    package let source: Int64
}

/// Why imports contradict each other.
package struct RevisionConflict: Error, Sendable, Hashable, CustomStringConvertible {
    package let subject: String
    /// The import whose entry would be cut.
    package let source: Int64

    package var description: String {
        "the time of \(subject) overlaps a part of an entry of import \(source): a new one has the same "
            + "time, or all of it"
    }
}

/// What counts of several imports: of the same subject and time the latest. All of them stay.
package struct Revisions: Sendable {
    private struct Entry {
        let interval: Interval
        let index: Int
        let source: Int64
        let revision: Int
    }

    /// By subject, in the order of time; none overlaps another.
    private var entries: [String: [Entry]] = [:]
    private var contents: [Int64: ImportContent] = [:]
    private var assetImports: [Int64] = []

    package init() {}

    /// Adds what was imported after all before. Throws, and changes nothing, where an entry overlaps an earlier
    /// one without holding all of its time: a part of it would be lost.
    package mutating func add(
        _ content: ImportContent, source: Int64
    ) throws(RevisionConflict) {
        var next = entries
        for (index, subject) in content.subjects.enumerated() {
            var of = next.removeValue(forKey: subject.name) ?? []
            let first = Self.first(of, endingAfter: subject.interval)
            var end = first
            var revision = 1
            while end < of.count, of[end].interval.start < subject.interval.end {
                let old = of[end]
                guard old.interval.start >= subject.interval.start,
                    old.interval.end <= subject.interval.end
                else { throw RevisionConflict(subject: subject.name, source: old.source) }
                revision = max(revision, old.revision + 1)
                end += 1
            }
            of.replaceSubrange(
                first..<end,
                with: [
                    Entry(
                        interval: subject.interval, index: index, source: source,
                        revision: revision)
                ])
            next[subject.name] = of
        }
        entries = next
        contents[source] = content
        if case .assets = content { assetImports.append(source) }
    }

    /// The first entry that ends after the start of an interval.
    private static func first(_ entries: [Entry], endingAfter interval: Interval) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].interval.end > interval.start {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }

    private var ordered: [Entry] { entries.sorted { $0.key < $1.key }.flatMap(\.value) }

    /// The readings that count, by meter and time.
    package var meterReadings: [Revised<MeterReading>] {
        ordered.compactMap { entry in
            guard case .meter(let readings) = contents[entry.source] else { return nil }
            return Revised(
                value: readings[entry.index], revision: entry.revision, source: entry.source)
        }
    }

    /// The totals that count, by scenario and time.
    package var ledgerTotals: [Revised<LedgerTotal>] {
        ordered.compactMap { entry in
            guard case .ledger(let totals) = contents[entry.source] else { return nil }
            return Revised(
                value: totals[entry.index], revision: entry.revision, source: entry.source)
        }
    }

    /// The latest list of assets; `nil` where there is none.
    package var assets: Revised<[Asset]>? {
        guard let source = assetImports.last, case .assets(let assets) = contents[source] else {
            return nil
        }
        return Revised(value: assets, revision: assetImports.count, source: source)
    }
}
