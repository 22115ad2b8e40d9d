import Glibc
import KernelFiles
import Metering

/// What /proc/PID/status says of a process's rights.
///
/// Source: proc(5), /proc/pid/status.
struct ProcessStatus: Sendable, Hashable {
    /// The bits of CAP_NET_RAW and CAP_SYS_PTRACE.
    ///
    /// Source: Linux linux/capability.h.
    static let netRaw: UInt64 = 1 << 13
    static let ptrace: UInt64 = 1 << 19

    /// The effective user's number.
    let user: UInt32
    /// Bits of the effective capabilities, and of those that may be had at all.
    let effective: UInt64
    let bounding: UInt64
    let hasNoNewPrivileges: Bool
    /// Whether system calls are filtered.
    let isFiltered: Bool

    /// `nil` where the text lacks one of them.
    init?(_ text: String) {
        var values: [Substring: [Substring]] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let words = line[line.index(after: colon)...].split { $0 == "\t" || $0 == " " }
            values[line[..<colon]] = words
        }
        guard let users = values["Uid"], users.count > 1, let user = UInt32(users[1]),
            let effective = values["CapEff"]?.first.flatMap({ UInt64($0, radix: 16) }),
            let bounding = values["CapBnd"]?.first.flatMap({ UInt64($0, radix: 16) }),
            let privileges = values["NoNewPrivs"]?.first, let filter = values["Seccomp"]?.first
        else { return nil }
        self.user = user
        self.effective = effective
        self.bounding = bounding
        hasNoNewPrivileges = privileges == "1"
        isFiltered = filter == "2"
    }

    /// How long a process has run, as its line in /proc/PID/stat tells: field 22, in ticks since boot.
    /// `nil` where the line lacks it.
    ///
    /// - Parameters:
    ///   - uptime: the time since boot, of the same clock.
    ///   - ticks: of a second.
    ///
    /// Source: proc(5), /proc/pid/stat.
    static func age(_ line: String, uptime: Nanoseconds, ticks: UInt64) -> Nanoseconds? {
        // The name before may hold anything, parentheses too.
        guard let end = line.lastIndex(of: ")"), ticks > 0 else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
        let (nanoseconds, isOver) = start.multipliedReportingOverflow(by: 1_000_000_000 / ticks)
        guard !isOver, nanoseconds <= uptime.rawValue else { return nil }
        return Nanoseconds(uptime.rawValue - nanoseconds)
    }

    static func age(of pid: Int, procfs: String) -> Nanoseconds? {
        var time = timespec()
        guard let line = try? readText(of: "\(procfs)/\(pid)/stat", limit: 4096),
            clock_gettime(CLOCK_BOOTTIME, &time) == 0
        else { return nil }
        let uptime = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        return age(
            line, uptime: Nanoseconds(uptime), ticks: UInt64(max(0, sysconf(Int32(_SC_CLK_TCK)))))
    }

    /// Of a process; `nil` where it is gone or hidden.
    static func of(_ pid: Int, procfs: String) -> ProcessStatus? {
        (try? readText(of: "\(procfs)/\(pid)/status", limit: 65_536)).flatMap(ProcessStatus.init)
    }
}
