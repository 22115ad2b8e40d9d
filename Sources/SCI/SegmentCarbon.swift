package import Assessment
import Metering

/// O of one segment of a round: rows that others can add up, and that sum to the round's.
package struct SegmentCarbon: Sendable, Hashable {
    package let segment: BoundarySegment
    /// `nil` where it is not in the plan.
    package let factor: EmissionFactor?
    /// `nil` where the energy or the factor is not known.
    package let carbon: OperationalCarbon?
    /// Under contracts; `nil` where no site of the plan has one.
    package let marketFactor: EmissionFactor?
    package let market: OperationalCarbon?

    init(_ segment: BoundarySegment, _ electricity: PlanElectricity) {
        self.segment = segment
        factor = electricity.location(segment).value
        carbon = electricity.carbon(of: [segment], by: electricity.location).value
        let hasMarket = electricity.hasMarket
        marketFactor = hasMarket ? electricity.market(segment).value : nil
        market =
            hasMarket ? electricity.carbon(of: [segment], by: electricity.market).value : nil
    }
}

/// Energy and O of one site over rounds.
package struct SiteCarbon: Sendable, Hashable {
    package let site: String
    /// In the boundary.
    package let energy: EnergyStates
    package let carbon: OperationalCarbon

    /// The sites of segments, by id.
    static func all(_ segments: [SegmentCarbon]) -> [Self] {
        let bySite = Dictionary(grouping: segments, by: \.segment.site)
        return bySite.sorted { $0.key < $1.key }.map { site, segments in
            var energy = EnergyStates()
            var carbon = OperationalCarbon()
            for one in segments {
                if let states = one.segment.energy?.boundary { energy.add(states) }
                if let part = one.carbon { carbon.add(part) }
            }
            return Self(site: site, energy: energy, carbon: carbon)
        }
    }
}
