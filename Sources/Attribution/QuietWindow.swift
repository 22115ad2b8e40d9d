package import Metering

/// What must be known of a finished window to tell whether the host was idle in it.
///
/// Every window is given to the learner, also those that are not quiet: the windows after a busy
/// one must be told from those in the middle of a rest.
package struct FinishedWindow: Sendable, Hashable {
    /// The window's end.
    package var end: Timestamp
    package var duration: Nanoseconds
    package var flags: RecordFlags
    /// The host's energy, from the primary source. `nil` where it is not of this window alone or
    /// not from a meter: bridged, carried, modelled, lost.
    package var energy: Microjoules?
    /// The host's busy time; `nil` where it is not known.
    package var busy: Nanoseconds?
    /// CPUs × duration; `nil` where the number of CPUs is not known.
    package var capacity: Nanoseconds?
    /// Exchanges of all services, those that match no scenario included; `nil` where they could
    /// not be counted on any one of them.
    package var exchanges: UInt64?

    package init(
        end: Timestamp, duration: Nanoseconds, flags: RecordFlags, energy: Microjoules?,
        busy: Nanoseconds?, capacity: Nanoseconds?, exchanges: UInt64?
    ) {
        self.end = end
        self.duration = duration
        self.flags = flags
        self.energy = energy
        self.busy = busy
        self.capacity = capacity
        self.exchanges = exchanges
    }
}

/// Why a window teaches nothing about idle power.
package enum IdlePowerRefusal: Error, Sendable, Hashable {
    /// The window is partial, suspended, stepped, late or doubtful in another way.
    case notWhole
    case exchangesUnknown
    /// Work was asked for: this many exchanges.
    case exchanges(UInt64)
    case busyTimeUnknown
    /// The host was busy with something else, for more than 2 % of its capacity.
    case busy
    /// The energy is not measured.
    case energyUnknown
    /// Zero, as of a counter that stands still, or above 100 kW.
    case implausiblePower
    /// Quiet, but too soon after a window that was not.
    case settling
}

/// The rule that tells quiet windows. See docs/attribution.md, "Idle power".
///
/// Idle is what SPEC calls active idle: the host is ready for work and none is asked of it. The
/// limits are this program's own.
///
/// Source: SPECpower_ssj2008 Run and Reporting Rules, 2.3.2.1 "The Active Idle Interval",
/// https://www.spec.org/power/docs/SPECpower_ssj2008-Run_Reporting_Rules.html
enum QuietWindow {
    /// 1/50 = 2 % of the capacity: the host's own housekeeping and this agent fit in. Where power
    /// rises in proportion to busy time, that is at most 2 % of the span from idle to full load.
    static let busyDivisor: UInt64 = 50
    /// In milliwatts: 100 kW, the largest power that can be configured.
    static let highestPower: UInt64 = 100_000_000

    /// The window's mean power in milliwatts, where it was quiet.
    static func power(of window: FinishedWindow) throws(IdlePowerRefusal) -> UInt32 {
        // Whatever flag a later version adds makes a window doubtful until this line knows it.
        guard window.flags.subtracting(.simulated).isEmpty else { throw .notWhole }
        guard let exchanges = window.exchanges else { throw .exchangesUnknown }
        guard exchanges == 0 else { throw .exchanges(exchanges) }
        guard let busy = window.busy, let capacity = window.capacity, capacity > .zero else {
            throw .busyTimeUnknown
        }
        guard busy.rawValue <= capacity.rawValue / busyDivisor else { throw .busy }
        guard let energy = window.energy else { throw .energyUnknown }
        guard let power = milliwatts(energy, over: window.duration) else { throw .implausiblePower }
        return power
    }

    /// Rounded to the nearest; `nil` where it is 0 or above the highest power.
    private static func milliwatts(_ energy: Microjoules, over duration: Nanoseconds) -> UInt32? {
        guard duration > .zero else { return nil }
        let time = UInt128(duration.rawValue)
        let power = (UInt128(energy.rawValue) * 1_000_000 + time / 2) / time
        guard (1...UInt128(highestPower)).contains(power) else { return nil }
        return UInt32(exactly: power)
    }
}
