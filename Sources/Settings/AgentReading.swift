import Metering

extension AgentSettings {
    init?(_ top: Section, file: String, hostName: String) {
        let version = top.formatVersion(AgentKeys.version)
        let identity = top.identity(file: file, hostName: hostName)
        let window = top.value(AgentKeys.window, default: .seconds(10)) { $0.windowLength() }
        let energy = top.value(AgentKeys.energy, default: .standard) { $0.energy(file: file) }
        let capture = top.value(AgentKeys.capture, default: .standard) { $0.capture() }
        // With neither, nothing is configured yet; with one of them, the other was forgotten.
        let isUnconfigured = AgentKeys.purpose.allSatisfy { !top.mentions($0) }
        let services = isUnconfigured ? [] : top.required(AgentKeys.services) { $0.services() }
        let flowKeys = top.flowKeys(file: file)
        let list = top.value(AgentKeys.scenarios, default: ScenarioList()) {
            $0.scenarios(
                ScenarioSurroundings(
                    services: services, hasSecret: top.contains(AgentKeys.flowSecret)))
        }
        let attribution = top.value(
            AgentKeys.attribution, default: .standard(services ?? [])
        ) { $0.attribution(services ?? [], scenarios: list?.scenarios.count ?? 0) }
        let collectors =
            isUnconfigured ? [] : top.required(AgentKeys.collectors) { $0.collectors(file: file) }
        let delivery = top.value(AgentKeys.delivery, default: .all) { $0.delivery() }
        let spool = top.value(AgentKeys.spool, default: .standard) { $0.spool() }
        let metrics = top.value(AgentKeys.listen, default: NetworkAddress?.none) { field in
            field.section(AgentKeys.Listen.all)?
                .value(AgentKeys.Listen.metrics, default: NetworkAddress?.none) {
                    $0.networkAddressOrNone()
                }
        }
        guard version != nil, let identity, let window, let energy, let capture, let services,
            let list, let flowKeys, let attribution, let collectors, let delivery, let spool,
            let metrics
        else { return nil }
        self.init(
            id: identity.id, state: identity.state, window: window, energy: energy,
            capture: capture, services: services, scenarios: list.scenarios,
            sharedOutcomes: list.sharedOutcomes, attribution: attribution, flowKeys: flowKeys,
            collectors: collectors, delivery: delivery, spool: spool, metrics: metrics)
    }
}

extension SpoolSettings {
    static let standard = SpoolSettings(maximumMebibytes: 64, maximumAge: .seconds(45 * 86_400))
}

extension CaptureSettings {
    static let standard = CaptureSettings(
        interfaces: [], ringMebibytes: 16, tunnels: [], cpuPercent: nil)
}

extension FlowKeySettings {
    static let standard = FlowKeySettings(
        limit: 200_000, remember: .seconds(7 * 86_400), secret: nil)
}

extension Section {
    /// `version: 1`, the only format there is.
    func formatVersion(_ key: Key) -> Int? {
        required(key) { field in
            guard let number = field.integer(in: 0...Int.max) else { return nil }
            if number == 1 { return 1 }
            return field.reject(.notAvailable(path: field.path, written: String(number)))
        }
    }

    fileprivate func flowKeys(file: String) -> FlowKeySettings? {
        typealias Keys = AgentKeys.FlowKeys
        let secret = optional(AgentKeys.flowSecret) { $0.filePath(besideFile: file) }
        let standard = FlowKeySettings.standard
        let kept = value(AgentKeys.flowKeys, default: (standard.limit, standard.remember)) {
            field -> (Int, Nanoseconds)? in
            guard let section = field.section(Keys.all) else { return nil }
            let limit = section.value(Keys.limit, default: standard.limit) {
                $0.integer(in: 1000...2_000_000)
            }
            let remember = section.value(Keys.remember, default: standard.remember) {
                $0.upToNinetyDays()
            }
            guard let limit, let remember else { return nil }
            return (limit, remember)
        }
        guard let secret, let kept else { return nil }
        return FlowKeySettings(limit: kept.0, remember: kept.1, secret: secret)
    }

    fileprivate func identity(file: String, hostName: String) -> (id: String, state: String)? {
        let standard = "/var/lib/jouleflow"
        guard let agent = field(AgentKeys.agent) else {
            return standardID(hostName).map { ($0, standard) }
        }
        guard let section = agent.section(AgentKeys.Agent.all) else { return nil }
        let state = section.value(AgentKeys.Agent.state, default: standard) {
            $0.filePath(besideFile: file)
        }
        let id: String? =
            if let field = section.field(AgentKeys.Agent.id) { field.identifier() } else {
                section.standardID(hostName)
            }
        guard let id, let state else { return nil }
        return (id, state)
    }

    /// The host name as id, where it can be one.
    private func standardID(_ hostName: String) -> String? {
        if Field.isIdentifier(hostName) { return hostName }
        findings.add(
            .badValue(
                path: "the host name", written: hostName,
                reason: "\(Field.identifierRule) and cannot be the agent's id"),
            at: place, hint: "write the id yourself: agent: {id: loan-07}")
        return nil
    }
}

extension Field {
    fileprivate func capture() -> CaptureSettings? {
        typealias Keys = AgentKeys.Capture
        guard let section = section(Keys.all) else { return nil }
        let standard = CaptureSettings.standard
        let interfaces = section.value(Keys.interfaces, default: standard.interfaces) {
            $0.interfaces()
        }
        let ring = section.value(Keys.ringMiB, default: standard.ringMebibytes) {
            $0.integer(in: 1...1024)
        }
        let tunnels = section.value(Keys.tunnels, default: standard.tunnels) { $0.tunnels() }
        let limit = section.optional(Keys.cpuLimit) { $0.percent() }
        guard let interfaces, let ring, let tunnels, let limit else { return nil }
        return CaptureSettings(
            interfaces: interfaces, ringMebibytes: ring, tunnels: tunnels, cpuPercent: limit)
    }

    /// At most 32 names, none twice.
    private func interfaces() -> [CaptureInterface]? {
        var seen = FirstUses<String>()
        return elements(0...32)?.readAll { field in
            guard let name = field.interfaceName(), seen.claim(name, by: field) else { return nil }
            return CaptureInterface(name: name, place: field.place)
        }
    }

    private func interfaceName() -> String? {
        guard let name = text(expected: "the name of an interface") else { return nil }
        let isUsable =
            (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && !name.contains { $0 == "/" || $0 == ":" || $0.isWhitespace }
        return isUsable ? name : reject(name, "is not a name of 1 to 15 bytes without / : or space")
    }

    fileprivate func collectors(file: String) -> [CollectorEndpoint]? {
        var taken = FirstUses<NetworkAddress>()
        return elements(0...8)?.readAll { field in
            typealias Keys = AgentKeys.Collector
            guard let section = field.section(Keys.all) else { return nil }
            let address = section.required(Keys.address) { field in
                field.networkAddress().flatMap {
                    taken.claim($0, written: $0.description, by: field) ? $0 : nil
                }
            }
            let transport = section.transport(
                tls: Keys.tls, plaintext: Keys.plaintext, keys: .agent, file: file)
            guard let address, let transport else { return nil }
            return CollectorEndpoint(address: address, transport: transport, place: field.place)
        }
    }
}

extension Field {
    fileprivate func delivery() -> Delivery? { word([("all", .all), ("failover", .failover)]) }

    fileprivate func spool() -> SpoolSettings? {
        typealias Keys = AgentKeys.Spool
        let standard = SpoolSettings.standard
        guard let section = section(Keys.all) else { return nil }
        let size = section.value(Keys.maximumMiB, default: standard.maximumMebibytes) {
            $0.integer(in: 8...65_536)
        }
        let age = section.value(Keys.maximumAge, default: standard.maximumAge) {
            $0.upToNinetyDays()
        }
        guard let size, let age else { return nil }
        return SpoolSettings(maximumMebibytes: size, maximumAge: age)
    }
}

/// Where each value of a kind was first used, to refuse the second use.
struct FirstUses<Value: Hashable> {
    /// What to do about a second use.
    private let advice: String
    /// The first of them apart, as mostly there is one.
    private var first: (value: Value, line: Int)?
    private var lines: [Value: Int] = [:]

    /// - Parameter count: About how many there will be, where they may be many.
    init(_ advice: String = "keep one of the two", count: Int = 0) {
        self.advice = advice
        if count > 8 { lines.reserveCapacity(count) }
    }

    /// Takes `value` for `field`; reports and gives `false` where it is taken already.
    mutating func claim(_ value: Value, written: String? = nil, by field: Field) -> Bool {
        guard let first else {
            first = (value, field.place.line)
            return true
        }
        if let line = first.value == value ? first.line : lines[value] {
            let written = written ?? "\(value)"
            field.findings.add(
                .duplicate(path: field.path, written: written, firstLine: line),
                at: field.place, hint: field.key.hint(advice))
            return false
        }
        lines[value] = field.place.line
        return true
    }
}
