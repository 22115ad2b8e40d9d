import Metering
import Report
import Weights

extension WeightsEvaluation {
    /// What is told of each quantity: nothing where what took place did not follow the schedule.
    func parts() -> [WeightsContent.Part] {
        let strayed = strayed()
        return Quantity.allCases.map { quantity in
            let part = part(quantity)
            return part.windows == 0 || strayed.isEmpty ? part : part.withheld(strayed)
        }
    }

    /// Of each scenario that took place otherwise than a schedule says, in what way.
    private func strayed() -> [String] {
        guard let schedule = reading.request.schedule else { return [] }
        let others = reading.scenarios.keys.filter { !schedule.scenarios.contains($0) }
        let unplanned = others.sorted { $0.name < $1.name }.filter { scenario in
            whole.contains { reading.scenarios[scenario]?.exchanges[$0] != 0 }
        }.map {
            "\($0.name) took place, and the schedule does not name it: beside it blocks are no independent "
                + "windows; plan the test with it, or keep it away"
        }
        return unplanned
            + schedule.scenarios.enumerated().compactMap { column, scenario in
                guard let counts = reading.scenarios[scenario] else { return nil }
                var load = ScheduledLoad()
                for index in whole {
                    let stretch = reading.request.stretches[index]
                    load.add(
                        counts.exchanges[index], seconds: stretch.end.since(stretch.start).seconds,
                        isOn: schedule.blocks[index].rates[column] > 0)
                }
                return load.obstacle(of: scenario)
            }
    }
}

extension WeightsContent.Part {
    /// What it rests on, without its figures.
    fileprivate func withheld(_ reasons: [String]) -> Self {
        var part = Self(quantity: quantity, scenarios: lines.count)
        part.windows = windows
        part.blocks = blocks
        part.used = used
        part.prices = prices
        part.condition = condition
        part.autocorrelation = autocorrelation
        part.holdOut = holdOut
        part.obstacles = reasons + obstacles
        for (index, line) in lines.enumerated() where line.verdict != nil {
            part.lines[index].verdict = WeightVerdict.undetermined.rawValue
        }
        return part
    }
}
