package import Metering

extension PlanReportContent {
    /// An amount of energy: exact, in kilowatt-hours, and as a share of the whole it is part of.
    package struct EnergyPart: Sendable, Hashable {
        package var energy: Microjoules
        package var kilowattHours: Double
        /// 0 to 1.
        package var share: Double

        package init(energy: Microjoules, kilowattHours: Double, share: Double) {
            self.energy = energy
            self.kilowattHours = kilowattHours
            self.share = share
        }

        /// No energy, as none was of this kind.
        package static let none = EnergyPart(energy: .zero, kilowattHours: 0, share: 0)
    }

    /// Energy inside the boundary by how it is known: the first four sum to `total`.
    package struct Energy: Sendable, Hashable {
        package var total: EnergyPart
        package var measured = EnergyPart.none
        package var bridged = EnergyPart.none
        package var estimated = EnergyPart.none
        package var imputed = EnergyPart.none
        /// Of the total, whatever its state: from simulated counters.
        package var simulated = EnergyPart.none
        /// Of the total: used while idle.
        package var idle: Known<EnergyPart, Wording> = .unknown(.notGiven)

        package init(total: EnergyPart) { self.total = total }
    }

    /// What became of a round.
    package enum Use: Sendable, Hashable {
        case counted
        /// A reserve round in the place of an invalid one.
        case replaces(round: Int)
        /// `replacedBy` is the reserve round in its place.
        case invalid(replacedBy: Int?)
        /// A reserve round that no invalid one needed.
        case notNeeded
        case notClosed

        /// The round is one of those that the result is the mean of.
        package var isCounted: Bool {
            switch self {
            case .counted, .replaces: true
            case .invalid, .notNeeded, .notClosed: false
            }
        }
    }

    /// M of a stretch of time with its low and high end; the result uses `typical`.
    package struct Embodied: Sendable, Hashable {
        package var low: Double
        package var typical: Double
        package var high: Double

        package init(low: Double, typical: Double, high: Double) {
            self.low = low
            self.typical = typical
            self.high = high
        }
    }

    /// Energy and O of one site.
    package struct SiteEnergy: Sendable, Hashable {
        package var site = ""
        package var name = ""
        package var energy: Known<Energy, Wording> = .unknown(.notGiven)
        package var factorIDs: [String] = []
        package var pue: Figure = .unknown(.notGiven)
        package var pueSource = ""
        package var operationalIT: Figure = .unknown(.notGiven)
        package var operationalFacility: Figure = .unknown(.notGiven)
        package var operationalMarket: Figure = .unknown(.notGiven)

        package init() {}
    }

    /// Energy of one kind of source.
    package struct SourceEnergy: Sendable, Hashable {
        /// `powercap`, `hwmon`, `meter`, …
        package var source: String
        /// `host`, `cpu+dram`.
        package var scope: String
        /// Its shares are of this source's total.
        package var energy: Known<Energy, Wording>

        package init(source: String, scope: String, energy: Known<Energy, Wording>) {
            self.source = source
            self.scope = scope
            self.energy = energy
        }
    }

    /// The flows of one scenario.
    package struct Scenario: Sendable, Hashable {
        package var id = ""
        package var name: Wording = .notGiven
        /// α of Table 2.
        package var weight: UInt64 = 0
        /// TA; unknown where the scenario was not observed.
        package var volume: Count = .unknown(.notGiven)
        package var approved: UInt64?
        package var refused: UInt64?
        package var failed: UInt64?
        package var incomplete: UInt64?
        package var duplicates: UInt64?
        package var duplicatesAcrossHosts: UInt64?
        /// Completed on hosts outside the plan's counting layer: not in TA.
        package var outsideLayer: UInt64?
        /// What the imported ledger says of the same time.
        package var ledger: Count = .unknown(.notGiven)
        /// Where TA comes from: traffic, or the ledger and why.
        package var origin: Wording = .notGiven

        package init() {}
    }

    /// A round of the schedule with its figures and the rows behind them.
    package struct Round: Sendable, Hashable {
        /// 1 to m, then the reserve rounds.
        package var number: Int
        package var isReserve: Bool
        package var span: Span
        package var use = Use.notClosed
        /// Why it is invalid.
        package var problems: [Wording] = []
        /// What lacks without making it invalid.
        package var disclosures: [Wording] = []
        /// Drills and other events in it, as the company declared them.
        package var annotations: [Wording] = []
        /// The largest of its revisions; 0 where it has none.
        package var revision = 0
        package var closed: Timestamp?
        package var scenarios: [Scenario] = []
        /// R.
        package var units: Count = .unknown(.notGiven)
        package var energy: Known<Energy, Wording> = .unknown(.notGiven)
        package var sites: [SiteEnergy] = []
        package var operationalIT: Figure = .unknown(.notGiven)
        package var operationalFacility: Figure = .unknown(.notGiven)
        package var operationalMarket: Figure = .unknown(.notGiven)
        /// O as the plan's scope says: what SCI^j is computed with.
        package var operational: Figure = .unknown(.notGiven)
        package var embodied: Known<Embodied, Wording> = .unknown(.notGiven)
        /// SCI^j.
        package var intensity: Figure = .unknown(.notGiven)
        /// Of the fleet, weighted by expected energy; 0 to 1.
        package var coverage: Figure = .unknown(.notGiven)
        package var imputedShare: Figure = .unknown(.notGiven)
        package var clockErrorMilliseconds: Figure = .unknown(.notGiven)
        /// The bound for the share of exchanges that the counts of a host may lack or have twice, of the worst
        /// one; `nil` where it is one in a thousand at most.
        package var countLoss: CountLoss?
        package var missingHosts: [String] = []
        package var hosts: [HostRound] = []
        /// Root over the round's records, in hexadecimal digits.
        package var recordsRoot: Known<String, Wording> = .unknown(.notGiven)

        package init(number: Int, isReserve: Bool = false, span: Span) {
            self.number = number
            self.isReserve = isReserve
            self.span = span
        }
    }
}
