import Foundation
import GRDB
import Testing

@testable import Store

@Suite("docs/store.md")
struct SchemaDocumentTests {
    private static func manual() throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "docs/store.md"), encoding: .utf8)
    }

    /// What stands between backquotes at the beginning of a line behind these characters.
    private static func names(behind prefix: String, in text: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix(prefix + "`") }.compactMap {
            $0.dropFirst(prefix.count + 1).split(separator: "`").first.map(String.init)
        }
    }

    @Test("tells every table and column of a new store, and no other")
    func columns() throws {
        let directory = try TemporaryDirectory()
        let store = try SQLiteRecordStore(path: directory.store)
        try store.close()
        let database = try DatabaseQueue(path: directory.store)
        let found = try database.read { db in
            let tables = try String.fetchAll(
                db,
                sql: """
                    SELECT name FROM sqlite_schema WHERE type = 'table'
                      AND name NOT LIKE 'sqlite_%' AND name <> 'grdb_migrations'
                    """)
            return try tables.reduce(into: [String: [String]]()) { found, table in
                found[table] = try db.columns(in: table).map(\.name)
            }
        }
        let text = try Self.manual()
        let tables = Self.names(behind: "| **", in: text)
        let told = Self.names(behind: "| ", in: text).filter { $0.contains(".") }
        #expect(tables.sorted() == found.keys.sorted())
        #expect(Set(told).count == told.count && Set(tables).count == tables.count)
        let columns = found.flatMap { table, names in names.map { "\(table).\($0)" } }
        #expect(told.sorted() == columns.sorted())
        // In the order of the schema, so that they are read beside it.
        for (table, names) in found {
            #expect(
                told.filter { $0.hasPrefix(table + ".") } == names.map { "\(table).\($0)" },
                "\(table)")
        }
    }

    @Test("tells every migration in its order, each with its tables")
    func migrations() throws {
        let text = try Self.manual()
        let told = Self.names(behind: "| ", in: text).filter { $0.hasSuffix("-1") }
        #expect(told == Schema.migrator.migrations)
        for line in text.split(separator: "\n") where line.hasPrefix("| `records-1`") {
            #expect(line.contains("`conflicts`"))
        }
        var before: Set<String> = []
        for migration in Schema.migrator.migrations {
            let database = try DatabaseQueue()
            try Schema.migrator.migrate(database, upTo: migration)
            let now = try database.read {
                try String.fetchSet(
                    $0,
                    sql: """
                        SELECT name FROM sqlite_schema WHERE type = 'table'
                          AND name NOT LIKE 'sqlite_%' AND name <> 'grdb_migrations'
                        """)
            }
            let line = text.split(separator: "\n").first { $0.hasPrefix("| `\(migration)`") }
            let cell = line?.split(separator: "|").dropFirst().first ?? ""
            let tables = cell.split(separator: "`").filter { !$0.contains(",") && $0 != " " }
            #expect(Set(tables.map(String.init)) == now.subtracting(before), "\(migration)")
            before = now
        }
    }
}
