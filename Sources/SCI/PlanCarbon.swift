package import Assessment
package import Metering

/// O of any segments by the electricity of a plan: of a host, of a site, of a month.
package struct PlanCarbon: Sendable {
    private let electricity: PlanElectricity

    package init(_ plan: Plan) { electricity = PlanElectricity(plan) }

    /// The factor of the electricity where a segment is.
    package func factor(_ segment: BoundarySegment) -> Known<EmissionFactor, IntensityUnknown> {
        electricity.location(segment)
    }

    /// O by the electricity where it is used; unknown where no segment has energy.
    package func location(
        _ segments: [BoundarySegment]
    ) -> Known<OperationalCarbon, IntensityUnknown> {
        electricity.carbon(of: segments, by: electricity.location)
    }

    /// O under contracts and certificates; `nil` where no site of the plan has one.
    package func market(
        _ segments: [BoundarySegment]
    ) -> Known<OperationalCarbon, IntensityUnknown>? {
        electricity.hasMarket
            ? electricity.carbon(of: segments, by: electricity.market) : nil
    }
}

extension OperationalCarbon {
    /// Of the equipment or of the building; unknown where the PUE of a site is not told.
    package func grams(of scope: ElectricityScope) -> Known<Double, IntensityUnknown> {
        grams(scope)
    }
}
