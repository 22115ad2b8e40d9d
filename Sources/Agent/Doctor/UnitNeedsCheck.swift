import Settings

/// Looks whether the unit leaves the agent what it meters with: a drop-in may take too much.
struct UnitNeedsCheck {
    /// Source: systemd.exec(5).
    static let shown = [
        "LoadState", "User", "AmbientCapabilities", "CapabilityBoundingSet",
        "RestrictAddressFamilies", "PrivateNetwork", "PrivateUsers", "ProcSubset",
        "SystemCallFilter",
    ]
    private static let families = ["AF_PACKET", "AF_NETLINK", "AF_INET", "AF_UNIX"]

    /// What `systemctl show` says of the unit.
    let unit: [String: String]
    let unitName: String
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard unit["LoadState"] == "loaded" else { return [] }
        return capabilities + families + views + calls
    }

    private func fault(_ property: String, _ lack: String, _ without: String) -> DoctorFinding {
        DoctorFinding(
            .sandbox, property, .fault, lack,
            fix: language.say(
                "take \(property)= out of the drop-ins, or write \(without) there: "
                    + "`systemctl edit \(unitName)`, then `systemctl restart \(unitName)`",
                "从附加配置中删除 \(property)=，或写 \(without)："
                    + "`systemctl edit \(unitName)`，然后 `systemctl restart \(unitName)`"))
    }

    private var capabilities: [DoctorFinding] {
        let isRoot = ["", "root", "0"].contains(unit["User"] ?? "root")
        let names =
            isRoot ? ["CapabilityBoundingSet"] : ["CapabilityBoundingSet", "AmbientCapabilities"]
        return names.compactMap { name in
            guard let value = unit[name], !words(value).contains("cap_net_raw") else { return nil }
            return fault(
                name,
                language.say(
                    "the unit takes CAP_NET_RAW from the agent: flows are not counted",
                    "单元未给代理 CAP_NET_RAW：不统计流程"), "\(name)=CAP_NET_RAW")
        }
    }

    private var families: [DoctorFinding] {
        guard let value = unit["RestrictAddressFamilies"] else { return [] }
        let isRefused = value.hasPrefix("~")
        let listed = words(isRefused ? String(value.dropFirst()) : value)
        let lacking = Self.families.filter { listed.contains($0) == isRefused }
        guard !lacking.isEmpty else { return [] }
        let names = lacking.joined(separator: " ")
        return [
            fault(
                "RestrictAddressFamilies",
                language.say(
                    "the unit forbids \(names): capture, or what the agent says to collectors and to "
                        + "systemd, fails",
                    "单元禁止 \(names)：采集、与采集端或 systemd 的通信会失败"),
                "RestrictAddressFamilies=\(names)")
        ]
    }

    private var views: [DoctorFinding] {
        [
            (
                "PrivateNetwork", "yes", "no",
                language.say(
                    "the unit has a network of its own: nothing of the host is captured",
                    "单元使用独立网络：采集不到主机流量")
            ),
            (
                "PrivateUsers", "yes", "no",
                language.say(
                    "the unit has users of its own: CAP_NET_RAW holds for no network of the host",
                    "单元使用独立用户命名空间：CAP_NET_RAW 对主机网络无效")
            ),
            (
                "ProcSubset", "pid", "all",
                language.say(
                    "the unit hides /proc/stat: without the host's CPU time no energy is divided",
                    "单元隐藏 /proc/stat：没有主机 CPU 时间，电能无法划分")
            ),
        ].compactMap { name, bad, good, lack in
            unit[name] == bad ? fault(name, lack, "\(name)=\(good)") : nil
        }
    }

    /// System calls without which the agent does not start or goes no way on; of those between bars one
    /// suffices, for machines differ.
    private static let calls = [
        "bind", "clone|clone3", "close", "connect", "epoll_create1", "epoll_ctl",
        "epoll_pwait|epoll_wait", "eventfd2", "execve", "fcntl", "fdatasync", "flock",
        "fstat|fstatat64|newfstatat", "fsync", "futex", "getdents64", "getsockopt", "ioctl",
        "madvise", "mkdir|mkdirat", "mmap|mmap2", "mprotect", "munmap", "openat", "pipe2",
        "poll|ppoll", "pread64", "pwrite64", "read", "recvfrom", "rename|renameat|renameat2",
        "rt_sigaction", "rt_sigprocmask", "sendto", "setsockopt", "socket", "timerfd_create",
        "timerfd_settime", "unlink|unlinkat", "write",
    ]

    /// A filter that refuses one of them lets the agent end, or hang while its unit is activating.
    private var calls: [DoctorFinding] {
        guard let value = unit["SystemCallFilter"], !value.isEmpty else { return [] }
        let isRefused = value.hasPrefix("~")
        // `name:errno` is refused with that error, in either kind of list.
        let listed = words(isRefused ? String(value.dropFirst()) : value)
        let bare = Set(
            listed.compactMap { word in
                // Not `contains(":")`: that may be Foundation's, and 34 MB of ICU with it.
                word.contains { $0 == ":" }
                    ? isRefused ? word.prefix { $0 != ":" } : nil : word[...]
            }.map(String.init))
        let lacking = Self.calls.filter { need in
            need.split(separator: "|").allSatisfy { bare.contains(String($0)) == isRefused }
        }
        guard !lacking.isEmpty else { return [] }
        let names = lacking.prefix(5).map { $0.prefix { $0 != "|" } }.joined(separator: " ")
        let more = lacking.count > 5 ? " …" : ""
        return [
            fault(
                "SystemCallFilter",
                language.say(
                    "the unit forbids system calls that the agent needs (\(names)\(more)): it does not "
                        + "start, or hangs while it is activating",
                    "单元禁止代理所需的系统调用（\(names)\(more)）：代理无法启动，或停在启动中"),
                "SystemCallFilter=@system-service")
        ]
    }

    private func words(_ value: String) -> Set<String> {
        Set(value.split(separator: " ").map(String.init))
    }
}
