import CLinux
import Glibc
package import Metering

extension ClockReading {
    /// Reads the system's clocks.
    package static func now() -> ClockReading {
        ClockReading(
            realtime: Timestamp(read(CLOCK_REALTIME)), boottime: Nanoseconds(read(CLOCK_BOOTTIME)),
            monotonic: Nanoseconds(read(CLOCK_MONOTONIC)))
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
        UInt64(exactly: clinux_clock_error_bound())
    }
}
