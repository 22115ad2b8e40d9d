/// `whole` divided in proportion to `shares`, by the largest remainder: the parts add up to
/// `whole` exactly, each within one unit of its exact part. Equal remainders favour the earlier.
///
/// `nil` where all shares are zero: there is nothing to divide by. No input overflows.
func apportion(_ whole: UInt64, by shares: [UInt128]) -> [UInt64]? {
    let shares = reduce(shares)
    let sum = shares.reduce(0, +)
    guard sum > 0 else { return nil }
    var parts: [UInt64] = []
    var remainders: [UInt128] = []
    for share in shares {
        // share ≤ sum < 2⁶⁴ after the reduction, so the product fits in 128 bits.
        let (quotient, remainder) = (UInt128(whole) * share).quotientAndRemainder(dividingBy: sum)
        parts.append(UInt64(truncatingIfNeeded: quotient))
        remainders.append(remainder)
    }
    var left = whole - parts.reduce(0, +)
    let order = remainders.indices.sorted {
        (remainders[$1], $0) < (remainders[$0], $1)
    }
    for index in order where left > 0 {
        parts[index] += 1
        left -= 1
    }
    return parts
}

/// The shares, halved together until their sum fits in 64 bits. Real inputs fit as they are.
private func reduce(_ shares: [UInt128]) -> [UInt128] {
    let bits = shares.map { 128 - $0.leadingZeroBitCount }.max() ?? 0
    let carry = Int.bitWidth - shares.count.leadingZeroBitCount
    let excess = bits + carry - 64
    return excess > 0 ? shares.map { $0 >> excess } : shares
}
