package import Assessment
import Metering

/// O as a sum of exact products: of microjoules and micrograms per kilowatt-hour.
///
/// Source: T/CQJR 032.2-2025 Annex A b) 2), with the carbon factor of each electricity: the sum of the
/// products, not the product of the sums.
package struct OperationalCarbon: Sendable, Hashable {
    /// Σ µJ · µg/kWh, or the largest value where it would not fit.
    package private(set) var products: UInt128 = 0
    /// Σ µJ · µg/kWh · PUE in millionths; `nil` where the PUE of a site is not told.
    package private(set) var facilityProducts: UInt128? = 0
    /// Sites without a PUE.
    package private(set) var sitesWithoutPUE: Set<String> = []
    /// What the factors weigh.
    package private(set) var gases: Set<FactorGas> = []

    package init() {}

    /// Of the equipment: `products` as the nearest Double, over 3.6 · 10¹⁸.
    package var grams: Double { Double(products) / 3.6e18 }

    /// Of the building: `facilityProducts` as the nearest Double, over 3.6 · 10¹⁸, over 10⁶.
    package var facilityGrams: Double? { facilityProducts.map { Double($0) / 3.6e18 / 1e6 } }

    mutating func add(_ energy: Microjoules, _ factor: EmissionFactor, at site: Site?) {
        let product = UInt128(energy.rawValue) * UInt128(factor.microgramsPerKilowattHour)
        products = products.addingClamped(product)
        gases.insert(factor.gas)
        guard let pue = site?.pue?.value.rawValue else {
            facilityProducts = nil
            if let site { sitesWithoutPUE.insert(site.id) }
            return
        }
        let (lifted, over) = product.multipliedReportingOverflow(by: UInt128(pue))
        facilityProducts = facilityProducts?.addingClamped(over ? .max : lifted)
    }
}

extension OperationalCarbon {
    mutating func add(_ other: Self) {
        products = products.addingClamped(other.products)
        if let sum = facilityProducts, let part = other.facilityProducts {
            facilityProducts = sum.addingClamped(part)
        } else {
            facilityProducts = nil
        }
        sitesWithoutPUE.formUnion(other.sitesWithoutPUE)
        gases.formUnion(other.gases)
    }
}

extension UInt128 {
    fileprivate func addingClamped(_ other: Self) -> Self {
        let (sum, over) = addingReportingOverflow(other)
        return over ? .max : sum
    }
}

/// What a plan says of electricity, to be looked up.
struct PlanElectricity {
    private let sites: [String: Site]
    private let factors: [String: EmissionFactor]

    init(_ plan: Plan) {
        sites = Dictionary(plan.sites.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        factors = Dictionary(plan.factors.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
    }

    /// Whether any site has electricity under contract.
    var hasMarket: Bool { sites.values.contains { !$0.marketSupplies.isEmpty } }

    /// The location-based factor of a segment.
    func location(_ segment: BoundarySegment) -> Known<EmissionFactor, IntensityUnknown> {
        factor(segment.supply.factor)
    }

    /// The market-based one: the location-based where the site has no contract at that time.
    func market(_ segment: BoundarySegment) -> Known<EmissionFactor, IntensityUnknown> {
        factor((segment.market ?? segment.supply).factor)
    }

    private func factor(_ id: String) -> Known<EmissionFactor, IntensityUnknown> {
        factors[id].map { .known($0) } ?? .unknown(.noFactor(id))
    }

    /// O of segments by the factor that each has; unknown where no energy is.
    func carbon(
        of segments: [BoundarySegment],
        by factor: (BoundarySegment) -> Known<EmissionFactor, IntensityUnknown>
    ) -> Known<OperationalCarbon, IntensityUnknown> {
        var carbon = OperationalCarbon()
        var isKnown = false
        for segment in segments {
            guard let energy = segment.energy?.boundary.total else { continue }
            switch factor(segment) {
            case .known(let factor): carbon.add(energy, factor, at: sites[segment.site])
            case .unknown(let reason): return .unknown(reason)
            }
            isKnown = true
        }
        return isKnown ? .known(carbon) : .unknown(.noEnergy)
    }
}

extension OperationalCarbon {
    /// In the scope of a plan.
    func grams(_ scope: ElectricityScope) -> Known<Double, IntensityUnknown> {
        switch scope {
        case .equipment: .known(grams)
        case .facility:
            facilityGrams.map { .known($0) }
                ?? .unknown(.noPUE(site: sitesWithoutPUE.sorted().first ?? ""))
        }
    }
}
