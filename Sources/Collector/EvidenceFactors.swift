import Assessment
import SCI

/// Holds the CSV of factors in a bundle to what its figures rest on.
///
/// A factor that the plan has, or that comes with this program, is the same there in every column: it says
/// which number it is, of which area, year and basis, and who published it. A factor that neither has is the
/// word of whoever made the bundle.
struct EvidenceFactors {
    let table: FactorTable

    /// What contradicts the plan's factors, then those that come with the program.
    func contradictions(to plan: Plan) -> [String] {
        let builtIn = (try? FactorTable.builtIn().factors) ?? []
        return contradictions(to: plan.factors, named: "the plan")
            + contradictions(to: builtIn, named: "the program")
    }

    private func contradictions(to factors: [EmissionFactor], named title: String) -> [String] {
        factors.flatMap { own -> [String] in
            guard let told = table[own.id] else { return [] }
            return zip(Self.columns(of: told), Self.columns(of: own)).compactMap { one, other in
                one.value == other.value
                    ? nil
                    : "the CSV of factors: \(one.name) of \(own.id) is \(one.value), and "
                        + "\(other.value) in \(title)"
            }
        }
    }

    private static func columns(of factor: EmissionFactor) -> [(name: String, value: String)] {
        [
            ("level", factor.level), ("area", factor.area), ("year", "\(factor.year)"),
            ("basis", factor.basis),
            ("micrograms_per_kwh", "\(factor.microgramsPerKilowattHour)"),
            ("grade", factor.grade), ("source", factor.source),
        ]
    }
}
