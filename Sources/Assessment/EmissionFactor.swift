/// Which gas a factor speaks of, and so the unit of everything computed with it.
package enum FactorGas: String, Sendable, Hashable {
    /// CO₂ only, as the ministry's grid factors: grams of CO₂.
    case carbonDioxide = "gCO2"
    /// All greenhouse gases over the life cycle: grams of CO₂ equivalent.
    case equivalent = "gCO2e"
}

/// An emission factor of electricity.
package struct EmissionFactor: Sendable, Hashable {
    /// `area-year-basis`, e.g. `全国-2023-average`.
    package let id: String
    /// `national`, `region`, `province`, or the user's own word.
    package let level: String
    package let area: String
    package let year: Int
    /// `average`, `fossil`, …; `lifecycle` means gCO₂e, all others gCO₂.
    package let basis: String
    /// Kilograms of CO₂ (or CO₂e) per kilowatt-hour.
    package let kilogramsPerKilowattHour: Double
    /// How well the number is documented, A to C, or the user's own word.
    package let grade: String
    package let source: String

    package init(
        id: String, level: String, area: String, year: Int, basis: String,
        kilogramsPerKilowattHour: Double, grade: String, source: String
    ) {
        self.id = id
        self.level = level
        self.area = area
        self.year = year
        self.basis = basis
        self.kilogramsPerKilowattHour = kilogramsPerKilowattHour
        self.grade = grade
        self.source = source
    }

    /// What the factor weighs: basis `lifecycle` counts all greenhouse gases, the others CO₂ alone.
    package var gas: FactorGas { basis == "lifecycle" ? .equivalent : .carbonDioxide }

    /// The same in g/kWh, as its decimal digits say: 0.5306 is 530.6, where multiplying would give
    /// 530.5999999999999. Exact to nine digits behind the kilogram's point.
    package var gramsPerKilowattHour: Double {
        (kilogramsPerKilowattHour * 1_000_000_000).rounded() / 1_000_000
    }

    /// The same in whole micrograms per kilowatt-hour: how sealed plans and bundles write it.
    package var microgramsPerKilowattHour: UInt64 {
        UInt64((max(0, kilogramsPerKilowattHour) * 1_000_000_000).rounded())
    }
}
