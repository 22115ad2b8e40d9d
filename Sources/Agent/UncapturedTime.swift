import Metering

/// The time in which capture was not whole, on CLOCK_BOOTTIME: an interface that was to be captured
/// was not, or none was.
struct UncapturedTime {
    /// Stretches kept at most; at the limit two become one with the time between them.
    static let maximum = 256

    /// Ascending, apart.
    private var stretches: [Range<Nanoseconds>] = []
    private var since: Nanoseconds?

    /// From `time` on capture is not whole; nothing where it is not whole already.
    mutating func begin(at time: Nanoseconds) {
        guard since == nil else { return }
        guard let last = stretches.last, last.upperBound >= time || stretches.count >= Self.maximum
        else {
            since = time
            return
        }
        since = last.lowerBound
        stretches.removeLast()
    }

    /// From `time` on capture is whole.
    mutating func end(at time: Nanoseconds) {
        guard let start = since else { return }
        since = nil
        if start < time { stretches.append(start..<time) }
    }

    /// The time within the window, in nanoseconds. What lies before its end is forgotten.
    mutating func take(from start: Nanoseconds, to end: Nanoseconds) -> UInt64 {
        var all = stretches
        if let since, since < end { all.append(since..<end) }
        let sum = all.reduce(Nanoseconds.zero) { sum, stretch in
            let upper = min(stretch.upperBound, end)
            return sum + upper.subtractingClamped(max(stretch.lowerBound, start))
        }
        stretches.removeAll { $0.upperBound <= end }
        return sum.rawValue
    }
}
