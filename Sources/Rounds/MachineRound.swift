package import Assessment
package import Metering

/// A machine of a plan in one round: what it used in the boundary, and how well that is known.
package struct MachineRound: Sendable, Hashable {
    package let machine: Machine
    package let role: String
    /// What its records tell, or a device's readings.
    package let round: HostRound
    /// Empty for a device.
    package let quality: HostQuality
    /// Its time in service, with energies.
    package let segments: [BoundarySegment]
    /// Its own counters beside the readings of a meter of its name; `nil` where there is none.
    package let meter: EnergyComparison?
    /// Time in the round that several readings of a device's meter speak of: of those the first is
    /// counted.
    package let overlap: Interval?
    /// What its energies cover after the wall ratio.
    package let scopes: Set<EnergyScope>

    /// The sum over its segments; `nil` where nothing is known of any.
    package var energy: SegmentEnergies? {
        segments.reduce(into: nil) { sum, segment in
            guard let energy = segment.energy else { return }
            sum = sum?.adding(energy) ?? energy
        }
    }

    init(
        _ host: PlannedHost, _ round: HostRound, _ quality: HostQuality, _ imputed: [Microjoules],
        meter: EnergyComparison?
    ) {
        self.init(
            .host(host.id), host.role, round, quality, imputed, share: host.allocation.share,
            wallRatio: host.wallRatio?.value, meter: meter)
    }

    init(
        _ device: PlannedDevice, _ round: HostRound, _ imputed: [Microjoules], overlap: Interval?
    ) {
        self.init(
            .device(device.id), device.role, round, HostQuality(), imputed,
            share: device.allocation.share, wallRatio: nil, meter: nil, overlap: overlap)
    }

    private init(
        _ machine: Machine, _ role: String, _ round: HostRound, _ quality: HostQuality,
        _ imputed: [Microjoules], share: PartsPerMillion, wallRatio: PartsPerMillion?,
        meter: EnergyComparison?, overlap: Interval? = nil
    ) {
        self.machine = machine
        self.role = role
        self.round = round
        self.quality = quality
        self.meter = meter
        self.overlap = overlap
        scopes =
            wallRatio == nil
            ? round.scopes : Set(round.scopes.map { $0 == .processorAndMemory ? .host : $0 })
        // Of two scopes in one round the larger power is imputed.
        let imputedRatio = round.scopes.contains(.processorAndMemory) ? wallRatio : nil
        segments = zip(round.segments, imputed).compactMap { segment, imputed in
            segment.electricity.map { electricity in
                BoundarySegment(
                    machine: machine, interval: segment.interval, site: electricity.site,
                    supply: electricity.supply, market: electricity.market,
                    energy: SegmentEnergies(
                        segment, imputed: imputed, wallRatio: wallRatio,
                        imputedRatio: imputedRatio, share: share),
                    isSimulated: round.simulated)
            }
        }
    }

    func judge(
        _ rules: ValidityRules, _ problems: inout [RoundProblem],
        _ disclosures: inout [RoundProblem]
    ) {
        if case .device(let id) = machine, round.records == 0 {
            problems.append(.deviceMissing(id))
            return
        }
        if let overlap { problems.append(.readingsOverlap(device: machine.id, overlap)) }
        guard round.isThere(&problems) else { return }
        round.judgeEnergy(rules, &problems, &disclosures)
        guard case .host(let id) = machine else { return }
        if let error = round.clockError, error > rules.maximumClockError.rawValue / 1000 {
            disclosures.append(.clockError(host: id, microseconds: error))
        }
    }

    /// `nil` where it was synchronised all the time, as far as records tell, or is no host's.
    var unsynchronisedClock: UnsynchronisedClock? {
        guard case .host(let id) = machine, round.unsynchronised > 0 else { return nil }
        return UnsynchronisedClock(host: id, windows: round.unsynchronised)
    }
}

extension SegmentEnergies {
    /// `nil` where nothing is known and nothing imputed.
    init?(
        _ segment: HostSegment, imputed: Microjoules, wallRatio: PartsPerMillion?,
        imputedRatio: PartsPerMillion?, share: PartsPerMillion
    ) {
        guard segment.energy != nil || imputed > .zero else { return nil }
        let known = segment.energy ?? EnergyByState()
        let metered = EnergyStates(known, imputed: imputed)
        var host = metered
        var idle = segment.use.idle
        if let wallRatio {
            let part = segment.ofProcessors
            host.measured = known.measured.subtractingClamped(part.measured)
            host.bridged = known.bridged.subtractingClamped(part.bridged)
            host.estimated =
                known.estimated.subtractingClamped(part.estimated) + part.total.times(wallRatio)
            if part.total > .zero, part.total == known.total { idle = idle.times(wallRatio) }
        }
        if let imputedRatio { host.imputed = imputed.times(imputedRatio) }
        let boundary = host.scaled(to: host.total.times(share))
        self.init(
            metered: metered, host: host, boundary: boundary, idle: segment.use.idle,
            boundaryIdle: min(idle.times(share), boundary.total))
    }

    func adding(_ other: Self) -> Self {
        var sum = self
        sum.metered.add(other.metered)
        sum.host.add(other.host)
        sum.boundary.add(other.boundary)
        sum.idle += other.idle
        sum.boundaryIdle += other.boundaryIdle
        return sum
    }
}

extension EnergyStates {
    init(_ known: EnergyByState, imputed: Microjoules) {
        self.init()
        measured = known.measured
        bridged = known.bridged
        estimated = known.estimated
        self.imputed = imputed
    }

    /// `total` in these proportions, by largest remainder.
    func scaled(to total: Microjoules) -> Self {
        let parts = divide(
            total.rawValue,
            by: [measured, bridged, estimated, imputed].map(\.rawValue)
        ).map(Microjoules.init)
        var scaled = Self()
        scaled.measured = parts[0]
        scaled.bridged = parts[1]
        scaled.estimated = parts[2]
        scaled.imputed = parts[3]
        return scaled
    }
}

extension Microjoules {
    fileprivate func times(_ ratio: PartsPerMillion) -> Self {
        Self(rawValue.multipliedHalfEven(by: ratio))
    }

    fileprivate func subtractingClamped(_ other: Self) -> Self { subtracting(other) ?? .zero }
}
