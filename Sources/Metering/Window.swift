/// A half-open stretch of time `[start, end)` that one record covers.
///
/// `start` and `end` are labels in UTC; `duration` is what CLOCK_BOOTTIME measured between them
/// and differs from `end − start` where the wall clock was stepped.
package struct Window: Hashable, Sendable {
    package let start: Timestamp
    package let end: Timestamp
    package let duration: Nanoseconds

    package init(start: Timestamp, end: Timestamp, duration: Nanoseconds) {
        self.start = start
        self.end = end
        self.duration = duration
    }

    /// The first multiple of `length` after `time`: where the window that holds `time` ends.
    package static func boundary(after time: Timestamp, length: Nanoseconds) -> Timestamp {
        let length = max(1, length.rawValue)
        return Timestamp((time.rawValue / length).addingClamped(1).multipliedClamped(by: length))
    }
}

extension UInt64 {
    fileprivate func multipliedClamped(by other: UInt64) -> UInt64 {
        let (value, over) = multipliedReportingOverflow(by: other)
        return over ? .max : value
    }
}
