package import Metering

/// A place that energy is read from: powercap, the sensors of hwmon, a model.
///
/// Its zones keep their place: one that vanishes goes on failing, one that appears comes last.
package protocol EnergySource: ~Copyable {
    /// One element per zone, in the order of every sample's: what it is, where, and why its energy
    /// is added into the source's or not.
    var explanations: [ZoneExplanation] { get }
    /// Counts the changes of `explanations`.
    var zonesRevision: Int { get }
    /// Reads every zone once, back to back, into `sample`. Allocates only where zones were added or
    /// are looked for anew.
    mutating func read(into sample: inout EnergySample, at now: ClockReading)
}

/// A zone and why its energy is added into its source's or not.
package struct ZoneExplanation: Sendable, Hashable {
    package let zone: ZoneDescription
    /// Where the zone was found last.
    package let folder: String
    /// In words.
    package let role: String

    package init(zone: ZoneDescription, folder: String, role: String) {
        self.zone = zone
        self.folder = folder
        self.role = role
    }
}

/// A folder that was looked at and holds no zone.
package struct RefusedZone: Sendable, Hashable {
    package let folder: String
    /// In words.
    package let refusal: String

    package init(folder: String, refusal: String) {
        self.folder = folder
        self.refusal = refusal
    }
}

/// Where a counter stood when the agent last read it: what a later run of the same boot goes on
/// from.
package struct ZoneBaseline: Sendable, Hashable {
    /// Identifies the zone: control type, name, parent's name, and the number among equals.
    package let control: String
    package let name: String
    package let parent: String
    package let ordinal: Int
    /// The counter's value, in microjoules.
    package let value: UInt64
    /// When it was read: CLOCK_BOOTTIME and CLOCK_MONOTONIC.
    package let readAt: Nanoseconds
    package let awakeAt: Nanoseconds
    /// Energy up to then that was given to no window, in microjoules.
    package var beyond: UInt64

    package init(
        control: String, name: String, parent: String, ordinal: Int, value: UInt64,
        readAt: Nanoseconds, awakeAt: Nanoseconds, beyond: UInt64
    ) {
        self.control = control
        self.name = name
        self.parent = parent
        self.ordinal = ordinal
        self.value = value
        self.readAt = readAt
        self.awakeAt = awakeAt
        self.beyond = beyond
    }
}
