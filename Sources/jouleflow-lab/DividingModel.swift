import Attribution
import Metering
import Weights

/// How the energy above idle of a window is divided among the scenarios, and what it is compared with.
enum DividingModel: String, CaseIterable {
    case standard
    case concurrency
    /// CPU seconds of a flow by regression, times the run's joules of a CPU second of the services: what
    /// the collector tells as joules by CPU time.
    case regression
    /// Joules of a flow by regression of the host's joules.
    case regressionJoules = "regression_joules"
    case shapley
    /// All of the host by the number of requests.
    case requests
    /// Each service by its CPU time, and inside it by the number of requests.
    case cpu

    /// Joules by scenario.
    func joules(_ window: MeasuredWindow, _ fitted: FittedModels) -> [Double] {
        switch self {
        case .concurrency: Self.joules(of: window.record.partition)
        case .standard: standard(window)
        case .regression: zip(fitted.joulesByCPUTime, window.counts).map { $0 * $1 }
        case .regressionJoules: zip(fitted.joules, window.counts).map { $0 * $1 }
        case .shapley: shapley(window, fitted)
        case .requests: Self.divide(window.dynamic, by: window.counts)
        case .cpu: byProcessor(window)
        }
    }

    private static func joules(of partition: EnergyPartition?) -> [Double] {
        (partition?.scenarios ?? []).map { Double($0.rawValue) / 1e6 }
    }

    private func standard(_ window: MeasuredWindow) -> [Double] {
        let record = window.record
        let division = EnergyDivision(
            of: record.energy.value ?? .zero, carried: record.carried != nil,
            over: record.window.duration, idleMilliwatts: window.manifest.idle?.milliwatts,
            processor: record.processor,
            counts: record.tally.services.map { ServiceCounts(flows: $0.flows, areKnown: true) },
            weights: window.manifest.scenarios.map(StandardWeights.weight(of:)))
        return Self.joules(of: division.partition)
    }

    private func shapley(_ window: MeasuredWindow, _ fitted: FittedModels) -> [Double] {
        let loads = fitted.loads(window).map { $0 / window.seconds }
        let base = max(0, window.busy / window.seconds - loads.reduce(0, +))
        let parts = fitted.curve.flatMap {
            ShapleyValue.joules(of: loads, above: base, sharing: window.dynamic, curve: $0)
        }
        return parts ?? loads.map { _ in 0 }
    }

    private func byProcessor(_ window: MeasuredWindow) -> [Double] {
        let none = window.counts.map { _ in 0.0 }
        guard window.busy > 0 else { return none }
        return window.used.enumerated().reduce(none) { sums, service in
            let energy = window.dynamic * service.element / window.busy
            let parts = Self.divide(energy, by: window.counts(of: service.offset))
            return zip(sums, parts).map { $0 + $1 }
        }
    }

    private static func divide(_ energy: Double, by shares: [Double]) -> [Double] {
        let sum = shares.reduce(0, +)
        return shares.map { sum > 0 ? energy * $0 / sum : 0 }
    }
}

/// What the collector's models take from many windows.
struct FittedModels {
    /// CPU seconds of a flow by scenario, all services together.
    private let costs: [Double]
    /// Joules of a flow by scenario: of CPU seconds at their price, as `jouleflow-collector alpha` tells
    /// `joules_by_cpu_time`, and of the host's joules.
    let joulesByCPUTime: [Double]
    let joules: [Double]
    let curve: PowerCurve?
    /// Of the regression of CPU seconds at their price.
    let condition: Double
    let holdOut: Double?
    /// What the collector would say in place of figures of these windows.
    let obstacles: [String]

    /// Windows that are drawn together: the rates of a run are drawn anew every second one.
    private static let block = 4

    /// Models of windows, and CPU seconds at the price of `priced`, which may be others.
    init(_ windows: [MeasuredWindow], pricedBy priced: [MeasuredWindow]) throws(RegressionError) {
        let stretches = windows.map(\.stretch)
        costs = try Self.regression(
            stretches.map { $0.window($0.hosts.reduce(0) { $0 + $1.cpuSeconds }) }
        ).perFlow
        joules = try Self.regression(zip(stretches, windows).map { $0.window($1.joules) }).perFlow
        let found = try Self.regression(
            ServiceJoules.windows(stretches, pricedBy: priced.map(\.stretch)), replicates: 999)
        joulesByCPUTime = found.perFlow
        condition = found.condition
        holdOut = found.holdOut
        obstacles = found.obstacles.map(\.description)
        curve = PowerCurve(
            fitting: windows.map {
                PowerCurve.Point(load: $0.busy / $0.seconds, power: $0.dynamic / $0.seconds)
            }, idle: 0)
    }

    /// CPU seconds of a window's flows by scenario.
    func loads(_ window: MeasuredWindow) -> [Double] {
        zip(costs, window.counts).map { $0 * $1 }
    }

    private static func regression(
        _ windows: [RegressionWindow], replicates: Int = 0
    ) throws(RegressionError) -> Regression {
        let scenarios = windows.first?.counts.count ?? 0
        var settings = RegressionSettings(
            reference: max(0, scenarios - 1), weights: Array(repeating: nil, count: scenarios),
            block: block, gates: .production)
        settings.replicates = replicates
        return try Regression(windows, scenarios: scenarios, settings: settings)
    }
}

extension Regression {
    fileprivate var perFlow: [Double] { scenarios.map { $0?.value ?? 0 } }
}

extension ServiceStretch {
    fileprivate func window(_ used: Double) -> RegressionWindow {
        RegressionWindow(start: start, seconds: seconds, used: used, counts: counts)
    }
}
