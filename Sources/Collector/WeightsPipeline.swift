import Assessment
import Metering
package import Report
import SCI
package import Store
import Weights

extension Pipeline {
    /// What flows were measured to use: information, never an assessment. All from one state of the
    /// store.
    ///
    /// Throws ``WeightsRequest/Problem`` where there is no such answer.
    package static func weights(
        _ request: WeightsRequest, from store: any RecordStore
    ) throws -> WeightsContent {
        try store.consistently {
            let known = Set(try store.agents())
            let wanted = try wanted(request, known)
            var reading = WeightsReading(request, store, wanted: wanted)
            try reading.read()
            let unknown = request.scheduled.filter { reading.scenarios[$0] == nil }
            guard reading.scenarios.isEmpty || unknown.isEmpty else {
                throw WeightsRequest.Problem.unknownScenarios(unknown.map(\.name))
            }
            return content(request, reading, wanted: wanted ?? known)
        }
    }

    /// The hosts to read; `nil` for all that the store has.
    private static func wanted(
        _ request: WeightsRequest, _ known: Set<String>
    ) throws -> Set<String>? {
        switch request.hosts {
        case .all: return nil
        case .named(let names):
            let unknown = names.subtracting(known).sorted()
            guard unknown.isEmpty else { throw WeightsRequest.Problem.unknownHosts(unknown) }
            return names
        case .planned(let plan, let site):
            let hosts = plan.hosts.filter { host in
                host.assignments.contains { site == nil || $0.site == site }
            }
            if let site, hosts.isEmpty { throw WeightsRequest.Problem.unknownSite(site) }
            return Set(hosts.map(\.id))
        }
    }

    private static func content(
        _ request: WeightsRequest, _ reading: WeightsReading, wanted: Set<String>
    ) -> WeightsContent {
        let silent = wanted.subtracting(reading.hosts.keys).sorted()
        let boundary = WeightsBoundary(
            request, silent: silent, digests: reading.rules.mapValues(\.digests))
        let evaluation = WeightsEvaluation(reading, isWholeBoundary: boundary.isWhole)
        var content = WeightsContent(
            from: request.stretches.first?.start ?? Timestamp(0),
            to: request.stretches.last?.end ?? Timestamp(0), isDesigned: request.length == nil)
        content.windowSeconds = request.length?.seconds
        content.hosts = evaluation.hosts
        content.silent = silent
        content.isWhole = boundary.isWhole
        content.boundary = boundary.words
        content.simulated = reading.simulated
        content.sources = reading.sources.map(\.label).sorted()
        content.counted = request.counting.rawValue
        content.windows = request.stretches.count
        content.wholeWindows = evaluation.whole.count
        content.wholeByHost = evaluation.wholeByHost
        content.lackingRules = evaluation.hosts.flatMap { reading.rules[$0]?.lack(of: $0) ?? [] }
        content.misaligned = reading.misaligned
        content.unreadable = reading.unreadable
        content.implausible = reading.implausible
        content.implausiblePlaces = reading.implausiblePlaces
        content.otherExchanges = evaluation.otherExchanges
        content.scenarios = evaluation.scenarios.map { scenario in
            WeightsContent.Scenario(
                name: scenario.name, weight: StandardWeights.weight(of: scenario),
                exchanges: evaluation.exchanges(scenario, evaluation.whole),
                flows: evaluation.flows(scenario, evaluation.whole))
        }
        content.parts = evaluation.parts()
        content.shapley = content.parts.first.map(evaluation.shapley) ?? WeightsContent.Shapley()
        content.band = WeightVerdict.band
        content.emissionObstacles = boundary.withoutGrams
        guard boundary.withoutGrams.isEmpty else { return content }
        content.emission = request.factor.flatMap { evaluation.emission($0, content[.joules]) }
        return content
    }
}

extension WeightsContent {
    fileprivate subscript(quantity: WeightsEvaluation.Quantity) -> Part? {
        parts.first { $0.quantity == quantity.rawValue }
    }
}

extension WeightsEvaluation {
    /// O of the windows with known energy; `nil` where there are none.
    fileprivate func emission(
        _ factor: EmissionFactor, _ joules: WeightsContent.Part?
    ) -> WeightsContent.Emission? {
        guard let joules, joules.windows > 0 else { return nil }
        let kilowattHours = joules.used * 1e6 / RoundIntensity.microjoulesPerKilowattHour
        return WeightsContent.Emission(
            factor: factor.id, gas: factor.gas.rawValue,
            grams: kilowattHours * factor.gramsPerKilowattHour)
    }
}
