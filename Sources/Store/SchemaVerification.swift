import GRDB

/// Holds the tables, indexes and triggers of a store against those that its migrations make.
enum SchemaVerification {
    static func run(_ db: Database, _ verification: inout Verification) throws {
        guard let last = try Schema.migrator.appliedIdentifiers(db).max(by: isBefore) else {
            return verification.find("the store has no migration")
        }
        let model = try DatabaseQueue()
        try Schema.migrator.migrate(model, upTo: last)
        let expected = try model.read(definitions)
        let found = try definitions(db)
        for (name, definition) in expected.sorted(by: { $0.key < $1.key }) {
            switch found[name] {
            case nil: verification.find("\(name) is missing")
            case definition: continue
            default: verification.find("\(name) is not defined as Jouleflow defines it")
            }
        }
        for name in found.keys.sorted() where expected[name] == nil {
            verification.find("\(name) is not Jouleflow's")
        }
    }

    private static func isBefore(_ one: String, _ other: String) -> Bool {
        let order = Schema.migrator.migrations
        return order.firstIndex(of: one) ?? -1 < order.firstIndex(of: other) ?? -1
    }

    /// The text of each, by its kind and name. What SQLite makes for itself is left out.
    private static func definitions(_ db: Database) throws -> [String: String] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT type || ' ' || name, sql FROM sqlite_schema
                WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                """)
        return Dictionary(
            rows.map { ($0[0], $0[1] ?? "") }, uniquingKeysWith: { one, _ in one })
    }
}
