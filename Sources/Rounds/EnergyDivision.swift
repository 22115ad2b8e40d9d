import Metering

extension RoundRecord.Energy {
    /// Shares in proportion to the weights, in whole microjoules by largest remainder: they sum to this
    /// exactly. `nil` for a share that cannot be told, which no true energy has.
    package func divided(by weights: [UInt64]) -> [Self?] {
        let total = byState.total.rawValue
        return divide(total, by: weights).map { part in
            part == total
                ? self
                : Self(byState: byState.scaled(to: part), byUse: byUse.scaled(to: part))
        }
    }
}
