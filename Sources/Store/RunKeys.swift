import Chain
import GRDB
package import Metering

/// Which key signs a run's records.
package struct RunKey: Sendable, Hashable {
    package let agent: String
    package let run: RunID
    /// Ed25519, 32 bytes.
    package let key: [UInt8]

    package init(agent: String, run: RunID, key: [UInt8]) {
        self.agent = agent
        self.run = run
        self.key = key
    }

    /// The first 8 bytes of the key's SHA-256 in hexadecimal digits, as programs print it.
    package var fingerprint: String { VerifyingKey(key)?.fingerprint ?? "unknown" }
}

extension SQLiteRecordStore {
    package func runKeys() throws(StoreError) -> [RunKey] {
        try read { db in
            guard try Schema.hasChain(db) else { return [] }
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT name, run, public_key FROM runs JOIN agents ON agents.id = runs.agent_id
                    JOIN keys ON keys.id = key_id ORDER BY name, run
                    """
            ).map { row in
                RunKey(agent: row[0], run: RunID(UInt64(bitPattern: row[1])), key: row.bytes(2))
            }
        }
    }
}
