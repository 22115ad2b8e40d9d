// Hot path: read every second; does not allocate.
internal import KernelFiles
internal import Metering

/// A kernel text that holds a CPU time.
enum CPUTimeFile: Sendable, Hashable {
    /// A folder of version 2: `usage_usec` of `cpu.stat`.
    case cgroup2(folder: String)
    /// A folder of version 1: `cpuacct.usage`, in nanoseconds.
    case cgroup1(folder: String)
    /// `utime` + `stime` of `/proc/PID/stat`, in ticks.
    ///
    /// The pair is the whole process's exact run time, threads that have ended included, cut to
    /// ticks: the error of at most two ticks (20 ms) does not add up. `schedstat` has nanoseconds,
    /// but one thread only, and forgets threads that end.
    /// Source: Linux kernel/sched/cputime.c, `cputime_adjust`; proc_pid_stat(5).
    case process(UInt64, procfs: String)

    /// What one reading says.
    struct Reading: Sendable, Hashable {
        var used: Nanoseconds
        /// When the process began, on the clock of the readings; `nil` for a cgroup.
        var startedAt: Nanoseconds?
    }

    var isOfVersion2: Bool {
        if case .cgroup2 = self { true } else { false }
    }

    var path: String {
        switch self {
        case .cgroup2(let folder): folder + "/cpu.stat"
        case .cgroup1(let folder): folder + "/cpuacct.usage"
        case .process(let process, let procfs): "\(procfs)/\(process)/stat"
        }
    }

    /// The file that says whether processes are in the cgroup or in one below it; only version 2 has one.
    ///
    /// Source: Linux Documentation/admin-guide/cgroup-v2.rst, "cgroup.events".
    var events: String? {
        guard case .cgroup2(let folder) = self else { return nil }
        return folder + "/cgroup.events"
    }

    /// Whether a text of `events` says that no process is in it.
    static func isUnpopulated(_ bytes: [UInt8], count: Int) -> Bool {
        var text = ByteScanner(bytes, count: count)
        while !text.isAtEnd {
            if text.skip("populated ") { return text.number() == 0 }
            text.skipLine()
        }
        return false
    }

    /// The cgroups that it is inside of, whose time has its own.
    var above: [CPUTimeFile] {
        var folder: String
        switch self {
        case .cgroup2(let own), .cgroup1(let own): folder = own
        case .process: return []
        }
        var found: [CPUTimeFile] = []
        while let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
            folder = String(folder[..<slash])
            if case .cgroup1 = self {
                found.append(.cgroup1(folder: folder))
            } else {
                found.append(.cgroup2(folder: folder))
            }
        }
        return found
    }

    /// Parses a reading; `nil` where it is malformed.
    func parse(_ bytes: [UInt8], count: Int, ticksPerSecond: UInt64) -> Reading? {
        var text = ByteScanner(bytes, count: count)
        switch self {
        case .cgroup2:
            while !text.isAtEnd {
                if text.skip("usage_usec ") {
                    return text.number().map { Reading(used: Nanoseconds(1000).times($0)) }
                }
                text.skipLine()
            }
            return nil
        case .cgroup1:
            guard let used = text.number(), text.restIsBlank else { return nil }
            return Reading(used: Nanoseconds(used))
        case .process:
            return Self.parseProcess(&text, ticksPerSecond)
        }
    }

    /// Fields behind the command, which is in parentheses and may hold any byte: 3 state … 14
    /// utime, 15 stime … 22 starttime.
    private static func parseProcess(_ text: inout ByteScanner, _ hertz: UInt64) -> Reading? {
        guard text.skipPastLast(UInt8(ascii: ")")) else { return nil }
        for _ in 3...13 where !text.skipWord() { return nil }
        guard let user = text.number(), let system = text.number() else { return nil }
        for _ in 16...21 where !text.skipWord() { return nil }
        guard let started = text.number() else { return nil }
        return Reading(
            used: .ticks(user.addingClamped(system), perSecond: hertz),
            startedAt: .ticks(started, perSecond: hertz))
    }
}
