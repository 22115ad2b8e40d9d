package import Metering

/// A round as the assessment sees it: what its electricity and its volumes are, without the records.
package struct AssessedRound: Sendable, Hashable {
    /// Counts from 0 over the planned rounds, the reserve rounds after them.
    package var number: Int
    package var isReserve: Bool
    package var interval: Interval
    /// In the order of the plan, hosts first, each in the order of time.
    package var segments: [BoundarySegment]
    /// One element per scenario of the plan.
    package var volumes: [RoundVolume]
    /// Whether nothing but R = 0 may keep the round from the mean.
    package var isSound: Bool

    package init(
        number: Int, isReserve: Bool = false, interval: Interval, segments: [BoundarySegment],
        volumes: [RoundVolume], isSound: Bool
    ) {
        self.number = number
        self.isReserve = isReserve
        self.interval = interval
        self.segments = segments
        self.volumes = volumes
        self.isSound = isSound
    }
}

/// TA of one scenario in a round, as far as it is known.
package struct RoundVolume: Sendable, Hashable {
    package var scenario: ScenarioID
    /// `nil` where it was not observed.
    package var flows: UInt64?
    /// The same without refusals; `nil` where it is not known.
    package var flowsWithoutRefusals: UInt64?

    package init(scenario: ScenarioID, flows: UInt64?, flowsWithoutRefusals: UInt64?) {
        self.scenario = scenario
        self.flows = flows
        self.flowsWithoutRefusals = flowsWithoutRefusals
    }
}

/// A machine of the plan.
package enum Machine: Sendable, Hashable {
    /// With an agent of this id.
    case host(String)
    /// Without an agent: a device of the plan.
    case device(String)

    /// As the plan names it.
    package var id: String {
        switch self {
        case .host(let id), .device(let id): id
        }
    }
}

/// A stretch of a round in which a machine served at one site with one electricity.
///
/// The segments of a machine in a round are its whole time in service there, without overlap.
package struct BoundarySegment: Sendable, Hashable {
    package var machine: Machine
    package var interval: Interval
    package var site: String
    package var supply: Supply
    /// The same under contracts; `nil` where the site has none.
    package var market: Supply?
    /// `nil` where nothing of it is known.
    package var energy: SegmentEnergies?
    /// Whether a record of the machine in the round came from simulated counters.
    package var isSimulated: Bool

    package init(
        machine: Machine, interval: Interval, site: String, supply: Supply, market: Supply? = nil,
        energy: SegmentEnergies?, isSimulated: Bool = false
    ) {
        self.machine = machine
        self.interval = interval
        self.site = site
        self.supply = supply
        self.market = market
        self.energy = energy
        self.isSimulated = isSimulated
    }
}

/// The energy of a segment at each step from the meter to the boundary.
package struct SegmentEnergies: Sendable, Hashable {
    /// As the meters told, and what was imputed.
    package var metered: EnergyStates
    /// The host's: what was metered of CPUs and memory alone times the wall ratio.
    package var host: EnergyStates
    /// The boundary's: the host's times the share of its allocation. O is computed with it.
    package var boundary: EnergyStates
    /// Of `metered`, that of idle time.
    package var idle: Microjoules
    /// Of `boundary`, that of idle time.
    package var boundaryIdle: Microjoules

    package init(
        metered: EnergyStates, host: EnergyStates, boundary: EnergyStates,
        idle: Microjoules = .zero, boundaryIdle: Microjoules = .zero
    ) {
        self.metered = metered
        self.host = host
        self.boundary = boundary
        self.idle = idle
        self.boundaryIdle = boundaryIdle
    }
}

/// Energy by how it came to be known, what was imputed for gaps among it.
package struct EnergyStates: Sendable, Hashable {
    package var measured: Microjoules = .zero
    package var bridged: Microjoules = .zero
    package var estimated: Microjoules = .zero
    package var imputed: Microjoules = .zero

    package init() {}

    /// The sum of the four.
    package var total: Microjoules { measured + bridged + estimated + imputed }

    /// Adds energies of the same states.
    package mutating func add(_ other: Self) {
        measured += other.measured
        bridged += other.bridged
        estimated += other.estimated
        imputed += other.imputed
    }
}
