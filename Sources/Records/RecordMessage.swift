internal import Metering

/// The parts of a partition in front of its scenarios.
private let fixedParts = 5

extension Jouleflow_V1_Record {
    init(_ record: Record) throws(RecordError) {
        try setHeader(
            RecordHeader(
                run: record.run, sequence: record.sequence, manifest: record.manifest,
                window: record.window))
        flags = record.flags.rawValue
        spoolDropped = record.spoolDropped
        if let error = record.clockError { clockError = error }
        try setZones(record.zones)
        try setEnergy(record)
        try setProcessor(record.processor)
        try setTally(record.tally, services: record.processor.services.count)
    }

    func record() throws(RecordError) -> Record {
        let header = try RecordHeader(Jouleflow_V1_RecordHeader(self)).checked(.window)
        try checkCount(Int(scenarioCount), "scenarios", limit: RecordCodec.maximumScenarios)
        let energy = try decodedEnergy()
        return Record(
            run: header.run, sequence: header.sequence, manifest: header.manifest,
            window: header.window, flags: RecordFlags(rawValue: flags), zones: try zones(),
            energy: energy, carried: try decodedCarried(),
            partition: try decodedPartition(of: energy),
            processor: try processor(), tally: try tally(), spoolDropped: spoolDropped,
            clockError: hasClockError ? clockError : nil)
    }
}

// MARK: Energy

extension Jouleflow_V1_Record {
    private mutating func setZones(_ zones: [ZoneEnergy]) throws(RecordError) {
        try checkCount(zones.count, "zones", limit: RecordCodec.maximumZones)
        zoneEnergy = zones.map { $0.energy.value?.rawValue ?? 0 }
        zoneState = leftOut(zones.map { number($0.state) }, where: .measured)
        zoneReason = leftOut(zones.map { number($0.reason) }, where: .unspecified)
    }

    private func zones() throws(RecordError) -> [ZoneEnergy] {
        let count = zoneEnergy.count
        try checkCount(count, "zones", limit: RecordCodec.maximumZones)
        let states = try column(zoneState, "zone_state", count: count, usual: .measured)
        let reasons = try column(zoneReason, "zone_reason", count: count, usual: .unspecified)
        var zones: [ZoneEnergy] = []
        for index in 0..<count {
            zones.append(try zone(zoneEnergy[index], states[index], reasons[index]))
        }
        return zones
    }

    private func zone(
        _ energy: UInt64, _ state: Jouleflow_V1_EnergyState, _ reason: Jouleflow_V1_EnergyReason
    ) throws(RecordError) -> ZoneEnergy {
        let state = try known(state, "zone_state", as: EnergyState.self)
        let reason = try knownOrNil(reason, "zone_reason", as: EnergyReason.self)
        guard let reason else {
            guard state == .measured else { throw .contradiction(field: "zone_state") }
            return .measured(Microjoules(energy))
        }
        switch state {
        case .measured: throw .contradiction(field: "zone_reason")
        case .bridged: return .bridged(Microjoules(energy), reason)
        case .estimated: return .estimated(Microjoules(energy), reason)
        case .lost, .deferred:
            guard energy == 0 else { throw .contradiction(field: "zone_energy") }
            return state == .lost ? .lost(reason) : .deferred(reason)
        }
    }

    private var zoneSum: UInt64 { zoneEnergy.reduce(0, &+) }

    private mutating func setEnergy(_ record: Record) throws(RecordError) {
        switch record.energy {
        case .known(let energy):
            energyBeyondZones = Int64(bitPattern: energy.rawValue &- zoneSum)
            carriedEnergy = record.carried?.energy.rawValue ?? 0
            carriedTime = record.carried?.time.rawValue ?? 0
            guard (record.carried == nil) == (carriedTime == 0) else {
                throw .contradiction(field: "carried_time")
            }
        case .unknown(let reason):
            energyUnknown = number(reason)
            guard record.partition == nil else { throw .contradiction(field: "partition") }
            guard record.carried == nil else { throw .contradiction(field: "carried_time") }
        }
        guard let parts = record.partition else { return }
        try checkCount(
            parts.scenarios.count, "partition", equals: record.tally.scenarios.count)
        let fixed = [parts.idle, parts.unmonitored, parts.background, parts.other, parts.undivided]
        partition = (fixed + parts.scenarios).map(\.rawValue)
        undividedReason = number(parts.undividedReason)
    }

    private func decodedEnergy() throws(RecordError) -> Known<Microjoules, EnergyReason> {
        if let reason = try knownOrNil(
            energyUnknown, "energy_unknown", as: EnergyReason.self)
        {
            guard energyBeyondZones == 0, carriedEnergy == 0, carriedTime == 0 else {
                throw .contradiction(field: "energy_unknown")
            }
            return .unknown(reason)
        }
        return .known(Microjoules(zoneSum &+ UInt64(bitPattern: energyBeyondZones)))
    }

    private func decodedCarried() throws(RecordError) -> CarriedEnergy? {
        guard carriedTime > 0 else {
            guard carriedEnergy == 0 else { throw .contradiction(field: "carried_energy") }
            return nil
        }
        return CarriedEnergy(
            energy: Microjoules(carriedEnergy), time: Nanoseconds(carriedTime))
    }

    private func decodedPartition(
        of energy: Known<Microjoules, EnergyReason>
    ) throws(RecordError) -> EnergyPartition? {
        let reason = try knownOrNil(
            undividedReason, "undivided_reason", as: UndividedReason.self)
        guard !partition.isEmpty else {
            guard reason == nil else { throw .contradiction(field: "undivided_reason") }
            return nil
        }
        guard energy.value != nil else { throw .contradiction(field: "partition") }
        let count = Int(scenarioCount)
        try checkCount(partition.count, "partition", equals: fixedParts + count)
        var parts = EnergyPartition(scenarios: count)
        parts.idle = Microjoules(partition[0])
        parts.unmonitored = Microjoules(partition[1])
        parts.background = Microjoules(partition[2])
        parts.other = Microjoules(partition[3])
        parts.undivided = Microjoules(partition[4])
        parts.scenarios = partition[fixedParts...].map(Microjoules.init)
        parts.undividedReason = reason
        return parts
    }
}

// MARK: CPU time

extension Jouleflow_V1_Record {
    private mutating func setProcessor(_ time: ProcessorTime) throws(RecordError) {
        try checkCount(time.services.count, "services", limit: RecordCodec.maximumServices)
        hostBusy = time.hostBusy.value?.rawValue ?? 0
        hostBusyUnknown = number(time.hostBusy.reason)
        serviceTime = time.services.map { $0.value?.rawValue ?? 0 }
        serviceTimeUnknown = leftOut(
            time.services.map { number($0.reason) }, where: .unspecified)
    }

    private func processor() throws(RecordError) -> ProcessorTime {
        let count = serviceTime.count
        try checkCount(count, "services", limit: RecordCodec.maximumServices)
        let reasons = try column(
            serviceTimeUnknown, "service_time_unknown", count: count, usual: .unspecified)
        var services: [Known<Nanoseconds, ProcessorUnknown>] = []
        for (time, reason) in zip(serviceTime, reasons) {
            services.append(try cpuTime(time, reason, "service_time_unknown"))
        }
        return ProcessorTime(
            hostBusy: try cpuTime(hostBusy, hostBusyUnknown, "host_busy_unknown"),
            services: services)
    }

    private func cpuTime(
        _ time: UInt64, _ unknown: Jouleflow_V1_ProcessorUnknown, _ field: String
    ) throws(RecordError) -> Known<Nanoseconds, ProcessorUnknown> {
        guard let reason = try knownOrNil(unknown, field, as: ProcessorUnknown.self) else {
            return .known(Nanoseconds(time))
        }
        guard time == 0 else { throw .contradiction(field: field) }
        return .unknown(reason)
    }
}
