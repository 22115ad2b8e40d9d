import Glibc
package import Metering

/// SIGINT, SIGTERM and SIGHUP, taken by waiting for them instead of in handlers.
///
/// Made before any other thread starts: threads inherit the mask, so that the signals stay
/// pending until `wait` takes them.
package struct StopSignals: Sendable {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]

    /// Blocks the three signals in the calling thread and ignores SIGPIPE in the process.
    package init() {
        var set = Self.set
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// The number of the signal that came before `deadline` (CLOCK_BOOTTIME), or `nil`.
    package func wait(until deadline: Nanoseconds) -> Int32? {
        var set = Self.set
        while true {
            let left = deadline.subtractingClamped(LabClock.boot).rawValue
            var limit = timespec(
                tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
            let number = sigtimedwait(&set, nil, &limit)
            if number > 0 { return number }
            if errno == EAGAIN { return nil }
        }
    }

    /// The number of the signal that came within `length` from now, or `nil`.
    package func wait(for length: Nanoseconds) -> Int32? { wait(until: LabClock.boot + length) }

    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
    }
}
