package import Metering

/// An energy counter as the kernel shows it: a raw register of 32 bits in steps of a unit.
///
/// Energy is added in picojoules. What does not fill a step of the unit is carried to the next
/// addition, so that nothing is lost by rounding.
///
/// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_unit_xlate` and
/// `get_max_energy_counter`; the value shown is raw × unit / 1000, the register wraps at 2^32.
package struct SimulatedCounter: Sendable, Equatable {
    /// One step of the register in nanojoules.
    package let unit: UInt64
    /// The register.
    package private(set) var raw: UInt32
    /// Energy not yet worth a step, in picojoules; always less than one unit.
    package private(set) var carry: UInt64 = 0
    /// How often the register wrapped.
    package private(set) var wraps: UInt64 = 0
    /// The sum of the differences a reader of the counter sees, each wrap corrected by
    /// `max_energy_range_uj` and one step.
    package private(set) var advanced: Microjoules = .zero

    /// - Parameter unit: nanojoules, 1 to 10^9 (psys counts whole joules).
    package init(unit: UInt64, raw: UInt32) {
        precondition((1...1_000_000_000).contains(unit), "a unit is 1 nJ to 1 J")
        self.unit = unit
        self.raw = raw
    }

    /// The text of `energy_uj`.
    package var visible: Microjoules { Microjoules(UInt64(raw) * unit / 1000) }

    /// The text of `max_energy_range_uj`.
    package var maxEnergyRange: Microjoules { Microjoules(UInt64(UInt32.max) * unit / 1000) }

    /// What a reader adds to a difference that is negative: the counter reaches its maximum and
    /// one step later shows 0. Up to 1 µJ less than 2^32 units, as the kernel's text is rounded.
    package var period: Microjoules { maxEnergyRange + Microjoules(unit / 1000) }

    /// Adds energy, in picojoules; at most one wrap (2^32 − 1 steps) at a time.
    package mutating func advance(picojoules: UInt64) {
        let stepSize = unit * 1000
        let (sum, over) = carry.addingReportingOverflow(picojoules)
        let steps = sum / stepSize
        precondition(!over && steps <= UInt64(UInt32.max), "more than one wrap in one addition")
        carry = sum % stepSize
        let before = visible
        let (next, wrapped) = raw.addingReportingOverflow(UInt32(steps))
        raw = next
        if wrapped { wraps += 1 }
        let reached = wrapped ? visible + period : visible
        advanced += Microjoules(reached.rawValue - before.rawValue)
    }
}
