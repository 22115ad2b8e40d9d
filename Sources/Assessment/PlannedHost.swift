package import Metering

/// A host with an agent.
package struct PlannedHost: Sendable, Hashable {
    /// The agent's id.
    package var id: String
    package var role: String
    /// Where it stands and when it serves, in the order of time, without overlap. Out of service it
    /// is neither expected nor counted.
    package var assignments: [Assignment]
    /// What part of it belongs to the boundary.
    package var allocation: Allocation
    /// Lifts the energy of CPUs and memory to that of the host, as an estimate.
    package var wallRatio: MeasuredRatio?
    /// The id of its hardware model, where M is included.
    package var model: String?
    /// When its life began; after the model's lifetime nothing of M is left to count.
    package var installed: Timestamp?

    package init(
        id: String, role: String, assignments: [Assignment], allocation: Allocation = .dedicated,
        wallRatio: MeasuredRatio? = nil, model: String? = nil, installed: Timestamp? = nil
    ) {
        self.id = id
        self.role = role
        self.assignments = assignments
        self.allocation = allocation
        self.wallRatio = wallRatio
        self.model = model
        self.installed = installed
    }
}

/// A host's time at a site.
package struct Assignment: Sendable, Hashable {
    package var site: String
    /// `nil` for from the beginning.
    package var from: Timestamp?
    /// `nil` for to the end; else no longer part of it.
    package var to: Timestamp?

    package init(site: String, from: Timestamp? = nil, to: Timestamp? = nil) {
        self.site = site
        self.from = from
        self.to = to
    }
}

/// What part of a host's energy and hardware belongs to the boundary.
package enum Allocation: Sendable, Hashable {
    /// All of it.
    case dedicated
    /// A share of what is reserved for the boundary, idle time included.
    case reserved(PartsPerMillion, reason: String)

    /// The share that belongs to the boundary.
    package var share: PartsPerMillion {
        switch self {
        case .dedicated: .one
        case .reserved(let share, _): share
        }
    }
}

/// A device without an agent: a switch, an array, a standby machine.
package struct PlannedDevice: Sendable, Hashable {
    package var id: String
    package var role: String
    package var site: String
    /// The meter whose imported readings tell its energy.
    package var meter: String
    package var allocation: Allocation
    package var model: String?
    package var installed: Timestamp?

    package init(
        id: String, role: String, site: String, meter: String, allocation: Allocation = .dedicated,
        model: String? = nil, installed: Timestamp? = nil
    ) {
        self.id = id
        self.role = role
        self.site = site
        self.meter = meter
        self.allocation = allocation
        self.model = model
        self.installed = installed
    }
}

/// Whether M is part of the result: for all hosts and devices, or for none.
///
/// Source: T/CQJR 032.2-2025 Annex A b), note: 可暂不统计.
package enum EmbodiedPolicy: Sendable, Hashable {
    case omitted(reason: String)
    case included(models: [HardwareModel])

    /// The models, none where M is left out.
    package var models: [HardwareModel] {
        switch self {
        case .omitted: []
        case .included(let models): models
        }
    }
}

/// The embodied carbon of one kind of hardware.
package struct HardwareModel: Sendable, Hashable {
    package var id: String
    /// TE in grams of CO₂ equivalent; `low` ≤ `typical` ≤ `high`, and the result uses `typical`.
    package var lowGrams: UInt64
    package var typicalGrams: UInt64
    package var highGrams: UInt64
    /// EL, in hours.
    package var lifetimeHours: UInt64
    package var source: String

    package init(
        id: String, lowGrams: UInt64, typicalGrams: UInt64, highGrams: UInt64,
        lifetimeHours: UInt64, source: String
    ) {
        self.id = id
        self.lowGrams = lowGrams
        self.typicalGrams = typicalGrams
        self.highGrams = highGrams
        self.lifetimeHours = lifetimeHours
        self.source = source
    }
}
