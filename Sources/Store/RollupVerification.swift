import GRDB
import Metering

/// Holds roll-ups to their law: an hour says what its stored records say, a day is the sum of its hours, a month
/// that of its days.
///
/// Hours of which retention deleted records are held to nothing but their days, and hours that say they are simulated
/// and have no record are no finding: nothing stands behind them. While a rebuild is under way nothing is compared,
/// and that is said; a state that no rebuild has is a finding, and stops no comparison.
struct RollupVerification {
    private let db: Database
    private let calendar: RollupCalendar
    private let names: RollupRows.Names
    /// Of each agent: its name, the first hour that its records make anew, and the stretches of hours they are of.
    private var agents: [Int64: (name: String, kept: Int64, hours: [ClosedRange<Int64>])] = [:]

    static func run(
        _ db: Database, _ parts: (StoredRecord) throws -> [HourPart],
        _ verification: inout Verification
    ) throws {
        guard try Schema.hasRollups(db) else {
            verification.uncomparedRollups =
                "the store was made by an earlier version, and has none"
            return
        }
        if let waiting = try waiting(db, &verification) {
            verification.uncomparedRollups =
                "they are being made anew, with \(waiting) records still to come"
            return
        }
        var rollups = try Self(db)
        try rollups.verifyHours(parts, &verification)
        try rollups.verifySums(&verification)
    }

    /// How many records a rebuild has still to add, at most; `nil` where none is under way. What retention may
    /// delete is all in the roll-ups: while a rebuild is under way its last record is there.
    private static func waiting(
        _ db: Database, _ verification: inout Verification
    ) throws -> Int64? {
        let rows = try Row.fetchAll(db, sql: "SELECT through, upto FROM rollup_state")
        let last = try Int64.fetchOne(db, sql: "SELECT coalesce(max(id), 0) FROM records") ?? 0
        guard rows.count == 1, let through = rows[0][0] as Int64?, let upto = rows[0][1] as Int64?,
            0...max(0, upto) ~= through, upto >= 0, through == upto || upto <= last
        else {
            let told = rows.map { "through \($0[0] as Int64? ?? 0), upto \($0[1] as Int64? ?? 0)" }
            verification.find(
                "rollup_state (\(told.joined(separator: "; "))) is none that a store has whose last "
                    + "record has the id \(last); rollups rebuild makes it anew")
            return nil
        }
        return through < upto ? upto - through : nil
    }

    private init(_ db: Database) throws {
        self.db = db
        calendar = try RollupRows.calendar(db)
        names = try RollupRows.Names(db)
        let kept = try DeletionRows.hours(db)
        for row in try Row.fetchAll(db, sql: "SELECT id, name FROM agents") {
            agents[row[0]] = (row[1], kept[row[0]] ?? .min, [])
        }
    }

    /// Each hour that records of an agent are of, one agent after the other.
    private mutating func verifyHours(
        _ parts: (StoredRecord) throws -> [HourPart], _ verification: inout Verification
    ) throws {
        for (id, agent) in agents.sorted(by: { $0.key < $1.key }) {
            var sums = HourParts()
            let runs = try Int64.fetchAll(
                db, sql: "SELECT id FROM runs WHERE agent_id = ?", arguments: [id])
            for run in runs {
                let cursor = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT run, sequence, start_ns, end_ns, manifest, bytes, kind
                        FROM records JOIN runs ON runs.id = run_id
                        WHERE run_id = ? ORDER BY sequence
                        """, arguments: [run])
                while let row = try cursor.next() {
                    guard let record = StoredRecord(row, agent: agent.name), record.kind == .window
                    else { continue }
                    for part in try parts(record) where part.hour >= agent.kept { sums.add(part) }
                }
            }
            for part in sums.finish() {
                note(part.hour, of: id)
                // As it would be stored: scenarios beyond those that have a number are one.
                let bytes = RollupCoding.encode(part.sums) { names.known($0) }
                let whole = RollupCoding.decode(bytes, name: { names[$0] })
                guard try stored(.hour, part.hour, id) != whole else { continue }
                verification.find(
                    "\(agent.name): \(Self.title(.hour, part.hour)) is not what its records say; "
                        + "rollups rebuild makes it anew")
            }
        }
    }

    private mutating func note(_ hour: Int64, of agent: Int64) {
        if let last = agents[agent]?.hours.last, last.upperBound == hour - 1 {
            agents[agent]?.hours.removeLast()
            agents[agent]?.hours.append(last.lowerBound...hour)
        } else {
            agents[agent]?.hours.append(hour...hour)
        }
    }

    /// Hours without a record, and days and months against what they are the sums of.
    private func verifySums(_ verification: inout Verification) throws {
        for (level, parts) in [(RollupLevel.day, RollupLevel.hour), (.month, .day)] {
            var open: [Int64: (start: Int64, sum: Rollup)] = [:]
            var sums = 0
            func close(_ agent: Int64, _ one: (start: Int64, sum: Rollup)) throws {
                sums += 1
                guard try stored(level, one.start, agent) != one.sum else { return }
                verification.find(
                    "\(name(agent)): \(Self.title(level, one.start)) is not the sum of its "
                        + "\(parts)s; rollups rebuild makes it anew")
            }
            let cursor = try Row.fetchCursor(
                db,
                sql: """
                    SELECT start_h, agent_id, bytes FROM \(RollupRows.table(parts))
                    ORDER BY start_h, agent_id
                    """)
            while let row = try cursor.next() {
                let (start, agent): (Int64, Int64) = (row[0], row[1])
                guard let sum = RollupCoding.decode(row.bytes(2), name: { names[$0] }) else {
                    verification.find("\(name(agent)): \(Self.title(parts, start)) is damaged")
                    continue
                }
                if parts == .hour, isWithoutRecord(start, agent), !sum.flags.contains(.simulated) {
                    verification.find(
                        "\(name(agent)): \(Self.title(parts, start)) has no record that it is of")
                }
                let whole = calendar.start(level, of: start)
                if let one = open[agent], one.start != whole {
                    try close(agent, one)
                    open[agent] = nil
                }
                open[agent, default: (whole, Rollup())].sum.add(sum)
            }
            for (agent, one) in open { try close(agent, one) }
            let rows = try Int.fetchOne(db, sql: "SELECT count(*) FROM \(RollupRows.table(level))")
            if let rows, rows > sums {
                verification.find(
                    "\(rows - sums) roll-ups of a \(level) have none of a \(parts) that they are of; "
                        + "rollups rebuild makes them anew")
            }
        }
    }

    private func isWithoutRecord(_ hour: Int64, _ agent: Int64) -> Bool {
        guard let known = agents[agent] else { return true }
        guard hour >= known.kept else { return false }
        var (low, high) = (0, known.hours.count)
        while low < high {
            let middle = (low + high) / 2
            if known.hours[middle].contains(hour) { return false }
            if known.hours[middle].upperBound < hour { low = middle + 1 } else { high = middle }
        }
        return true
    }

    /// `nil` where there is none, or none that can be read.
    private func stored(_ level: RollupLevel, _ start: Int64, _ agent: Int64) throws -> Rollup? {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT bytes FROM \(RollupRows.table(level)) WHERE start_h = ? AND agent_id = ?
                    """), arguments: [start, agent])
        return row.flatMap { RollupCoding.decode($0.bytes(0), name: { names[$0] }) }
    }

    private func name(_ agent: Int64) -> String { agents[agent]?.name ?? "agent \(agent)" }

    private static func title(_ level: RollupLevel, _ start: Int64) -> String {
        "the roll-up of the \(level) that begins \(start) hours after 1970-01-01T00:00Z"
    }
}
