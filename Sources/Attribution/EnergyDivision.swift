package import Metering

/// What attribution must know of one service in one window.
package struct ServiceCounts: Sendable, Hashable {
    /// Complete flows by scenario, in the order of the scenario set.
    package var flows: [UInt64]
    /// Whether the counts are known; where not, zero does not mean zero.
    package var areKnown: Bool
    /// The time of its exchanges in flight; `nil` where it was not measured.
    package var busy: BusyTime?

    package init(flows: [UInt64], areKnown: Bool, busy: BusyTime? = nil) {
        self.flows = flows
        self.areKnown = areKnown
        self.busy = busy
    }
}

/// How energy is divided: the model, and who bears the idle part.
package struct DivisionRule: Sendable, Hashable {
    package var model: AttributionModel
    package var idle: IdleRule
    /// By service: the share of the host that is reserved for it, in percent. One without an
    /// element has none; what is beyond 100 in sum is not there.
    package var reservedPercent: [UInt64]

    package init(
        model: AttributionModel = .standard, idle: IdleRule = .unallocated,
        reservedPercent: [UInt64] = []
    ) {
        self.model = model
        self.idle = idle
        self.reservedPercent = reservedPercent
    }
}

/// A window's energy, divided among scenarios, background, the rest of the host and idle.
///
///     E_idle    = min(E, P₀ · T)
///     E_service = (E − E_idle) · c / max(C, Σc)
///     E_i       = E_service · α_i TA_i / Σ α TA      (model `standard`)
///     E_i       = E_service · t_i / (Σ t + t_other)  (model `concurrency`)
///
/// By the idle rule a part of E_idle joins E_service before that is divided.
///
/// What cannot be divided is undivided, with the reason. Integer microjoules; the parts add up to
/// E for every input. See docs/attribution.md.
package struct EnergyDivision: Sendable, Hashable {
    package let partition: EnergyPartition
    /// Whether the services used more CPU time than the host was busy: Σc took the place of C.
    package let busyTimeRaised: Bool

    /// Divides `energy` by `rule`.
    ///
    /// - Parameters:
    ///   - carried: whether the energy contains windows before this one; what was used when cannot
    ///     be told then, and nothing is divided.
    ///   - idleMilliwatts: P₀, or `nil` where it is not known.
    ///   - counts: one element per service, in the order of `processor.services`. A service
    ///     without an element has unknown counts.
    ///   - weights: α by scenario; a scenario of weight `nil` gets nothing in this model.
    package init(
        of energy: Microjoules, carried: Bool = false, over duration: Nanoseconds,
        idleMilliwatts: UInt64?,
        processor: ProcessorTime, counts: [ServiceCounts], weights: [UInt64?],
        rule: DivisionRule = DivisionRule()
    ) {
        var division = Divider(weights: weights, rule: rule)
        if carried {
            division.leave(energy.rawValue, .carried)
        } else {
            division.divide(
                energy, idle: idleMilliwatts.map { idleEnergy($0, duration) }, processor, counts)
        }
        partition = division.partition
        busyTimeRaised = division.busyTimeRaised
    }
}

/// P₀ · T in microjoules, rounded down: milliwatts × nanoseconds / 10⁶.
private func idleEnergy(_ milliwatts: UInt64, _ duration: Nanoseconds) -> UInt64 {
    let energy = UInt128(milliwatts) * UInt128(duration.rawValue) / 1_000_000
    return UInt64(exactly: energy) ?? .max
}

private struct Divider {
    let weights: [UInt64?]
    let rule: DivisionRule
    var partition: EnergyPartition
    var busyTimeRaised = false

    init(weights: [UInt64?], rule: DivisionRule) {
        self.weights = weights
        self.rule = rule
        partition = EnergyPartition(scenarios: weights.count)
    }

    mutating func divide(
        _ energy: Microjoules, idle: UInt64?, _ processor: ProcessorTime, _ counts: [ServiceCounts]
    ) {
        guard let idle else { return leave(energy.rawValue, .idleUnknown) }
        partition.idle = Microjoules(min(energy.rawValue, idle))
        let dynamic = energy.rawValue - partition.idle.rawValue
        guard let busy = processor.hostBusy.value else { return leave(dynamic, .hostTimeUnknown) }
        let times = processor.services.map { $0.value?.rawValue ?? 0 }
        let used = times.reduce(UInt128(0)) { $0 + UInt128($1) }
        busyTimeRaised = used > UInt128(busy.rawValue)
        let rest = busyTimeRaised ? 0 : UInt128(busy.rawValue) - used
        let shares = times.map { UInt128($0) } + [rest]
        // Nobody was busy: what was used beyond idle is the host's own.
        let parts = apportion(dynamic, by: shares) ?? (times.map { _ in UInt64(0) } + [dynamic])
        let idleParts = allocateIdle(by: shares)
        for service in times.indices {
            divide(
                parts[service] + idleParts[service],
                of: service < counts.count ? counts[service] : nil)
        }
        let left = parts[times.count] + idleParts[times.count]
        let isServiceUnknown = processor.services.contains { $0.reason != nil }
        if isServiceUnknown {
            leave(left, .serviceTimeUnknown)
        } else {
            partition.unmonitored += Microjoules(left)
        }
    }

    /// Takes from the idle energy what services, and the rest of the host, have of it by the rule.
    private mutating func allocateIdle(by shares: [UInt128]) -> [UInt64] {
        let none = shares.map { _ in UInt64(0) }
        let whole = partition.idle.rawValue
        switch rule.idle {
        case .unallocated: return none
        case .proportional:
            guard let parts = apportion(whole, by: shares) else { return none }
            partition.idle = .zero
            return parts
        case .reserved:
            var free: UInt64 = 100
            let services = shares.indices.dropLast().map { service -> UInt128 in
                let wanted =
                    service < rule.reservedPercent.count ? rule.reservedPercent[service] : 0
                let taken = min(free, wanted)
                free -= taken
                return UInt128(taken)
            }
            guard var parts = apportion(whole, by: services + [UInt128(free)]) else { return none }
            partition.idle = Microjoules(parts[services.count])
            parts[services.count] = 0
            return parts
        }
    }

    /// Divides a service's energy by the model.
    private mutating func divide(_ energy: UInt64, of counts: ServiceCounts?) {
        guard let counts, counts.areKnown else { return leave(energy, .countsUnknown) }
        // Exchanges that match no scenario have the last share.
        var shares: [UInt128]
        switch rule.model {
        case .standard:
            shares = zip(weights, counts.flows).map { weight, completed in
                UInt128(weight ?? 0) * UInt128(completed)
            }
            shares.append(0)
        case .concurrency:
            guard let busy = counts.busy, busy.scenarios.count == weights.count else {
                return leave(energy, .countsUnknown)
            }
            shares = busy.scenarios.map { UInt128($0.rawValue) }
            shares.append(UInt128(busy.other.rawValue))
        }
        guard let parts = apportion(energy, by: shares) else {
            partition.background += Microjoules(energy)
            return
        }
        for (scenario, part) in parts.dropLast().enumerated() {
            partition.scenarios[scenario] += Microjoules(part)
        }
        partition.other += Microjoules(parts[parts.count - 1])
    }

    /// Leaves energy undivided. The first reason that applies to any energy is kept.
    mutating func leave(_ energy: UInt64, _ reason: UndividedReason) {
        partition.undivided += Microjoules(energy)
        if energy > 0, partition.undividedReason == nil { partition.undividedReason = reason }
    }
}
