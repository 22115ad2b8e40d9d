internal import Metering

extension Jouleflow_V1_Record {
    mutating func setTally(_ tally: Tally, services: Int) throws(RecordError) {
        let count = tally.scenarios.count
        try checkCount(count, "scenarios", limit: RecordCodec.maximumScenarios)
        try checkCount(tally.services.count, "services", equals: services)
        for service in tally.services {
            try checkCount(service.flows.count, "service_flows", equals: count)
        }
        packets = tally.packets
        exchanges = tally.exchanges
        setScenarios(tally.scenarios)
        try setRuleHits(tally)
        setServices(tally)
        try setBusy(tally)
        if tally.losses != TrafficLosses() { losses = Jouleflow_V1_Losses(tally.losses) }
    }

    private mutating func setScenarios(_ scenarios: [ScenarioTally]) {
        scenarioCount = UInt32(scenarios.count)
        scenarioObservation = leftOut(scenarios.map { number($0.observation) }, where: .seen)
        scenarioCompleted = leftOut(scenarios.map(\.completed), where: 0)
        scenarioRefused = leftOut(scenarios.map(\.refused), where: 0)
        scenarioFailed = leftOut(scenarios.map(\.failed), where: 0)
        scenarioIncomplete = leftOut(scenarios.map(\.incomplete), where: 0)
        scenarioDuplicates = leftOut(scenarios.map(\.duplicates), where: 0)
        scenarioRequestsBeyond = leftOut(
            scenarios.map { Int64(bitPattern: $0.requests &- $0.ended) }, where: 0)
        scenarioFlowsBeyond = leftOut(
            scenarios.map { Int64(bitPattern: $0.flows &- $0.completed) }, where: 0)
    }

    private mutating func setServices(_ tally: Tally) {
        let services = tally.services
        let isAlone = services.count == 1
        serviceEncrypted = leftOut(services.map(\.encryptedConnections), where: 0)
        serviceOther = leftOut(services.map(\.otherRequests), where: 0)
        servicePackets = services.map(\.packets)
        if isAlone, servicePackets == [packets] { servicePackets = [] }
        serviceFlows = services.flatMap(\.flows)
        if isAlone, serviceFlows == tally.scenarios.map(\.flows) { serviceFlows = [] }
    }

    private mutating func setBusy(_ tally: Tally) throws(RecordError) {
        let measured = tally.services.compactMap(\.busy)
        guard !measured.isEmpty else { return }
        // One service alone cannot have gone unmeasured.
        try checkCount(measured.count, "service_busy", equals: tally.services.count)
        for busy in measured {
            try checkCount(busy.scenarios.count, "service_busy", equals: tally.scenarios.count)
            serviceBusy += (busy.scenarios + [busy.other]).map(\.rawValue)
        }
    }

    private func addBusy(to tally: inout Tally) throws(RecordError) {
        guard !serviceBusy.isEmpty else { return }
        let width = tally.scenarios.count + 1
        try checkCount(serviceBusy.count, "service_busy", equals: tally.services.count * width)
        for index in tally.services.indices {
            let parts = serviceBusy[index * width..<(index + 1) * width].map(Nanoseconds.init)
            var busy = BusyTime(scenarios: 0)
            busy.scenarios = Array(parts.dropLast())
            busy.other = parts[width - 1]
            tally.services[index].busy = busy
        }
    }

    func tally() throws(RecordError) -> Tally {
        var tally = Tally(scenarios: try scenarios(), services: [])
        tally.ruleHits = try ruleHits(of: tally.scenarios)
        tally.services = try services(flows: tally.scenarios.map(\.flows))
        tally.packets = packets
        tally.exchanges = exchanges
        try addBusy(to: &tally)
        if hasLosses { tally.losses = TrafficLosses(losses) }
        return tally
    }

    private func scenarios() throws(RecordError) -> [ScenarioTally] {
        let count = Int(scenarioCount)
        let observations = try column(
            scenarioObservation, "scenario_observation", count: count, usual: .seen)
        let completed = try column(
            scenarioCompleted, "scenario_completed", count: count, usual: 0)
        let refused = try column(scenarioRefused, "scenario_refused", count: count, usual: 0)
        let failed = try column(scenarioFailed, "scenario_failed", count: count, usual: 0)
        let incomplete = try column(
            scenarioIncomplete, "scenario_incomplete", count: count, usual: 0)
        let duplicates = try column(
            scenarioDuplicates, "scenario_duplicates", count: count, usual: 0)
        let beyond = try column(
            scenarioRequestsBeyond, "scenario_requests_beyond", count: count, usual: 0)
        let flowsBeyond = try column(
            scenarioFlowsBeyond, "scenario_flows_beyond", count: count, usual: 0)
        var scenarios: [ScenarioTally] = []
        for index in 0..<count {
            let observation = try known(
                observations[index], "scenario_observation", as: Observation.self)
            var scenario = ScenarioTally(observation: observation)
            scenario.completed = completed[index]
            scenario.refused = refused[index]
            scenario.failed = failed[index]
            scenario.incomplete = incomplete[index]
            scenario.duplicates = duplicates[index]
            scenario.requests = scenario.ended &+ UInt64(bitPattern: beyond[index])
            scenario.flows = scenario.completed &+ UInt64(bitPattern: flowsBeyond[index])
            scenarios.append(scenario)
        }
        return scenarios
    }

    private func services(flows all: [UInt64]) throws(RecordError) -> [ServiceTally] {
        let (count, isAlone) = (serviceTime.count, serviceTime.count == 1)
        let packets = try column(
            servicePackets, "service_packets", count: count, usual: isAlone ? self.packets : nil)
        let encrypted = try column(
            serviceEncrypted, "service_encrypted", count: count, usual: 0)
        let other = try column(serviceOther, "service_other", count: count, usual: 0)
        let flows = isAlone && serviceFlows.isEmpty ? all : serviceFlows
        try checkCount(flows.count, "service_flows", equals: count * all.count)
        return (0..<count).map { index in
            var service = ServiceTally(scenarios: 0)
            service.packets = packets[index]
            service.encryptedConnections = encrypted[index]
            service.otherRequests = other[index]
            service.flows = Array(flows[index * all.count..<(index + 1) * all.count])
            return service
        }
    }
}

extension ScenarioTally {
    /// Requests that came to one of the outcomes counted, modulo 2^64.
    fileprivate var ended: UInt64 {
        completed &+ refused &+ failed &+ incomplete &+ duplicates
    }
}

extension Jouleflow_V1_Losses {
    fileprivate init(_ losses: TrafficLosses) {
        kernelDrops = losses.kernelDrops
        interfaceDrops = losses.interfaceDrops
        gaps = losses.gaps
        gapBytes = losses.gapBytes
        evicted = losses.evicted
        unpairedRequests = losses.unpairedRequests
        unpairedResponses = losses.unpairedResponses
        malformed = losses.malformed
        undecoded = losses.undecoded
        late = losses.late
        uncaptured = losses.uncaptured
        undatedDrops = losses.undatedDrops
        unread = losses.unread
        shed = losses.shed
        forgottenKeys = losses.forgottenKeys
        keyless = losses.keyless
        unfinished = losses.unfinished
    }
}

extension TrafficLosses {
    fileprivate init(_ message: Jouleflow_V1_Losses) {
        self.init()
        kernelDrops = message.kernelDrops
        interfaceDrops = message.interfaceDrops
        gaps = message.gaps
        gapBytes = message.gapBytes
        evicted = message.evicted
        unpairedRequests = message.unpairedRequests
        unpairedResponses = message.unpairedResponses
        malformed = message.malformed
        undecoded = message.undecoded
        late = message.late
        uncaptured = message.uncaptured
        undatedDrops = message.undatedDrops
        unread = message.unread
        shed = message.shed
        forgottenKeys = message.forgottenKeys
        keyless = message.keyless
        unfinished = message.unfinished
    }
}
