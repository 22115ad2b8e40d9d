/// How the power of a host grows with what it computes: P(u) = p₀ + a √u + b u + c u², u in CPU seconds
/// a second, with no factor below 0. It never falls; it bends down where √u leads, as where cores wake,
/// and up where u² does, as where clocks rise.
package struct PowerCurve: Sendable, Hashable {
    /// Watts with nothing computed.
    package let idle: Double
    /// Watts for √u, u and u².
    package let factors: [Double]

    package init(idle: Double, factors: [Double]) {
        self.idle = idle
        self.factors = factors
    }

    /// One window: CPU seconds a second, and watts above idle.
    package struct Point: Sendable, Hashable {
        package let load: Double
        package let power: Double

        package init(load: Double, power: Double) {
            self.load = load
            self.power = power
        }
    }

    /// The curve from a known `idle` power that is nearest to windows, by least squares; `nil` of fewer than
    /// four windows, of values that are no numbers of 0 or more, and where nothing was computed or no power
    /// drawn above idle.
    ///
    /// The idle power is not fitted: busy windows do not show it, and what they are put too high by would be
    /// missing in what is told of load.
    package init?(fitting points: [Point], idle: Double) {
        guard points.count >= 4, idle.isFinite, idle >= 0,
            points.allSatisfy({
                $0.load.isFinite && $0.power.isFinite && $0.load >= 0 && $0.power >= 0
            }),
            let load = points.map(\.load).max(), let power = points.map(\.power).max(), load > 0,
            power > 0
        else { return nil }
        var equations = NormalEquations(order: 3)
        // In the order of size, so that the order of windows changes nothing.
        for point in points.sorted(by: { ($0.load, $0.power) < ($1.load, $1.power) }) {
            equations.add(Self.terms(point.load / load), point.power / power)
        }
        let fitted = equations.nonNegativeSolution
        self.idle = idle
        factors = [
            fitted[0] * power / load.squareRoot(), fitted[1] * power / load,
            fitted[2] * power / load / load,
        ]
    }

    /// How far windows lie from the curve: the sum of their distances by the sum of their power above idle.
    package func distance(from points: [Point]) -> Double {
        let power = points.reduce(0) { $0 + $1.power }
        let distances = points.reduce(0) {
            $0 + ($1.power - dynamicPower(at: $1.load)).magnitude
        }
        return power > 0 ? distances / power : 0
    }

    private static func terms(_ load: Double) -> [Double] {
        [load.squareRoot(), load, load * load]
    }

    /// Watts above idle at a load of 0 or more.
    package func dynamicPower(at load: Double) -> Double {
        let load = max(0, load)
        return zip(factors, Self.terms(load)).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
