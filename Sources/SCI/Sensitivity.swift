package import Assessment
package import Metering

/// What one decision of the plan does to the result: the mean over the same rounds with another one.
package struct SensitivityLine: Sendable, Hashable {
    /// The decision, taken otherwise.
    package enum Variant: Sendable, Hashable {
        /// Each grid factor replaced by the one of this level; electricity that is not the grid's
        /// keeps its own.
        case gridLevel(GridLevel)
        case marketBased
        case scope(ElectricityScope)
        case embodiedLow
        case embodiedTypical
        case embodiedHigh
        case embodiedOmitted
        /// Refusals are no flows.
        case withoutRefusals
    }

    package let variant: Variant
    /// Whether this is what the plan says.
    package let isPlanned: Bool
    /// The mean over the rounds that count, in grams per unit of business: partial where they are
    /// fewer than planned.
    package let mean: Known<Double, IntensityUnknown>
    /// The factors that stand for the plan's, by id, where they differ.
    package let factors: [String: String]

    /// All lines, in the order of the variants.
    static func all(
        _ terms: PlanTerms, _ rounds: [RoundTerms], factors table: FactorTable
    ) -> [Self] {
        let plan = terms.plan
        var lines = GridLevel.allCases.map { Self($0, terms, rounds, table) }
        if terms.electricity.hasMarket {
            lines.append(
                Self(.marketBased, false, rounds) { round in
                    round.sum(round.market?.grams(plan.scope) ?? .unknown(.noEnergy))
                })
        }
        for scope in [ElectricityScope.equipment, .facility] {
            lines.append(
                Self(.scope(scope), plan.scope == scope, rounds) { round in
                    round.sum(round.location.grams(scope))
                })
        }
        var isIncluded = false
        if case .included = plan.embodied { isIncluded = true }
        let operational = { (round: RoundTerms) in round.location.grams(plan.scope) }
        if isIncluded {
            for (variant, path) in [
                (Variant.embodiedLow, \EmbodiedGrams.low), (.embodiedTypical, \.typical),
                (.embodiedHigh, \.high),
            ] {
                lines.append(
                    Self(variant, variant == .embodiedTypical, rounds) { round in
                        round.sum(operational(round), round.embodied.map { $0.grams(path) })
                    })
            }
        }
        lines.append(
            Self(.embodiedOmitted, !isIncluded, rounds) { $0.sum(operational($0), nil) })
        lines.append(
            Self(
                .withoutRefusals, false, rounds, units: \.unitsWithoutRefusals
            ) { $0.sum(operational($0)) })
        return lines
    }

    private init(
        _ level: GridLevel, _ terms: PlanTerms, _ rounds: [RoundTerms], _ table: FactorTable
    ) {
        var replaced: [String: String] = [:]
        var areAllPlanned = true
        let counterpart = { (segment: BoundarySegment) -> Known<EmissionFactor, IntensityUnknown> in
            guard let factor = terms.electricity.location(segment).value else {
                return terms.electricity.location(segment)
            }
            return table.counterpart(of: factor, at: level).map { .known($0) }
                ?? .unknown(.noFactor("\(factor.id) → \(level.rawValue)"))
        }
        for segment in rounds.flatMap(\.round.segments) {
            guard let factor = terms.electricity.location(segment).value else { continue }
            let other = counterpart(segment).value
            if other != factor { areAllPlanned = false }
            if let other, other != factor { replaced[factor.id] = other.id }
        }
        self.init(
            .gridLevel(level), areAllPlanned && !rounds.isEmpty, rounds, factors: replaced
        ) { round in
            round.sum(
                terms.electricity.carbon(of: round.round.segments, by: counterpart)
                    .grams(terms.plan.scope))
        }
    }

    private init(
        _ variant: Variant, _ isPlanned: Bool, _ rounds: [RoundTerms],
        units: KeyPath<RoundTerms, Known<UInt64, UnitsUnknown>> = \.intensity.units,
        factors: [String: String] = [:],
        grams: (RoundTerms) -> Known<Double, IntensityUnknown>
    ) {
        self.variant = variant
        self.isPlanned = isPlanned
        self.factors = factors
        mean = Self.mean(rounds.map { ($0[keyPath: units], grams($0)) })
    }

    /// The unweighted mean, or why a round has no figure.
    private static func mean(
        _ rounds: [(units: Known<UInt64, UnitsUnknown>, grams: Known<Double, IntensityUnknown>)]
    ) -> Known<Double, IntensityUnknown> {
        var sum = 0.0
        for round in rounds {
            switch (round.grams, round.units) {
            case (.unknown(let reason), _): return .unknown(reason)
            case (_, .unknown(let reason)): return .unknown(.units(reason))
            case (_, .known(0)): return .unknown(.noBusiness)
            case (.known(let grams), .known(let units)): sum += grams / Double(units)
            }
        }
        return rounds.isEmpty ? .unknown(.noRound) : .known(sum / Double(rounds.count))
    }
}

extension RoundTerms {
    /// O and M as the plan has it.
    fileprivate func sum(
        _ operational: Known<Double, IntensityUnknown>
    ) -> Known<Double, IntensityUnknown> {
        sum(operational, embodied?.typicalGrams)
    }

    fileprivate func sum(
        _ operational: Known<Double, IntensityUnknown>,
        _ embodied: Known<Double, IntensityUnknown>?
    ) -> Known<Double, IntensityUnknown> {
        guard let grams = operational.value else { return operational }
        switch embodied {
        case nil: return .known(grams)
        case .known(let part): return .known(grams + part)
        case .unknown(let reason): return .unknown(reason)
        }
    }
}

extension Known<EmbodiedCarbon, EmbodiedUnknown> {
    fileprivate func grams(
        _ path: KeyPath<EmbodiedGrams, Double>
    ) -> Known<Double, IntensityUnknown> {
        switch self {
        case .known(let carbon): .known(carbon.grams[keyPath: path])
        case .unknown(let reason): .unknown(.embodied(reason))
        }
    }
}
