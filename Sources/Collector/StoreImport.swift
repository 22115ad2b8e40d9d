import Crypto
import Metering
import Records
package import Store
import Wire

/// What an import did.
package struct ImportSummary: Sendable, Hashable {
    package var stored = 0
    /// Records that were there already, byte for byte.
    package var duplicates = 0
    /// What was not taken, one sentence each; the first ``most``.
    package var refused: [String] = []
    package var more = 0

    /// Refusals that are told.
    package static let most = 1_000

    package init() {}

    fileprivate mutating func refuse(_ sentence: String) {
        if refused.count < Self.most { refused.append(sentence) } else { more += 1 }
    }
}

/// Why bytes are no whole export. What came before is in the store: each batch was verified alone.
package enum ImportError: Error, Sendable, Hashable, CustomStringConvertible {
    case notAnExport
    /// An entry was altered, or is of a later version.
    case damaged(offset: Int)
    case truncated(offset: Int)
    /// Bytes follow the end.
    case trailing(offset: Int)
    /// The bytes are not those that were exported.
    case digest

    package var description: String {
        switch self {
        case .notAnExport: "is no export of jouleflow-collector"
        case .damaged(let offset): "is damaged at byte \(offset)"
        case .truncated(let offset): "ends at byte \(offset), before its end: copy it anew"
        case .trailing(let offset): "goes on after its end, at byte \(offset)"
        case .digest: "is not what was exported: its digest is another"
        }
    }
}

/// Takes an export into a store, as if agents had delivered it: what is there stays, what is wrong is
/// kept as evidence.
package struct StoreImport {
    private let store: SQLiteRecordStore
    private let manifests: KnownManifests
    private let now = Timestamp.now
    private var run: ExportedRun?
    private var hello: Hello?
    private var waiting: [(IncomingBatch, Batch)] = []
    private var summary = ImportSummary()

    /// Batches of a transaction.
    private static let group = 64

    private init(_ store: SQLiteRecordStore) {
        self.store = store
        manifests = KnownManifests(store)
    }

    /// Takes what `read` gives, at most as many bytes as it is asked for, none at the end.
    ///
    /// Throws ``ImportError``, ``StoreError`` and what `read` throws. What came before stays, is told in
    /// `summary`, and the same export can be taken again.
    package static func run(
        into store: SQLiteRecordStore, _ summary: inout ImportSummary,
        read: (Int) throws -> [UInt8]
    ) throws {
        var importing = StoreImport(store)
        var stream = ImportStream()
        defer { summary = importing.summary }
        do {
            while let entry = try stream.next(read) { try importing.take(entry) }
        } catch {
            try importing.flush()
            throw error
        }
        try importing.flush()
    }

    private mutating func take(_ entry: ExportEntry) throws {
        switch entry {
        case .batch(let batch): try take(batch)
        case .manifest(let bytes):
            let digest = RecordCodec.digest(ofManifest: bytes)
            do { try store.store(manifest: digest, bytes: bytes) } catch {
                guard case .manifestConflict = error else { throw error }
                summary.refuse("\(error)")
            }
        case .run(let run):
            try flush()
            try begin(run)
        case .loss(let first, let last):
            try flush()
            guard let run, hello != nil else { return }
            try store.merge(
                SequenceLoss(agent: run.agent, run: run.run, first: first, last: last))
        case .alert(let alert): try store.merge(alert)
        case .end: break
        }
    }

    private mutating func begin(_ run: ExportedRun) throws {
        self.run = run
        hello = nil
        do {
            let hello = try Hello(
                agent: run.agent, run: run.run.rawValue, first: 1, next: .max,
                softwareVersion: "", publicKey: run.key.bytes, instance: 1,
                predecessor: run.predecessor.map {
                    RunEnd(run: $0.run.rawValue, last: $0.last)
                })
            _ = try Pipeline.greet(hello, in: store, at: run.firstSeen)
            self.hello = hello
        } catch let error as StoreError {
            guard AlertKind(refusing: error) != nil || error.isOfRun else { throw error }
            summary.refuse("\(run.agent): \(error)")
            try store.note(
                NewAlert(agent: run.agent, kind: .key, text: "an import: \(error)", at: now))
        } catch let error as WireError {
            summary.refuse("\(run.agent): \(error)")
        }
    }

    private mutating func take(_ exported: ExportedBatch) throws {
        guard let hello else { return }
        let batch = Batch(
            first: exported.first, records: exported.records, previous: exported.previous.bytes,
            signature: exported.signature)
        let manifests = manifests
        do {
            let incoming = try IncomingBatch.verified(
                batch, of: hello, at: exported.receivedAt, endsGap: false
            ) { try manifests.manifest($0, of: hello.agent) }
            waiting.append((incoming, batch))
        } catch { try refuse(batch, of: hello, error) }
        if waiting.count >= Self.group { try flush() }
    }

    private mutating func flush() throws {
        guard let hello, !waiting.isEmpty else { return }
        let group = waiting
        waiting = []
        for (outcome, (_, batch)) in zip(try store.store(group.map(\.0)), group) {
            switch outcome {
            case .success(let outcome):
                summary.stored += outcome.stored
                summary.duplicates += outcome.duplicates
            case .failure(let error): try refuse(batch, of: hello, error)
            }
        }
    }

    private mutating func refuse(_ batch: Batch, of hello: Hello, _ error: any Error) throws {
        guard let refused = RefusedBatch(batch, of: hello, from: "an import", error, at: now)
        else { throw error }
        try store.setAside(refused)
        summary.refuse("\(hello.agent): \(refused.reason)")
    }
}

extension StoreError {
    fileprivate var isOfRun: Bool {
        if case .predecessorChanged = self { true } else { false }
    }
}

/// Cuts an export into its entries and checks its digest.
private struct ImportStream {
    private var buffer: [UInt8] = []
    private var offset = 0
    private var hash = SHA256()
    private var hasBegun = false
    private var isOver = false

    private static let chunk = 1 << 16

    /// The next entry; `nil` after the end.
    mutating func next(_ read: (Int) throws -> [UInt8]) throws -> ExportEntry? {
        if !hasBegun {
            hasBegun = true
            guard try take(ExportEntry.magic.count, read, ending: .notAnExport) == ExportEntry.magic
            else { throw ImportError.notAnExport }
            hash.update(data: ExportEntry.magic)
        }
        if isOver {
            guard try fill(1, read) == false else { throw ImportError.trailing(offset: offset) }
            return nil
        }
        let start = offset
        let cut = ImportError.truncated(offset: start)
        let head = try take(ExportEntry.head, read, ending: cut)
        guard let length = ExportEntry.payloadLength(head) else {
            throw ImportError.damaged(offset: start)
        }
        let bytes = head + (try take(length + 4, read, ending: cut))
        guard let entry = ExportEntry(bytes) else { throw ImportError.damaged(offset: start) }
        if case .end(let digest) = entry {
            isOver = true
            guard Array(hash.finalize()) == digest else { throw ImportError.digest }
        }
        hash.update(data: bytes)
        return entry
    }

    /// False where fewer than `count` bytes are left.
    private mutating func fill(_ count: Int, _ read: (Int) throws -> [UInt8]) throws -> Bool {
        while buffer.count < count {
            let more = try read(Self.chunk)
            if more.isEmpty { return false }
            buffer += more
        }
        return true
    }

    private mutating func take(
        _ count: Int, _ read: (Int) throws -> [UInt8], ending error: ImportError
    ) throws -> [UInt8] {
        guard try fill(count, read) else { throw error }
        let bytes = Array(buffer.prefix(count))
        buffer.removeFirst(count)
        offset += count
        return bytes
    }
}
