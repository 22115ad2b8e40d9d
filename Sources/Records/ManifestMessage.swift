internal import Metering

extension Jouleflow_V1_Manifest {
    init(_ manifest: Manifest) throws(RecordError) {
        agent = manifest.agent
        hostName = manifest.hostName
        bootID = manifest.bootID
        softwareVersion = manifest.softwareVersion
        simulated = manifest.simulated
        windowLength = manifest.windowLength.rawValue
        source = number(manifest.source)
        scope = number(manifest.scope)
        zones = manifest.zones.map(Jouleflow_V1_Zone.init)
        services = manifest.services.map(Jouleflow_V1_Service.init)
        scenarios = manifest.scenarios.map(\.name)
        rulesDigest = manifest.rulesDigest
        model = number(manifest.model)
        idleRule = number(manifest.idleRule)
        set(manifest.idle)
        try setRules(manifest)
        try check()
    }

    func manifest() throws(RecordError) -> Manifest {
        try check()
        var zones: [ZoneDescription] = []
        for zone in self.zones { zones.append(try zone.description()) }
        var services: [ServiceDescription] = []
        for service in self.services { services.append(try service.description()) }
        let scenarioFlows = try describedFlows()
        return Manifest(
            agent: agent, hostName: hostName, bootID: bootID, softwareVersion: softwareVersion,
            simulated: simulated, windowLength: Nanoseconds(windowLength),
            source: try known(source, "source"), scope: try known(scope, "scope"), zones: zones,
            services: services, scenarios: scenarios.map(ScenarioID.init),
            rulesDigest: rulesDigest, model: try known(model, "model"),
            idle: try idle(), rules: try describedRules(), scenarioFlows: scenarioFlows,
            flowSecretID: flowSecretID, idleRule: try known(idleRule, "idle_rule"))
    }

    private mutating func set(_ idle: IdlePower?) {
        guard let idle else { return }
        idleMilliwatts = idle.milliwatts
        guard case .learned(let windows, let low, let high) = idle.origin else { return }
        idleWindows = windows
        idleLow = low
        idleHigh = high
    }

    private func idle() throws(RecordError) -> IdlePower? {
        let isLearned = idleWindows > 0
        guard isLearned || (idleLow == 0 && idleHigh == 0) else {
            throw .contradiction(field: "idle_windows")
        }
        guard hasIdleMilliwatts else {
            guard !isLearned else { throw .contradiction(field: "idle_milliwatts") }
            return nil
        }
        return IdlePower(
            milliwatts: idleMilliwatts,
            origin: isLearned
                ? .learned(windows: idleWindows, low: idleLow, high: idleHigh) : .configured)
    }

    private func check() throws(RecordError) {
        guard !agent.isEmpty else { throw .missing(field: "agent") }
        for text in [agent, hostName, bootID, softwareVersion, rulesDigest]
            + services.map(\.name) + scenarios + rules.map(\.name)
            + zones.flatMap({ [$0.control, $0.name, $0.parent] })
        {
            try checkText(text)
        }
        guard windowLength != 0 else { throw .missing(field: "window_length") }
        try checkCount(zones.count, "zones", limit: RecordCodec.maximumZones)
        try checkCount(services.count, "services", limit: RecordCodec.maximumServices)
        try checkCount(scenarios.count, "scenarios", limit: RecordCodec.maximumScenarios)
        var names: Set<String> = []
        // Of two with one name nobody knows which counts are whose.
        if let name = scenarios.first(where: { !names.insert($0).inserted }) {
            throw .repeated(field: "scenarios", name: name)
        }
    }
}

/// Names go to logs and reports: a control character could forge a line there.
private func checkText(_ text: String) throws(RecordError) {
    let isPlain = text.unicodeScalars.allSatisfy {
        $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
    }
    guard isPlain, text.utf8.count <= RecordCodec.maximumText else {
        throw .outOfRange(field: "text of length", number: UInt64(text.utf8.count))
    }
}

extension Jouleflow_V1_Zone {
    fileprivate init(_ zone: ZoneDescription) {
        control = zone.control
        name = zone.name
        parent = zone.parent
        kind = number(zone.kind)
        counted = zone.counted
        source = number(zone.source)
    }

    fileprivate func description() throws(RecordError) -> ZoneDescription {
        ZoneDescription(
            control: control, name: name, parent: parent, kind: try known(kind, "zone kind"),
            counted: counted, source: try known(source, "zone source"))
    }
}

extension Jouleflow_V1_Service {
    fileprivate init(_ service: ServiceDescription) {
        name = service.name
        ports = service.ports.map(UInt32.init)
        countsFlows = service.countsFlows
        workers = service.workers
        reservedPercent = service.reservedPercent
    }

    fileprivate func description() throws(RecordError) -> ServiceDescription {
        var ports: [UInt16] = []
        for number in self.ports {
            guard let port = UInt16(exactly: number) else {
                throw .outOfRange(field: "port", number: UInt64(number))
            }
            ports.append(port)
        }
        guard reservedPercent <= 100 else {
            throw .outOfRange(field: "reserved_percent", number: UInt64(reservedPercent))
        }
        return ServiceDescription(
            name: name, ports: ports, countsFlows: countsFlows, workers: workers,
            reservedPercent: reservedPercent)
    }
}
