/// Why a service's or the host's CPU time is not known. The numbers are on the wire.
package enum ProcessorUnknown: UInt8, Error, Sendable, Hashable {
    /// The first reading only sets the baseline.
    case firstReading = 1
    case permissionDenied = 2
    /// No process or cgroup of the service was found.
    case notFound = 3
    case readFailed = 4
    case malformed = 5
    /// The service has no cgroup or process of its own: it shares one with another service, or its cgroup
    /// is the root.
    case shared = 6
    /// A process of the service ended unseen: its last CPU time is not known.
    case processEnded = 7
    /// The agent did not run.
    case agentStopped = 8
}

/// CPU time over one window.
package struct ProcessorTime: Sendable, Hashable {
    /// CPUs × elapsed − Δ(idle + iowait + steal).
    ///
    /// Source: Linux Documentation/filesystems/proc.rst, 1.7 "Miscellaneous kernel statistics".
    package var hostBusy: Known<Nanoseconds, ProcessorUnknown>
    /// One element per service, in the order of the configuration.
    package var services: [Known<Nanoseconds, ProcessorUnknown>]

    package init(
        hostBusy: Known<Nanoseconds, ProcessorUnknown>,
        services: [Known<Nanoseconds, ProcessorUnknown>]
    ) {
        self.hostBusy = hostBusy
        self.services = services
    }
}

/// What the host's CPUs did since they were first read.
package struct HostLoad: Sendable, Hashable {
    /// Time that was not idle, over all CPUs. Never falls.
    package let busy: Nanoseconds
    /// CPUs × time awake. Never falls.
    package let capacity: Nanoseconds
    /// CPUs that are online.
    package let processors: UInt64

    package init(busy: Nanoseconds, capacity: Nanoseconds, processors: UInt64) {
        self.busy = busy
        self.capacity = capacity
        self.processors = processors
    }
}
