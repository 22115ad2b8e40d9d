import Foundation
import GRDB
import Metering

/// The rows of roll-ups.
enum RollupRows {
    /// Names of scenarios that are told apart; further ones are one, number 0.
    static let scenarios = 4_096
    private static let further = ScenarioID("(further scenarios)")

    static func table(_ level: RollupLevel) -> String {
        switch level {
        case .hour: "rollup_hours"
        case .day: "rollup_days"
        case .month: "rollup_months"
        }
    }

    /// The scenarios by number, read once a transaction.
    struct Names {
        private var ids: [ScenarioID: UInt64] = [further: 0]
        private var names: [UInt64: ScenarioID] = [0: further]

        init(_ db: Database) throws {
            let rows = try Row.fetchCursor(
                db.cachedStatement(sql: "SELECT id, name FROM rollup_scenarios"))
            while let row = try rows.next() {
                keep(UInt64(bitPattern: row[0] as Int64), ScenarioID(row[1]))
            }
        }

        private mutating func keep(_ id: UInt64, _ name: ScenarioID) {
            ids[name] = id
            names[id] = name
        }

        subscript(id: UInt64) -> ScenarioID? { names[id] }

        /// The number of a scenario that has one, else that of those beyond.
        func known(_ scenario: ScenarioID) -> UInt64 { ids[scenario] ?? 0 }

        mutating func id(_ scenario: ScenarioID, _ db: Database) throws -> UInt64 {
            if let id = ids[scenario] { return id }
            guard ids.count <= RollupRows.scenarios else { return 0 }
            try db.execute(
                sql: "INSERT INTO rollup_scenarios (name) VALUES (?)", arguments: [scenario.name])
            let id = UInt64(bitPattern: db.lastInsertedRowID)
            keep(id, scenario)
            return id
        }
    }

    /// Adds parts of hosts, by their ids, to hours, days and months.
    static func add(_ db: Database, _ hosts: [Int64: HourParts]) throws {
        guard !hosts.isEmpty else { return }
        let calendar = try calendar(db)
        var names = try Names(db)
        var sums: [RollupLevel: [Key: Rollup]] = [:]
        for (agent, held) in hosts {
            var held = held
            for part in held.finish() {
                for level in RollupLevel.allCases {
                    let key = Key(start: calendar.start(level, of: part.hour), agent: agent)
                    sums[level, default: [:]][key, default: Rollup()].add(part.sums)
                }
            }
        }
        for (level, rows) in sums {
            // In the order of the table, so that each page is written once.
            for (key, sum) in rows.sorted(by: { $0.key < $1.key }) {
                try add(db, level, key, sum, &names)
            }
        }
    }

    struct Key: Hashable, Comparable {
        let start: Int64
        let agent: Int64

        static func < (one: Self, other: Self) -> Bool {
            (one.start, one.agent) < (other.start, other.agent)
        }
    }

    static func add(
        _ db: Database, _ level: RollupLevel, _ key: Key, _ sum: Rollup, _ names: inout Names
    ) throws {
        let table = table(level)
        var whole = sum
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT bytes FROM \(table) WHERE start_h = ? AND agent_id = ?"),
            arguments: [key.start, key.agent])
        if let row {
            // Records matter more: what is damaged stays so, is told when it is read, and can be rebuilt.
            guard var stored = RollupCoding.decode(row.bytes(0), name: { names[$0] }) else {
                return
            }
            stored.add(sum)
            whole = stored
        }
        let bytes = try RollupCoding.encode(whole) { try names.id($0, db) }
        try db.cachedStatement(
            sql: """
                INSERT INTO \(table) (start_h, agent_id, bytes) VALUES (?, ?, ?)
                ON CONFLICT DO UPDATE SET bytes = excluded.bytes
                """
        ).execute(arguments: [key.start, key.agent, bytes.data])
    }

    static func calendar(_ db: Database) throws -> RollupCalendar {
        let offset = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT day_offset_h FROM rollup_state"))
        return offset.map(RollupCalendar.init) ?? .standard
    }
}

extension SQLiteRecordStore: RollupStore {
    package func forEachRollup(
        _ spans: [RollupSpan], of agents: Set<String>?, _ body: (StoredRollup) throws -> Void
    ) throws {
        try database.read { db in
            guard try Schema.hasRollups(db) else { throw StoreError.noRollups }
            let names = try RollupRows.Names(db)
            var known: [Int64: String] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT id, name FROM agents") {
                let name: String = row[1]
                if agents?.contains(name) ?? true { known[row[0]] = name }
            }
            for span in spans {
                let cursor = try Row.fetchCursor(
                    db,
                    sql: """
                        SELECT start_h, agent_id, bytes FROM \(RollupRows.table(span.level))
                        WHERE start_h >= ? AND start_h < ? ORDER BY start_h, agent_id
                        """, arguments: [span.from, span.to])
                while let row = try cursor.next() {
                    guard let agent = known[row[1]] else { continue }
                    let sums = RollupCoding.decode(row.bytes(2), name: { names[$0] })
                    guard let sums else { throw StoreError.damagedRollup(agent: agent) }
                    try body(
                        StoredRollup(agent: agent, level: span.level, start: row[0], sums: sums))
                }
            }
        }
    }

    package func rollupState() throws(StoreError) -> RollupState {
        try read { db in
            guard try Schema.hasRollups(db) else { throw StoreError.noRollups }
            let row = try Row.fetchOne(db, sql: "SELECT through, upto FROM rollup_state")
            let (through, upto): (Int64, Int64) = (row?[0] ?? 0, row?[1] ?? 0)
            return RollupState(
                calendar: try RollupRows.calendar(db),
                waiting: UInt64(max(0, upto.subtractingReportingOverflow(through).partialValue)))
        }
    }

    package func add(
        simulated parts: [(agent: String, parts: [HourPart])]
    ) throws(StoreError) {
        try write { db in
            var hosts: [Int64: HourParts] = [:]
            for (agent, parts) in parts {
                let id = try AgentRow.findOrMake(db, agent)
                for part in parts {
                    guard part.sums.flags.contains(.simulated) else {
                        throw StoreError.notSimulated(agent: agent)
                    }
                    hosts[id, default: HourParts()].add(part)
                }
            }
            try RollupRows.add(db, hosts)
        }
    }

    package func beginRebuild(_ calendar: RollupCalendar) throws(StoreError) {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE rollup_state SET day_offset_h = ?, through = 0,
                      upto = (SELECT coalesce(max(id), 0) FROM records)
                    """, arguments: [calendar.offset])
            let kept = try DeletionRows.hours(db)
            for id in try Int64.fetchAll(db, sql: "SELECT id FROM agents") {
                try db.execute(
                    sql: "DELETE FROM rollup_hours WHERE agent_id = ? AND start_h >= ?",
                    arguments: [id, kept[id] ?? .min])
            }
            try Self.sumAnew(db, calendar)
        }
    }

    /// Makes days and months from the hours that are there.
    private static func sumAnew(_ db: Database, _ calendar: RollupCalendar) throws {
        try db.execute(sql: "DELETE FROM rollup_days; DELETE FROM rollup_months")
        var names = try RollupRows.Names(db)
        let cursor = try Row.fetchCursor(
            db, sql: "SELECT start_h, agent_id, bytes FROM rollup_hours ORDER BY agent_id, start_h")
        var open: [RollupLevel: (key: RollupRows.Key, sum: Rollup)] = [:]
        while let row = try cursor.next() {
            let sum = RollupCoding.decode(row.bytes(2), name: { names[$0] })
            guard let sum else { continue }
            for level in [RollupLevel.day, .month] {
                let key = RollupRows.Key(start: calendar.start(level, of: row[0]), agent: row[1])
                if open[level]?.key == key {
                    open[level]?.sum.add(sum)
                } else {
                    if let (key, sum) = open[level] {
                        try RollupRows.add(db, level, key, sum, &names)
                    }
                    open[level] = (key, sum)
                }
            }
        }
        for (level, (key, sum)) in open { try RollupRows.add(db, level, key, sum, &names) }
    }

    package func continueRebuild(
        entries: Int, parts: (StoredRecord) throws -> [HourPart]
    ) throws(StoreError) -> Bool {
        try write { db in
            let state = try Row.fetchOne(db, sql: "SELECT through, upto FROM rollup_state")
            let (through, upto): (Int64, Int64) = (state?[0] ?? 0, state?[1] ?? 0)
            guard through < upto else { return false }
            let kept = try DeletionRows.hours(db)
            var hosts: [Int64: HourParts] = [:]
            var last = upto
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT run, sequence, start_ns, end_ns, manifest, bytes, kind, name,
                      records.agent_id, records.id
                    FROM records JOIN runs ON runs.id = run_id
                    JOIN agents ON agents.id = records.agent_id
                    WHERE records.id > ? AND records.id <= ? ORDER BY records.id LIMIT ?
                    """, arguments: [through, upto, entries])
            if rows.count == entries, let row = rows.last { last = row[9] }
            for row in rows {
                let agent: Int64 = row[8]
                guard let record = StoredRecord(row, agent: row[7]), record.kind == .window else {
                    continue
                }
                for part in try parts(record) where part.hour >= kept[agent] ?? .min {
                    hosts[agent, default: HourParts()].add(part)
                }
            }
            try RollupRows.add(db, hosts)
            try db.execute(sql: "UPDATE rollup_state SET through = ?", arguments: [last])
            return last < upto
        }
    }
}
