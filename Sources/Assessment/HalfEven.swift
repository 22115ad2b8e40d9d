extension UInt64 {
    /// This times a ratio, rounded half to even, or the largest value where it would not fit.
    package func multipliedHalfEven(by ratio: PartsPerMillion) -> UInt64 {
        let product = UInt128(self) * UInt128(ratio.rawValue)
        let (quotient, remainder) = product.quotientAndRemainder(
            dividingBy: UInt128(PartsPerMillion.one.rawValue))
        let half = UInt128(PartsPerMillion.one.rawValue / 2)
        let isUp = remainder > half || (remainder == half && quotient % 2 == 1)
        return UInt64(clamping: quotient + (isUp ? 1 : 0))
    }
}
