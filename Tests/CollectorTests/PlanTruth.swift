import Metering

/// The figures of a ``PlanFleet`` from its own numbers: sums of integers, and formulas (1) and (2) of the
/// standard, with nothing of the program.
struct PlanTruth {
    /// Of one host in one round under one electricity.
    struct Part {
        let host: String
        let micrograms: UInt64
        let marketMicrograms: UInt64
        var measured: UInt64 = 0
        var bridged: UInt64 = 0
        var estimated: UInt64 = 0
        var imputed: UInt64 = 0
        var total: UInt64 { measured + bridged + estimated + imputed }

        var pue: Double { host.hasPrefix("a") ? 1.35 : 1.25 }
    }

    struct Round {
        var parts: [Part] = []
        /// By scenario: completed and refused.
        var flows: [(completed: UInt64, refused: UInt64)] = []

        var energy: UInt64 { parts.reduce(0) { $0 + $1.total } }

        func grams(_ factor: KeyPath<Part, UInt64>) -> Double {
            parts.reduce(0) { $0 + Double($1.total) / 3.6e12 * (Double($1[keyPath: factor]) / 1e6) }
        }

        var facilityGrams: Double {
            parts.reduce(0) {
                $0 + Double($1.total) / 3.6e12 * (Double($1.micrograms) / 1e6) * $1.pue
            }
        }

        var units: UInt64 {
            zip(flows, [24, 7, 3, 1] as [UInt64]).reduce(0) {
                $0 + ($1.0.completed + $1.0.refused) * $1.1
            }
        }

        var unitsWithoutRefusals: UInt64 {
            zip(flows, [24, 7, 3, 1] as [UInt64]).reduce(0) { $0 + $1.0.completed * $1.1 }
        }

        /// M of five whole hosts and 60 % of one, over a minute.
        func embodied(_ grams: Double) -> Double { grams * (5 + 0.6) / (35_040 * 60) }

        var intensity: Double { (grams(\.micrograms) + embodied(900_000)) / Double(units) }
    }

    let rounds: [Round]

    init() {
        rounds = (0..<PlanFleet.rounds).map { number in
            var round = Round()
            for host in PlanFleet.hosts { round.parts += Self.parts(host, number) }
            round.flows = StandardWeights.scenarios.map { scenario in
                var sum: (completed: UInt64, refused: UInt64) = (0, 0)
                for host in PlanFleet.counting {
                    for window in Self.windows(number) {
                        let flows = PlanFleet.flows(host, scenario, window)
                        sum.completed += flows.completed
                        sum.refused += flows.refused
                    }
                }
                return sum
            }
            return round
        }
    }

    static func windows(_ round: Int) -> Range<Int> {
        round * PlanFleet.windows..<(round + 1) * PlanFleet.windows
    }

    private static func parts(_ host: String, _ round: Int) -> [Part] {
        let isA = host.hasPrefix("a")
        let market = isA ? PlanFleet.grid : PlanFleet.hydro
        var parts = [Part(host: host, micrograms: PlanFleet.grid, marketMicrograms: market)]
        if isA, round == 2 {
            parts.append(
                Part(
                    host: host, micrograms: PlanFleet.diesel, marketMicrograms: PlanFleet.diesel))
        } else if isA, round > 2 {
            parts = [
                Part(
                    host: host, micrograms: PlanFleet.diesel, marketMicrograms: PlanFleet.diesel)
            ]
        }
        for window in windows(round) where !PlanFleet.isSilent(host, window) {
            let whole = PlanFleet.energy(host, window)
            let begin = PlanFleet.start + UInt64(window) * PlanFleet.window
            let end = begin + PlanFleet.window
            var shares = [whole]
            if parts.count == 2 {
                let before =
                    end <= PlanFleet.failover ? whole : begin >= PlanFleet.failover ? 0 : whole / 4
                shares = [before, whole - before]
            }
            for (index, share) in shares.enumerated() {
                if PlanFleet.isBridged(host, window) {
                    parts[index].bridged += share
                } else {
                    parts[index].measured += share
                }
            }
        }
        if host == "b2", round == 0 { parts[0].imputed = Self.imputed }
        return parts.map { scoped($0) }
    }

    /// For the window of b2 that is missing: the larger of the 47th smallest of 49 and the one before.
    static var imputed: UInt64 {
        let known = windows(0).filter { $0 != 20 }.map { PlanFleet.energy("b2", $0) }
        return max(known.sorted()[46], PlanFleet.energy("b2", 19))
    }

    /// After the wall ratio and in the boundary.
    private static func scoped(_ part: Part) -> Part {
        var part = part
        if part.host == "a3" {
            part.estimated = halfEven(part.measured + part.bridged, 1_420_000)
            part.measured = 0
            part.bridged = 0
        }
        if part.host == "b3" {
            let total = halfEven(part.total, 600_000)
            // Two states: by largest remainder each is its share, rounded.
            let bridged = halfEven(part.bridged, 600_000)
            part.bridged = bridged
            part.measured = total - bridged
        }
        return part
    }

    private static func halfEven(_ value: UInt64, _ millionths: UInt64) -> UInt64 {
        let (quotient, rest) = (value * millionths).quotientAndRemainder(dividingBy: 1_000_000)
        if rest * 2 == 1_000_000 { return quotient + quotient % 2 }
        return quotient + (rest * 2 > 1_000_000 ? 1 : 0)
    }
}
