/// Divides `total` in proportion to the weights: whole numbers, by largest remainder, so that the
/// parts sum to the total exactly. Equal remainders go to the earlier part.
///
/// Without any weight the first part gets everything; without parts the result is empty.
func divide(_ total: UInt64, by weights: [UInt64]) -> [UInt64] {
    let sum = weights.reduce(UInt128(0)) { $0 + UInt128($1) }
    var parts = Array(repeating: UInt64(0), count: weights.count)
    guard sum > 0 else {
        if !parts.isEmpty { parts[0] = total }
        return parts
    }
    var remainders: [(remainder: UInt128, index: Int)] = []
    var rest = total
    for (index, weight) in weights.enumerated() where weight > 0 {
        let (quotient, remainder) =
            (UInt128(total) * UInt128(weight)).quotientAndRemainder(dividingBy: sum)
        parts[index] = UInt64(truncatingIfNeeded: quotient)
        rest -= parts[index]
        remainders.append((remainder, index))
    }
    remainders.sort {
        $0.remainder == $1.remainder ? $0.index < $1.index : $0.remainder > $1.remainder
    }
    for (_, index) in remainders.prefix(Int(clamping: rest)) { parts[index] += 1 }
    return parts
}
