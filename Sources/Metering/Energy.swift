/// How a zone's energy of one window came to be known.
package enum EnergyState: UInt8, Sendable, Hashable {
    /// Differences of readings that all succeeded.
    case measured = 1
    /// A difference across readings that failed: exact in sum, uncertain in time.
    case bridged = 2
    /// From a model with the administrator's watts, not from a counter.
    case estimated = 3
}

/// Why an energy is not known. The numbers are on the wire and never change their meaning.
package enum EnergyUnknown: UInt8, Error, Sendable, Hashable {
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
    /// The counter restarted or may have wrapped more than once: the energy cannot be known.
    case discontinuity = 6
    /// The host has no energy source at all.
    case noSource = 7
}

/// What a zone measures, by its powercap name.
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
}

/// What a zone is and whether its energy is part of the host's. Part of the manifest.
package struct ZoneDescription: Sendable, Hashable {
    /// The control type, e.g. `intel-rapl`.
    package let control: String
    /// The zone's own name, e.g. `package-0` or `dram`.
    package let name: String
    /// The name of the zone above it, empty at the top.
    package let parent: String
    package let kind: ZoneKind
    /// Whether the zone is added into the host's energy: packages + dram, each once.
    package let counted: Bool

    package init(control: String, name: String, parent: String, kind: ZoneKind, counted: Bool) {
        self.control = control
        self.name = name
        self.parent = parent
        self.kind = kind
        self.counted = counted
    }
}

/// The state of a zone's accumulator at one reading.
package struct ZoneSample: Sendable, Hashable {
    /// Energy since the source was opened, wraps corrected. Never falls.
    package var accumulated: Microjoules
    /// When the counter was last read with success (CLOCK_BOOTTIME); zero before the first time.
    package var readAt: Nanoseconds
    /// Why the latest reading gave nothing, or `nil` where it succeeded.
    package var failure: EnergyUnknown?
    /// How many times a difference bridged failed readings.
    package var bridges: UInt64
    /// How many times energy was lost to a discontinuity.
    package var losses: UInt64

    package init(
        accumulated: Microjoules = .zero, readAt: Nanoseconds = .zero,
        failure: EnergyUnknown? = .firstReading, bridges: UInt64 = 0, losses: UInt64 = 0
    ) {
        self.accumulated = accumulated
        self.readAt = readAt
        self.failure = failure
        self.bridges = bridges
        self.losses = losses
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

/// A zone's energy over one window.
package struct ZoneEnergy: Sendable, Hashable {
    package let energy: Known<Microjoules, EnergyUnknown>
    /// How the energy is known; `nil` where it is not.
    package let state: EnergyState?

    package init(_ energy: Microjoules, _ state: EnergyState) {
        self.energy = .known(energy)
        self.state = state
    }

    package init(unknown reason: EnergyUnknown) {
        self.energy = .unknown(reason)
        self.state = nil
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
