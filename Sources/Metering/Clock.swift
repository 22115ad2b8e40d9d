/// The clocks, read together: labels come from CLOCK_REALTIME, durations from CLOCK_BOOTTIME.
package struct ClockReading: Sendable, Hashable {
    package let realtime: Timestamp
    /// Counts through suspension.
    package let boottime: Nanoseconds
    /// CLOCK_MONOTONIC: stands still while the host is suspended.
    package let monotonic: Nanoseconds

    package init(realtime: Timestamp, boottime: Nanoseconds, monotonic: Nanoseconds) {
        self.realtime = realtime
        self.boottime = boottime
        self.monotonic = monotonic
    }
}
