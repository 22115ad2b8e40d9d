package import Metering

/// The power and energy sensors of hwmon.
package struct HwmonSource: EnergySource, ~Copyable, Sendable {
    package private(set) var explanations: [ZoneExplanation] = []
    package private(set) var zonesRevision = 0

    /// Looks for sensors under `sysfs`.
    ///
    /// - Parameters:
    ///   - sysfs: the root that plays `/sys`.
    ///   - wallSensors: the sensors that together measure the whole host; empty: an ACPI power
    ///     meter, where there is exactly one.
    package init(sysfs: String, wallSensors: [String]) {}

    package mutating func read(into sample: inout EnergySample, at now: ClockReading) {
        sample.takenAt = now.boottime
    }
}
