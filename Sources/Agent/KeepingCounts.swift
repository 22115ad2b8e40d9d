import Metering

/// What the keeper of records did since the agent's start, and how the spool stands.
struct KeepingCounts: Sendable {
    /// Windows that were metered, those of a stop that was made up for included.
    var windows: UInt64 = 0
    /// Entries that the spool took: a record for each window, and completions of flows.
    var spooled: UInt64 = 0
    /// Windows that wait in memory because the spool cannot be written.
    var waiting = 0
    /// Bytes of the spool's segments.
    var spoolBytes = 0
    /// Entries of the run that were lost, whatever the reason.
    var dropped: UInt64 = 0
    /// Whether the last attempt to write to the spool failed.
    var isFailing = false
    var packets: UInt64 = 0
    /// Packets that the kernel dropped because the ring was full.
    var kernelDrops: UInt64 = 0
    /// Windows whose energy is not known.
    var unknownEnergy: UInt64 = 0
    /// Windows whose counts are doubtful or not known.
    var doubtfulCounts: UInt64 = 0

    mutating func add(_ window: MeteredWindow) {
        let losses = window.tally.losses
        windows &+= 1
        packets &+= window.tally.packets
        kernelDrops &+= losses.kernelDrops
        if window.energy.energies.host.value == nil { unknownEnergy &+= 1 }
        let loss = CountLoss(of: window.tally, over: window.energy.closed.window.duration)
        if loss > .doubtful || !window.tally.isKnown { doubtfulCounts &+= 1 }
    }
}
