import Foundation

/// The rows of a store, read by Python's sqlite3.
struct StoredRecords {
    /// The records of one run of sequences.
    struct Run: Decodable {
        let first: Int
        let last: Int
        let count: Int
        /// Nanoseconds since 1970.
        let latestStart: Int
    }

    private struct Rows: Decodable {
        let runs: [Run]
        let latestStart: Int
    }

    let runs: [Run]
    /// Nanoseconds since 1970; 0 where there is no record.
    let latestStart: Int

    var count: Int { runs.reduce(0) { $0 + $1.count } }

    private static let script = """
        import json, sqlite3, sys
        store = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        runs = store.execute("SELECT min(sequence), max(sequence), count(*), max(start_ns) "
                             "FROM records GROUP BY agent_id, run_id")
        runs = [dict(zip(("first", "last", "count", "latestStart"), row)) for row in runs]
        latest = store.execute("SELECT max(start_ns) FROM records").fetchone()[0]
        print(json.dumps({"runs": runs, "latestStart": latest or 0}))
        """

    init(_ store: String) throws {
        let outcome = try Host.run(["python3", "-c", Self.script, store], within: 10)
        guard outcome.status == 0 else { throw Trouble("reading \(store): \(outcome.said)") }
        let rows = try JSONDecoder().decode(Rows.self, from: Data(outcome.printed.utf8))
        runs = rows.runs
        latestStart = rows.latestStart
    }
}
