import CLinux

/// Gives back, once a minute, what is in memory of the program's own files and only read there: starting,
/// connecting and reading settings touch most of it, metering touches little.
struct UnneededPages {
    /// After this long the agent has connected and sent its first record, as a rule.
    private static let first: Duration = .seconds(15)
    private static let interval: Duration = .seconds(60)

    private var due = ContinuousClock.now + first

    /// To be called where a window has ended: what that needs comes back with the next one.
    mutating func windowEnded(now: ContinuousClock.Instant = .now) {
        guard now >= due else { return }
        clinux_release_program()
        due = now + Self.interval
    }
}
