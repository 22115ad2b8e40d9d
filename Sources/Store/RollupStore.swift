import Metering

/// How long a roll-up's stretch is.
package enum RollupLevel: Int, Sendable, Hashable, CaseIterable {
    /// UTC hours.
    case hour
    /// 24 hours from midnight of the store's zone.
    case day
    /// Calendar months of the store's zone.
    case month
}

/// Where hours, days and months begin. Points of time are hours since 1970-01-01T00:00Z.
package struct RollupCalendar: Sendable, Hashable {
    /// Hours that the clock of the days is ahead of UTC, −12 to 14.
    package let offset: Int64

    /// China's clock.
    package static let standard = RollupCalendar(offset: 8)

    /// The nearest offset that is one.
    package init(offset: Int64) { self.offset = min(14, max(-12, offset)) }

    /// The start of the stretch that holds an hour.
    package func start(_ level: RollupLevel, of hour: Int64) -> Int64 {
        switch level {
        case .hour: return hour
        case .day: return Self.floor(hour + offset, 24) * 24 - offset
        case .month:
            let (year, month) = Self.civil(day: Self.floor(hour + offset, 24))
            return Self.day(year: year, month: month) * 24 - offset
        }
    }

    /// The start of the stretch after the one that holds an hour.
    package func next(_ level: RollupLevel, after hour: Int64) -> Int64 {
        switch level {
        case .hour: return hour + 1
        case .day: return start(.day, of: hour) + 24
        case .month:
            let (year, month) = Self.civil(day: Self.floor(hour + offset, 24))
            let next = month == 12 ? (year + 1, 1) : (year, month + 1)
            return Self.day(year: next.0, month: next.1) * 24 - offset
        }
    }

    private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    /// The days from 1970-01-01 to the first of a month of the Gregorian calendar.
    private static func day(year: Int64, month: Int64) -> Int64 {
        // Years that begin in March end with the leap day.
        let year = month <= 2 ? year - 1 : year
        let months = (month + 9) % 12
        let leaps = floor(year, 4) - floor(year, 100) + floor(year, 400)
        return year * 365 + leaps + (153 * months + 2) / 5 - 719_468
    }

    private static func civil(day: Int64) -> (year: Int64, month: Int64) {
        var year = 1970 + floor(day, 366)
        while self.day(year: year + 1, month: 1) <= day { year += 1 }
        var month: Int64 = 1
        while month < 12, self.day(year: year, month: month + 1) <= day { month += 1 }
        return (year, month)
    }
}

/// Roll-ups to read: all of a level that begin in `[from, to)`, as hours.
package struct RollupSpan: Sendable, Hashable {
    package let level: RollupLevel
    package let from: Int64
    package let to: Int64

    package init(level: RollupLevel, from: Int64, to: Int64) {
        self.level = level
        self.from = from
        self.to = to
    }
}

/// A roll-up as the store hands it out.
package struct StoredRollup: Sendable, Hashable {
    package let agent: String
    package let level: RollupLevel
    package let start: Int64
    package let sums: Rollup
}

/// What roll-ups there are.
package struct RollupState: Sendable, Hashable {
    package let calendar: RollupCalendar
    /// Stored entries that are not in the roll-ups yet: those of a store that was made before there were
    /// roll-ups, or while a rebuild is under way. An upper bound.
    package let waiting: UInt64
}

/// Keeps hourly, daily and monthly sums of what records say.
///
/// What `RecordStore.store` keeps is added in the same transaction. An hour's sum is so what its records
/// say, in whatever order they came and however often; a day is the sum of its hours, a month that of
/// its days. Hours whose records retention has deleted keep what these said.
package protocol RollupStore: Sendable {
    /// The roll-ups of the spans in turn, each by start and agent, from one consistent state of the
    /// store. `nil` for all agents. Rethrows what `body` throws.
    func forEachRollup(
        _ spans: [RollupSpan], of agents: Set<String>?, _ body: (StoredRollup) throws -> Void
    ) throws

    /// The calendar, and what is still to be added.
    func rollupState() throws(StoreError) -> RollupState

    /// Adds sums that no records stand behind: simulations. They must say that they are simulated.
    func add(simulated parts: [(agent: String, parts: [HourPart])]) throws(StoreError)

    /// Clears what stored records can make anew, and has it made by ``continueRebuild(entries:parts:)``,
    /// with days and months of this calendar. Hours up to the last that retention deleted records of stay.
    func beginRebuild(_ calendar: RollupCalendar) throws(StoreError)

    /// Adds the next entries, in one short transaction. False where none is left. `parts` says what a
    /// window's record adds.
    func continueRebuild(
        entries: Int, parts: (StoredRecord) throws -> [HourPart]
    ) throws(StoreError) -> Bool
}
