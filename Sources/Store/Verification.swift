import Chain
import Foundation
import GRDB
package import Metering

/// What a verification looked at, and what it found.
package struct Verification: Sendable, Hashable {
    package var runs = 0
    package var statements = 0
    package var records = 0
    package var plans = 0
    package var imports = 0
    /// Of closed rounds' figures.
    package var revisions = 0
    /// Records that retention deleted; the chain over them is verified by what it kept.
    package var deleted = 0
    /// What was deleted, one sentence for each stretch; the first ``most``.
    package var deletions: [String] = []
    /// Why roll-ups were not held to what records say; `nil` where they were.
    package var uncomparedRollups: String?
    /// One sentence each; empty where the store holds what agents signed, all of it, and nothing else.
    package var findings: [String] = []
    /// Findings beyond ``most``.
    package var more = 0

    /// Findings that are told.
    package static let most = 1_000

    mutating func tell(_ sentence: String) {
        if deletions.count < Self.most { deletions.append(sentence) }
    }

    mutating func find(_ sentence: String) {
        if findings.count < Self.most { findings.append(sentence) } else { more += 1 }
    }
}

extension SQLiteRecordStore {
    /// Walks the whole store as it is at one moment, also while a collector writes to it: each
    /// record's place in its chain, each signature, what is missing against what is told to be lost, every
    /// column against the bytes that it was read from, and plans, imports and revisions against their digests.
    ///
    /// `record` says what a record's bytes say, in the place where it is stored, or throws what is wrong
    /// with them; `manifest` and `document` what contradicts a manifest or a text, `nil` where nothing does;
    /// `parts` what a window's record adds to roll-ups, which are compared where it is there.
    package func verify(
        record: (StoredRecord) throws -> IncomingRecord,
        manifest: (ManifestDigest, [UInt8]) -> String?,
        document: @escaping (StoredDocument) -> String?,
        parts: ((StoredRecord) throws -> [HourPart])? = nil
    ) throws(StoreError) -> Verification {
        var verification = Verification()
        do throws(StoreError) {
            for problem in try integrityProblems() { verification.find(problem) }
        } catch {
            guard error.isDamage else { throw error }
            verification.find("\(error)")
        }
        do {
            try database.read { db in
                try Self.verify(db, record, manifest, &verification)
                try DocumentVerification.run(db, document, &verification)
                try SchemaVerification.run(db, &verification)
                // What was done to records moves roll-ups with it, and is named by its own place.
                if let parts, verification.findings.isEmpty {
                    try RollupVerification.run(db, parts, &verification)
                } else if parts != nil {
                    verification.uncomparedRollups = "what was found comes before them"
                }
            }
        } catch {
            let error = StoreError(error)
            // What was found names more than that the file cannot be read any further.
            guard error.isDamage, !verification.findings.isEmpty else { throw error }
            verification.find("nothing further can be read: \(error)")
        }
        return verification
    }

    private static func verify(
        _ db: Database, _ record: (StoredRecord) throws -> IncomingRecord,
        _ manifest: (ManifestDigest, [UInt8]) -> String?, _ verification: inout Verification
    ) throws {
        guard try Schema.hasChain(db) else {
            verification.find(
                "the store was made by an earlier version: nothing in it is signed")
            return
        }
        let manifests = try Row.fetchCursor(db, sql: "SELECT digest, bytes FROM manifests")
        while let row = try manifests.next() {
            let digest = ManifestDigest(UInt64(bitPattern: row[0] as Int64))
            if let finding = manifest(digest, row.bytes(1)) { verification.find(finding) }
        }
        let runs = try Row.fetchAll(
            db, sql: "SELECT name, run FROM runs JOIN agents ON agents.id = agent_id ORDER BY 1, 2")
        var told = CompletionSum()
        for row in runs {
            let run = RunID(UInt64(bitPattern: row[1] as Int64))
            guard let found = try RunRow.find(db, run: run, agent: row[0]) else { continue }
            var walk = RunWalk(db, row[0], found)
            try walk.verify(record, &told)
            verification.deleted += walk.deleted
            for sentence in walk.deletions { verification.tell(sentence) }
            verification.runs += 1
            verification.statements += walk.statements
            verification.records += walk.records
            for finding in walk.findings { verification.find(finding) }
        }
        guard try CompletionSum.stored(db) != told else { return }
        var findings: [String] = []
        try CompletionComparison.run(db, derive: record) { sentence in
            if findings.count <= Verification.most { findings.append(sentence) }
        }
        for finding in findings { verification.find(finding) }
    }
}

extension StoredRecord {
    /// As a finding names it.
    package var place: String {
        "\(agent), run \(String(run.rawValue, radix: 16)): record \(sequence)"
    }
}

/// Verifies a run.
private struct RunWalk {
    private let db: Database
    private let agent: String
    private let run: RunRow
    private let name: String
    /// Of the records that a later statement may begin after.
    private var heads: [Int64: ChainHead] = [:]
    /// After record `durable`, where the walk came by it.
    private var durableHead: ChainHead?
    private(set) var statements = 0
    private(set) var records = 0
    private(set) var findings: [String] = []
    private(set) var deleted = 0
    private(set) var deletions: [String] = []
    private var stretches: ArraySlice<Deletion> = []
    private var gaps: [Deletion] = []

    init(_ db: Database, _ agent: String, _ run: RunRow) {
        self.db = db
        self.agent = agent
        self.run = run
        name = "\(agent), run \(String(run.run.rawValue, radix: 16))"
    }

    private mutating func find(_ sentence: String) {
        // One more than are told, so that it is known that there are more.
        if findings.count <= Verification.most { findings.append("\(name): \(sentence)") }
    }

    mutating func verify(
        _ derive: (StoredRecord) throws -> IncomingRecord, _ told: inout CompletionSum
    ) throws {
        let key = try run.key.flatMap { VerifyingKey(try KeyRows.bytes(db, $0)) }
        heads[0] = run.start
        gaps = try DeletionRows.all(db, run.id)
        stretches = gaps[...]
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT first, last, previous, signature, key_id FROM statements
                WHERE run_id = ? ORDER BY first, last
                """, arguments: [run.id])
        while let row = try cursor.next() {
            statements += 1
            verifyDeletions(before: row[0], key)
            try verify(statement: row, key)
        }
        verifyDeletions(before: .max, key)
        try verifyContents(derive, &told)
        let unsigned = try ChainRows.unsigned(db, run.id)
        if unsigned > 0 { find("\(unsigned) records without their agent's signature") }
        if run.durable > 0, run.head != durableHead {
            find("the records up to \(run.durable) do not give the hash that was kept of them")
        }
        try verifyLosses()
    }

    /// What retention kept of the stretches up to a record: its head is what the agent signed.
    private mutating func verifyDeletions(before next: Int64, _ key: VerifyingKey?) {
        while let gap = stretches.first, gap.first <= next {
            stretches.removeFirst()
            let range = "records \(gap.first) to \(gap.last)"
            if let before = heads[gap.first &- 1], before != gap.previous {
                find("\(range), deleted, do not follow the records before them")
            }
            heads = heads.filter { $0.key >= gap.first &- 1 }
            heads[gap.last] = gap.head
            if gap.last == run.durable { durableHead = gap.head }
            let isSound =
                gap.first >= 1 && gap.last >= gap.first && gap.signedFirst >= gap.first
                && gap.signedFirst <= gap.last && key != nil
                && key?.verifies(
                    gap.signature,
                    of: BatchStatement(
                        agent: agent, run: run.run.rawValue,
                        first: UInt64(clamping: gap.signedFirst), last: UInt64(clamping: gap.last),
                        previous: gap.signedPrevious, head: gap.head)) == true
            guard isSound, run.key == gap.key else {
                find("\(range), deleted: what was kept of them is not what their agent signed")
                continue
            }
            deleted += Int(clamping: gap.last &- gap.first &+ 1)
            deletions.append("\(name): \(range) were deleted by retention")
        }
    }

    private mutating func verify(statement row: Row, _ key: VerifyingKey?) throws {
        let (first, last): (Int64, Int64) = (row[0], row[1])
        let range = "records \(first) to \(last)"
        guard let previous = ChainHead(row.bytes(2)), first >= 1, last >= first,
            last - first < Int64(StoreLimits.batchRecords)
        else { return find("\(range): the statement is none") }
        if let before = heads[first - 1], before != previous {
            find("\(range) do not follow the records before them")
        }
        heads = heads.filter { $0.key >= first - 1 }
        var head = previous
        heads[first - 1] = previous
        var next = first
        let cursor = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT sequence, bytes FROM records
                    WHERE run_id = ? AND sequence BETWEEN ? AND ? ORDER BY sequence
                    """), arguments: [run.id, first, last])
        while true {
            // Where a batch came again after a part of it was deleted.
            // 2⁶³ − 1 is the last number there is, and the lowest follows it.
            while first...last ~= next,
                let gap = gaps.first(where: { $0.holds(UInt64(clamping: next)) })
            {
                if gap.first > first, gap.first == next, head != gap.previous {
                    find("\(range) do not lead to the records deleted among them")
                }
                // What follows was signed, and so was this.
                if gap.last > last { return }
                (head, next) = (gap.head, gap.last &+ 1)
            }
            guard first...last ~= next, let record = try cursor.next(),
                record[0] as Int64 == next
            else { break }
            head = head.appending(record.bytes(1))
            heads[next] = head
            if next == run.durable { durableHead = head }
            next &+= 1
        }
        guard next == last &+ 1 else { return find("record \(next) is missing, and was signed") }
        let statement = BatchStatement(
            agent: agent, run: run.run.rawValue, first: UInt64(first), last: UInt64(last),
            previous: previous, head: head)
        let isSigned = key?.verifies(row.bytes(3), of: statement) == true
        if !isSigned || run.key != row[4] {
            find("\(range) are not what their agent signed")
        }
    }

    /// The columns, of each record and of the run, that repeat what the bytes say.
    private mutating func verifyContents(
        _ derive: (StoredRecord) throws -> IncomingRecord, _ told: inout CompletionSum
    ) throws {
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT run, sequence, start_ns, end_ns, manifest, bytes, kind, counts,
                  records.agent_id
                FROM records JOIN runs ON runs.id = run_id WHERE run_id = ? ORDER BY sequence
                """, arguments: [run.id])
        var (lowest, longest): (Int64?, Int64) = (nil, 0)
        while let row = try cursor.next() {
            records += 1
            let (sequence, start, end): (Int64, Int64, Int64) = (row[1], row[2], row[3])
            lowest = lowest ?? sequence
            longest = max(longest, end.subtractingReportingOverflow(start).partialValue)
            if sequence &- 1 == run.durable {
                find("record \(sequence) follows those that were acknowledged, and is not")
            }
            if gaps.contains(where: { $0.holds(UInt64(clamping: sequence)) }) {
                find("record \(sequence) is there and told to be deleted")
            }
            guard let record = StoredRecord(row, agent: agent) else {
                find("record \(sequence) is of no kind")
                continue
            }
            do {
                let made = try derive(record)
                told.add(made.completions, of: record)
                for column in Self.altered(row, record, made, agent: run.agent) {
                    find("record \(sequence): the column \(column) is not what its bytes say")
                }
            } catch { find("record \(sequence): \(error)") }
        }
        // Retention does not look for what is the first and the longest after it.
        let isCut = !gaps.isEmpty
        if lowest != run.first, !isCut || lowest ?? .max < run.first ?? .min {
            find("the column first_sequence is not its first record")
        }
        if longest != run.longest, !isCut || longest > run.longest {
            find("the column longest is not its longest window")
        }
    }

    private static func altered(
        _ row: Row, _ record: StoredRecord, _ made: IncomingRecord, agent: Int64
    ) -> [String] {
        var columns: [String] = []
        if record.start != made.window.start { columns.append("start_ns") }
        if record.end != made.window.end { columns.append("end_ns") }
        if record.manifest != made.manifest { columns.append("manifest") }
        if record.kind != made.kind { columns.append("kind") }
        if row[7] != (made.counts ? 1 : 0) as Int64 { columns.append("counts") }
        if row[8] != agent { columns.append("agent_id") }
        return columns
    }

    private mutating func verifyLosses() throws {
        let both = try Int64.fetchCursor(
            db,
            sql: """
                SELECT sequence FROM losses JOIN records ON records.run_id = losses.run_id
                  AND sequence BETWEEN first AND last WHERE losses.run_id = ?
                """, arguments: [run.id])
        while let sequence = try both.next() {
            find("record \(sequence) is there and told to be lost")
        }
        let none = try Row.fetchCursor(
            db, sql: "SELECT first, last FROM losses WHERE run_id = ? AND first < 1",
            arguments: [run.id])
        while let row = try none.next() {
            find(
                "records \(row[0] as Int64) to \(row[1] as Int64) are told to be lost, and are none"
            )
        }
        guard let predecessor = run.predecessor else { return }
        let before = try RunRow.find(db, run: predecessor.run, agent: agent)
        if UInt64(clamping: before?.durable ?? 0) < predecessor.last {
            find(
                "the run before it, \(String(predecessor.run.rawValue, radix: 16)), had "
                    + "\(predecessor.last) records, and accounts for \(before?.durable ?? 0)")
        }
    }
}
