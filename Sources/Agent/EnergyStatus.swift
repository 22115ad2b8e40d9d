import EnergySources
import Metering
import Settings

/// What the agent knows of the host's energy, for its status line.
enum EnergyStatus: Sendable, Hashable {
    /// The settings ask for none.
    case off
    case metered(EnergySourceKind)
    case unknown(EnergyReason)

    /// Looks for the sources, and reads each once.
    static func now(_ settings: EnergySettings) -> EnergyStatus {
        guard settings.source != .none else { return .off }
        var source = HostEnergySource(EnergyOptions(settings))
        let now = ClockReading.now()
        var sample = EnergySample(takenAt: now.boottime, zones: [])
        source.read(into: &sample, at: now, load: .unknown(.firstReading))
        let kind = source.primary
        let primary = zip(source.zones, sample.zones).filter { zone, _ in
            zone.counted && zone.source == kind
        }
        guard !primary.isEmpty else { return .unknown(.noSource) }
        let lasting = primary.lazy.compactMap(\.1.failure).first(where: isLasting)
        return lasting.map(Self.unknown) ?? .metered(kind)
    }

    /// What a window tells; `nil` where that passes by itself.
    init?(_ window: WindowEnergy) {
        guard let reason = window.energies.host.reason else {
            self = .metered(window.source)
            return
        }
        guard Self.isLasting(reason) else { return nil }
        self = .unknown(reason)
    }

    /// Whether a person must do something about it.
    private static func isLasting(_ reason: EnergyReason) -> Bool {
        switch reason {
        case .permissionDenied, .missing, .readFailed, .malformed, .noSource, .rangeUnknown: true
        case .firstReading, .discontinuity, .gapTooLong, .suspended, .agentStopped, .sampled,
            .modelled, .loadUnknown:
            false
        }
    }

    /// As a part of a sentence about the agent.
    var words: String {
        switch self {
        case .off: "meters no energy"
        case .metered(.model): "estimates energy from its watts"
        case .metered: "meters energy"
        case .unknown(let reason): "energy is unknown (\(reason.sentence))"
        }
    }
}
