import Metering

/// How much of the traffic to leave out so that capture keeps to a share of one processor.
///
/// What is left out are whole connections, by the hash of their ends, in parts of 256. Above the
/// limit a quarter of what is still followed is left out more with each reading; well below it, an
/// eighth of what is left out is taken back. Pure; the clocks are parameters.
struct LoadShedding {
    /// The share of connections left out at most: something is always followed.
    static let mostParts: UInt16 = 252
    /// The time between two readings.
    static let interval = Nanoseconds.milliseconds(500)

    let percent: Int
    /// Parts of 256 that are left out.
    private(set) var parts: UInt16 = 0
    private var latest: (cpu: Nanoseconds, time: Nanoseconds)?

    init(percent: Int) { self.percent = percent }

    /// Takes what the capture's thread has used by `time`. True where `parts` changed.
    mutating func note(cpu: Nanoseconds, at time: Nanoseconds) -> Bool {
        guard let before = latest else {
            latest = (cpu, time)
            return false
        }
        let passed = time.subtractingClamped(before.time)
        guard passed >= Self.interval else { return false }
        latest = (cpu, time)
        let used = cpu.subtractingClamped(before.cpu).rawValue
        let allowed = passed.rawValue / 100 * UInt64(percent)
        let old = parts
        if used > allowed {
            parts = min(Self.mostParts, parts + max(1, (256 - parts) / 4))
        } else if used < allowed / 10 * 7 {
            parts -= min(parts, max(1, parts / 8))
        }
        return parts != old
    }
}
