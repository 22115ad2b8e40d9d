package import Metering

/// The energy of one window.
package struct WindowEnergies: Sendable, Hashable {
    /// One element per zone, in the order of the source.
    package let zones: [ZoneEnergy]
    /// The counted zones of the primary source, `carried` included. Unknown where one of them is,
    /// with the reason of the first, and `noSource` where there is none.
    package let host: Known<Microjoules, EnergyReason>
    /// The part of `host` that belongs to windows before this one.
    package let carried: CarriedEnergy?

    package init(
        zones: [ZoneEnergy], host: Known<Microjoules, EnergyReason>, carried: CarriedEnergy?
    ) {
        self.zones = zones
        self.host = host
        self.carried = carried
    }
}

/// Cuts successive samples of a source at window boundaries. Pure.
///
/// A zone's windows add up to the difference of its accumulator exactly, and what readings could
/// not tell says why:
///
/// - no good reading in the window, or none any more by its end: `deferred`; the energy arrives,
///   `bridged`, in the window of the next good reading, or is lost with it;
/// - no reading before the window: `lost`, as there is nothing to take the difference from;
/// - energy was lost inside the window: `lost`, with the reason.
///
/// The host's windows add up in the same way: where a zone is deferred, what the others used
/// is carried to the window in which the host's energy is known again. Where a zone was not read by
/// the end of a window in which it or another is lost, the window in which it is read again is
/// unknown for the host: it holds energy of lost windows.
package struct EnergyMeter: Sendable {
    private struct Zone: Sendable {
        var timeline: Timeline<EnergyReason>
        var last = ZoneSample()

        mutating func add(_ sample: ZoneSample) {
            defer { last = sample }
            if let failure = sample.failure { return timeline.fail(failure) }
            timeline.append(
                sample.accumulated.rawValue, at: sample.readAt,
                bridged: sample.bridges != last.bridges ? sample.bridged : nil,
                lost: sample.losses != last.losses ? sample.lost : nil)
        }

        mutating func close(at end: Nanoseconds) -> ZoneEnergy {
            switch timeline.close(at: end) {
            case .measured(let energy):
                last.estimated.map { .estimated(Microjoules(energy), $0) }
                    ?? .measured(Microjoules(energy))
            case .bridged(let energy, let reason):
                last.estimated.map { .estimated(Microjoules(energy), $0) }
                    ?? .bridged(Microjoules(energy), reason)
            case .deferred(let reason): .deferred(reason)
            case .unknown(let reason): .lost(reason)
            }
        }
    }

    private var boundary: Nanoseconds
    private var zones: [Zone] = []
    /// The reason of a zone that was not read before.
    private var unread: EnergyReason = .firstReading
    /// What counted zones used since the host's energy was last known.
    package private(set) var pending: CarriedEnergy?
    /// Why energy was lost in a window by whose end a counted zone was not read any more.
    private var lostWhileDeferred: EnergyReason?
    /// Zones that another run of the agent did not read after its latest boundary, until the first
    /// window ends.
    private var behind: [Int] = []

    /// A meter whose first window begins at `start` (CLOCK_BOOTTIME): the time of the first sample,
    /// or that window is unknown.
    package init(from start: Nanoseconds) { boundary = start }

    /// A meter that goes on at `boundary`, where another run of the agent ended.
    ///
    /// A counter that was not read after it was deferred there, over a loss if nothing is pending:
    /// the next window's host energy is unknown then.
    ///
    /// - Parameters:
    ///   - sample: what the resumed source holds before its first reading.
    ///   - pending: the other run's.
    package init(
        resumingAt boundary: Nanoseconds, with sample: EnergySample, pending: CarriedEnergy?
    ) {
        self.boundary = boundary
        self.pending = pending
        unread = .agentStopped
        behind = sample.zones.indices.filter {
            sample.zones[$0].failure == .agentStopped && sample.zones[$0].readAt < boundary
        }
        zones = sample.zones.map { zone in
            guard zone.failure == .agentStopped else {
                return Zone(timeline: Timeline(from: boundary, unread: .agentStopped))
            }
            let timeline = Timeline<EnergyReason>(
                resumingFrom: boundary, at: 0, read: zone.readAt,
                beyond: zone.accumulated.rawValue, unread: .agentStopped)
            return Zone(timeline: timeline, last: zone)
        }
    }

    /// Takes a sample, in the order of time. Allocates only where zones were added.
    package mutating func add(_ sample: EnergySample) {
        while zones.count < sample.zones.count {
            zones.append(Zone(timeline: Timeline(from: boundary, unread: unread)))
        }
        for index in sample.zones.indices { zones[index].add(sample.zones[index]) }
    }

    /// The energy from the last boundary to this one.
    ///
    /// The value at the boundary is interpolated between the readings around it; where none
    /// follows it, the latest is taken and the rest belongs to the next window.
    /// - Parameters:
    ///   - descriptions: the source's zones. One that has no sample yet is unread.
    ///   - primary: the source whose counted zones are the host's energy.
    package mutating func close(
        at end: Nanoseconds, zones descriptions: [ZoneDescription], primary: EnergySourceKind
    ) -> WindowEnergies {
        let duration = end.subtractingClamped(boundary)
        boundary = max(boundary, end)
        let energies = descriptions.indices.map { index in
            index < zones.count ? zones[index].close(at: end) : .lost(unread)
        }
        unread = .firstReading
        let counted = descriptions.indices.filter {
            descriptions[$0].counted && descriptions[$0].source == primary
        }
        if pending == nil, behind.contains(where: counted.contains) {
            lostWhileDeferred = .agentStopped
        }
        behind = []
        let isBehind = counted.contains { $0 < zones.count && zones[$0].timeline.isBehind }
        let (host, carried) = host(
            counted.map { energies[$0] }, isBehind: isBehind, over: duration)
        return WindowEnergies(zones: energies, host: host, carried: carried)
    }

    /// How much energy beyond the latest boundary each zone has accumulated; `nil` where that is
    /// not known.
    package var beyondBoundary: [UInt64?] { zones.map(\.timeline.beyondBoundary) }

    private mutating func host(
        _ energies: [ZoneEnergy], isBehind: Bool, over duration: Nanoseconds
    ) -> (Known<Microjoules, EnergyReason>, CarriedEnergy?) {
        guard !energies.isEmpty else {
            pending = nil
            lostWhileDeferred = nil
            return (.unknown(.noSource), nil)
        }
        let sum = energies.reduce(pending?.energy ?? .zero) { $0 + ($1.energy.value ?? .zero) }
        let lost = energies.first { $0.state == .lost }
        guard let reason = energies.lazy.compactMap(\.energy.reason).first else {
            defer {
                pending = nil
                lostWhileDeferred = nil
            }
            return lostWhileDeferred.map { (.unknown($0), nil) } ?? (.known(sum), pending)
        }
        if let lost { lostWhileDeferred = isBehind ? lost.reason : nil }
        pending =
            lost != nil || lostWhileDeferred != nil
            ? nil : CarriedEnergy(energy: sum, time: (pending?.time ?? .zero) + duration)
        return (.unknown(reason), nil)
    }
}
