import Foundation

/// The t that Student's distribution with `freedom` degrees of freedom, one at least, does not exceed
/// in absolute value with a probability of 95 %: the 0.975 quantile.
///
/// The probability is a finite sum, and the quantile is found by halving, to the last digits of a
/// Double.
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
func studentQuantile(freedom: Int) -> Double {
    let freedom = max(1, freedom)
    var low = 0.0
    var high = 16.0
    while high - low > 1e-14 * high {
        let middle = (low + high) / 2
        if middle <= low || middle >= high { break }
        if studentProbability(within: middle, freedom: freedom) < 0.95 {
            low = middle
        } else {
            high = middle
        }
    }
    return (low + high) / 2
}

/// The probability of |T| ≤ t.
private func studentProbability(within t: Double, freedom: Int) -> Double {
    let angle = atan(t / Double(freedom).squareRoot())
    let cosine = cos(angle)
    let isOdd = freedom % 2 == 1
    // The terms of the sum: each the one before times cos²θ and a fraction.
    var term = isOdd ? cosine : 1
    var sum = 0.0
    var step = isOdd ? 1 : 0
    while step < freedom - 1 {
        sum += term
        step += 2
        term *= cosine * cosine * Double(step - 1) / Double(step)
    }
    let product = sin(angle) * sum
    return isOdd ? (angle + product) * 2 / Double.pi : product
}
