package import Assessment
package import Metering

extension HostRound {
    /// Whether anything was recorded of it.
    func isThere(_ problems: inout [RoundProblem]) -> Bool {
        if records == 0 { problems.append(.hostMissing(host)) }
        return records > 0
    }

    func judgeEnergy(
        _ rules: ValidityRules, _ problems: inout [RoundProblem],
        _ disclosures: inout [RoundProblem]
    ) {
        // A clock that is set back a little between two runs makes a little overlap.
        if overlap.fraction(of: expected) > 1 - FleetRound.fullCoverage {
            problems.append(.overlap(host: host, time: overlap))
        } else if overlap > .zero {
            disclosures.append(.overlap(host: host, time: overlap))
        }
        guard energy != nil else {
            problems.append(.noEnergy(host: host))
            return
        }
        let problem = RoundProblem.energyCoverage(
            host: host, fraction: energyCovered.fraction(of: expected))
        if !energyCovered.isAtLeast(rules.minimumCoverage, of: expected) {
            problems.append(problem)
        } else if !energyCovered.isAtLeast(rules.fullCoverage, of: expected) {
            disclosures.append(problem)
        }
    }

    func judgeCounts(
        _ rules: ValidityRules, _ problems: inout [RoundProblem],
        _ disclosures: inout [RoundProblem]
    ) {
        guard let counted = countsCovered, counted < expected else { return }
        let problem = RoundProblem.countsCoverage(
            host: host, fraction: counted.fraction(of: expected))
        if counted.isAtLeast(rules.minimumCoverage, of: expected) {
            disclosures.append(problem)
        } else {
            problems.append(problem)
        }
    }
}

extension Nanoseconds {
    /// This time as a fraction of a longer one, 0 to 1.
    package func fraction(of whole: Self) -> Double {
        whole == .zero ? 0 : Double(rawValue) / Double(whole.rawValue)
    }

    /// Whether this time is such a share of another, or more: exactly.
    package func isAtLeast(_ share: PartsPerMillion, of whole: Self) -> Bool {
        UInt128(rawValue) * UInt128(PartsPerMillion.one.rawValue)
            >= UInt128(whole.rawValue) * UInt128(share.rawValue)
    }
}
