import Attribution
import Metering
import Weights

/// How the energy above idle of a window is divided among the scenarios, and what it is compared with.
enum DividingModel: String, CaseIterable {
    case standard
    case concurrency
    /// CPU seconds of a flow by regression, times the window's joules of a CPU second.
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
        case .regression: regression(window, fitted)
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

    private func regression(_ window: MeasuredWindow, _ fitted: FittedModels) -> [Double] {
        guard window.busy > 0 else { return window.counts.map { _ in 0 } }
        return fitted.loads(window).map { $0 / window.busy * window.dynamic }
    }

    private func shapley(_ window: MeasuredWindow, _ fitted: FittedModels) -> [Double] {
        let loads = fitted.loads(window).map { $0 / window.seconds }
        let base = max(0, window.busy / window.seconds - loads.reduce(0, +))
        let parts = fitted.curve.flatMap {
            ShapleyValue.joules(of: loads, above: base, seconds: window.seconds, curve: $0)
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
    /// CPU seconds of a flow by service and scenario.
    private let costs: [[Double]]
    /// Joules of a flow by scenario.
    let joules: [Double]
    let curve: PowerCurve?
    let condition: [Double]
    let holdOut: [Double?]

    init(_ windows: [MeasuredWindow]) throws(RegressionError) {
        let services = windows.first?.record.tally.services.count ?? 0
        var costs: [[Double]] = []
        var condition: [Double] = []
        var holdOut: [Double?] = []
        for service in 0..<services {
            let found = try Self.regression(windows) { ($0.used[service], $0.counts(of: service)) }
            costs.append(found.scenarios.map { $0?.value ?? 0 })
            condition.append(found.condition)
            holdOut.append(found.holdOut)
        }
        self.costs = costs
        self.condition = condition
        self.holdOut = holdOut
        joules = try Self.regression(windows) { ($0.joules, $0.counts) }
            .scenarios.map { $0?.value ?? 0 }
        curve = PowerCurve(
            fitting: windows.map {
                PowerCurve.Point(load: $0.busy / $0.seconds, power: $0.joules / $0.seconds)
            })
    }

    /// CPU seconds of a window's flows by scenario.
    func loads(_ window: MeasuredWindow) -> [Double] {
        window.counts.indices.map { scenario in
            costs.indices.reduce(0) {
                $0 + costs[$1][scenario] * window.counts(of: $1)[scenario]
            }
        }
    }

    private static func regression(
        _ windows: [MeasuredWindow], _ row: (MeasuredWindow) -> (used: Double, counts: [Double])
    ) throws(RegressionError) -> Regression {
        let rows = windows.map { window in
            let (used, counts) = row(window)
            return RegressionWindow(
                start: window.record.window.start, seconds: window.seconds, used: used,
                counts: counts)
        }
        let scenarios = windows.first?.scenarios ?? 0
        var settings = RegressionSettings(
            reference: max(0, scenarios - 1), weights: Array(repeating: nil, count: scenarios),
            block: 1, gates: .production)
        // Intervals are not asked for.
        settings.replicates = 0
        return try Regression(rows, scenarios: scenarios, settings: settings)
    }
}
