import GRDB
import Metering

/// Which records of a run belong to the evidence of a stretch of time: stretches of numbers.
struct EvidenceParts {
    private let db: Database
    private let run: Int64
    /// Nanoseconds since the Unix epoch.
    private let span: (start: Int64, end: Int64)
    private let deletions: [Deletion]
    private var parts: [ClosedRange<Int64>] = []

    /// What lies in `span`, of the row `run`, and the batch before it; and the records at `places`.
    init(
        _ db: Database, run: Int64, _ span: (Int64, Int64), _ places: [EvidencePlace],
        _ deletions: [Deletion]
    ) throws {
        self.db = db
        self.run = run
        self.span = span
        self.deletions = deletions
        try addSpan(isNamed: !places.isEmpty)
        for place in places { try add(place) }
    }

    /// In order and apart.
    var merged: [ClosedRange<Int64>] {
        parts.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, part in
            if let last = merged.last, part.lowerBound <= last.upperBound &+ 1 {
                merged[merged.count - 1] =
                    last.lowerBound...max(last.upperBound, part.upperBound)
            } else {
                merged.append(part)
            }
        }
    }

    private mutating func addSpan(isNamed: Bool) throws {
        let base = try Row.fetchOne(
            db,
            sql: """
                SELECT min(sequence), max(sequence) FROM records WHERE run_id = ?
                  AND start_ns < ? AND max(end_ns, start_ns + 1) > ?
                """, arguments: [run, span.end, span.start])
        if let first: Int64 = base?[0], let last: Int64 = base?[1] {
            let next = try Int64.fetchOne(
                db,
                sql: "SELECT last FROM statements WHERE run_id = ? AND first > ? ORDER BY first",
                arguments: [run, last])
            try add(first, next ?? last)
            // It shows that nothing of the period is missing before its first record.
            return try addBatch("last < ? ORDER BY last DESC, first", [first])
        }
        let edges = try Row.fetchOne(
            db,
            sql: """
                SELECT max(sequence) FILTER (WHERE start_ns < ?),
                  min(sequence) FILTER (WHERE start_ns >= ?) FROM records WHERE run_id = ?
                """, arguments: [span.start, span.end, run])
        for case let edge? in [edges?[0] as Int64?, isNamed ? edges?[1] : nil] {
            try addBatch("first <= ? AND last >= ? ORDER BY first", [edge, edge])
        }
    }

    private mutating func add(_ place: EvidencePlace) throws {
        let sequence = Int64(clamping: place.sequence)
        let record = try Int64.fetchOne(
            db,
            sql: """
                SELECT min(sequence) FROM records WHERE run_id = ? AND start_ns = ?
                  AND kind = 0 AND sequence > ?
                """, arguments: [run, Int64(clamping: place.start.rawValue), sequence])
        try add(sequence, record ?? sequence)
    }

    /// Whole batches, as far as they are kept, and what overlaps them.
    private mutating func add(_ first: Int64, _ last: Int64) throws {
        var part = first...last
        var isWhole = false
        while !isWhole {
            isWhole = true
            let statements = try Row.fetchCursor(
                db,
                sql: """
                    SELECT first, last FROM statements
                    WHERE run_id = ? AND last >= ? AND first <= ?
                    """, arguments: [run, part.lowerBound, part.upperBound])
            while let one = try statements.next() {
                let (low, high): (Int64, Int64) = (one[0], one[1])
                guard low < part.lowerBound || high > part.upperBound, !isDeleted(low, high)
                else { continue }
                part = min(part.lowerBound, low)...max(part.upperBound, high)
                isWhole = false
            }
        }
        parts.append(part)
    }

    /// A batch of which this is the condition, where it is kept.
    private mutating func addBatch(_ condition: String, _ arguments: StatementArguments) throws {
        let statement = try Row.fetchOne(
            db, sql: "SELECT first, last FROM statements WHERE run_id = ? AND \(condition)",
            arguments: [run] + arguments)
        guard let first: Int64 = statement?[0], let last: Int64 = statement?[1],
            !isDeleted(first, last)
        else { return }
        try add(first, last)
    }

    private func isDeleted(_ first: Int64, _ last: Int64) -> Bool {
        deletions.contains { $0.first <= last && $0.last >= first }
    }
}
