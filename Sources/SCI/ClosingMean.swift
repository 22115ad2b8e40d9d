/// The unweighted mean over the rounds that count by the rule of ``PlanIntensity``, of figures that were
/// kept: `gramsPerUnit` is SCI_CF^j of a valid round, `nil` for an invalid one. `nil` where fewer than
/// `planned` rounds count.
///
/// Source: T/CQJR 032.2-2025 Annex A d).
package func meanOfKept(
    _ rounds: [(number: Int, gramsPerUnit: Double?)], planned: Int
) -> Double? {
    let ordered = rounds.sorted { $0.number < $1.number }
    let standings = RoundSelection(
        ordered.map { ($0.number, $0.gramsPerUnit != nil) }, planned: planned)
    let counted = ordered.filter { standings[$0.number].isCounted }.compactMap(\.gramsPerUnit)
    guard planned > 0, counted.count == planned else { return nil }
    return counted.reduce(0, +) / Double(planned)
}
