package import Metering

/// The watts between which a model of the host moves, in milliwatts; `idle` ≤ `maximum`.
package struct ModelPower: Sendable, Hashable {
    package let idle: UInt64
    package let maximum: UInt64

    /// Both at most 100 kW; a lower `maximum` is raised to `idle`.
    package init(idle: UInt64, maximum: UInt64) {
        let most: UInt64 = 100_000_000
        self.idle = min(idle, most)
        self.maximum = max(self.idle, min(maximum, most))
    }
}

/// The host's energy from its CPU time and the administrator's watts, for hosts without counters.
///
///     E = P_idle · t + (P_maximum − P_idle) · t · busy / capacity
///
/// Always flagged `estimated`. Linear in utilisation: the model of Fan, Weber and Barroso, "Power
/// Provisioning for a Warehouse-sized Computer" (ISCA 2007), section 3, in its simpler form.
package struct ModelSource: EnergySource, Sendable {
    private let power: ModelPower
    private var sample = ZoneSample()
    private var last: (load: HostLoad, time: Nanoseconds)?
    /// What is left of a microjoule, in milliwatt nanoseconds (10⁻⁶ µJ).
    private var remainder: UInt128 = 0
    /// The host's CPU time; set before each reading.
    package var load: Known<HostLoad, ProcessorUnknown> = .unknown(.firstReading)

    package let explanations = [
        ZoneExplanation(
            zone: ZoneDescription(
                control: "model", name: "host", parent: "", kind: .model, counted: true,
                source: .model),
            folder: "", role: "added: a model of the whole host from its CPU time, no counter")
    ]
    package let zonesRevision = 1

    package init(_ power: ModelPower) {
        self.power = power
        sample.estimated = .modelled
    }

    package mutating func read(into sample: inout EnergySample, at now: ClockReading) {
        note(at: now.boottime)
        sample.takenAt = now.boottime
        if sample.zones.count == 1 {
            sample.zones[0] = self.sample
        } else {
            sample.zones = [self.sample]
        }
    }

    private mutating func note(at now: Nanoseconds) {
        guard let load = load.value else {
            sample.failure = .loadUnknown
            return
        }
        if let last {
            let idle = UInt128(power.idle) * UInt128(now.subtractingClamped(last.time).rawValue)
            remainder += idle + busyPart(from: last.load, to: load, now, since: last.time)
            let (energy, rest) = remainder.quotientAndRemainder(dividingBy: 1_000_000)
            sample.accumulated += Microjoules(UInt64(clamping: energy))
            remainder = rest
            if let failure = sample.failure {
                sample.bridges &+= 1
                sample.bridged = failure
            }
        }
        last = (load, now)
        sample.readAt = now
        sample.failure = nil
    }

    private func busyPart(
        from earlier: HostLoad, to later: HostLoad, _ now: Nanoseconds, since: Nanoseconds
    ) -> UInt128 {
        let capacity = later.capacity.subtractingClamped(earlier.capacity).rawValue
        let busy = min(capacity, later.busy.subtractingClamped(earlier.busy).rawValue)
        guard capacity > 0 else { return 0 }
        let time = now.subtractingClamped(since).rawValue
        let share = UInt128(time) * UInt128(busy) / UInt128(capacity)
        return UInt128(power.maximum - power.idle) * share
    }
}
