package import Metering

/// A half-open stretch of time `[start, end)`.
package struct Interval: Sendable, Hashable {
    package let start: Timestamp
    package let end: Timestamp

    package init(start: Timestamp, end: Timestamp) {
        self.start = start
        self.end = end
    }

    /// From the start to the end.
    package var length: Nanoseconds { end.since(start) }

    /// The part of it that lies in another, or `nil` where they do not touch.
    package func clamped(to other: Interval) -> Interval? {
        let start = max(start, other.start)
        let end = min(end, other.end)
        return start < end ? Interval(start: start, end: end) : nil
    }
}
