/// As systemd 252 prints the properties of the unit that comes with the program.
let shippedUnit = """
    LoadState=loaded
    ActiveState=active
    SubState=running
    UnitFileState=enabled
    Result=success
    ExecMainStatus=0
    NRestarts=0
    MainPID=4711
    ExecStart={ path=/usr/bin/jouleflow-agent ; argv[]=/usr/bin/jouleflow-agent run --config /etc/jouleflow/agent.yaml ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
    User=jouleflow
    Group=jouleflow
    WatchdogUSec=30s
    UMask=0077
    StateDirectory=jouleflow
    StateDirectoryMode=0700
    CapabilityBoundingSet=cap_net_raw
    AmbientCapabilities=cap_net_raw
    NoNewPrivileges=yes
    ProtectSystem=strict
    ProtectHome=yes
    PrivateMounts=yes
    PrivateTmp=yes
    PrivateDevices=yes
    PrivateNetwork=no
    PrivateUsers=no
    PrivateIPC=yes
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    ProtectControlGroups=yes
    ProtectClock=yes
    ProtectProc=invisible
    ProcSubset=all
    DevicePolicy=closed
    DeviceAllow=char-rtc r
    KeyringMode=private
    RemoveIPC=yes
    LockPersonality=yes
    MemoryDenyWriteExecute=yes
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_UNIX
    SystemCallArchitectures=native
    SystemCallFilter=accept accept4 access bind brk clone clone3 close connect epoll_create1 \
    epoll_ctl epoll_wait eventfd2 execve fcntl fdatasync flock fsync futex getdents64 getsockopt \
    ioctl madvise mkdir mmap mprotect munmap newfstatat openat pipe2 poll pread64 pwrite64 read \
    recvfrom rename rt_sigaction rt_sigprocmask sendto setpriority:0 setsockopt socket \
    timerfd_create timerfd_settime unlink write
    MemoryHigh=201326592
    MemoryMax=268435456
    MemorySwapMax=0
    CPUQuotaPerSecUSec=500ms
    TasksMax=64
    OOMScoreAdjust=500
    LimitCORE=0
    IPAddressAllow=127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7 fe80::/10
    IPAddressDeny=0.0.0.0/0 ::/0
    ReadWritePaths=
    DropInPaths=
    NeedDaemonReload=no
    """

/// The same with other values of some properties; with `nil` as of a systemd that lacks them.
func shippedUnit(_ changes: [String: String?]) -> String {
    shippedUnit.split(separator: "\n").compactMap { line -> String? in
        let name = String(line.prefix { $0 != "=" })
        guard let change = changes[name] else { return String(line) }
        return change.map { "\(name)=\($0)" }
    }.joined(separator: "\n")
}
