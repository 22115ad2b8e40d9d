package import Metering

/// Why the store cannot do what was asked.
package enum StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    case permissionDenied(path: String)
    /// SQLite keeps files beside a store, also to read it, and may make none in its folder.
    case folderDenied(path: String)
    /// There is no file to be read.
    case missing(path: String)
    case cannotOpen(path: String, reason: String)
    case notAStore(path: String)
    /// The file was made by a later version of this program.
    case newerSchema(path: String)
    /// A record names a manifest that was never stored.
    case manifestMissing(ManifestDigest)
    /// Other bytes are stored under this digest.
    case manifestConflict(ManifestDigest)
    case invalidAgentName(length: Int)
    /// A number that does not fit: sequences and times end at 2⁶³ − 1.
    case outOfRange(what: String, value: UInt64)
    case tooLarge(what: String, bytes: Int, limit: Int)
    /// Other bytes are stored under these numbers of the run.
    case conflict(sequences: [UInt64])
    /// An entry that only another program can have put in, or altered.
    case strangeEntry(agent: String, row: Int64)
    /// A batch does not go on from the records that are stored before or after it.
    case brokenChain(sequence: UInt64)
    /// The run is signed with another key. Both by their fingerprints.
    case keyChanged(run: RunID, known: String, given: String)
    /// The run was said to follow another one, or another end of it.
    case predecessorChanged(run: RunID)
    /// The plan's document does not have the hash it is under.
    case planAltered(hash: String)
    /// The figures of a closed round do not have their digest.
    case revisionAltered(hash: String, round: Int, revision: Int)
    /// The figures of a closed round are not those of the round and number that they are kept under.
    case revisionMoved(hash: String, round: Int, revision: Int)
    /// The figures of a closed round are kept under this round and number of another plan.
    case revisionStray(hash: String, round: Int, revision: Int)
    /// The lines of an import do not have their digest, or are none.
    case importAltered(id: Int64)
    /// No hash begins so: 4 to 64 hexadecimal digits do.
    case noPlanHash(String)
    /// No plan's hash begins so.
    case planUnknown(prefix: String)
    /// Several plans' hashes begin so.
    case planAmbiguous(prefix: String, plans: Int)
    /// The plan was abandoned before, and stays so.
    case planAbandoned(hash: String)
    /// The store was made by an earlier version, and nothing has written to it since.
    case noRollups
    case damagedRollup(agent: String)
    /// Sums without records that do not say that they are simulated.
    case notSimulated(agent: String)
    /// Records are not deleted before all of them are in the roll-ups.
    case rollupsIncomplete(waiting: UInt64)
    /// SQLite failed: disk full, damaged file, locked for too long.
    case database(code: Int32, message: String)

    package var description: String {
        switch self {
        case .permissionDenied(let path):
            "no permission to read and write \(path): give the file and its folder to this user, or run as the collector's"
        case .folderDenied(let path):
            "no permission to write in the folder of \(path): SQLite keeps two files there beside a store, also "
                + "to read it: run as the collector's user, or read a copy that `jouleflow-collector backup` makes"
        case .missing(let path):
            "cannot open the store \(path): No such file or directory: give the path that `store.sqlite` of "
                + "the collector's settings has; `jouleflow-collector run` makes the file"
        case .cannotOpen(let path, let reason): "cannot open the store \(path): \(reason)"
        case .notAStore(let path): "\(path) is no store of jouleflow-collector"
        case .newerSchema(let path):
            "\(path) was made by a later version of jouleflow-collector: use that version"
        case .manifestMissing(let digest):
            "a record names manifest \(String(digest.rawValue, radix: 16)), which was never stored"
        case .manifestConflict(let digest):
            "two manifests have the digest \(String(digest.rawValue, radix: 16))"
        case .invalidAgentName(let length):
            "an agent's name has 1 to \(StoreLimits.agentNameBytes) bytes, not \(length)"
        case .outOfRange(let what, let value): "\(what) \(value) does not fit the store"
        case .tooLarge(let what, let bytes, let limit):
            "a \(what) of \(bytes) bytes exceeds the limit of \(limit)"
        case .conflict(let sequences):
            "records with other bytes than are stored: \(Self.list(sequences)): do two agents share an "
                + "id and a spool?"
        case .strangeEntry(let agent, let row):
            "row \(row) of the records of \(agent) is of no kind: it was altered; jouleflow-collector verify names "
                + "every place, and a backup restores them"
        case .brokenChain(let sequence):
            "record \(sequence) does not follow what is stored beside it: its hash is of another "
                + "past"
        case .keyChanged(let run, let known, let given):
            "run \(String(run.rawValue, radix: 16)) is signed with key \(known), not with \(given): a "
                + "run keeps its key"
        case .predecessorChanged(let run):
            "run \(String(run.rawValue, radix: 16)) was said to follow another run"
        case .revisionAltered(let hash, let round, let revision):
            "revision \(revision) of round \(round) of plan \(hash) was altered\(Self.restore)"
        case .revisionMoved(let hash, let round, let revision):
            "what is kept as revision \(revision) of round \(round) of plan \(hash) was put there, or one before it "
                + "was taken out\(Self.restore)"
        case .revisionStray(let hash, let round, let revision):
            "figures of plan \(hash) are kept as revision \(revision) of round \(round) of another plan\(Self.restore)"
        case .planAltered(let hash):
            "the document of plan \(hash) does not have that hash: it was altered"
        case .importAltered(let id):
            "import \(id) was altered since it was imported: restore the store from a backup"
        case .noPlanHash(let text):
            "\(text) is no beginning of a plan's hash: give 4 or more of its hexadecimal digits"
        case .planUnknown(let prefix): "no sealed plan's hash begins with \(prefix)"
        case .planAmbiguous(let prefix, let plans):
            "the hashes of \(plans) plans begin with \(prefix): give more of its digits"
        case .planAbandoned(let hash): "plan \(hash) was abandoned before, and stays so"
        case .noRollups:
            "the store was made by an earlier version and has no roll-ups: run the collector, or "
                + "jouleflow-collector rollups rebuild"
        case .damagedRollup(let agent):
            "a roll-up of \(agent) cannot be read: run jouleflow-collector rollups rebuild"
        case .notSimulated(let agent): "sums of \(agent) without records are not marked simulated"
        case .rollupsIncomplete(let waiting):
            "up to \(waiting) records are not in the roll-ups yet: none is deleted before"
        case .database(let code, let message):
            isDamage
                ? "the store is damaged (SQLite error \(code): \(Self.tamed(message)))\(Self.restore)"
                : "SQLite error \(code): \(Self.tamed(message))"
        }
    }

    /// Whether the file is no whole store any more: pages that cannot be read, or tables of another form.
    package var isDamage: Bool {
        guard case .database(let code, let message) = self else { return false }
        // SQLITE_CORRUPT, SQLITE_NOTADB, and SQLITE_ERROR for a table or column that a whole store has.
        return code == 11 || code == 26 || code == 1 && message.hasPrefix("no such ")
    }

    /// Without controls and marks that turn the direction of writing: a damaged file may hold any.
    package static func tamed(_ text: String) -> String {
        var tamed = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: tamed.append("\u{FFFD}")
            default: tamed.append(scalar)
            }
        }
        return String(tamed)
    }

    private static let restore =
        ": restore the store from a backup; jouleflow-collector verify names every place"

    /// Whether this user lacks a permission.
    package var isPermission: Bool {
        switch self {
        case .permissionDenied, .folderDenied: true
        default: false
        }
    }

    /// The first few, and how many more there are.
    private static func list(_ sequences: [UInt64]) -> String {
        let shown = sequences.prefix(8).map { "\($0)" }.joined(separator: ", ")
        return sequences.count > 8 ? "\(shown) and \(sequences.count - 8) more" : shown
    }
}

/// What the store refuses to hold. Beyond a limit the whole batch is refused with an error.
package enum StoreLimits {
    /// Longest name of an agent, in bytes of UTF-8.
    package static let agentNameBytes = 255
    /// Longest record, in bytes.
    package static let recordBytes = 1 << 20
    /// Longest manifest, in bytes.
    package static let manifestBytes = 1 << 20
    /// Most records of a batch.
    package static let batchRecords = 1_000
    /// Refused batches kept of a run; of further ones only the alert tells.
    package static let refusedPerRun = 8
    /// Bytes kept of a refused batch: its first records, as many as fit.
    package static let refusedBytes = 1 << 20
    /// Alerts of one kind kept of an agent; further ones are counted in the last.
    package static let alertsPerKind = 32
    /// Longest document or file of a plan, in bytes.
    package static let planBytes = 16 << 20
    /// Longest proof of lodging, and reason why a plan was abandoned, in bytes.
    package static let proofBytes = 1 << 20
    /// Longest text of an alert, in bytes; it is cut.
    package static let alertText = 1_024
    /// Longest import, in canonical bytes.
    package static let importBytes = 64 << 20
    /// Longest name of who signed an import, and of its file, in bytes.
    package static let importText = 1_024
    /// Longest document of a round's figures, in bytes.
    package static let revisionBytes = 16 << 20
    /// Longest signature of an import, in bytes.
    package static let importSignature = 1 << 20
}
