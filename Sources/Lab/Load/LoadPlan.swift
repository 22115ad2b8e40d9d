package import Metering

/// What the load generator is asked to do.
package struct LoadPlan: Sendable {
    package var host = "127.0.0.1"
    package var port: Int
    package var length: Nanoseconds
    /// Flows a second, all scenarios together.
    package var rate: Double
    package var connections: Int
    package var mix: LoadMix
    package var rhythm: LoadRhythm = .paced

    /// - Parameters:
    ///   - rate: 0.1 to `maximumRate`.
    ///   - connections: 1 to `maximumConnections`.
    package init(
        port: Int, length: Nanoseconds, rate: Double, connections: Int, mix: LoadMix
    ) {
        self.port = port
        self.length = length
        self.rate = rate
        self.connections = connections
        self.mix = mix
    }

    /// Flows a second; a plan beyond it is refused.
    package static let maximumRate: Double = 20_000
    /// Connections at a time; a plan beyond it is refused.
    package static let maximumConnections = 512
}

/// When flows fall due.
package enum LoadRhythm: Sendable, Equatable {
    /// At equal distances, some of them two at once, some bodies in two writes.
    case paced
    /// Independently of each other, as flows of many customers do (a Poisson process), each with a
    /// request of its own. Every 2 s the rate of each scenario is drawn anew from its mean ± `swing`
    /// of it, 0 to 1; with `bursts`, 1 s in 4 has 2.5 times the rate and the others half of it.
    case random(swing: Double, bursts: Bool)
}

/// The shares of the scenarios and outcomes, and the seed that makes the sequence repeatable.
package struct LoadMix: Sendable {
    /// Relative shares in the order of `LoanScenario.allCases`.
    package let shares: [Double]
    /// The part of the flows that is refused, 0 to 1.
    package let refused: Double
    /// The part of the flows that fails technically, 0 to 1.
    package let errors: Double
    package let seed: UInt64

    /// `nil` unless there are four shares, none negative and their sum above zero, and two parts
    /// that are together at most 1.
    package init?(shares: [Double], refused: Double, errors: Double, seed: UInt64) {
        guard shares.count == LoanScenario.allCases.count,
            shares.allSatisfy({ (0...1_000_000).contains($0) }), shares.contains(where: { $0 > 0 }),
            refused >= 0, errors >= 0, refused + errors <= 1
        else { return nil }
        self.shares = shares
        self.refused = refused
        self.errors = errors
        self.seed = seed
    }
}

/// One request of the load.
struct LoadRequest: Equatable {
    /// A flow with the end it asks for, or a health check.
    enum Kind: Equatable {
        case flow(LoanScenario, LoanOutcome)
        case health
    }

    let kind: Kind
    let uri: String
    /// The flow's number, which the response repeats; empty for a health check.
    let number: String
    /// Empty for GET.
    let body: String
    /// Whether the body is sent in two writes.
    let split: Bool

    var method: String {
        if case .flow(let scenario, _) = kind { scenario.method } else { "GET" }
    }
}

/// The sequence of requests of a mix: the same for the same seed.
struct LoadSequence {
    private let mix: LoadMix
    private var random: SplitMix64
    private var count: UInt64 = 0

    /// One request in this many is a health check.
    private static let healthEvery: UInt64 = 50

    init(_ mix: LoadMix) {
        self.mix = mix
        random = SplitMix64(state: mix.seed)
    }

    mutating func next(shares: [Double]? = nil, plain: Bool = false) -> LoadRequest {
        count += 1
        if count.isMultiple(of: Self.healthEvery) {
            return LoadRequest(kind: .health, uri: "/health", number: "", body: "", split: false)
        }
        let scenario = pickScenario(shares ?? mix.shares)
        let outcome = pickOutcome()
        let number = "\(scenario.rawValue.prefix(1).uppercased())\(mix.seed)-\(count)"
        var query: [String] = []
        if random.chance(0.4) { query.append("framing=chunked") }
        var body = ""
        if scenario.method == "POST" {
            let amount = Int.random(in: 100...50_000, using: &random)
            body = #"{"no":"\#(number)","amount":\#(amount),"expect":"\#(outcome.rawValue)"}"#
        } else {
            query.append("expect=\(outcome.rawValue)")
        }
        let tail = query.isEmpty ? "" : "?" + query.joined(separator: "&")
        return LoadRequest(
            kind: .flow(scenario, outcome), uri: scenario.path(number) + tail, number: number,
            body: body, split: !plain && !body.isEmpty && random.chance(0.25))
    }

    /// Whether the next two requests go out together.
    mutating func nextIsPair() -> Bool { random.chance(0.2) }

    private mutating func pickScenario(_ shares: [Double]) -> LoanScenario {
        var left = Double.random(in: 0..<shares.reduce(0, +), using: &random)
        for (scenario, share) in zip(LoanScenario.allCases, shares) where share > 0 {
            if left < share { return scenario }
            left -= share
        }
        // Only by rounding: the last scenario that has a share.
        return zip(LoanScenario.allCases, shares).reversed().first { $0.1 > 0 }?.0 ?? .query
    }

    private mutating func pickOutcome() -> LoanOutcome {
        let point = Double.random(in: 0..<1, using: &random)
        if point < mix.refused { return .refused }
        return point < mix.refused + mix.errors ? .failed : .completed
    }
}

/// A small generator with a seed. Source: Steele, Lea, Flood, "Fast splittable pseudorandom
/// number generators", 2014.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// True with probability `part`.
    mutating func chance(_ part: Double) -> Bool { Double.random(in: 0..<1, using: &self) < part }
}
