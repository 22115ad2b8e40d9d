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

    /// Of each scenario that a schedule names and that took place otherwise, in what way.
    private func strayed() -> [String] {
        guard let schedule = reading.request.schedule else { return [] }
        return schedule.scenarios.enumerated().compactMap { column, scenario in
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
