package import Assessment
import Metering

/// Why rounds cannot be made of a plan.
package enum PlanRoundsError: Error, Sendable, Hashable, CustomStringConvertible {
    case period(PeriodError)
    /// The plan has fewer than one round, fewer than none in reserve, or ends after the year 2554.
    case schedule
    case unknownSite(machine: String, site: String)
    /// A site's electricity is not told from the beginning.
    case noSupply(site: String)
    case overlappingAssignments(machine: String)
    case machineTwice(String)

    package var description: String {
        switch self {
        case .period(let error): error.description
        case .schedule: "the plan's rounds do not fit into time"
        case .unknownSite(let machine, let site):
            "the site \(site) of \(machine) is not in the plan"
        case .noSupply(let site): "the electricity of \(site) is not told from the beginning"
        case .overlappingAssignments(let machine): "\(machine) serves at two sites at once"
        case .machineTwice(let machine): "\(machine) is in the plan twice"
        }
    }
}

extension Period {
    /// The rounds of a plan, those in reserve after the others.
    package init(_ schedule: RoundSchedule) throws(PlanRoundsError) {
        guard schedule.rounds > 0, schedule.reserve >= 0,
            schedule.rounds <= Int(Self.maximumRounds),
            schedule.reserve <= Int(Self.maximumRounds)
        else { throw .schedule }
        let (span, over) = schedule.length.rawValue.multipliedReportingOverflow(
            by: UInt64(schedule.rounds + schedule.reserve))
        let (end, late) = schedule.start.rawValue.addingReportingOverflow(span)
        guard !over, !late else { throw .schedule }
        do {
            try self.init(
                from: schedule.start, to: Timestamp(end), roundLength: schedule.length)
        } catch {
            throw .period(error)
        }
    }
}

/// The calendars of a plan's hosts and of its devices.
struct PlanCalendars {
    let hosts: [String: ServiceCalendar]
    let devices: [String: ServiceCalendar]

    init(_ plan: Plan, _ period: Period) throws(PlanRoundsError) {
        let sites = Dictionary(plan.sites.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        var hosts: [String: ServiceCalendar] = [:]
        for host in plan.hosts {
            let calendar = try ServiceCalendar(host.assignments, of: host.id, sites, period)
            guard hosts.updateValue(calendar, forKey: host.id) == nil else {
                throw .machineTwice(host.id)
            }
        }
        var devices: [String: ServiceCalendar] = [:]
        for device in plan.devices {
            let always = [Assignment(site: device.site)]
            let calendar = try ServiceCalendar(always, of: device.id, sites, period)
            guard devices.updateValue(calendar, forKey: device.id) == nil else {
                throw .machineTwice(device.id)
            }
        }
        self.hosts = hosts
        self.devices = devices
    }
}

extension ServiceCalendar {
    /// The time of assignments, cut at the ends of rounds and where the site's electricity changes.
    fileprivate init(
        _ assignments: [Assignment], of machine: String, _ sites: [String: Site], _ period: Period
    ) throws(PlanRoundsError) {
        var stretches: [(interval: Interval, electricity: Electricity)] = []
        for assignment in assignments {
            guard let site = sites[assignment.site] else {
                throw .unknownSite(machine: machine, site: assignment.site)
            }
            let time = Interval(
                start: assignment.from ?? period.whole.start, end: assignment.to ?? period.whole.end
            ).clamped(to: period.whole)
            if let time { stretches += try site.electricities(over: time) }
        }
        stretches.sort { $0.interval.start < $1.interval.start }
        for (one, next) in zip(stretches, stretches.dropFirst())
        where one.interval.end > next.interval.start {
            throw .overlappingAssignments(machine: machine)
        }
        var slices: [Slice] = []
        for stretch in stretches {
            guard var round = period.round(at: stretch.interval.start) else { continue }
            while round < period.rounds.count,
                let interval = stretch.interval.clamped(to: period.rounds[round])
            {
                let part = slices.last.map { $0.round == round ? $0.part + 1 : 0 } ?? 0
                slices.append(
                    Slice(
                        interval: interval, round: round, part: part,
                        electricity: stretch.electricity))
                round += 1
            }
        }
        self.init(slices, rounds: period.rounds.count)
    }
}

extension Site {
    /// Its electricity over a stretch of time, cut where it changes.
    fileprivate func electricities(
        over time: Interval
    ) throws(PlanRoundsError) -> [(interval: Interval, electricity: Electricity)] {
        let changes = (supplies + marketSupplies).compactMap(\.from).filter {
            $0 > time.start && $0 < time.end
        }
        let cuts = [time.start] + Set(changes).sorted() + [time.end]
        var stretches: [(interval: Interval, electricity: Electricity)] = []
        for (start, end) in zip(cuts, cuts.dropFirst()) {
            guard let supply = Self.supply(of: supplies, at: start) else {
                throw .noSupply(site: id)
            }
            stretches.append(
                (
                    Interval(start: start, end: end),
                    Electricity(
                        site: id, supply: supply,
                        market: Self.supply(of: marketSupplies, at: start))
                ))
        }
        return stretches
    }

    private static func supply(of supplies: [Supply], at time: Timestamp) -> Supply? {
        supplies.last { $0.from.map { $0 <= time } ?? true }
    }
}
