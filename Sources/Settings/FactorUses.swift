import Assessment

/// The factors that a plan's sites name, each once.
final class FactorUses {
    private let surroundings: PlanSurroundings
    private var byID: [String: EmissionFactor] = [:]

    init(_ surroundings: PlanSurroundings) { self.surroundings = surroundings }

    /// By id.
    var used: [EmissionFactor] { byID.values.sorted { $0.id < $1.id } }

    func use(_ field: Field) -> EmissionFactor? {
        guard let id = field.words() else { return nil }
        guard let factor = surroundings.factor(id) else {
            let near = (field.findings.isKeeping ? surroundings.near(id) : []).map { "\"\($0)\"" }
            let meant = near.isEmpty ? "" : "; near it are \(near.joined(separator: ", "))"
            return field.reject(id, "is the id of no factor" + meant)
        }
        let exact = Double(factor.microgramsPerKilowattHour) / 1_000_000_000
        guard exact == factor.kilogramsPerKilowattHour else {
            return field.reject(
                id, "has more than nine digits behind the point of kgCO2_per_kWh",
                "round it in your file of factors")
        }
        byID[id] = factor
        return factor
    }
}
