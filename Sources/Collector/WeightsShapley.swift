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
        let stretches = known(.services)
        guard !stretches.isEmpty else {
            shapley.obstacle =
                "no window in which energy, idle power, CPU time and busy time of every host are known"
            return shapley
        }
        var sums = [Double](repeating: 0, count: scenarios.count)
        for host in hosts {
            do throws(Obstacle) {
                let joules = try joules(of: host, stretches, &shapley)
                for index in sums.indices { sums[index] += joules[index] }
            } catch {
                shapley.obstacle = "host \(host): \(error)"
                shapley.curves = []
                return shapley
            }
        }
        shapley.perFlow = zip(scenarios, sums).map { scenario, joules in
            let flows = flows(scenario, stretches)
            return flows > 0 ? joules / Double(flows) : nil
        }
        return shapley
    }

    private func joules(
        of host: String, _ stretches: [Int], _ shapley: inout WeightsContent.Shapley
    ) throws(Obstacle) -> [Double] {
        guard let cells = reading.hosts[host] else { throw .scenarios }
        let costs = try costs(of: host, stretches)
        if let doubt = idlePowerDoubt(of: host, stretches) { throw .idle(doubt) }
        let curve = try curve(stretches.map { cells[$0] })
        shapley.curves.append(
            WeightsContent.Curve(host: host, idle: curve.idle, factors: curve.factors))
        var sums = [Double](repeating: 0, count: scenarios.count)
        for stretch in stretches {
            let cell = cells[stretch]
            let loads = zip(counts(at: stretch), costs).map { $0 * $1 / cell.seconds }
            let base = max(0, cell.point.load - loads.reduce(0, +))
            guard
                let parts = ShapleyValue.joules(
                    of: loads, above: base, sharing: cell.point.power * cell.seconds, curve: curve)
            else { throw .scenarios }
            for index in sums.indices { sums[index] += parts[index] }
        }
        return sums
    }

    private func curve(_ cells: [WeightsCell]) throws(Obstacle) -> PowerCurve {
        let points = cells.map(\.point)
        let seconds = cells.reduce(0) { $0 + $1.seconds }
        let idle = cells.reduce(0) { $0 + $1.idleJoules } / seconds
        guard let curve = PowerCurve(fitting: points, idle: idle) else { throw .noCurve }
        let distance = curve.distance(from: points)
        guard distance <= Obstacle.mostDistance else { throw .far(distance) }
        return curve
    }

    /// Why a host's energy is not divided.
    private enum Obstacle: Error, CustomStringConvertible {
        case scenarios
        /// What stands against its CPU seconds per exchange or flow.
        case regression([String])
        case idle(IdlePowerDoubt)
        case noCurve
        case far(Double)

        /// As the error of what is held out.
        static let mostDistance = 0.1

        var description: String {
            switch self {
            case .scenarios: "its windows do not tell its scenarios apart"
            case .regression(let reasons):
                "of the windows in which its energy is known too: "
                    + reasons.joined(separator: "; ")
            case .idle(let doubt): "\(doubt)"
            case .noCurve: "its windows bear no power curve"
            case .far(let distance):
                "its windows lie \((min(distance, 1e6) * 1_000).rounded() / 10) % off its power curve, "
                    + "at most \(Int(Self.mostDistance * 100)) %: "
                    + "its power follows something else than how busy it is"
            }
        }
    }

    /// CPU seconds of a host per what is counted; 0 throughout on a host whose services used none. They pass
    /// the gates of any figure, but for that of the query: no ratio is told of one host.
    private func costs(
        of host: String, _ stretches: [Int]
    ) throws(Obstacle) -> [Double] {
        let windows = windows(stretches, of: [host]) { $0.cpuSeconds }
        let found: Regression
        do throws(RegressionError) {
            found = try Regression(
                windows, scenarios: scenarios.count, settings: settings(scenarios.map { _ in nil }))
        } catch {
            guard error == .nothingUsed else { throw .regression([sentence(error)]) }
            return scenarios.map { _ in 0 }
        }
        let obstacles = found.obstacles.filter { $0 != .reference }
        guard obstacles.isEmpty else { throw .regression(obstacles.map { $0.sentence(name) }) }
        return found.scenarios.map { $0?.value ?? 0 }
    }
}

extension WeightsCell {
    fileprivate var point: PowerCurve.Point {
        PowerCurve.Point(
            load: max(busySeconds, cpuSeconds) / seconds,
            power: max(0, joules - idleJoules) / seconds)
    }
}
