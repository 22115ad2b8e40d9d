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
    case units(UnitsUnknown)
    /// No business was completed: O / 0 has no value.
    case noBusiness

    package var description: String {
        switch self {
        case .noEnergy: "the energy is not known"
        case .units(let reason): "R is not known: \(reason)"
        case .noBusiness: "R = 0: no business was completed"
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
    /// M. Not counted in this version: not zero.
    ///
    /// Source: T/CQJR 032.2-2025 Annex A b), note: 可暂不统计.
    package let embodiedGrams: Double?
    package let units: Known<UInt64, UnitsUnknown>
    /// (O + M) / R with M left out, in grams per unit of business.
    package let gramsPerUnit: Known<Double, IntensityUnknown>
    /// Whether the round may enter the mean: its figures are there and nothing else is wrong.
    package let isValid: Bool

    /// Microjoules in a kilowatt-hour.
    package static let microjoulesPerKilowattHour = 3.6e12

    /// `isSound` is false where the round's data are too incomplete for the mean.
    package init(
        energy: Microjoules?, volumes: [BusinessVolume], factor: EmissionFactor, isSound: Bool
    ) {
        kilowattHours = energy.map { Double($0.rawValue) / Self.microjoulesPerKilowattHour }
        operationalGrams = kilowattHours.map { $0 * factor.gramsPerKilowattHour }
        embodiedGrams = nil
        units = businessUnits(volumes)
        switch (operationalGrams, units) {
        case (nil, _): gramsPerUnit = .unknown(.noEnergy)
        case (_, .unknown(let reason)): gramsPerUnit = .unknown(.units(reason))
        case (_, .known(0)): gramsPerUnit = .unknown(.noBusiness)
        case (let grams?, .known(let units)): gramsPerUnit = .known(grams / Double(units))
        }
        isValid = isSound && gramsPerUnit.value != nil
    }
}

/// The figures over all rounds.
package struct IntensitySummary: Sendable, Hashable {
    /// Above this relative difference of the two means a warning is due.
    package static let meansDiffer = 0.05

    package let rounds: Int
    package let validRounds: Int
    /// The unweighted mean of all rounds (Annex A d), or `nil` where one of them is invalid.
    package let mean: Double?
    /// The mean of the valid rounds where not all are valid: information, not the result.
    package let partialMean: Double?
    /// ΣO / ΣR over rounds with both known, R = 0 included.
    package let ratioOfSums: Double?
    /// How many rounds the ratio of sums speaks of.
    package let ratioRounds: Int
    /// Over the valid rounds: Σ(x − x̄)² / n.
    package let populationDeviation: Double?
    /// Over the valid rounds, two at least: Σ(x − x̄)² / (n − 1).
    package let sampleDeviation: Double?
    /// |mean − ratio| / ratio, with the partial mean where there is no other.
    package let relativeDifference: Double?

    /// Whether the means differ by more than `meansDiffer`.
    package var warnsOfDifference: Bool { (relativeDifference ?? 0) > Self.meansDiffer }

    package init(_ rounds: [RoundIntensity]) {
        let valid = rounds.filter(\.isValid).compactMap(\.gramsPerUnit.value)
        self.rounds = rounds.count
        validRounds = valid.count
        let isComplete = !valid.isEmpty && valid.count == rounds.count
        let average = valid.isEmpty ? nil : valid.reduce(0, +) / Double(valid.count)
        mean = isComplete ? average : nil
        partialMean = isComplete ? nil : average

        let pairs = rounds.compactMap { round -> (grams: Double, units: UInt64)? in
            guard let grams = round.operationalGrams, let units = round.units.value else {
                return nil
            }
            return (grams, units)
        }
        ratioRounds = pairs.count
        let units = pairs.reduce(0) { $0 + Double($1.units) }
        ratioOfSums = units > 0 ? pairs.reduce(0) { $0 + $1.grams } / units : nil

        let squares = average.map { average in
            valid.reduce(0) { $0 + ($1 - average) * ($1 - average) }
        }
        populationDeviation = squares.map { ($0 / Double(valid.count)).squareRoot() }
        sampleDeviation =
            valid.count < 2 ? nil : squares.map { ($0 / Double(valid.count - 1)).squareRoot() }
        if let average, let ratio = ratioOfSums, ratio > 0 {
            relativeDifference = abs(average - ratio) / ratio
        } else {
            relativeDifference = nil
        }
    }
}
