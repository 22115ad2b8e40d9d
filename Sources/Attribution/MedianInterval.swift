/// The median of a sample, and an interval that holds the median of what it was drawn from with a
/// probability of at least 95 %.
///
/// It assumes no distribution. A value drawn at random lies below that median with probability ½,
/// so the number of values below it follows the binomial distribution B(n, ½), and
///
///     P(x₍ₖ₎ ≤ median ≤ x₍ₙ₊₁₋ₖ₎) ≥ 1 − 2 · P(B(n, ½) < k)
///
/// k is the largest number for which the last term is at most 5 %. It does assume that the values
/// are drawn independently: where neighbours resemble each other, the interval is too narrow.
struct MedianInterval: Hashable {
    /// Fewer values do not give an interval: 2 · (½)⁵ > 5 %.
    static let fewestValues = 6
    private static let tail = 0.025

    let median: UInt64
    let low: UInt64
    let high: UInt64

    /// `nil` for fewer than six values, or more than 1,000.
    init?(of values: [UInt32]) {
        guard let rank = Self.rank(values.count) else { return nil }
        let sorted = values.sorted()
        let upper = UInt64(sorted[sorted.count / 2])
        let lower = UInt64(sorted[(sorted.count - 1) / 2])
        median = lower + (upper - lower) / 2
        low = UInt64(sorted[rank - 1])
        high = UInt64(sorted[sorted.count - rank])
    }

    /// k for `count` values, counted from 1. The probabilities are sums of a few hundred terms
    /// above 10⁻³⁰¹ and exact to twelve digits.
    static func rank(_ count: Int) -> Int? {
        guard (fewestValues...1000).contains(count) else { return nil }
        var term = 1.0  // P(B = rank)
        for _ in 0..<count { term /= 2 }
        var below = 0.0  // P(B < rank)
        var rank = 0
        while below + term <= tail {
            below += term
            term *= Double(count - rank) / Double(rank + 1)
            rank += 1
        }
        return rank
    }
}
