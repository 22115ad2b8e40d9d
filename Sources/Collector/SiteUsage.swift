package import Assessment
import Metering
package import Report
package import Store

extension Pipeline {
    /// Energy and O of a plan's sites from roll-ups: information, never an assessment. Hosts stand where the
    /// plan says, at any time, and their hosts and steps are the request's. Throws ``UsageRequest/Problem``
    /// where there is no such answer.
    package static func siteUsage(
        _ request: UsageRequest, of plan: Plan, _ hash: PlanHash,
        from store: any RecordStore & RollupStore
    ) throws -> SiteUsageContent {
        let places = SitePlaces(plan)
        let state = try store.rollupState()
        let calendar = state.calendar
        var sums: [SiteKey: SiteSum] = [:]
        for (from, to) in places.stretches(from: request.from, to: request.to) {
            let stretch = try UsageRequest(
                from: Timestamp(hour: from), to: Timestamp(hour: to), step: request.step,
                byHost: true)
            try store.forEachRollup(stretch.spans(calendar), of: request.hosts) { rollup in
                let step = request.stepStart(of: rollup.start, calendar)
                let end = calendar.next(rollup.level, after: rollup.start)
                let whole = Interval(
                    start: Timestamp(hour: rollup.start), end: Timestamp(hour: end))
                for part in places.parts(of: rollup.agent, in: whole) {
                    let key = SiteKey(step: step, site: part.place?.site)
                    sums[key, default: SiteSum()].add(rollup, part, of: whole)
                }
                guard sums.count <= UsageRequest.lines else {
                    throw UsageRequest.Problem.tooManyLines(UsageRequest.lines)
                }
            }
        }
        let lines = sums.sorted { $0.key < $1.key }.map { key, sum in
            sum.line(
                from: key.step, to: request.stepEnd(after: key.step, calendar),
                site: key.site.map { plan.sites[$0] })
        }
        return SiteUsageContent(
            plan: hash.description, from: Timestamp(hour: request.from),
            to: Timestamp(hour: request.to), offsetHours: calendar.offset, waiting: state.waiting,
            lines: lines)
    }
}

extension Timestamp {
    /// The beginning of an hour since 1970; the nearest that there is.
    fileprivate init(hour: Int64) {
        let (time, over) = UInt64(clamping: hour).multipliedReportingOverflow(by: HourPart.length)
        self.init(over ? .max : time)
    }
}

private struct SiteKey: Hashable, Comparable {
    let step: Int64
    /// The site's place in the plan.
    let site: Int?

    static func < (one: Self, other: Self) -> Bool {
        (one.step, one.site ?? .max) < (other.step, other.site ?? .max)
    }
}

/// Where a plan's hosts stand, and with which electricity.
private struct SitePlaces {
    struct Place: Hashable {
        let site: Int
        let factor: EmissionFactor?
    }

    struct Part {
        let interval: Interval
        /// `nil` where the host is at no site of the plan.
        let place: Place?
    }

    private var hosts: [String: [(interval: Interval, place: Place)]] = [:]

    init(_ plan: Plan) {
        let factors = Dictionary(
            plan.factors.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        for host in plan.hosts {
            for assignment in host.assignments {
                guard let index = plan.sites.firstIndex(where: { $0.id == assignment.site }) else {
                    continue
                }
                let served = Interval(
                    start: assignment.from ?? Timestamp(0), end: assignment.to ?? Timestamp(.max))
                let supplies = plan.sites[index].supplies
                for (number, supply) in supplies.enumerated() {
                    let next = number + 1 < supplies.count ? supplies[number + 1].from : nil
                    let used = Interval(
                        start: supply.from ?? Timestamp(0), end: next ?? Timestamp(.max))
                    guard let both = used.clamped(to: served) else { continue }
                    hosts[host.id, default: []].append(
                        (both, Place(site: index, factor: factors[supply.factor])))
                }
            }
        }
    }

    /// The hours from `from` to `to`, cut so that no host changes its place but within a stretch of one hour.
    func stretches(from: Int64, to: Int64) -> [(from: Int64, to: Int64)] {
        var cuts: Set<Int64> = [from, to]
        for place in hosts.values.joined() {
            for time in [place.interval.start, place.interval.end] {
                let hour = Int64(clamping: time.rawValue / HourPart.length)
                cuts.insert(hour)
                if !time.rawValue.isMultiple(of: HourPart.length) { cuts.insert(hour + 1) }
            }
        }
        let ordered = cuts.filter { $0 >= from && $0 <= to }.sorted()
        return zip(ordered, ordered.dropFirst()).map { ($0, $1) }
    }

    /// The parts of an interval by the places of a host, in the order of time.
    func parts(of host: String, in whole: Interval) -> [Part] {
        var parts: [Part] = []
        var at = whole.start
        for (interval, place) in hosts[host] ?? [] {
            guard let inside = interval.clamped(to: whole) else { continue }
            if at < inside.start {
                parts.append(Part(interval: Interval(start: at, end: inside.start), place: nil))
            }
            parts.append(Part(interval: inside, place: place))
            at = inside.end
        }
        if at < whole.end {
            parts.append(Part(interval: Interval(start: at, end: whole.end), place: nil))
        }
        return parts
    }
}

/// Roll-ups of a site in a step, added up.
private struct SiteSum {
    private var hosts: Set<String> = []
    private var energy = Microjoules.zero
    private var known: UInt128 = 0
    private var expected: UInt128 = 0
    /// Σ µJ · µg/kWh.
    private var products: UInt128 = 0
    private var factors: Set<EmissionFactor> = []
    private var hasNoFactor = false
    private var isSimulated = false

    /// A part of a roll-up by time: the sums of its parts are the whole, to the microjoule.
    mutating func add(_ rollup: StoredRollup, _ part: SitePlaces.Part, of whole: Interval) {
        func share(_ value: UInt64) -> UInt64 {
            let length = UInt128(max(1, whole.length.rawValue))
            func upTo(_ time: Timestamp) -> UInt128 {
                UInt128(value) * UInt128(time.since(whole.start).rawValue) / length
            }
            return UInt64(clamping: upTo(part.interval.end) - upTo(part.interval.start))
        }
        let sums = rollup.sums
        let used = Microjoules(share(sums.energy.rawValue))
        hosts.insert(rollup.agent)
        energy += used
        known += UInt128(share(sums[.energyTime]))
        expected += UInt128(part.interval.length.rawValue)
        if sums.flags.contains(.simulated) { isSimulated = true }
        guard let factor = part.place?.factor else {
            hasNoFactor = true
            return
        }
        products += UInt128(used.rawValue) * UInt128(factor.microgramsPerKilowattHour)
        factors.insert(factor)
    }

    func line(from: Int64, to: Int64, site: Site?) -> SiteUsageContent.Line {
        var line = SiteUsageContent.Line(
            from: Timestamp(hour: from), to: Timestamp(hour: to), site: site?.id)
        line.hosts = hosts.count
        line.energy = energy
        line.known = expected > 0 ? Double(known) / Double(expected) : nil
        line.isSimulated = isSimulated
        line.factors = factors.map(\.id).sorted()
        guard !hasNoFactor else { return line }
        // µJ · µg/kWh over 3.6 · 10¹⁸ are grams.
        line.tonnes = Double(products) / 3.6e24
        line.facilityTonnes = site?.pue.map { Double(products) / 3.6e24 * $0.value.fraction }
        let gases = Set(factors.map(\.gas))
        line.unit =
            gases.count > 1 ? "mixed" : gases == [.equivalent] ? "tCO2e" : "tCO2"
        return line
    }
}
