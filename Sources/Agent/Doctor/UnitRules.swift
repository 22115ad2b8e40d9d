extension UnitRule {
    /// The properties of systemd/jouleflow-agent.service that keep the agent in its bounds.
    ///
    /// Source: systemd.exec(5), systemd.service(5), systemd.resource-control(5).
    ///
    /// - Parameter seesProcesses: whether the settings ask for the CPU time of other users' processes
    ///   (`cpu: process`), for which packaging/README.md widens two of them.
    static func all(seesProcesses: Bool) -> [UnitRule] {
        let capabilities = seesProcesses ? ["cap_net_raw", "cap_sys_ptrace"] : ["cap_net_raw"]
        let views = seesProcesses ? ["default", "noaccess"] : []
        return rights + files + system + limits + network + [
            UnitRule("CapabilityBoundingSet", "CAP_NET_RAW", .within(Set(capabilities))),
            UnitRule("AmbientCapabilities", "CAP_NET_RAW", .within(Set(capabilities))),
            UnitRule("ProtectProc", "invisible", .oneOf(["invisible", "ptraceable"] + views)),
        ]
    }

    private static let rights = [
        UnitRule("User", "jouleflow"),
        // Without one systemd takes the user's own.
        UnitRule("Group", "jouleflow", .oneOf(["jouleflow", ""])),
        UnitRule("NoNewPrivileges", "yes"),
        UnitRule("UMask", "0077", .octalWith(0o077)),
        UnitRule("StateDirectoryMode", "0700", .octalWithout(0o077)),
    ]

    private static let files = [
        UnitRule("ProtectSystem", "strict"),
        UnitRule("ProtectHome", "yes", .oneOf(["yes", "tmpfs"])),
        UnitRule("PrivateMounts", "yes"), UnitRule("PrivateTmp", "yes"),
        UnitRule("PrivateDevices", "yes"),
        UnitRule("DevicePolicy", "closed", .oneOf(["closed", "strict"])),
        // ProtectClock= shows as this.
        UnitRule("DeviceAllow", "char-rtc r", .within(["char-rtc", "r"])),
        UnitRule("PrivateIPC", "yes"),
        UnitRule("ProtectHostname", "yes"), UnitRule("ProtectKernelLogs", "yes"),
        UnitRule("ProtectKernelModules", "yes"), UnitRule("ProtectKernelTunables", "yes"),
        UnitRule("ProtectControlGroups", "yes"),
        UnitRule("RemoveIPC", "yes"), UnitRule("KeyringMode", "private"),
    ]

    private static let system = [
        UnitRule("LockPersonality", "yes"), UnitRule("MemoryDenyWriteExecute", "yes"),
        UnitRule("ProtectClock", "yes"), UnitRule("RestrictNamespaces", "yes"),
        UnitRule("RestrictRealtime", "yes"), UnitRule("RestrictSUIDSGID", "yes"),
        UnitRule("SystemCallArchitectures", "native"),
        UnitRule(
            "SystemCallFilter", "@system-service and less", .callsWithout(refusedCalls)),
    ]

    private static let limits = [
        UnitRule("MemoryHigh", "192M", .finite), UnitRule("MemoryMax", "256M", .finite),
        UnitRule("MemorySwapMax", "0", .atMost(0)),
        UnitRule("CPUQuotaPerSecUSec", "500ms", .finite), UnitRule("TasksMax", "64", .atMost(64)),
        UnitRule("OOMScoreAdjust", "500", .atLeast(500)),
        UnitRule("LimitCORE", "0", .atMost(0)),
        UnitRule("WatchdogUSec", "30s", .timeUpTo(seconds: 30)),
    ]

    private static let network = [
        UnitRule(
            "RestrictAddressFamilies", "AF_PACKET AF_NETLINK AF_INET AF_INET6 AF_UNIX",
            .within(["AF_PACKET", "AF_NETLINK", "AF_INET", "AF_INET6", "AF_UNIX"])),
        UnitRule("IPAddressDeny", "any", .allNetworks),
        UnitRule(
            "IPAddressAllow", "localhost and private networks", .networksWithin(privateNetworks)),
    ]

    private static let privateNetworks = [
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
        "100.64.0.0/10", "fc00::/7", "fe80::/10",
    ].compactMap(AddressRange.init)

    /// What no other service may have for the same reason: they change the host, look into other
    /// processes, or reach code of the kernel that the agent never uses.
    ///
    /// Source: `systemd-analyze syscall-filter` of systemd 252: @privileged, @resources, @aio,
    /// @keyring, @debug, @mount, @cpu-emulation.
    private static let refusedCalls: Set<String> = [
        "chown", "fchown", "fchownat", "lchown", "adjtimex", "clock_adjtime", "clock_settime",
        "settimeofday", "delete_module", "finit_module", "init_module", "ioperm", "iopl",
        "kexec_file_load", "kexec_load", "reboot", "swapoff", "swapon", "acct", "bpf", "capset",
        "chroot", "fanotify_init", "fanotify_mark", "open_by_handle_at", "pivot_root", "quotactl",
        "quotactl_fd", "setdomainname", "setfsuid", "setgroups", "sethostname", "setresuid",
        "setreuid", "setuid", "vhangup",
        "ioprio_set", "mbind", "migrate_pages", "move_pages", "nice", "sched_setaffinity",
        "sched_setattr", "sched_setparam", "sched_setscheduler", "set_mempolicy", "setpriority",
        "setrlimit",
        "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
        "io_uring_enter", "io_uring_register", "io_uring_setup", "add_key", "keyctl",
        "request_key",
        "lookup_dcookie", "perf_event_open", "pidfd_getfd", "ptrace", "process_vm_readv",
        "process_vm_writev", "kcmp", "userfaultfd",
        "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount",
        "open_tree", "umount", "umount2", "modify_ldt",
    ]
}
