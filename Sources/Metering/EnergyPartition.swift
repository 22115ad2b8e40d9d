/// How the energy inside a service is divided among its scenarios.
package enum AttributionModel: UInt8, Sendable, Hashable {
    /// By the standard's weights: α_i TA_i / R. Says nothing about α.
    case standard = 1
    /// By the time of the exchanges in flight: at each instant they share it equally.
    case concurrency = 2
}

/// Who bears the energy that the host uses while it waits for work. The numbers are on the wire.
package enum IdleRule: UInt8, Sendable, Hashable {
    /// Nobody: it is shown as idle.
    case unallocated = 0
    /// Whoever used energy beyond it, in proportion.
    case proportional = 1
    /// Each service the share of the host that is reserved for it; what is left stays idle.
    case reserved = 2
}

/// How a host's energy is divided: the model, and who bears the idle part.
package struct AttributionRule: Sendable, Hashable {
    package let model: AttributionModel
    package let idle: IdleRule

    package init(model: AttributionModel, idle: IdleRule) {
        self.model = model
        self.idle = idle
    }
}

/// Why energy could not be divided. The numbers are on the wire.
package enum UndividedReason: UInt8, Sendable, Hashable {
    /// The idle power P₀ is neither configured nor learned.
    case idleUnknown = 1
    /// The host's busy time is not known.
    case hostTimeUnknown = 2
    /// The CPU time of a service is not known.
    case serviceTimeUnknown = 3
    /// The counts of a service are not known.
    case countsUnknown = 4
    /// The energy contains windows before this one: see ``CarriedEnergy``.
    case carried = 5
}

/// A window's energy, divided. The parts sum to the measured energy to the microjoule.
package struct EnergyPartition: Sendable, Hashable {
    /// One element per scenario, in the order of the scenario set.
    package var scenarios: [Microjoules]
    /// Exchanges of the services that belong to no scenario.
    package var other: Microjoules = .zero
    /// CPU time of the services with nothing to count.
    package var background: Microjoules = .zero
    /// The rest of the host's busy time.
    package var unmonitored: Microjoules = .zero
    package var idle: Microjoules = .zero
    /// What could not be divided, and why.
    package var undivided: Microjoules = .zero
    package var undividedReason: UndividedReason?

    package init(scenarios: Int) { self.scenarios = Array(repeating: .zero, count: scenarios) }

    /// The sum of all parts.
    package var total: Microjoules {
        scenarios.reduce(.zero, +) + other + background + unmonitored + idle + undivided
    }
}
