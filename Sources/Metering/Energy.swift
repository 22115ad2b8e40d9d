/// How a zone's energy of one window came to be known. The numbers are on the wire.
package enum EnergyState: UInt8, Sendable, Hashable {
    /// Differences of readings that all succeeded.
    case measured = 1
    /// A difference across readings that failed: exact in sum, uncertain in time.
    case bridged = 2
    /// From a model with the administrator's watts, or from samples of a power that changes in
    /// between.
    case estimated = 3
    /// Not known, and contained in no other window.
    case lost = 4
    /// Not read in this window: it arrives with the next window that is `bridged`, or is `lost`
    /// there.
    case deferred = 5
}

/// Why an energy is not known, or not plainly measured. The numbers are on the wire and never
/// change their meaning.
package enum EnergyReason: UInt8, Error, Sendable, Hashable {
    /// The first reading of a counter only sets its baseline.
    case firstReading = 1
    /// The process may not read the counter (EACCES, EPERM).
    case permissionDenied = 2
    /// The counter's file is gone or the zone was unplugged (ENOENT, ENODEV).
    case missing = 3
    /// The kernel answered with an error (EINVAL, EIO, …).
    case readFailed = 4
    /// The text read is no number the counter can hold.
    case malformed = 5
    /// The counter shows what it cannot have reached: it restarted.
    case discontinuity = 6
    /// The host has no energy source at all.
    case noSource = 7
    /// Nothing was read for so long that the counter may have wrapped more than once.
    case gapTooLong = 8
    /// The host was suspended, and the counter may have restarted meanwhile.
    case suspended = 9
    /// The agent did not run.
    case agentStopped = 10
    /// The counter wrapped, and its range is not known.
    case rangeUnknown = 11
    /// An instantaneous power was sampled and integrated.
    case sampled = 12
    /// Computed from the host's CPU time and the administrator's watts.
    case modelled = 13
    /// The model lacks the host's CPU time.
    case loadUnknown = 14
}

/// What a zone measures.
///
/// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_domain_names`.
package enum ZoneKind: UInt8, Sendable, Hashable {
    case package = 1
    case dram = 2
    case core = 3
    case uncore = 4
    case psys = 5
    /// A name this program does not know: read and shown, never added.
    case opaque = 6
    /// A meter of the power that the whole host draws.
    case wall = 7
    /// No counter: a model of the whole host.
    case model = 8
}

/// What a zone is and whether its energy is part of its source's. Part of the manifest.
package struct ZoneDescription: Sendable, Hashable {
    /// The control type, e.g. `intel-rapl`; `hwmon` and `model` for those sources.
    package let control: String
    /// The zone's own name, e.g. `package-0` or `dram`; a sensor's, e.g. `power1`.
    package let name: String
    /// The name of the zone above it, empty at the top; the chip of a sensor.
    package let parent: String
    package let kind: ZoneKind
    /// Whether the zone is added into its source's energy: packages + dram, each counter once; the
    /// sensors that together measure the whole host.
    package let counted: Bool
    /// The source that the zone belongs to.
    package let source: EnergySourceKind

    package init(
        control: String, name: String, parent: String, kind: ZoneKind, counted: Bool,
        source: EnergySourceKind = .rapl
    ) {
        self.control = control
        self.name = name
        self.parent = parent
        self.kind = kind
        self.counted = counted
        self.source = source
    }
}

/// The state of a zone's accumulator at one reading.
package struct ZoneSample: Sendable, Hashable {
    /// Energy since the source was opened, wraps corrected. Never falls.
    package var accumulated: Microjoules
    /// When the counter was last read with success (CLOCK_BOOTTIME); zero before the first time.
    package var readAt: Nanoseconds
    /// Why the latest reading gave nothing, or `nil` where it succeeded.
    package var failure: EnergyReason?
    /// How many times a difference bridged failed readings, and what the latest one bridged.
    package var bridges: UInt64 = 0
    package var bridged: EnergyReason?
    /// How many times energy was lost, and why it was the latest time.
    package var losses: UInt64 = 0
    package var lost: EnergyReason?
    /// Why the zone's energy is estimated at best; `nil` where it is measured.
    package var estimated: EnergyReason?

    package init(
        accumulated: Microjoules = .zero, readAt: Nanoseconds = .zero,
        failure: EnergyReason? = .firstReading
    ) {
        self.accumulated = accumulated
        self.readAt = readAt
        self.failure = failure
    }
}

/// One reading of all zones of a source, taken back to back.
package struct EnergySample: Sendable, Hashable {
    /// When the reading was taken (CLOCK_BOOTTIME).
    package var takenAt: Nanoseconds
    /// One element per zone, in the order of the source's `zones`.
    package var zones: [ZoneSample]

    package init(takenAt: Nanoseconds, zones: [ZoneSample]) {
        self.takenAt = takenAt
        self.zones = zones
    }
}

/// A zone's energy over one window, how it is known, and why it is not plainly measured.
package enum ZoneEnergy: Sendable, Hashable {
    case measured(Microjoules)
    case bridged(Microjoules, EnergyReason)
    case estimated(Microjoules, EnergyReason)
    case lost(EnergyReason)
    case deferred(EnergyReason)

    /// The energy, or why it is not known.
    package var energy: Known<Microjoules, EnergyReason> {
        switch self {
        case .measured(let energy), .bridged(let energy, _), .estimated(let energy, _):
            .known(energy)
        case .lost(let reason), .deferred(let reason): .unknown(reason)
        }
    }

    /// The case without what it holds.
    package var state: EnergyState {
        switch self {
        case .measured: .measured
        case .bridged: .bridged
        case .estimated: .estimated
        case .lost: .lost
        case .deferred: .deferred
        }
    }

    /// `nil` where the energy is measured.
    package var reason: EnergyReason? {
        switch self {
        case .measured: nil
        case .bridged(_, let reason), .estimated(_, let reason), .lost(let reason),
            .deferred(let reason):
            reason
        }
    }
}

/// Energy of windows before a record's own, whose host energy was not known until this record.
package struct CarriedEnergy: Sendable, Hashable {
    /// What zones that could be read used in those windows. What the others used is in their own
    /// `bridged` energy.
    package let energy: Microjoules
    /// How long before the window's start it begins (CLOCK_BOOTTIME).
    package let time: Nanoseconds

    package init(energy: Microjoules, time: Nanoseconds) {
        self.energy = energy
        self.time = time
    }
}

/// Where the host's energy comes from. Exactly one per host is primary.
package enum EnergySourceKind: UInt8, Sendable, Hashable {
    case none = 0
    case rapl = 1
    case wall = 2
    case model = 3
}

/// What part of the host an energy covers.
///
/// Source: T/CQJR 032.2-2025 Annex A b) 2) asks for the host's electricity; packages and dram
/// alone are labelled 仅CPU+内存口径.
package enum EnergyScope: UInt8, Sendable, Hashable {
    case none = 0
    case host = 1
    case processorAndMemory = 2
}

extension EnergySourceKind {
    /// What part of the host the source covers.
    package var scope: EnergyScope {
        switch self {
        case .none: .none
        case .rapl: .processorAndMemory
        case .wall, .model: .host
        }
    }
}
