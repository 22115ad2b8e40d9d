// Hot path: allocates nothing.
import Metering

/// How long the capture's thread waits until it looks again, where nothing wakes it before: what
/// comes ends the wait, a packet within the kernel's time for a block, an announcement of the schedule
/// at once. Pure; the clock is a parameter.
enum CaptureRhythm {
    /// The longest time between two looks at the schedule, and at the kernel's counters.
    static let look = Nanoseconds.milliseconds(50)
    /// The same while nothing passes.
    static let rest = Nanoseconds.seconds(1)

    /// Milliseconds to the next look.
    ///
    /// - Parameters:
    ///   - end: of the open window.
    ///   - waiting: the end of a window whose counts are still to be given: while nothing passes, that
    ///     can be as soon as its packets have been handed over.
    ///   - isQuiet: nothing came in the latest wait, nor is anything left to read.
    static func milliseconds(
        to end: Timestamp, waiting: Timestamp?, isQuiet: Bool, at now: Timestamp
    ) -> Int32 {
        var wait = isQuiet ? rest : look
        if isQuiet, let waiting {
            // A clock that was set back must not hold the window up.
            wait = min(CaptureSet.settling, (waiting + CaptureSet.settling).since(now))
        }
        wait = min(wait, end.since(now))
        if wait == .zero { wait = look }
        return Int32(clamping: wait.rawValue / 1_000_000 + 1)
    }
}
