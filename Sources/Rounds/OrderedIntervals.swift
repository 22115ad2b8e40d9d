import Assessment
import Metering

/// Disjoint intervals in the order of time, to be searched.
struct OrderedIntervals: Sendable {
    let intervals: [Interval]

    /// Those that a span touches.
    func touched(by span: Interval) -> Range<Int> {
        let first = firstIndex { $0.end > span.start }
        return first..<max(first, firstIndex { $0.start >= span.end })
    }

    /// The one that holds a point of time.
    func index(at time: Timestamp) -> Int? {
        let index = firstIndex { $0.end > time }
        return index < intervals.count && intervals[index].start <= time ? index : nil
    }

    /// The first that meets a condition which all later ones meet too.
    private func firstIndex(where condition: (Interval) -> Bool) -> Int {
        var low = 0
        var high = intervals.count
        while low < high {
            let middle = (low + high) / 2
            if condition(intervals[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
