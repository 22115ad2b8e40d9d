package import Assessment
package import Metering

/// Why R_CF of a round is not known. Never 0, and never a division by it.
package enum UnitsUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    /// These scenarios were not observed: Σ over fewer than four is not R_CF (n = 4).
    case unobserved([ScenarioID])
    /// The scenario set holds others than the standard's four: its weights do not apply.
    case notStandard([ScenarioID])
    /// The sum exceeds 64 bits.
    case overflow

    package var description: String {
        switch self {
        case .unobserved(let ids):
            "not observed: \(ids.map(\.name).joined(separator: ", "))"
        case .notStandard(let ids):
            "not of the standard: \(ids.map(\.name).joined(separator: ", "))"
        case .overflow: "the sum exceeds 64 bits"
        }
    }
}

/// Why the intensity of a round is not known.
package enum IntensityUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    case noEnergy
    /// There is no round to take the mean of.
    case noRound
    case units(UnitsUnknown)
    /// No business was completed: O / 0 has no value.
    case noBusiness
    /// The plan speaks of the facility, and the PUE of a site is not told.
    case noPUE(site: String)
    /// A segment's factor is not among the plan's.
    case noFactor(String)
    case embodied(EmbodiedUnknown)

    package var description: String {
        switch self {
        case .noEnergy: "the energy is not known"
        case .noRound: "no round is in the result"
        case .units(let reason): "R is not known: \(reason)"
        case .noBusiness: "R = 0: no business was completed"
        case .noPUE(let site): "the PUE of \(site) is not told"
        case .noFactor(let id): "the factor \(id) is not in the plan"
        case .embodied(let reason): "M is not known: \(reason)"
        }
    }
}

/// TA of one scenario, as far as it is known.
package struct BusinessVolume: Sendable, Hashable {
    package let scenario: ScenarioID
    /// `nil` where it was not observed.
    package let flows: UInt64?

    package init(_ scenario: ScenarioID, _ flows: UInt64?) {
        self.scenario = scenario
        self.flows = flows
    }
}

/// R_CF = 24 TA_credit + 7 TA_drawdown + 3 TA_repayment + 1 TA_query, in whole units.
///
/// Source: T/CQJR 032.2-2025, 8.2.1, formula (2) and Table 2.
package func businessUnits(_ volumes: [BusinessVolume]) -> Known<UInt64, UnitsUnknown> {
    let others = volumes.map(\.scenario).filter { StandardWeights.weight(of: $0) == nil }
    guard others.isEmpty else { return .unknown(.notStandard(others)) }
    var sum: UInt64 = 0
    var unobserved: [ScenarioID] = []
    for scenario in StandardWeights.scenarios {
        let weight = StandardWeights.weight(of: scenario) ?? 0
        guard let flows = volumes.first(where: { $0.scenario == scenario })?.flows else {
            unobserved.append(scenario)
            continue
        }
        let (term, over) = flows.multipliedReportingOverflow(by: weight)
        let (next, carry) = sum.addingReportingOverflow(term)
        if over || carry { return .unknown(.overflow) }
        sum = next
    }
    return unobserved.isEmpty ? .known(sum) : .unknown(.unobserved(unobserved))
}

/// One round's figures, each beside the terms it comes from.
package struct RoundIntensity: Sendable, Hashable {
    /// The electricity, in kWh.
    package let kilowattHours: Double?
    /// O, in grams: kWh × g/kWh.
    package let operationalGrams: Double?
    /// M; `nil` where it is not counted: not zero.
    ///
    /// Source: T/CQJR 032.2-2025 Annex A b), note: 可暂不统计.
    package let embodiedGrams: Double?
    package let units: Known<UInt64, UnitsUnknown>
    /// (O + M) / R, M left out where it is not counted, in grams per unit of business.
    package let gramsPerUnit: Known<Double, IntensityUnknown>
    /// Whether the round may enter the mean: its figures are there and nothing else is wrong.
    package let isValid: Bool

    /// Microjoules in a kilowatt-hour.
    package static let microjoulesPerKilowattHour = 3.6e12

    /// `isSound` is false where the round's data are too incomplete for the mean.
    package init(
        energy: Microjoules?, volumes: [BusinessVolume], factor: EmissionFactor, isSound: Bool
    ) {
        let kilowattHours = energy.map {
            Double($0.rawValue) / Self.microjoulesPerKilowattHour
        }
        let operational = kilowattHours.map { $0 * factor.gramsPerKilowattHour }
        self.init(
            kilowattHours: kilowattHours,
            operational: operational.map { .known($0) } ?? .unknown(.noEnergy), embodied: nil,
            units: businessUnits(volumes), isSound: isSound)
    }

    /// From terms that are computed; `embodied` is `nil` where M is not counted.
    init(
        kilowattHours: Double?, operational: Known<Double, IntensityUnknown>,
        embodied: Known<Double, IntensityUnknown>?, units: Known<UInt64, UnitsUnknown>,
        isSound: Bool
    ) {
        self.kilowattHours = kilowattHours
        operationalGrams = operational.value
        embodiedGrams = embodied?.value
        self.units = units
        if let reason = operational.reason ?? embodied?.reason {
            gramsPerUnit = .unknown(reason)
        } else if let reason = units.reason {
            gramsPerUnit = .unknown(.units(reason))
        } else if let grams = operational.value, let units = units.value, units > 0 {
            gramsPerUnit = .known((grams + (embodied?.value ?? 0)) / Double(units))
        } else {
            gramsPerUnit = .unknown(.noBusiness)
        }
        isValid = isSound && gramsPerUnit.value != nil
    }

    /// O and M as far as it is counted; `nil` where O is not known.
    package var totalGrams: Double? { operationalGrams.map { $0 + (embodiedGrams ?? 0) } }
}
