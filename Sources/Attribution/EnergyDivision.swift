package import Metering

/// What attribution must know of one service in one window.
package struct ServiceCounts: Sendable, Hashable {
    /// Complete flows by scenario, in the order of the scenario set.
    package var flows: [UInt64]
    /// Whether the counts are known; where not, zero does not mean zero.
    package var areKnown: Bool

    package init(flows: [UInt64], areKnown: Bool) {
        self.flows = flows
        self.areKnown = areKnown
    }
}

/// A window's energy, divided among scenarios, background, the rest of the host and idle.
///
///     E_idle    = min(E, P₀ · T)
///     E_service = (E − E_idle) · c / max(C, Σc)
///     E_i       = E_service · α_i TA_i / Σ α TA      (model `standard`)
///
/// What cannot be divided is undivided, with the reason. Integer microjoules; the parts add up to
/// E for every input. See docs/attribution.md.
package struct EnergyDivision: Sendable, Hashable {
    package let partition: EnergyPartition
    /// Whether the services used more CPU time than the host was busy: Σc took the place of C.
    package let busyTimeRaised: Bool

    /// Divides `energy` by the model `standard`.
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
        processor: ProcessorTime, counts: [ServiceCounts], weights: [UInt64?]
    ) {
        var division = Divider(weights: weights)
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
    var partition: EnergyPartition
    var busyTimeRaised = false

    init(weights: [UInt64?]) {
        self.weights = weights
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
        for service in times.indices {
            divide(parts[service], of: service < counts.count ? counts[service] : nil)
        }
        let isServiceUnknown = processor.services.contains { $0.reason != nil }
        if isServiceUnknown {
            leave(parts[times.count], .serviceTimeUnknown)
        } else {
            partition.unmonitored += Microjoules(parts[times.count])
        }
    }

    /// Divides a service's energy by α_i TA_i.
    private mutating func divide(_ energy: UInt64, of counts: ServiceCounts?) {
        guard let counts, counts.areKnown else { return leave(energy, .countsUnknown) }
        let shares = zip(weights, counts.flows).map { weight, completed in
            UInt128(weight ?? 0) * UInt128(completed)
        }
        guard let parts = apportion(energy, by: shares) else {
            partition.background += Microjoules(energy)
            return
        }
        for (scenario, part) in parts.enumerated() {
            partition.scenarios[scenario] += Microjoules(part)
        }
    }

    /// Leaves energy undivided. The first reason that applies to any energy is kept.
    mutating func leave(_ energy: UInt64, _ reason: UndividedReason) {
        partition.undivided += Microjoules(energy)
        if energy > 0, partition.undividedReason == nil { partition.undividedReason = reason }
    }
}
