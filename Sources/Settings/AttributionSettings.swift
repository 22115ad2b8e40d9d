package import Metering

/// How energy is divided, and what is known of the services beforehand.
package struct AttributionSettings: Sendable, Hashable {
    /// What the settings ask for.
    package let choice: ModelChoice
    /// What holds: the choice, or what the rule of `auto` picks.
    package let model: AttributionModel
    package let idle: IdleRule
    /// Whose the host's processors are.
    package let processors: ProcessorUse
    /// One element per service, in their order.
    package let services: [ServiceShare]

    /// Whether anything differs from what holds without the section.
    package var isConfigured: Bool {
        choice != .standard || idle != .unallocated || services.contains { $0 != ServiceShare() }
    }

    /// Services times scenarios and one more at most for `concurrency`: a record carries as many
    /// numbers, and has 64 KiB.
    static let maximumTimes = 4096

    /// What holds without the section.
    static func standard(_ services: [ServiceSettings]) -> AttributionSettings {
        AttributionSettings(
            choice: .standard, model: .standard, idle: .unallocated, processors: .own,
            services: services.map { _ in ServiceShare() })
    }
}

/// The model that the settings ask for.
package enum ModelChoice: String, Sendable, Hashable {
    /// `concurrency` where each service of this host has workers, two or more, and the processors are
    /// their own; else `standard`.
    case auto
    case standard
    case concurrency
}

/// Whose the host's processors are, as is known beforehand.
package enum ProcessorUse: String, Sendable, Hashable, CaseIterable {
    /// The services': other programs hardly use them.
    case own
    /// Other programs keep a tenth of them busy, or more: an exchange waits for a processor before it is
    /// worked on, and a short one as long as a long one.
    case shared
}

/// What is known of a service beforehand.
package struct ServiceShare: Sendable, Hashable {
    /// Exchanges that it works on at once, 1 to 65,536; 0 where that is not known.
    package var workers: UInt32 = 0
    /// Percent of the host, 0 to 100; those of all services sum to at most 100.
    package var reservedPercent: UInt32 = 0
}

extension Field {
    /// The mapping `attribution`, for `services` and a number of scenarios.
    func attribution(_ services: [ServiceSettings], scenarios: Int) -> AttributionSettings? {
        typealias Keys = AgentKeys.Attribution
        guard let section = section(Keys.all) else { return nil }
        let choice = section.value(Keys.model, default: .auto) { $0.modelChoice() }
        let idle = section.value(Keys.idle, default: .unallocated) { $0.idleRule() }
        let processors = section.value(Keys.processors, default: .own) {
            $0.word(ProcessorUse.allCases.map { ($0.rawValue, $0) })
        }
        let shares = section.value(Keys.services, default: services.map { _ in ServiceShare() }) {
            $0.serviceShares(of: services, idle)
        }
        guard let choice, let idle, let processors, let shares else { return nil }
        if idle == .reserved, shares.allSatisfy({ $0.reservedPercent == 0 }) {
            return section.field(Keys.idle)?.reject(
                "reserved", "needs a service with a reserved share",
                "write, for example, services: [{name: \(services.first?.name ?? "loan"), "
                    + "reserved: 40%}], or idle: unallocated")
        }
        let most = AttributionSettings.maximumTimes
        let isMany = services.count * (scenarios + 1) > most
        if choice == .concurrency, isMany {
            return section.field(Keys.model)?.reject(
                "concurrency",
                "is for at most \(most) pairs of a service and a scenario, no scenario counted as one",
                "write model: standard, or measure fewer services or scenarios on this host")
        }
        let isBusyElsewhere = processors == .shared
        let model = choice.model(services, shares, isOutOfReach: isMany || isBusyElsewhere)
        return AttributionSettings(
            choice: choice, model: model, idle: idle, processors: processors, services: shares)
    }

    private func modelChoice() -> ModelChoice? {
        if ["regression", "shapley"].contains(written) {
            return reject(
                written, "is a model of the collector, which needs many windows",
                "write model: auto here, and let jouleflow-collector alpha compute it")
        }
        return word([ModelChoice.auto, .standard, .concurrency].map { ($0.rawValue, $0) })
    }

    private func idleRule() -> IdleRule? {
        word([
            ("unallocated", .unallocated), ("proportional", .proportional),
            ("reserved", .reserved),
        ])
    }

    // MARK: Services

    /// At most one element for each service. `idle` is `nil` where it was refused.
    private func serviceShares(
        of services: [ServiceSettings], _ idle: IdleRule?
    ) -> [ServiceShare]? {
        var names = FirstUses<String>()
        var shares = services.map { _ in ServiceShare() }
        var free = 100
        let read: [Bool]? = elements(0...64, of: "a list of services")?.readAll { field in
            guard let section = field.section(AgentKeys.ServiceShare.all) else { return nil }
            let place = section.required(AgentKeys.ServiceShare.name) {
                $0.service(among: services, &names)
            }
            let workers = section.value(AgentKeys.ServiceShare.workers, default: 0) {
                $0.integer(in: 1...65_536)
            }
            let reserved = section.value(AgentKeys.ServiceShare.reserved, default: 0) {
                $0.reservedPercent(idle, &free)
            }
            guard let place, let workers, let reserved else { return nil }
            shares[place] = ServiceShare(
                workers: UInt32(workers), reservedPercent: UInt32(reserved))
            return true
        }
        return read == nil ? nil : shares
    }

    /// The index of a service of this host that is named.
    private func service(
        among services: [ServiceSettings], _ names: inout FirstUses<String>
    ) -> Int? {
        let known = services.filter { $0.direction == .incoming }.map(\.name)
        guard let name = text() else { return nil }
        guard known.contains(name), let place = services.firstIndex(where: { $0.name == name })
        else {
            let near = nearest(to: name, among: known)
            return reject(
                name,
                "is none of the services of this host"
                    + (near.map { "; did you mean \"\($0)\"?" } ?? ""))
        }
        return names.claim(name, by: self) ? place : nil
    }

    private func reservedPercent(_ idle: IdleRule?, _ free: inout Int) -> Int? {
        guard let percent = percent() else { return nil }
        if let idle, idle != .reserved {
            return reject(
                written, "is used only with idle: reserved",
                "write idle: reserved, or leave reserved out")
        }
        guard percent <= free else {
            return reject(
                written, "is more than the \(free)% that are left",
                "the shares of all services sum to at most 100%; what is left stays idle")
        }
        free -= percent
        return percent
    }
}

extension ModelChoice {
    /// The rule that picks the model, from what is known before any window.
    ///
    /// Time in flight is work only where nothing waits, in a queue or for a processor that another
    /// program has: no service that this host offers may be without workers, two or more, and the
    /// processors must be theirs. Services that it calls have no energy to divide.
    fileprivate func model(
        _ services: [ServiceSettings], _ shares: [ServiceShare], isOutOfReach: Bool
    ) -> AttributionModel {
        switch self {
        case .standard: return .standard
        case .concurrency: return .concurrency
        case .auto:
            let own = zip(services, shares).filter { $0.0.direction == .incoming }.map(\.1)
            return !isOutOfReach && !own.isEmpty && own.allSatisfy { $0.workers > 1 }
                ? .concurrency : .standard
        }
    }
}
