import Glibc
package import Metering

/// The clocks of the laboratory.
package enum LabClock {
    /// Time since boot (CLOCK_BOOTTIME): for every length of time.
    package static var boot: Nanoseconds { read(CLOCK_BOOTTIME) }

    /// Time since boot without that of suspension (CLOCK_MONOTONIC).
    package static var awake: Nanoseconds { read(CLOCK_MONOTONIC) }

    /// CPU time used by the calling thread (CLOCK_THREAD_CPUTIME_ID).
    package static var thread: Nanoseconds { read(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time used by the whole process (CLOCK_PROCESS_CPUTIME_ID).
    package static var process: Nanoseconds { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// Wall-clock time (CLOCK_REALTIME).
    package static var wall: Timestamp { Timestamp(read(CLOCK_REALTIME).rawValue) }

    private static func read(_ clock: clockid_t) -> Nanoseconds {
        var time = timespec()
        // Fails only for a clock the kernel does not have; these five it always has.
        precondition(clock_gettime(clock, &time) == 0, "clock_gettime(\(clock))")
        return .seconds(UInt64(max(0, time.tv_sec))) + Nanoseconds(UInt64(max(0, time.tv_nsec)))
    }
}

extension Nanoseconds {
    /// A length as written on the command line: a whole number and `us`, `ms`, `s`, `m` or `h`.
    ///
    /// `nil` for anything else, for zero, and above 24 h.
    package init?(length text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let units: [Substring: UInt64] = [
            "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
            "h": 3_600_000_000_000,
        ]
        guard let value = UInt64(digits), let unit = units[text.dropFirst(digits.count)] else {
            return nil
        }
        let (length, over) = value.multipliedReportingOverflow(by: unit)
        guard !over, length > 0, length <= 24 * 3_600_000_000_000 else { return nil }
        self.init(length)
    }
}
