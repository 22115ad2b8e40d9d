import GRDB
package import Metering

/// What an alert is about. The words are in stores and exports.
package enum AlertKind: String, Sendable, Hashable, CaseIterable {
    /// Two processes use one identity.
    case clone
    /// A key that the agent did not have before.
    case key
    /// Records that do not follow what is stored beside them.
    case chain
    /// Other bytes for a stored record.
    case conflict
    /// A batch without its agent's signature.
    case signature
    /// A window that ends well after the collector's clock.
    case clock
    /// Records that are not what they were sent as.
    case records
}

/// Something that an assessor must hear of, on its way into the store.
package struct NewAlert: Sendable, Hashable {
    package let agent: String
    package let kind: AlertKind
    /// One sentence. The same sentence again is counted, not kept anew.
    package let text: String
    package let at: Timestamp

    package init(agent: String, kind: AlertKind, text: String, at: Timestamp) {
        self.agent = agent
        self.kind = kind
        self.text = text
        self.at = at
    }
}

/// Something that an assessor must hear of.
package struct Alert: Sendable, Hashable {
    package let agent: String
    package let kind: AlertKind
    package let text: String
    package let first: Timestamp
    package let last: Timestamp
    /// How often it happened.
    package let count: UInt64

    package init(
        agent: String, kind: AlertKind, text: String, first: Timestamp, last: Timestamp,
        count: UInt64
    ) {
        self.agent = agent
        self.kind = kind
        self.text = text
        self.first = first
        self.last = last
        self.count = count
    }
}

/// The rows of alerts.
enum AlertRows {
    static func note(_ db: Database, _ alert: NewAlert) throws {
        try merge(
            db,
            Alert(
                agent: alert.agent, kind: alert.kind, text: alert.text, first: alert.at,
                last: alert.at, count: 1), adding: true)
    }

    /// Keeps an alert; where it is there already the counts are added, or the larger is taken.
    static func merge(_ db: Database, _ alert: Alert, adding: Bool) throws {
        let agent = try AgentRow.findOrMake(db, alert.agent)
        var text = alert.text
        while text.utf8.count > StoreLimits.alertText { text.removeLast() }
        let first = Int64(clamping: alert.first.rawValue)
        let last = Int64(clamping: alert.last.rawValue)
        let count = Int64(clamping: alert.count)
        try db.execute(
            sql: """
                UPDATE alerts SET first_ns = min(first_ns, ?), last_ns = max(last_ns, ?),
                  count = \(adding ? "min(count, 9223372036854775806 - ?) + ?" : "max(count, ?, ?)")
                WHERE agent_id = ? AND kind = ? AND text = ?
                """, arguments: [first, last, count, count, agent, alert.kind.rawValue, text])
        if db.changesCount > 0 { return }
        let known =
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM alerts WHERE agent_id = ? AND kind = ?",
                arguments: [agent, alert.kind.rawValue]) ?? 0
        if known < StoreLimits.alertsPerKind {
            try db.execute(
                sql: """
                    INSERT INTO alerts (agent_id, kind, text, first_ns, last_ns, count)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """, arguments: [agent, alert.kind.rawValue, text, first, last, count])
        } else if adding {
            try db.execute(
                sql: """
                    UPDATE alerts SET last_ns = max(last_ns, ?), count = min(count, 1 << 62) + ?
                    WHERE id = (SELECT max(id) FROM alerts WHERE agent_id = ? AND kind = ?)
                    """, arguments: [last, min(count, 1 << 61), agent, alert.kind.rawValue])
        }
    }

    static func all(_ db: Database) throws -> [Alert] {
        guard try Schema.hasChain(db) else { return [] }
        return try Row.fetchAll(
            db,
            sql: """
                SELECT name, kind, text, first_ns, last_ns, count FROM alerts
                JOIN agents ON agents.id = agent_id ORDER BY name, kind, first_ns, alerts.id
                """
        ).compactMap { row in
            AlertKind(rawValue: row[1]).map { kind in
                Alert(
                    agent: row[0], kind: kind, text: row[2],
                    first: Timestamp(UInt64(clamping: row[3] as Int64)),
                    last: Timestamp(UInt64(clamping: row[4] as Int64)),
                    count: UInt64(clamping: row[5] as Int64))
            }
        }
    }
}

/// The row of an agent.
enum AgentRow {
    static func findOrMake(_ db: Database, _ name: String) throws -> Int64 {
        guard (1...StoreLimits.agentNameBytes).contains(name.utf8.count) else {
            throw StoreError.invalidAgentName(length: name.utf8.count)
        }
        if let id = try find(db, name) { return id }
        try db.execute(
            sql: "INSERT INTO agents (name) VALUES (?) ON CONFLICT DO NOTHING", arguments: [name])
        guard let id = try find(db, name) else {
            throw StoreError.database(code: 1, message: "the agent was not kept")
        }
        return id
    }

    private static func find(_ db: Database, _ name: String) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM agents WHERE name = ?"), arguments: [name])
    }
}
