/// What measured ratios say of a weight of the standard.
package enum WeightVerdict: String, Sendable, Hashable {
    /// The whole interval lies in the band around the weight.
    case consistent
    /// The whole interval lies outside the band.
    case differs
    /// Neither, or nothing that may be compared.
    case undetermined

    /// How far from the weight still counts as the weight, to either side. Ours: the standard names no
    /// tolerance.
    package static let band = 0.25

    /// Compares the interval of a ratio with a weight. `nil` for a ratio that is not known.
    package init(_ interval: Bounds?, weight: Double) {
        guard let interval, interval.low.isFinite, interval.high.isFinite else {
            self = .undetermined
            return
        }
        let (low, high) = (weight * (1 - Self.band), weight * (1 + Self.band))
        if interval.low >= low, interval.high <= high {
            self = .consistent
        } else if interval.high < low || interval.low > high {
            self = .differs
        } else {
            self = .undetermined
        }
    }
}
