package import Assessment
import Metering

/// Gathers records, in any order and any number of times, into the rounds of a plan.
///
/// Two readings: records are added here, and those of the hosts that ``imputation()`` names once more
/// to it, because what a gap is taken to have used follows from the windows around it.
package struct PlanRoundsBuilder: Sendable {
    package let plan: Plan
    package let period: Period
    private var hosts: RoundsBuilder
    private var devices: RoundsBuilder
    private var powers = PowerCounts()
    private var devicePowers = PowerCounts()
    private var deviceWindows: [(device: String, window: PowerWindow)] = []
    /// Where readings of a device's meter speak of the same time.
    private var overlaps: [String: [Interval]] = [:]
    private var quality: [String: [HostQuality]] = [:]
    private var ledger: LedgerBook
    private var meters: [String: MeterBook] = [:]
    /// Records of hosts outside the plan, by host and round.
    private var unplanned: [String: [Int: UInt64]] = [:]
    private let layers: CountingLayers

    /// Rounds of a plan with the imports that speak of them. Throws where the plan has no rounds or
    /// contradicts itself.
    package init(
        _ plan: Plan, readings: [MeterReading] = [], ledger totals: [LedgerTotal] = []
    ) throws(PlanRoundsError) {
        self.plan = plan
        period = try Period(plan.schedule)
        let calendars = try PlanCalendars(plan, period)
        hosts = RoundsBuilder(period, .planned(calendars.hosts))
        devices = RoundsBuilder(period, .planned(calendars.devices))
        ledger = LedgerBook(totals)
        layers = CountingLayers(plan)
        let byMeter = Dictionary(grouping: readings, by: \.meter)
        for host in plan.hosts {
            guard let own = byMeter[host.id] else { continue }
            meters[host.id] = MeterBook(MeterReadings(own))
        }
        for device in plan.devices {
            guard let calendar = calendars.devices[device.id] else { continue }
            add(MeterReadings(byMeter[device.meter] ?? []), of: device.id, calendar)
        }
    }

    private mutating func add(
        _ readings: MeterReadings, of device: String, _ calendar: ServiceCalendar
    ) {
        overlaps[device] = readings.overlaps
        for (interval, energy) in zip(readings.ordered.intervals, readings.energies) {
            guard interval.clamped(to: period.whole) != nil,
                let known = KnownEnergy(reading: energy, over: interval, calendar)
            else { continue }
            devices.placeReading(known, of: device, calendar)
            guard let window = PowerWindow(known, calendar) else { continue }
            devicePowers.add(window, of: device, rounds: period.rounds.count)
            deviceWindows.append((device, window))
        }
    }

    /// Adds a record. One outside the period changes nothing; one of a host that is not in the plan
    /// is listed.
    package mutating func add(_ record: RoundRecord) {
        switch hosts.take(record, counting: layers.byTraffic(of: record.host)) {
        case .not: return
        case .unexpected:
            guard let round = period.round(at: record.lastNanosecond) else { return }
            unplanned[record.host, default: [:]][round, default: 0] += 1
        case .placed(let calendar):
            if let known = KnownEnergy(record) {
                meters[record.host]?.add(known)
                if let window = PowerWindow(known, calendar) {
                    powers.add(window, of: record.host, rounds: period.rounds.count)
                }
            }
            guard let round = calendar.round(at: record.lastNanosecond) else { return }
            quality[
                record.host,
                default: Array(repeating: HostQuality(), count: period.rounds.count)][round]
                .add(record)
            let counting = layers.scenarios(of: record.host)
            for (id, tally) in zip(record.scenarios, record.tally.scenarios)
            where counting.contains(id) {
                ledger.count(tally.flows, of: id, at: record.lastNanosecond)
            }
        }
    }

    /// Adds a place at which a flow was counted that was counted at others too, within the period or
    /// not. Those of one flow come in a row, each once, in any order. Places that are not of the
    /// scenario's counting layer, and those of the period out of service, take nothing from TA.
    package mutating func add(_ occurrence: FlowOccurrence) {
        let time = occurrence.lastNanosecond
        guard layers.scenarios(of: occurrence.host).contains(occurrence.flow.scenario),
            let calendar = hosts.calendars.calendar(of: occurrence.host),
            period.round(at: time) == nil || calendar.round(at: time) != nil
        else { return }
        guard let later = hosts.takeOut(occurrence) else { return }
        ledger.takeOut(later.flows, of: later.flow.scenario, at: later.lastNanosecond)
    }

    /// What a second reading of records is needed for, now that the first is done.
    package func imputation() -> Imputation {
        var gaps = MachineGaps()
        for host in plan.hosts {
            guard let rounds = hosts.rounds(of: host.id) else { continue }
            gaps.note(rounds, powers, plan.validity)
        }
        var deviceGaps = MachineGaps()
        for device in plan.devices {
            guard let rounds = devices.rounds(of: device.id) else { continue }
            deviceGaps.note(rounds, devicePowers, plan.validity)
        }
        for (device, window) in deviceWindows { deviceGaps.add(window, of: device) }
        return Imputation(hosts: gaps, devices: deviceGaps, calendars: hosts.calendars)
    }

    /// The rounds, those in reserve after the others. Throws where the imputation was not given all
    /// records of the hosts it names.
    package func finish(_ imputation: Imputation) throws(ImputationError) -> [PlannedRound] {
        try imputation.check()
        var counted = hosts.withoutRepeated()
        for host in plan.hosts where counted[host.id] == nil {
            counted[host.id] = hosts.blankRounds(of: host.id)
        }
        var metered = devices.withoutRepeated()
        for device in plan.devices where metered[device.id] == nil {
            metered[device.id] = devices.blankRounds(of: device.id)
        }
        return period.rounds.indices.map { index in
            var machines: [MachineRound] = []
            for host in plan.hosts {
                guard let round = counted[host.id]?[index] else { continue }
                machines.append(
                    MachineRound(
                        host, round, quality[host.id]?[index] ?? HostQuality(),
                        imputation.energies(
                            of: .host(host.id), in: index, parts: round.segments.count),
                        meter: meters[host.id]?.comparison(in: round)))
            }
            for device in plan.devices {
                guard let round = metered[device.id]?[index] else { continue }
                machines.append(
                    MachineRound(
                        device, round,
                        imputation.energies(
                            of: .device(device.id), in: index, parts: round.segments.count),
                        overlap: overlaps[device.id]?.compactMap {
                            $0.clamped(to: period.rounds[index])
                        }.first))
            }
            return PlannedRound(
                number: index, of: plan, interval: period.rounds[index],
                machines: machines.filter { $0.round.expected > .zero }, ledger: ledger,
                layers: layers,
                unplanned: unplanned.compactMapValues { $0[index] })
        }
    }
}

extension KnownEnergy {
    /// A reading over an end of a slice is divided by time, and an estimate.
    fileprivate init?(
        reading: Microjoules, over interval: Interval, _ calendar: ServiceCalendar
    ) {
        let isWhole = calendar.slices[calendar.touched(by: interval)].contains {
            $0.interval.start <= interval.start && interval.end <= $0.interval.end
        }
        var byState = EnergyByState()
        byState.add(reading, isWhole ? .measured : .estimated)
        var byUse = EnergyByUse()
        byUse.undivided = reading
        guard let energy = RoundRecord.Energy(byState: byState, byUse: byUse) else { return nil }
        self.init(energy: energy, span: interval)
    }
}
