import Metering
import Report
import Weights

extension WeightsEvaluation {
    /// Joules per flow by Shapley's value: on each host the CPU time of each scenario follows from the
    /// host's own regression, and the power that this takes from the host's curve; what was busy beside
    /// the scenarios comes first.
    ///
    /// `cpu` is the part of CPU seconds, whose obstacles are obstacles here.
    func shapley(after cpu: WeightsContent.Part) -> WeightsContent.Shapley {
        var shapley = WeightsContent.Shapley()
        guard cpu.lines.contains(where: { $0.perFlow != nil }) else {
            shapley.obstacle = "the CPU time of flows is not told"
            return shapley
        }
        let stretches = known([.cpu, .busy, .energy])
        guard !stretches.isEmpty else {
            shapley.obstacle =
                "no window in which energy, CPU time and busy time of every host are known"
            return shapley
        }
        var sums = [Double](repeating: 0, count: scenarios.count)
        for host in hosts {
            guard let joules = joules(of: host, stretches, &shapley) else {
                shapley.obstacle =
                    "host \(host): its windows bear no power curve, or do not tell its scenarios apart"
                shapley.curves = []
                return shapley
            }
            for index in sums.indices { sums[index] += joules[index] }
        }
        shapley.perFlow = zip(scenarios, sums).map { scenario, joules in
            let flows = flows(scenario, stretches)
            return flows > 0 ? joules / Double(flows) : nil
        }
        return shapley
    }

    private func joules(
        of host: String, _ stretches: [Int], _ shapley: inout WeightsContent.Shapley
    ) -> [Double]? {
        guard let cells = reading.hosts[host],
            let curve = PowerCurve(
                fitting: stretches.map { cells[$0].point }),
            let costs = costs(of: host, stretches)
        else { return nil }
        shapley.curves.append(
            WeightsContent.Curve(host: host, idle: curve.idle, factors: curve.factors))
        var sums = [Double](repeating: 0, count: scenarios.count)
        for stretch in stretches {
            let cell = cells[stretch]
            let loads = zip(counts(at: stretch), costs).map { $0 * $1 / cell.seconds }
            let base = max(0, cell.busySeconds / cell.seconds - loads.reduce(0, +))
            guard
                let parts = ShapleyValue.joules(
                    of: loads, above: base, seconds: cell.seconds, curve: curve)
            else { return nil }
            for index in sums.indices { sums[index] += parts[index] }
        }
        return sums
    }

    /// CPU seconds of a host per what is counted; 0 throughout on a host whose services used none.
    private func costs(of host: String, _ stretches: [Int]) -> [Double]? {
        let windows = windows(stretches, of: [host]) { $0.cpuSeconds }
        do throws(RegressionError) {
            var settings = settings(scenarios.map { _ in nil })
            // Their intervals are not asked for.
            settings.replicates = 0
            let found = try Regression(windows, scenarios: scenarios.count, settings: settings)
            return found.scenarios.map { $0?.value ?? 0 }
        } catch {
            return error == .nothingUsed ? scenarios.map { _ in 0 } : nil
        }
    }
}

extension WeightsCell {
    fileprivate var point: PowerCurve.Point {
        PowerCurve.Point(load: busySeconds / seconds, power: joules / seconds)
    }
}
