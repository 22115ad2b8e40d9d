import GRDB

/// The tables of the store, by version. A migration, once released, never changes.
///
/// Unsigned 64-bit names (run, manifest digest) are kept as their bit pattern; sequences and times
/// as they are. Times are UTC nanoseconds since 1970.
enum Schema {
    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("records-1") { db in try db.execute(sql: recordsVersion1) }
        // Only adds: a check of all foreign keys would read the whole store.
        migrator.registerMigration("completions-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: completionsVersion1)
        }
        migrator.registerMigration("chain-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: chainVersion1)
        }
        migrator.registerMigration("plans-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: plansVersion1)
        }
        migrator.registerMigration("rollups-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: rollupsVersion1)
        }
        migrator.registerMigration("imports-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: importsVersion1)
        }
        migrator.registerMigration("revisions-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: revisionsVersion1)
        }
        migrator.registerMigration("kept-1", foreignKeyChecks: .immediate) { db in
            try db.execute(sql: keptVersion1)
        }
        return migrator
    }()

    /// Marks the file as ours ("JFLO"), so that another program's database is not written to.
    static let applicationID: Int32 = 0x4A46_4C4F

    /// `records` is a rowid table: with a composite primary key instead, SQLite stores a third as
    /// many rows in a second.
    private static let recordsVersion1 = """
        CREATE TABLE agents (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;

        -- durable: highest sequence up to which each record is stored or in losses.
        -- first_sequence: lowest sequence stored, NULL while there is none.
        -- longest: longest window stored, so that a search by time knows where to begin.
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            agent_id INTEGER NOT NULL REFERENCES agents(id),
            run INTEGER NOT NULL,
            durable INTEGER NOT NULL DEFAULT 0,
            first_sequence INTEGER,
            longest INTEGER NOT NULL DEFAULT 0,
            UNIQUE (agent_id, run)
        ) STRICT;

        CREATE TABLE manifests (
            digest INTEGER PRIMARY KEY,
            bytes BLOB NOT NULL
        ) STRICT;

        CREATE TABLE records (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES runs(id),
            agent_id INTEGER NOT NULL REFERENCES agents(id),
            sequence INTEGER NOT NULL,
            start_ns INTEGER NOT NULL,
            end_ns INTEGER NOT NULL,
            manifest INTEGER NOT NULL REFERENCES manifests(digest),
            received_ns INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            UNIQUE (run_id, sequence)
        ) STRICT;
        CREATE INDEX records_by_time ON records (agent_id, start_ns);

        -- Sequences the agent no longer had. A record that comes after all is taken out again.
        CREATE TABLE losses (
            run_id INTEGER NOT NULL REFERENCES runs(id),
            first INTEGER NOT NULL,
            last INTEGER NOT NULL CHECK (last >= first),
            PRIMARY KEY (run_id, first)
        ) STRICT;

        -- The first different bytes that came for a stored identity.
        CREATE TABLE conflicts (
            run_id INTEGER NOT NULL REFERENCES runs(id),
            sequence INTEGER NOT NULL,
            received_ns INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (run_id, sequence)
        ) STRICT;
        """

    /// A store that was made before has window records alone: 0, as `EntryKind`.
    ///
    /// `completions` is one tree, in the order in which repeated digests are looked for: a second
    /// one, by entry, would double the pages that a batch of random digests touches.
    private static let completionsVersion1 = """
        ALTER TABLE records ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
        -- 0: a window in which the agent did not run.
        ALTER TABLE records ADD COLUMN counts INTEGER NOT NULL DEFAULT 1;

        -- Whose digests can be compared: secret is the bit pattern of the secret's name.
        CREATE TABLE digest_scopes (
            id INTEGER PRIMARY KEY,
            secret INTEGER NOT NULL,
            scenario TEXT NOT NULL,
            UNIQUE (secret, scenario)
        ) STRICT;

        -- digest: bit pattern. position: place in the entry, from 0.
        CREATE TABLE completions (
            scope_id INTEGER NOT NULL REFERENCES digest_scopes(id),
            digest INTEGER NOT NULL,
            record_id INTEGER NOT NULL REFERENCES records(id),
            position INTEGER NOT NULL,
            flows INTEGER NOT NULL,
            PRIMARY KEY (scope_id, digest, record_id, position)
        ) STRICT, WITHOUT ROWID;
        """

    /// What is signed. A run that was stored before has no key, and its records no statement.
    private static let chainVersion1 = """
        -- An agent's public keys, Ed25519.
        CREATE TABLE keys (
            id INTEGER PRIMARY KEY,
            agent_id INTEGER NOT NULL REFERENCES agents(id),
            public_key BLOB NOT NULL,
            first_seen_ns INTEGER NOT NULL,
            UNIQUE (agent_id, public_key)
        ) STRICT;

        -- head: after record durable, NULL where that one is not stored.
        -- key_id: NULL until the run's agent has presented it.
        -- predecessor_run: bit pattern; NULL where there is none.
        ALTER TABLE runs ADD COLUMN head BLOB;
        ALTER TABLE runs ADD COLUMN key_id INTEGER REFERENCES keys(id);
        ALTER TABLE runs ADD COLUMN predecessor_run INTEGER;
        ALTER TABLE runs ADD COLUMN predecessor_last INTEGER;

        -- A batch of which something was stored: its agent's word for records first to last.
        -- previous: the head before the first, as it was signed; each can so be verified alone.
        CREATE TABLE statements (
            run_id INTEGER NOT NULL REFERENCES runs(id),
            first INTEGER NOT NULL,
            last INTEGER NOT NULL CHECK (last >= first),
            previous BLOB NOT NULL,
            signature BLOB NOT NULL,
            key_id INTEGER NOT NULL REFERENCES keys(id),
            PRIMARY KEY (run_id, first, last)
        ) STRICT, WITHOUT ROWID;

        -- Batches that were not kept, as they came.
        -- records: each with its length before it, 4 bytes, little-endian; as many as fit.
        CREATE TABLE refused (
            id INTEGER PRIMARY KEY,
            run_id INTEGER NOT NULL REFERENCES runs(id),
            received_ns INTEGER NOT NULL,
            reason TEXT NOT NULL,
            first INTEGER NOT NULL,
            previous BLOB NOT NULL,
            signature BLOB NOT NULL,
            records BLOB NOT NULL,
            UNIQUE (run_id, first, signature)
        ) STRICT;

        CREATE TABLE alerts (
            id INTEGER PRIMARY KEY,
            agent_id INTEGER NOT NULL REFERENCES agents(id),
            kind TEXT NOT NULL,
            text TEXT NOT NULL,
            first_ns INTEGER NOT NULL,
            last_ns INTEGER NOT NULL,
            count INTEGER NOT NULL,
            UNIQUE (agent_id, kind, text)
        ) STRICT;
        """

    /// Sealed plans, which stay as they are: also another program that opens the file finds that
    /// they cannot be changed or deleted.
    private static let plansVersion1 = """
        -- hash: SHA-256 of document, the plan's canonical text. yaml: the file it was read from.
        -- start_ns: when its first round begins. Sealed after that, a plan is late for ever.
        CREATE TABLE plans (
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
            document BLOB NOT NULL,
            yaml BLOB NOT NULL,
            start_ns INTEGER NOT NULL,
            sealed_ns INTEGER NOT NULL,
            abandoned_ns INTEGER,
            abandoned_reason TEXT,
            CHECK ((abandoned_ns IS NULL) = (abandoned_reason IS NULL))
        ) STRICT;
        CREATE TRIGGER plans_are_kept BEFORE DELETE ON plans
        BEGIN SELECT RAISE(ABORT, 'a sealed plan is never deleted'); END;
        CREATE TRIGGER plans_stay BEFORE UPDATE ON plans
        WHEN NEW.id IS NOT OLD.id OR NEW.hash IS NOT OLD.hash
          OR NEW.document IS NOT OLD.document OR NEW.yaml IS NOT OLD.yaml
          OR NEW.start_ns IS NOT OLD.start_ns OR NEW.sealed_ns IS NOT OLD.sealed_ns
          OR OLD.abandoned_ns IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'a sealed plan is never changed'); END;

        -- Who was told of the hash, and when. kind: rfc3161 (proof is a TimeStampResp) or note
        -- (proof is text).
        CREATE TABLE lodgings (
            id INTEGER PRIMARY KEY,
            plan_id INTEGER NOT NULL REFERENCES plans(id),
            lodged_ns INTEGER NOT NULL,
            kind TEXT NOT NULL,
            proof BLOB NOT NULL,
            UNIQUE (plan_id, kind, proof)
        ) STRICT;
        CREATE TRIGGER lodgings_are_kept BEFORE DELETE ON lodgings
        BEGIN SELECT RAISE(ABORT, 'a proof of lodging is never deleted'); END;
        CREATE TRIGGER lodgings_stay BEFORE UPDATE ON lodgings
        BEGIN SELECT RAISE(ABORT, 'a proof of lodging is never changed'); END;
        """

    /// Whether the store has the fourth migration: a reader does not migrate.
    static func hasPlans(_ db: Database) throws -> Bool { try db.tableExists("plans") }

    /// A row of roll-ups has few bytes and is looked for by its key alone: without a rowid each is in one
    /// place. Begun by time, so that new hours go to the end of the tree.
    private static let rollupsVersion1 = """
        -- start_h: hours since 1970-01-01T00:00Z, of days and months in the zone of rollup_state.
        -- agent_id: without REFERENCES, so that a row costs no look-up.
        CREATE TABLE rollup_hours (
            start_h INTEGER NOT NULL, agent_id INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (start_h, agent_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE rollup_days (
            start_h INTEGER NOT NULL, agent_id INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (start_h, agent_id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE rollup_months (
            start_h INTEGER NOT NULL, agent_id INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (start_h, agent_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE rollup_scenarios (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;

        -- Records with ids above through, up to upto, are to be added; those after upto were, when they
        -- came.
        CREATE TABLE rollup_state (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            day_offset_h INTEGER NOT NULL,
            through INTEGER NOT NULL,
            upto INTEGER NOT NULL
        ) STRICT;
        INSERT INTO rollup_state SELECT 1, 8, 0, coalesce(max(id), 0) FROM records;

        -- Records first to last of a run that retention deleted, all there before.
        -- previous, head: of the chain, before the first and after the last.
        -- signed_*, signature, key_id: the statement that ended with the last.
        CREATE TABLE deletions (
            run_id INTEGER NOT NULL REFERENCES runs(id),
            first INTEGER NOT NULL,
            last INTEGER NOT NULL CHECK (last >= first),
            previous BLOB NOT NULL,
            head BLOB NOT NULL,
            signed_first INTEGER NOT NULL,
            signed_previous BLOB NOT NULL,
            signature BLOB NOT NULL,
            key_id INTEGER NOT NULL REFERENCES keys(id),
            start_ns INTEGER NOT NULL,
            end_ns INTEGER NOT NULL,
            deleted_ns INTEGER NOT NULL,
            PRIMARY KEY (run_id, first)
        ) STRICT, WITHOUT ROWID;
        """

    private static let importsVersion1 = """
        -- What was imported, as it came, in the order of its coming. kind: meter, ledger or assets.
        -- bytes: canonical, digest: their SHA-256. signed_by, signature: as they were given, unchecked.
        CREATE TABLE imports (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            bytes BLOB NOT NULL,
            file TEXT NOT NULL,
            imported_ns INTEGER NOT NULL,
            signed_by TEXT,
            signature BLOB
        ) STRICT;
        CREATE TRIGGER imports_are_kept BEFORE DELETE ON imports
        BEGIN SELECT RAISE(ABORT, 'an import is never deleted'); END;
        CREATE TRIGGER imports_stay BEFORE UPDATE ON imports
        BEGIN SELECT RAISE(ABORT, 'an import is never changed'); END;
        """

    private static let revisionsVersion1 = """
        -- The figures of closed rounds, all that ever were. round: from 1. revision: 1 for those that it
        -- closed with. bytes: canonical, digest: their SHA-256.
        CREATE TABLE revisions (
            id INTEGER PRIMARY KEY,
            plan_id INTEGER NOT NULL REFERENCES plans(id),
            round INTEGER NOT NULL CHECK (round >= 1),
            revision INTEGER NOT NULL CHECK (revision >= 1),
            bytes BLOB NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            computed_ns INTEGER NOT NULL,
            software TEXT NOT NULL,
            UNIQUE (plan_id, round, revision)
        ) STRICT;
        CREATE TRIGGER revisions_are_kept BEFORE DELETE ON revisions
        BEGIN SELECT RAISE(ABORT, 'a revision is never deleted'); END;
        CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions
        BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END;

        -- Records and imports up to these ids were compared with the plan's closed rounds.
        CREATE TABLE revision_state (
            plan_id INTEGER PRIMARY KEY REFERENCES plans(id),
            record INTEGER NOT NULL,
            import INTEGER NOT NULL
        ) STRICT;
        """

    /// `INSERT OR REPLACE` deletes the row that it takes the place of without the triggers of a deletion.
    private static let keptVersion1 = """
        CREATE TRIGGER plans_are_once BEFORE INSERT ON plans
        WHEN EXISTS (SELECT 1 FROM plans WHERE id = NEW.id OR hash = NEW.hash)
        BEGIN SELECT RAISE(ABORT, 'a sealed plan is never changed'); END;
        CREATE TRIGGER lodgings_are_once BEFORE INSERT ON lodgings
        WHEN EXISTS (SELECT 1 FROM lodgings WHERE id = NEW.id
          OR (plan_id = NEW.plan_id AND kind = NEW.kind AND proof = NEW.proof))
        BEGIN SELECT RAISE(ABORT, 'a proof of lodging is never changed'); END;
        CREATE TRIGGER imports_are_once BEFORE INSERT ON imports
        WHEN EXISTS (SELECT 1 FROM imports WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'an import is never changed'); END;
        CREATE TRIGGER revisions_are_once BEFORE INSERT ON revisions
        WHEN EXISTS (SELECT 1 FROM revisions WHERE id = NEW.id
          OR (plan_id = NEW.plan_id AND round = NEW.round AND revision = NEW.revision))
        BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END;
        """

    /// Whether the store has the migration of revisions: a reader does not migrate.
    static func hasRevisions(_ db: Database) throws -> Bool { try db.tableExists("revisions") }

    /// Whether the store has the migration of imports: a reader does not migrate.
    static func hasImports(_ db: Database) throws -> Bool { try db.tableExists("imports") }

    /// Whether the store has the migration of roll-ups and deletions: a reader does not migrate.
    static func hasRollups(_ db: Database) throws -> Bool { try db.tableExists("deletions") }

    /// Whether the store has the third migration: a reader does not migrate.
    static func hasChain(_ db: Database) throws -> Bool { try db.tableExists("statements") }

    /// Whether the store has the second migration: a reader does not migrate.
    static func hasCompletions(_ db: Database) throws -> Bool {
        try db.tableExists("completions")
    }
}
