import Foundation
internal import Metering

/// When flows of a random rhythm fall due, and in which shares: the same for the same seed.
struct LoadArrivals {
    private let means: [Double]
    private let swing: Double
    private let bursts: Bool
    private var random: SplitMix64
    private var factors: [Double]
    private var epoch = 0
    /// When the next flow falls due, in seconds after the start.
    private(set) var due: Double = 0

    /// How long rates stay as they are drawn, in seconds.
    private static let period: Double = 2

    /// - Parameter rate: flows a second, all scenarios together, on average.
    init(_ mix: LoadMix, rate: Double, swing: Double, bursts: Bool) {
        let sum = mix.shares.reduce(0, +)
        means = mix.shares.map { $0 / sum * rate }
        self.swing = swing
        self.bursts = bursts
        random = SplitMix64(state: mix.seed ^ 0xA55A)
        factors = means.map { _ in 1 }
        draw()
        advance()
    }

    /// Flows a second by scenario at the time that is due.
    var rates: [Double] {
        let burst = bursts ? (due.truncatingRemainder(dividingBy: 4) < 1 ? 2.5 : 0.5) : 1
        return zip(means, factors).map { $0 * $1 * burst }
    }

    /// Goes on to the next flow. Where rates change before it, it is drawn anew from there: the
    /// process does not remember.
    mutating func advance() {
        while true {
            let rate = rates.reduce(0, +)
            let step = bursts ? 1 : Self.period
            let change = (due / step).rounded(.down) * step + step
            let wait =
                rate > 0
                ? -log(1 - Double.random(in: 0..<1, using: &random)) / rate : .infinity
            if due + wait < change {
                due += wait
                return
            }
            due = change
            if Int(due / Self.period) > epoch {
                epoch = Int(due / Self.period)
                draw()
            }
        }
    }

    private mutating func draw() {
        for index in factors.indices {
            factors[index] = 1 + swing * Double.random(in: -1...1, using: &random)
        }
    }
}
