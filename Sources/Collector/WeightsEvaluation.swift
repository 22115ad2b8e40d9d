import Assessment
import Metering
import Report
import SCI
import Store
import Weights

/// From stretches added up to measured weights.
struct WeightsEvaluation {
    let reading: WeightsReading
    let hosts: [String]
    /// Those of the standard in its order, then others by name; all that hosts have rules for.
    let scenarios: [ScenarioID]
    /// Those beyond as many as can be told apart, by name.
    private let dropped: [ScenarioID]
    /// The stretches that are whole on every host.
    let whole: [Int]
    /// How many each host makes up.
    let wholeByHost: [(host: String, count: Int)]
    private let isWholeBoundary: Bool

    /// More scenarios than can be told apart are left to the background, those of the standard never.
    init(_ reading: WeightsReading, isWholeBoundary: Bool) {
        self.reading = reading
        self.isWholeBoundary = isWholeBoundary
        hosts = reading.hosts.keys.sorted()
        let others = reading.scenarios.keys.filter { !StandardWeights.scenarios.contains($0) }
            .sorted { $0.name < $1.name }
        let all = StandardWeights.scenarios + others
        scenarios = Array(all.prefix(Regression.maximumScenarios))
        dropped = Array(all.dropFirst(Regression.maximumScenarios))
        let cells = hosts.compactMap { reading.hosts[$0] }
        var counts = [Int](repeating: 0, count: cells.count)
        var whole: [Int] = []
        for index in reading.request.stretches.indices where !cells.isEmpty {
            let isWhole = cells.map { reading.isWhole($0[index], at: index) }
            for (host, isWhole) in isWhole.enumerated() where isWhole { counts[host] += 1 }
            if !isWhole.contains(false) { whole.append(index) }
        }
        self.whole = whole
        wholeByHost = zip(hosts, counts).map { ($0, $1) }
    }

    enum Quantity: String, CaseIterable {
        case cpuSeconds = "cpu_seconds"
        case joules
        /// Of the services' CPU seconds at what a second of them drew: ``ServiceJoules``.
        case joulesByCPUTime = "joules_by_cpu_time"

        var unknown: WeightsCell.Unknown {
            switch self {
            case .cpuSeconds: .cpu
            case .joules: .energy
            case .joulesByCPUTime: .services
            }
        }
    }

    /// Exchanges of none of the scenarios, in whole stretches.
    var otherExchanges: UInt64 {
        dropped.reduce(whole.reduce(0) { $0.addingClamped(reading.other.exchanges[$1]) }) {
            $0.addingClamped(exchanges($1, whole))
        }
    }

    /// Says which of more scenarios than can be told apart took place beyond these.
    var beyond: String? {
        let names = dropped.filter { exchanges($0, whole) > 0 }.map(\.name)
        guard !names.isEmpty else { return nil }
        return
            "more than \(Regression.maximumScenarios) scenarios took place, which cannot be told apart: beyond "
            + "them \(names.prefix(8).joined(separator: ", "))\(names.count > 8 ? ", …" : ""); count several of "
            + "those that are not in Table 2 under one id"
    }

    /// How often a scenario took place in stretches. The sum fits: that of all stretches does.
    func exchanges(_ scenario: ScenarioID, _ stretches: [Int]) -> UInt64 {
        guard let counts = reading.scenarios[scenario] else { return 0 }
        return stretches.reduce(0) { $0.addingClamped(counts.exchanges[$1]) }
    }

    func flows(_ scenario: ScenarioID, _ stretches: [Int]) -> UInt64 {
        guard let counts = reading.scenarios[scenario] else { return 0 }
        return stretches.reduce(0) { $0.addingClamped(counts.flows[$1]) }
    }

    /// What is counted in one stretch, by scenario.
    func counts(at stretch: Int) -> [Double] {
        scenarios.map { scenario in
            guard let counts = reading.scenarios[scenario] else { return 0 }
            return Double(
                reading.request.counting == .exchanges
                    ? counts.exchanges[stretch] : counts.flows[stretch])
        }
    }

    /// The stretches in which every host tells it.
    func known(_ unknown: WeightsCell.Unknown) -> [Int] {
        let cells = hosts.compactMap { reading.hosts[$0] }
        return whole.filter { index in
            cells.allSatisfy { $0[index].unknown.isDisjoint(with: unknown) }
        }
    }

    func windows(
        _ stretches: [Int], of hosts: [String], _ used: (WeightsCell) -> Double
    ) -> [RegressionWindow] {
        let cells = hosts.compactMap { reading.hosts[$0] }
        return stretches.map { index in
            RegressionWindow(
                start: reading.request.stretches[index].start, seconds: seconds(cells, index),
                used: cells.reduce(0) { $0 + used($1[index]) }, counts: counts(at: index))
        }
    }

    /// The mean length of what the hosts' records cover of a stretch.
    private func seconds(_ cells: [[WeightsCell]], _ index: Int) -> Double {
        cells.reduce(0) { $0 + $1[index].seconds } / Double(max(1, cells.count))
    }

    /// What services used, by host.
    private func services(_ stretches: [Int]) -> [ServiceStretch] {
        let cells = hosts.compactMap { reading.hosts[$0] }
        return stretches.map { index in
            ServiceStretch(
                start: reading.request.stretches[index].start, seconds: seconds(cells, index),
                hosts: cells.map { $0[index].services }, counts: counts(at: index))
        }
    }

    /// How a host's windows contradict its idle power.
    func idlePowerDoubt(of host: String, _ stretches: [Int]) -> IdlePowerDoubt? {
        guard let cells = reading.hosts[host] else { return nil }
        let windows = stretches.map { index in
            let cell = cells[index]
            return IdleWindow(
                start: reading.request.stretches[index].start, seconds: cell.seconds,
                busySeconds: max(cell.busySeconds, cell.cpuSeconds), joules: cell.joules,
                idleJoules: cell.idleJoules)
        }
        return IdlePowerDoubt(windows, block: reading.request.block)
    }

    private func windows(
        _ quantity: Quantity, _ stretches: [Int], in part: inout WeightsContent.Part
    ) -> [RegressionWindow] {
        switch quantity {
        case .cpuSeconds: return windows(stretches, of: hosts, \.cpuSeconds)
        case .joules: return windows(stretches, of: hosts, \.joules)
        case .joulesByCPUTime:
            let services = services(stretches)
            part.prices = zip(hosts, ServiceJoules.prices(services)).map { ($0, $1) }
            part.obstacles = hosts.compactMap { host in
                idlePowerDoubt(of: host, stretches).map { "host \(host): \($0)" }
            }
            if let missed = ServiceJoules.holdOut(services), missed > ServiceJoules.mostHoldOut {
                part.obstacles.append(Self.unsteadyPrice(missed))
            }
            return ServiceJoules.windows(services, pricedBy: services)
        }
    }

    /// What an evaluation needs to know; `per` are exchanges per flow by scenario. A scenario without a
    /// flow has no weight that could be tested.
    func settings(_ per: [Double?]) -> RegressionSettings {
        let reference = StandardWeights.scenarios.firstIndex(of: .query) ?? 0
        let query = per[reference]
        let weights = zip(scenarios, per).map { scenario, per -> Double? in
            guard let weight = StandardWeights.weight(of: scenario), let per, let query else {
                return nil
            }
            return Double(weight) * query / per
        }
        return RegressionSettings(
            reference: reference, weights: weights, block: reading.request.block,
            gates: reading.request.gates)
    }

    /// What is counted per flow; `nil` of a scenario without a flow or without what is counted.
    func countsPerFlow(_ stretches: [Int]) -> [Double?] {
        scenarios.map { scenario in
            let flows = flows(scenario, stretches)
            guard flows > 0 else { return nil }
            guard reading.request.counting == .exchanges else { return 1 }
            let exchanges = exchanges(scenario, stretches)
            return exchanges > 0 ? Double(exchanges) / Double(flows) : nil
        }
    }

    /// What is told of one quantity.
    func part(_ quantity: Quantity) -> WeightsContent.Part {
        var part = WeightsContent.Part(quantity: quantity.rawValue, scenarios: scenarios.count)
        let stretches = known(quantity.unknown)
        for (index, scenario) in scenarios.enumerated()
        where scenario != .query && StandardWeights.weight(of: scenario) != nil {
            part.lines[index].verdict = WeightVerdict.undetermined.rawValue
        }
        let windows = windows(quantity, stretches, in: &part)
        part.windows = windows.count
        part.used = windows.reduce(0) { $0 + $1.used }
        guard !windows.isEmpty else {
            part.obstacles = [nothing(quantity)]
            return part
        }
        let per = countsPerFlow(stretches)
        var settings = settings(per)
        settings.mix = mix(per, stretches)
        do throws(RegressionError) {
            let found = try Regression(windows, scenarios: scenarios.count, settings: settings)
            part.take(found)
            tell(found, per, stretches, in: &part)
        } catch {
            part.obstacles.append(sentence(error))
        }
        return part
    }

    private func nothing(_ quantity: Quantity) -> String {
        if whole.isEmpty {
            let none = "no window is whole on every host" + least
            guard reading.misaligned > 0, reading.request.length != nil else { return none }
            return none + ": ask for windows as long as the agents' own, or a multiple of that"
        }
        switch quantity {
        case .cpuSeconds:
            return "no window in which the CPU time of every service is known: see "
                + "the manual configuration.md, services"
        case .joules:
            return
                "no window in which every host's energy is measured; a model's energy follows from "
                + "CPU time and measures nothing"
        case .joulesByCPUTime:
            return
                "no window in which every host's energy is measured and its idle power, busy time "
                + "and the CPU time of every service are known"
        }
    }

    /// The host with the fewest whole windows, of several.
    private var least: String {
        guard hosts.count > 1, let least = wholeByHost.min(by: { $0.count < $1.count }) else {
            return ""
        }
        return ", on host \(least.host) \(least.count) of \(reading.request.stretches.count)"
    }

    private static func unsteadyPrice(_ missed: Double) -> String {
        "what a CPU second drew differs by \((min(missed, 1e6) * 1_000).rounded() / 10) % from one part of "
            + "the period to the others, at most \(Int(ServiceJoules.mostHoldOut * 100)) %: something else "
            + "than CPU time draws much, or a record is wrong"
    }

    func sentence(_ error: RegressionError) -> String {
        guard case .inseparable(let columns) = error else { return "\(error)" }
        let names = columns.map(name)
        return "always in the same proportion, so that no window tells them apart: "
            + names.joined(separator: ", ") + (isTest ? Self.allLoads : "; plan a factorial test")
    }

    /// A column's; `nil` stands for the background.
    func name(_ scenario: Int?) -> String {
        scenario.map { scenarios[$0].name } ?? "the background"
    }

    /// Figures, unless something stands against them.
    private func tell(
        _ found: Regression, _ per: [Double?], _ stretches: [Int],
        in part: inout WeightsContent.Part
    ) {
        for words in found.obstacles.map(words) where !part.obstacles.contains(words) {
            part.obstacles.append(words)
        }
        guard part.obstacles.isEmpty else { return }
        part.background = WeightsContent.Figure(found.background)
        let reference = settings(per).reference
        let query = per[reference]
        for (index, scenario) in scenarios.enumerated() {
            guard let per = per[index], let estimate = found.scenarios[index] else { continue }
            part.lines[index].perFlow = WeightsContent.Figure(estimate.times(per))
            guard let query, let ratio = found.ratios[index]?.times(per / query) else { continue }
            part.lines[index].ratio = WeightsContent.Figure(ratio)
            if let weight = StandardWeights.weight(of: scenario), index != reference {
                let verdict = WeightVerdict(ratio.interval, weight: Double(weight))
                let told: WeightVerdict = isWholeBoundary ? verdict : .undetermined
                part.lines[index].verdict = told.rawValue
            }
        }
        guard isWholeBoundary else {
            part.obstacles = [
                "a part of the boundary does not test Table 2 and has no SCI_CF: no verdict, no units"
            ]
            return
        }
        part.probability = tellsTable2(part) ? found.weightsProbability : nil
        let unruled = StandardWeights.scenarios.filter { reading.scenarios[$0] == nil }
        guard unruled.isEmpty else {
            part.obstacles = [
                "no host has a rule for \(unruled.map(\.name).joined(separator: ", ")), so that R is not known: "
                    + "no units"
            ]
            return
        }
        addUnits(stretches, found.mix?.times(1 / (query ?? 1)).interval, to: &part)
    }

    /// What of each scenario of Table 2 is counted in all flows: used together, and by a query's use, R.
    private func mix(_ per: [Double?], _ stretches: [Int]) -> [Double] {
        zip(scenarios, per).map { scenario, per in
            guard StandardWeights.weight(of: scenario) != nil, let per else { return 0 }
            return Double(flows(scenario, stretches)) * per
        }
    }

    /// Whether every scenario of Table 2 has a ratio: of a part of them the draws do not test it.
    private func tellsTable2(_ part: WeightsContent.Part) -> Bool {
        zip(scenarios, part.lines).allSatisfy { scenario, line in
            StandardWeights.weight(of: scenario) == nil || line.ratio != nil
        }
    }

    /// R by Table 2 and by what was measured, where every scenario of it with a flow has a ratio.
    private func addUnits(
        _ stretches: [Int], _ interval: Bounds?, to part: inout WeightsContent.Part
    ) {
        var (units, measured) = (0.0, 0.0)
        for (index, scenario) in scenarios.enumerated() {
            guard let weight = StandardWeights.weight(of: scenario) else { continue }
            let flows = Double(flows(scenario, stretches))
            guard flows > 0 else { continue }
            guard let ratio = part.lines[index].ratio?.value else { return }
            units += Double(weight) * flows
            measured += ratio * flows
        }
        part.units = units
        part.measuredUnits = measured
        part.measuredInterval = interval.map { ($0.low, $0.high) }
    }
}

extension WeightsContent.Part {
    fileprivate mutating func take(_ found: Regression) {
        blocks = found.blocks
        condition = found.condition
        autocorrelation = found.autocorrelation
        holdOut = found.holdOut
    }
}

extension WeightsContent.Figure {
    init(_ estimate: Estimate) {
        self.init(
            value: estimate.value, low: estimate.interval?.low, high: estimate.interval?.high)
    }
}
