extension ServiceSettings {
    /// The most ports of all services together: as many as one kernel filter names.
    package static let maximumPorts = 128
}

extension Field {
    private static let otherName = "give one of the two another name"
    private static let otherPort =
        "a port is of one service, once: write another port, or one service with the ports of both"

    /// The list `services`: 1 to 64 of them, names unique, ports unique among those of one
    /// direction, at most 128 ports in all.
    func services() -> [ServiceSettings]? {
        var names = FirstUses<String>(Self.otherName)
        var ports: [ServiceDirection: FirstUses<UInt16>] = [:]
        guard let services = elements(1...64)?.readAll({ $0.service(&names, &ports) }) else {
            return nil
        }
        let most = ServiceSettings.maximumPorts
        let count = services.reduce(0) { $0 + $1.ports.count }
        guard count <= most else {
            return reject(
                .outOfRange(path: path, written: "\(count) ports", range: "1 to \(most) in all"),
                "the kernel filter names at most \(most) ports; capture fewer services on this host"
            )
        }
        return services
    }

    private func service(
        _ names: inout FirstUses<String>, _ taken: inout [ServiceDirection: FirstUses<UInt16>]
    ) -> ServiceSettings? {
        typealias Keys = AgentKeys.Service
        guard let section = section(Keys.all) else { return nil }
        let name = section.required(Keys.name) { field in
            field.identifier().flatMap { names.claim($0, by: field) ? $0 : nil }
        }
        let direction = section.value(Keys.direction, default: .incoming) { $0.direction() }
        let ports = section.required(Keys.ports) {
            $0.ports(&taken[direction ?? .incoming, default: FirstUses(Self.otherPort)])
        }
        let proto = section.value(Keys.protocol, default: .http1) { $0.serviceProtocol() }
        let isOutgoing = direction == .outgoing
        let cpu = section.value(Keys.cpu, default: isOutgoing ? .callers : .cgroup) {
            isOutgoing ? $0.noCPU() : $0.cpu()
        }
        let countsFlows = section.value(Keys.countsFlows, default: false) { $0.boolean() }
        guard let name, let ports, let direction, let proto, let cpu, let countsFlows else {
            return nil
        }
        return ServiceSettings(
            name: name, ports: ports, direction: direction, protocol: proto, cpu: cpu,
            countsFlows: countsFlows, place: place)
    }

    private func ports(_ taken: inout FirstUses<UInt16>) -> [UInt16]? {
        elements(1...64, of: "a list of port numbers")?.readAll { field in
            guard let number = field.integer(in: 1...65535) else { return nil }
            let port = UInt16(clamping: number)
            return taken.claim(port, by: field) ? port : nil
        }
    }

    private func direction() -> ServiceDirection? {
        word([("in", .incoming), ("out", .outgoing)])
    }

    private func serviceProtocol() -> ServiceProtocol? {
        let instead = "this version reads HTTP/1.1 alone; leave the service out or write http1"
        let later = ["http2", "dubbo", "bolt", "iso8583"].map { ($0, instead) }
        return word([("http1", .http1)], later: later)
    }

    private func noCPU() -> ServiceCPU? {
        reject(
            written, "belongs to a service that this host offers",
            "leave it out: what calls to other hosts use is CPU time of the service that makes them"
        )
    }

    private func cpu() -> ServiceCPU? {
        let words: [(String, ServiceCPU)] = [("cgroup", .cgroup), ("process", .process)]
        let expected = "cgroup, process or an absolute path"
        guard let text = text(expected: expected) else { return nil }
        if let choice = words.first(where: { $0.0 == text }) { return choice.1 }
        if text.hasPrefix("/") { return filePath(besideFile: "").map(ServiceCPU.cgroupPath) }
        var reason = "is not \(expected)"
        if let near = nearest(to: text, among: words.map(\.0)) {
            reason += "; did you mean \"\(near)\"?"
        }
        return reject(text, reason)
    }
}
