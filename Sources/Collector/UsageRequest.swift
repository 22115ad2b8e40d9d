package import Metering
package import Report
package import Store

/// What energy and flows are asked for, of whole hours.
package struct UsageRequest: Sendable {
    /// The stretches that are told apart.
    package enum Step: String, Sendable, CaseIterable { case all, month, day, hour }

    let from: Int64
    let to: Int64
    let step: Step
    let byHost: Bool
    let hosts: Set<String>?

    /// Why there is no such request.
    package enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
        case notWholeHours
        case empty
        case tooLong
        case unknownHosts([String])
        case tooManyLines(Int)

        package var description: String {
            switch self {
            case .notWholeHours: "from and to are whole hours"
            case .empty: "to is after from"
            case .tooLong: "the period is longer than \(UsageRequest.years) years"
            case .unknownHosts(let names):
                "the store knows no host \(names.joined(separator: ", "))"
            case .tooManyLines(let lines):
                "more than \(lines) lines: ask for longer stretches, fewer hosts or less time"
            }
        }
    }

    /// Longest period, in years of 366 days.
    package static let years: Int64 = 100
    /// Most lines of one answer; more are refused.
    package static let lines = 500_000

    /// Both ends on whole hours, the second not part of it. `hosts` is `nil` for all.
    package init(
        from: Timestamp, to: Timestamp, step: Step, byHost: Bool, hosts: Set<String>? = nil
    ) throws(Problem) {
        guard from.rawValue.isMultiple(of: HourPart.length),
            to.rawValue.isMultiple(of: HourPart.length)
        else { throw .notWholeHours }
        guard from < to else { throw .empty }
        self.from = Int64(from.rawValue / HourPart.length)
        self.to = Int64(to.rawValue / HourPart.length)
        guard self.to - self.from <= Self.years * 366 * 24 else { throw .tooLong }
        self.step = step
        self.byHost = byHost
        self.hosts = hosts
    }

    /// The fewest roll-ups that make up the period: months and days where they lie in it whole, and are
    /// not cut by the steps.
    func spans(_ calendar: RollupCalendar) -> [RollupSpan] {
        let finest: [RollupLevel] =
            switch step {
            case .all, .month: [.month, .day, .hour]
            case .day: [.day, .hour]
            case .hour: [.hour]
            }
        var spans: [RollupSpan] = []
        var at = from
        while at < to {
            let level =
                finest.first { level in
                    calendar.start(level, of: at) == at && calendar.next(level, after: at) <= to
                } ?? .hour
            var end = calendar.next(level, after: at)
            while end < to, calendar.next(level, after: end) <= to,
                finest.first(where: { larger in
                    calendar.start(larger, of: end) == end
                        && calendar.next(larger, after: end) <= to
                }) == level
            { end = calendar.next(level, after: end) }
            spans.append(RollupSpan(level: level, from: at, to: end))
            at = end
        }
        return spans
    }

    /// The start of the step that holds an hour, within the period.
    func stepStart(of hour: Int64, _ calendar: RollupCalendar) -> Int64 {
        switch step {
        case .all: from
        case .month: max(from, calendar.start(.month, of: hour))
        case .day: max(from, calendar.start(.day, of: hour))
        case .hour: hour
        }
    }

    /// The end of the step that begins with an hour, within the period.
    func stepEnd(after hour: Int64, _ calendar: RollupCalendar) -> Int64 {
        switch step {
        case .all: to
        case .month: min(to, calendar.next(.month, after: hour))
        case .day: min(to, calendar.next(.day, after: hour))
        case .hour: hour + 1
        }
    }
}

extension Pipeline {
    /// Energy and flows of a period from roll-ups: information, never an assessment. Throws
    /// ``UsageRequest/Problem`` where there is no such answer.
    package static func usage(
        _ request: UsageRequest, from store: any RecordStore & RollupStore
    ) throws -> UsageContent {
        let known = try store.agents()
        if let hosts = request.hosts {
            let unknown = hosts.subtracting(known).sorted()
            guard unknown.isEmpty else { throw UsageRequest.Problem.unknownHosts(unknown) }
        }
        let state = try store.rollupState()
        let calendar = state.calendar
        var sums: [UsageKey: UsageSum] = [:]
        var whole = UsageSum()
        try store.forEachRollup(request.spans(calendar), of: request.hosts) { rollup in
            let key = UsageKey(
                start: request.stepStart(of: rollup.start, calendar),
                host: request.byHost ? rollup.agent : "")
            sums[key, default: UsageSum()].add(rollup)
            whole.add(rollup)
            guard sums.count <= UsageRequest.lines else {
                throw UsageRequest.Problem.tooManyLines(UsageRequest.lines)
            }
        }
        let lines = sums.sorted { $0.key < $1.key }.map { key, sum in
            sum.line(
                key.start, request.stepEnd(after: key.start, calendar),
                host: request.byHost ? key.host : nil)
        }
        return UsageContent(
            offsetHours: calendar.offset, waiting: state.waiting,
            total: whole.line(request.from, request.to, host: nil), lines: lines,
            silent: known.filter {
                !whole.hosts.contains($0) && request.hosts?.contains($0) ?? true
            })
    }
}

private struct UsageKey: Hashable, Comparable {
    let start: Int64
    let host: String

    static func < (one: Self, other: Self) -> Bool {
        (one.start, one.host) < (other.start, other.host)
    }
}

/// Roll-ups of a step, added up.
private struct UsageSum {
    var sums = Rollup()
    var hosts: Set<String> = []

    mutating func add(_ rollup: StoredRollup) {
        sums.add(rollup.sums)
        hosts.insert(rollup.agent)
    }

    func line(_ start: Int64, _ end: Int64, host: String?) -> UsageContent.Line {
        let length = UInt64(clamping: end - start).multipliedReportingOverflow(
            by: HourPart.length)
        let expected = length.partialValue.multipliedReportingOverflow(
            by: UInt64(max(1, hosts.count)))
        var line = UsageContent.Line(
            from: Timestamp(UInt64(clamping: start) * HourPart.length),
            to: Timestamp(UInt64(clamping: end) * HourPart.length), host: host)
        line.hosts = hosts.count
        line.expected = Nanoseconds(
            length.overflow || expected.overflow ? .max : expected.partialValue)
        line.records = sums[.records]
        line.energy = sums[.energyTime] > 0 || sums.energy > .zero ? sums.energy : nil
        line.measured = Microjoules(sums[.measured])
        line.bridged = Microjoules(sums[.bridged])
        line.estimated = Microjoules(sums[.estimated])
        line.uses = [
            ("idle", sums[.idle]), ("other", sums[.other]), ("background", sums[.background]),
            ("unmonitored", sums[.unmonitored]), ("undivided", sums[.undivided]),
        ].map { UsageContent.Use(name: $0, energy: Microjoules($1)) }
        line.energyCovered = Nanoseconds(sums[.energyTime])
        line.countsCovered = Nanoseconds(sums[.countTime])
        line.simulated = sums.flags.contains(.simulated)
        line.sources = sums.sourceKinds.map(\.label)
        line.scopes = sums.scopeKinds.map(\.label)
        line.clockErrorMicroseconds = sums.clockError
        let notes: [Rollup.Figure] = [
            .unreadable, .inconsistent, .unplaced, .energyUnknown, .partial, .clockStepped,
            .suspended, .agentStopped, .doubtful, .degraded, .unsynchronised,
        ]
        line.notes = notes.compactMap { figure in
            sums[figure] > 0 ? UsageContent.Note(name: "\(figure)", records: sums[figure]) : nil
        }
        line.losses = sums[.losses]
        line.scenarios = sums.scenarios.indices.map { scenario in
            var one = UsageContent.Scenario(name: sums.scenarios[scenario].name)
            one.isCounted = sums[scenario, .seen] > 0 || sums[scenario, .quiet] > 0
            one.flows = sums[scenario, .flows]
            one.requests = sums[scenario, .requests]
            one.completed = sums[scenario, .completed]
            one.refused = sums[scenario, .refused]
            one.failed = sums[scenario, .failed]
            one.incomplete = sums[scenario, .incomplete]
            one.duplicates = sums[scenario, .duplicates]
            one.energy = Microjoules(sums[scenario, .energy])
            return one
        }.sorted { UsageContent.precedes($0.name, $1.name) }
        return line
    }
}
