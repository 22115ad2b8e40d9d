package import Metering

/// A place with its own electricity.
package struct Site: Sendable, Hashable {
    package var id: String
    package var name: String
    /// The electricity that O is computed with, location-based; in the order of time, the first
    /// from the beginning.
    package var supplies: [Supply]
    /// The same under contracts and certificates: a second line, never the headline. Empty where
    /// there is none.
    package var marketSupplies: [Supply]
    /// Needed where the plan's scope is the facility.
    package var pue: MeasuredRatio?

    package init(
        id: String, name: String, supplies: [Supply], marketSupplies: [Supply] = [],
        pue: MeasuredRatio? = nil
    ) {
        self.id = id
        self.name = name
        self.supplies = supplies
        self.marketSupplies = marketSupplies
        self.pue = pue
    }
}

/// Which electricity a site uses from a point of time on, until the next supply begins.
package struct Supply: Sendable, Hashable {
    /// `nil` for from the beginning.
    package var from: Timestamp?
    /// `grid`, `solar on site`, `diesel`, …: in the plan's own words.
    package var source: String
    /// The id of one of the plan's factors.
    package var factor: String

    package init(from: Timestamp? = nil, source: String, factor: String) {
        self.from = from
        self.source = source
        self.factor = factor
    }
}

/// A ratio somebody measured: a site's PUE, or a host's wall energy over that of its CPUs and memory.
package struct MeasuredRatio: Sendable, Hashable {
    package var value: PartsPerMillion
    package var source: String
    /// When it was measured, in words.
    package var period: String

    package init(value: PartsPerMillion, source: String, period: String) {
        self.value = value
        self.source = source
        self.period = period
    }
}
