/// The figures over all rounds.
package struct IntensitySummary: Sendable, Hashable {
    /// Above this relative difference of the two means a warning is due.
    package static let meansDiffer = 0.05

    /// How many rounds the mean is of: all of them, or as many as are planned.
    package let rounds: Int
    package let validRounds: Int
    /// The unweighted mean of all rounds (Annex A d), or `nil` where one of them is invalid.
    package let mean: Double?
    /// The mean of the valid rounds where not all are valid: information, not the result.
    package let partialMean: Double?
    /// Σ(O + M) / ΣR over rounds with both known, R = 0 included.
    package let ratioOfSums: Double?
    /// How many rounds the ratio of sums speaks of.
    package let ratioRounds: Int
    /// Over the valid rounds: Σ(x − x̄)² / n.
    package let populationDeviation: Double?
    /// Over the valid rounds, two at least: Σ(x − x̄)² / (n − 1).
    package let sampleDeviation: Double?
    /// |mean − ratio| / ratio, with the partial mean where there is no other.
    package let relativeDifference: Double?
    /// Half the width of the interval that holds the mean with a confidence of 95 %, two valid rounds at
    /// least: t(n − 1) · s / √n with Student's t, as if rounds were independent and alike.
    package let confidenceHalfWidth: Double?

    /// Whether the means differ by more than `meansDiffer`.
    package var warnsOfDifference: Bool { (relativeDifference ?? 0) > Self.meansDiffer }

    package init(_ rounds: [RoundIntensity]) {
        self.init(rounds.filter(\.isValid), of: rounds.count, ratioOver: rounds)
    }

    /// Of rounds that are valid, as many as `count` where the result is complete, with the ratio over
    /// these.
    init(_ valid: [RoundIntensity], of count: Int, ratioOver all: [RoundIntensity]) {
        let valid = valid.compactMap(\.gramsPerUnit.value)
        rounds = count
        validRounds = valid.count
        let isComplete = !valid.isEmpty && valid.count == count
        let average = valid.isEmpty ? nil : valid.reduce(0, +) / Double(valid.count)
        mean = isComplete ? average : nil
        partialMean = isComplete ? nil : average

        let pairs = all.compactMap { round -> (grams: Double, units: UInt64)? in
            guard let grams = round.totalGrams, let units = round.units.value else { return nil }
            return (grams, units)
        }
        ratioRounds = pairs.count
        let units = pairs.reduce(0) { $0 + Double($1.units) }
        ratioOfSums = units > 0 ? pairs.reduce(0) { $0 + $1.grams } / units : nil

        let squares = average.map { average in
            valid.reduce(0) { $0 + ($1 - average) * ($1 - average) }
        }
        populationDeviation = squares.map { ($0 / Double(valid.count)).squareRoot() }
        let sample =
            valid.count < 2 ? nil : squares.map { ($0 / Double(valid.count - 1)).squareRoot() }
        sampleDeviation = sample
        confidenceHalfWidth = sample.map {
            studentQuantile(freedom: valid.count - 1) * $0 / Double(valid.count).squareRoot()
        }
        if let average, let ratio = ratioOfSums, ratio > 0 {
            relativeDifference = abs(average - ratio) / ratio
        } else {
            relativeDifference = nil
        }
    }
}
