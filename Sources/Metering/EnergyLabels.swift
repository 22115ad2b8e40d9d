/// How programs and reports name what energies are: the words are part of their interfaces.
extension EnergySourceKind {
    /// As the configuration names it.
    package var label: String {
        switch self {
        case .none: "none"
        case .rapl: "rapl"
        case .wall: "wall"
        case .model: "model"
        }
    }
}

extension EnergyScope {
    /// As records and reports name it.
    package var label: String {
        switch self {
        case .none: "none"
        case .host: "host"
        case .processorAndMemory: "cpu+dram"
        }
    }
}

extension EnergyState {
    /// As JSON names it.
    package var label: String { "\(self)" }
}

extension EnergyReason {
    /// As JSON names it.
    package var label: String {
        switch self {
        case .firstReading: "first_reading"
        case .permissionDenied: "permission_denied"
        case .missing: "missing"
        case .readFailed: "read_failed"
        case .malformed: "malformed"
        case .discontinuity: "discontinuity"
        case .noSource: "no_source"
        case .gapTooLong: "gap_too_long"
        case .suspended: "suspended"
        case .agentStopped: "agent_stopped"
        case .rangeUnknown: "range_unknown"
        case .sampled: "sampled"
        case .modelled: "modelled"
        case .loadUnknown: "load_unknown"
        }
    }
}

extension AttributionModel {
    /// As the configuration names it.
    package var label: String {
        switch self {
        case .standard: "standard"
        case .concurrency: "concurrency"
        }
    }
}

extension IdleRule {
    /// As the configuration names it.
    package var label: String {
        switch self {
        case .unallocated: "unallocated"
        case .proportional: "proportional"
        case .reserved: "reserved"
        }
    }
}

extension ZoneDescription {
    /// The zone with what it lies in, e.g. `package-0/dram`.
    package var label: String { parent.isEmpty ? name : "\(parent)/\(name)" }
}
