import CLinux
import Glibc
package import Metering

extension ClockReading {
    /// The most time between the first and the last clock of a reading.
    private static let width: UInt64 = 1_000_000
    /// Readings of the clocks until the last one is taken as it is.
    private static let attempts = 8

    /// Reads the system's clocks.
    ///
    /// A thread that is interrupted between two clocks would see one of them ahead, which looks like
    /// a suspension or a step: it reads them again.
    package static func now() -> ClockReading {
        var reading = attempt()
        for _ in 1..<attempts where reading.width > width { reading = attempt() }
        return reading.clocks
    }

    /// CPU time of the calling thread.
    package static func threadTime() -> Nanoseconds { Nanoseconds(read(CLOCK_THREAD_CPUTIME_ID)) }

    private static func attempt() -> (clocks: ClockReading, width: UInt64) {
        let monotonic = read(CLOCK_MONOTONIC)
        let clocks = ClockReading(
            realtime: Timestamp(read(CLOCK_REALTIME)), boottime: Nanoseconds(read(CLOCK_BOOTTIME)),
            monotonic: Nanoseconds(monotonic))
        return (clocks, read(CLOCK_MONOTONIC) &- monotonic)
    }

    private static func read(_ clock: Int32) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// The kernel's bound on the wall clock's error in microseconds, or `nil` where the clock is
    /// not synchronised.
    ///
    /// Source: adjtimex(2), `maxerror`, `STA_UNSYNC`.
    package static func errorBound() -> UInt64? {
        let bound = clinux_clock_error_bound()
        guard bound == Int64(CLINUX_CLOCK_FORBIDDEN) else { return UInt64(exactly: bound) }
        return ClockErrorFile.bound(at: ClockReading.now().boottime)
    }
}
