import Glibc
import Metering

/// The kernel's bound for the clock's error as `jouleflow-clock` keeps it beside a sandboxed agent: one
/// line with microseconds, or -1 where the clock is not synchronised, and nanoseconds of CLOCK_BOOTTIME
/// when that was read.
struct ClockErrorFile {
    /// Where the unit jouleflow-clock.service keeps it.
    static let standardPath = "/run/jouleflow-clock/error-bound"
    /// An older reading tells nothing: its program has ended. It is written every 10 s.
    private static let longestAge = Nanoseconds.seconds(60)
    /// The line has two numbers of at most 20 digits; a longer one is none.
    private static let longestLine = 64

    /// The bound in microseconds at `now`; `nil` where it is unknown: no file, another content, an old
    /// reading, one of the future, or a clock that is not synchronised.
    static func bound(at now: Nanoseconds, path: String = standardPath) -> UInt64? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: longestLine)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0, count < longestLine else { return nil }
        return bound(in: String(decoding: bytes[..<count], as: UTF8.self), at: now)
    }

    static func bound(in line: String, at now: Nanoseconds) -> UInt64? {
        guard line.last == "\n" else { return nil }
        let words = line.dropLast().split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let bound = UInt64(words[0]), let time = UInt64(words[1]),
            time <= now.rawValue
        else { return nil }
        let age = now.rawValue - time
        guard age <= longestAge.rawValue else { return nil }
        // The kernel lets its bound grow by 500 ppm while nothing corrects the clock.
        // Source: Linux kernel/time/ntp.c, MAXFREQ.
        let (sum, over) = bound.addingReportingOverflow(age / 2_000_000)
        return over ? nil : sum
    }
}
