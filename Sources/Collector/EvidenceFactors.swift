import Assessment
import SCI

/// Holds the CSV of factors in a bundle to what its figures rest on.
///
/// A factor that the plan has, or that comes with this program, is the same there in every column: it says
/// which number it is, of which area, year and basis, and who published it. All of the plan and all that come with the
/// program are there: without one of them, a line of the sensitivity rests on another. A factor that neither has is the word of
/// whoever made the bundle.
struct EvidenceFactors {
    let table: FactorTable

    /// What contradicts the plan's factors, then those that come with the program.
    func contradictions(to plan: Plan) -> [String] {
        missing(plan.factors, "the plan has") + contradictions(to: plan.factors, named: "the plan")
            + contradictions(to: published, named: "the program")
            + missing(published, "comes with the program")
    }

    private func missing(_ factors: [EmissionFactor], _ origin: String) -> [String] {
        factors.filter { table[$0.id] == nil }.map {
            "the CSV of factors: \($0.id), which \(origin), is not in it"
        }
    }

    /// The ids of those that neither the plan nor the program has, in the order of the file.
    func others(than plan: Plan) -> [String] {
        let known = Set((plan.factors + published).map(\.id))
        return table.factors.map(\.id).filter { !known.contains($0) }
    }

    private var published: [EmissionFactor] { (try? FactorTable.builtIn().factors) ?? [] }

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
