import Metering
import Settings
import Synchronization

/// Why new settings cannot take the place of the old ones while the agent runs.
package enum ReloadRefusal: Error, CustomStringConvertible {
    /// These keys hold from the agent's start to its end.
    case needsRestart(keys: [String])

    package var description: String {
        switch self {
        case .needsRestart(let keys):
            "\(keys.joined(separator: ", ")) cannot change while the agent runs: restart it, or set"
                + " the old value and reload again"
        }
    }
}

extension AgentSettings {
    /// The keys that differ from `other` and hold for as long as the agent runs.
    func fixedKeys(differingFrom other: AgentSettings) -> [String] {
        let pairs: [(String, Bool)] = [
            ("agent.id", id == other.id), ("agent.state", state == other.state),
            ("window", window == other.window),
            ("energy", energy.holdsAs(other.energy)),
            ("capture.ring_mib", capture.ringMebibytes == other.capture.ringMebibytes),
            (
                "flow_keys",
                flowKeys.limit == other.flowKeys.limit
                    && flowKeys.remember == other.flowKeys.remember
            ),
            ("flow_secret", flowKeys.secret == other.flowKeys.secret),
            (
                "collectors",
                collectors.map(\.address) == other.collectors.map(\.address)
                    && collectors.map(\.transport) == other.collectors.map(\.transport)
            ),
            ("delivery", delivery == other.delivery), ("spool", spool == other.spool),
            ("listen", metrics == other.metrics),
        ]
        return pairs.filter { !$0.1 }.map(\.0)
    }
}

extension EnergySettings {
    /// Whether both say the same, wherever in their files.
    fileprivate func holdsAs(_ other: EnergySettings) -> Bool {
        sysfs == other.sysfs && procfs == other.procfs && source == other.source
            && idlePower == other.idlePower && maximumMilliwatts == other.maximumMilliwatts
            && wallSensors.map(\.description) == other.wallSensors.map(\.description)
    }
}

/// A value on its way to another thread, which takes it. Of several that come before that, the
/// latest counts.
final class Handover<Value: Sendable>: Sendable {
    private let next = Mutex<Value?>(nil)

    func give(_ value: Value) { next.withLock { $0 = value } }

    func take() -> Value? {
        next.withLock { next in
            defer { next = nil }
            return next
        }
    }
}

/// Settings that begin to hold when the window `ordinal` has ended.
struct SettingsChange: Sendable {
    let ordinal: Int
    let settings: MeterSettings
}
