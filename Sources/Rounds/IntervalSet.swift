/// A set of whole numbers kept as disjoint half-open ranges in order. What arrives in order costs
/// constant time and memory.
package struct IntervalSet: Sendable, Hashable {
    package private(set) var ranges: [Range<UInt64>] = []
    /// How many numbers are in the set.
    package private(set) var count: UInt64 = 0

    package init() {}

    /// Adds a range and returns how many of its numbers were new.
    @discardableResult
    package mutating func insert(_ range: Range<UInt64>) -> UInt64 {
        guard !range.isEmpty else { return 0 }
        // The ranges that touch the new one are ranges[first..<last].
        let first = firstIndex { $0.upperBound >= range.lowerBound }
        var last = first
        var merged = range
        var held: UInt64 = 0
        while last < ranges.count, ranges[last].lowerBound <= range.upperBound {
            let old = ranges[last]
            merged =
                min(merged.lowerBound, old.lowerBound)..<max(merged.upperBound, old.upperBound)
            held += old.upperBound - old.lowerBound
            last += 1
        }
        ranges.replaceSubrange(first..<last, with: CollectionOfOne(merged))
        let new = merged.upperBound - merged.lowerBound - held
        count += new
        return new
    }

    /// The parts of `range` that are not in the set.
    func gaps(in range: Range<UInt64>) -> [Range<UInt64>] {
        var gaps: [Range<UInt64>] = []
        var at = range.lowerBound
        for held in ranges[firstIndex { $0.upperBound > range.lowerBound }...] {
            guard held.lowerBound < range.upperBound else { break }
            if held.lowerBound > at { gaps.append(at..<held.lowerBound) }
            at = max(at, held.upperBound)
        }
        if at < range.upperBound { gaps.append(at..<range.upperBound) }
        return gaps
    }

    /// The first range that meets a condition which all later ones meet too.
    private func firstIndex(where condition: (Range<UInt64>) -> Bool) -> Int {
        // Records arrive nearly in order: look at the end first.
        if let last = ranges.last, !condition(last) { return ranges.count }
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if condition(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
