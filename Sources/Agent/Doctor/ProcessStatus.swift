import KernelFiles

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

    /// Of a process; `nil` where it is gone or hidden.
    static func of(_ pid: Int, procfs: String) -> ProcessStatus? {
        (try? readText(of: "\(procfs)/\(pid)/status", limit: 65_536)).flatMap(ProcessStatus.init)
    }
}
