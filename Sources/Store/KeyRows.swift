import Chain
import GRDB
import Metering

/// The keys of an agent, and which of them a run is signed with.
enum KeyRows {
    /// Holds a run to its key and to the run before it; what is known of neither is set. A key that
    /// the agent has not had is an alert, unless it is the agent's first.
    static func check(_ db: Database, _ run: inout RunRow, _ greeting: Greeting) throws {
        if let known = run.key {
            let bytes = try self.bytes(db, known)
            guard bytes == greeting.key.bytes else {
                throw StoreError.keyChanged(
                    run: greeting.run, known: VerifyingKey(bytes)?.fingerprint ?? "unknown",
                    given: greeting.key.fingerprint)
            }
            guard run.predecessor == greeting.predecessor else {
                throw StoreError.predecessorChanged(run: greeting.run)
            }
            return
        }
        run.key = try findOrMake(db, agent: run.agent, greeting, alerting: true)
        run.predecessor = greeting.predecessor
    }

    static func findOrMake(
        _ db: Database, agent: Int64, _ greeting: Greeting, alerting: Bool
    ) throws -> Int64 {
        if let id = try find(db, agent: agent, greeting.key) { return id }
        let isFirst =
            try Bool.fetchOne(
                db, sql: "SELECT NOT EXISTS (SELECT 1 FROM keys WHERE agent_id = ?)",
                arguments: [agent]) ?? true
        try db.execute(
            sql: "INSERT INTO keys (agent_id, public_key, first_seen_ns) VALUES (?, ?, ?)",
            arguments: [
                agent, greeting.key.bytes.data, try column(greeting.at.rawValue, "time"),
            ])
        if !isFirst, alerting {
            let run = String(greeting.run.rawValue, radix: 16)
            try AlertRows.note(
                db,
                NewAlert(
                    agent: greeting.agent, kind: .key,
                    text:
                        "signs run \(run) with a new key, \(greeting.key.fingerprint): was the host "
                        + "installed anew?", at: greeting.at))
        }
        guard let id = try find(db, agent: agent, greeting.key) else {
            throw StoreError.database(code: 1, message: "the key was not kept")
        }
        return id
    }

    private static func find(_ db: Database, agent: Int64, _ key: VerifyingKey) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM keys WHERE agent_id = ? AND public_key = ?"),
            arguments: [agent, key.bytes.data])
    }

    static func bytes(_ db: Database, _ id: Int64) throws -> [UInt8] {
        let statement = try db.cachedStatement(sql: "SELECT public_key FROM keys WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [id])?.bytes(0) ?? []
    }
}
