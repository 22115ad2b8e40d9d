import GRDB
import Metering

/// A sum over rows of completions, whatever their order: rows that differ have another one, but for a
/// chance that nobody can compute beforehand, for each process hashes differently.
package struct CompletionSum: Sendable, Equatable {
    private var sum: UInt64 = 0
    private var rows = 0

    package init() {}

    private mutating func add(
        _ completion: IncomingCompletion?, run: UInt64?, sequence: UInt64?, position: Int64
    ) {
        var hasher = Hasher()
        hasher.combine(run)
        hasher.combine(sequence)
        hasher.combine(position)
        hasher.combine(completion)
        sum &+= UInt64(bitPattern: Int64(hasher.finalize()))
        rows += 1
    }

    /// Those in the bytes of an entry.
    package mutating func add(_ completions: [IncomingCompletion], of entry: StoredRecord) {
        for (position, one) in completions.enumerated() {
            add(
                one, run: entry.run.rawValue, sequence: entry.sequence, position: Int64(position))
        }
    }

    /// Of the rows of all entries, or of those of a time.
    static func stored(
        _ db: Database, where condition: String = "1", _ arguments: StatementArguments = []
    ) throws -> CompletionSum {
        var sum = CompletionSum()
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT \(CompletionRow.columns), run, sequence FROM \(CompletionRow.tables)
                LEFT JOIN records ON records.id = record_id LEFT JOIN runs ON runs.id = run_id
                WHERE \(condition)
                """, arguments: arguments)
        while let row = try rows.next() {
            let (run, sequence): (Int64?, Int64?) = (row[6], row[7])
            let one = CompletionRow(row)
            sum.add(
                one.completion, run: run.map { UInt64(bitPattern: $0) },
                sequence: sequence.map { UInt64(bitPattern: $0) }, position: one.position)
        }
        return sum
    }
}

/// A row of completions beside what it is found by.
private struct CompletionRow {
    static let columns = "record_id, position, secret, scenario, digest, flows"
    static let tables = "completions LEFT JOIN digest_scopes ON digest_scopes.id = scope_id"

    let record: Int64
    let position: Int64
    /// `nil` where it names no secret and scenario.
    let completion: IncomingCompletion?

    init(_ row: Row) {
        record = row[0]
        position = row[1]
        let (secret, scenario): (Int64?, String?) = (row[2], row[3])
        if let secret, let scenario {
            completion = IncomingCompletion(
                secret: UInt64(bitPattern: secret), scenario: scenario,
                digest: UInt64(bitPattern: row[4]), flows: UInt64(bitPattern: row[5]))
        } else {
            completion = nil
        }
    }
}

/// Names the rows of completions that are not those in their entries' bytes.
///
/// Goes through both in the order of the entries, with one of each in memory; the rows are not kept in
/// that order, so that SQLite sorts them in a file of its own first.
struct CompletionComparison {
    private let rows: RowCursor
    private var row: CompletionRow?
    private let find: (String) -> Void

    private static let entries = """
        SELECT run, sequence, start_ns, end_ns, manifest, bytes, kind, records.id, name
        FROM records JOIN runs ON runs.id = run_id JOIN agents ON agents.id = runs.agent_id
        ORDER BY records.id
        """

    /// `derive` says what an entry's bytes say, `find` takes the sentences. An entry whose bytes say
    /// nothing is left out.
    static func run(
        _ db: Database, derive: (StoredRecord) throws -> IncomingRecord,
        find: @escaping (String) -> Void
    ) throws {
        var comparison = try CompletionComparison(db, find)
        let entries = try Row.fetchCursor(db, sql: Self.entries)
        while let entry = try entries.next() {
            let id: Int64 = entry[7]
            try comparison.refuseStrangers(before: id)
            guard let stored = StoredRecord(entry, agent: entry[8]),
                let told = try? derive(stored).completions
            else { continue }
            try comparison.compare(told, with: id) { "\(stored.place): \($0)" }
        }
        try comparison.refuseStrangers(before: nil)
    }

    private init(_ db: Database, _ find: @escaping (String) -> Void) throws {
        rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT \(CompletionRow.columns) FROM \(CompletionRow.tables)
                ORDER BY record_id, position
                """)
        self.find = find
        row = try rows.next().map(CompletionRow.init)
    }

    private mutating func next() throws { row = try rows.next().map(CompletionRow.init) }

    /// Rows of entries that are not there; or of one that says nothing, which was told before.
    private mutating func refuseStrangers(before id: Int64?) throws {
        while let row, id.map({ row.record < $0 }) ?? true {
            find("a row of completions is of record row \(row.record), which says nothing of it")
            try next()
        }
    }

    private mutating func compare(
        _ told: [IncomingCompletion], with id: Int64, naming: (String) -> String
    ) throws {
        var seen = Set<Int64>()
        while let row, row.record == id {
            let isTold = 0..<Int64(told.count) ~= row.position
            if !isTold {
                find(naming("its bytes have no completion \(row.position), and a row has"))
            } else if !seen.insert(row.position).inserted {
                find(naming("two rows are its completion \(row.position)"))
            } else if row.completion != told[Int(row.position)] {
                find(naming("the row of its completion \(row.position) is not what its bytes say"))
            }
            try next()
        }
        for position in 0..<Int64(told.count) where !seen.contains(position) {
            find(naming("the row of its completion \(position) is missing"))
        }
    }
}
