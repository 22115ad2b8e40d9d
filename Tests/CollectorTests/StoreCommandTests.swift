import Foundation
import GRDB
import Glibc
import Metering
import Records
import Store
import Testing

@testable import Collector

@Suite("export, import and verify carry and judge stores from the command line", .serialized)
struct StoreCommandTests {
    let directory: TemporaryDirectory
    let agent: SampleAgent

    init() throws {
        directory = try TemporaryDirectory()
        agent = try SampleAgent("a")
    }

    private func path(_ name: String) -> String { directory.path + "/" + name }

    private func collector(_ arguments: String...) async throws -> Finished {
        try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
    }

    private func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: path(name))
    }

    /// A store of records 1 to `count`, in batches of `size`.
    @discardableResult
    private func filled(
        _ name: String, _ count: UInt64 = 40, inBatchesOf size: UInt64 = 10
    ) throws -> SQLiteRecordStore {
        let store = try SQLiteRecordStore(path: path(name))
        let manifest = try RecordCodec.decodeManifest(agent.manifest)
        try store.store(manifest: agent.digest, bytes: agent.manifest)
        _ = try store.open(agent.signer.greeting())
        let batches = try stride(from: 1, through: count, by: Int(size)).map { first in
            let records = try agent.records(first...min(count, first + size - 1))
            return try IncomingBatch.verified(
                agent.signer.batch(records, from: first), of: agent.signer.hello(),
                at: Timestamp(1)
            ) { _ in manifest }
        }
        for outcome in try store.store(batches) { _ = try outcome.get() }
        return store
    }

    private func exported(_ store: SQLiteRecordStore) throws -> [UInt8] {
        var bytes: [UInt8] = []
        _ = try store.export { bytes += $0 }
        return bytes
    }

    private func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(filePath: path(name)))
        return path(name)
    }

    /// The records of a store, each whole.
    private func records(_ name: String) throws -> [[UInt8]] {
        try SQLiteRecordStore(reading: path(name)).all().map(\.bytes)
    }

    @Test(
        "without a store, a file or a time they end with 2",
        arguments: [
            ["export"], ["export", "--store", "x"], ["export", "--raw", "x"],
            ["export", "--store", "x", "--raw", "y", "--from", "yesterday"],
            ["import", "--store", "x"], ["import", "x"], ["verify"],
            ["verify", "--store", "x", "--config", "y"],
        ])
    func usage(arguments: [String]) async throws {
        let end = try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
        #expect(end.status == 2, "\(end.errors)")
        #expect(end.errors.contains("Error:"))
    }

    @Test("what cannot be read ends with 5 and the system's reason, and nothing is made")
    func unreadable() async throws {
        let missing = path("missing.db")
        for arguments in [["export", "--raw", path("out")], ["verify"]] {
            let end = try await offPool {
                try run(
                    products.appending(path: "jouleflow-collector"),
                    arguments + ["--store", missing])
            }
            #expect(end.status == 5)
            #expect(end.errors.contains("\(missing): No such file or directory"), "\(end.errors)")
            #expect(end.errors.contains("give the path that `store.sqlite`"), "\(end.errors)")
        }
        let end = try await collector("import", "--store", missing, path("none"))
        #expect(end.status == 5)
        #expect(
            end.errors.contains("cannot read \(path("none")): No such file or directory"),
            "\(end.errors)")
        #expect(!exists("missing.db") && !exists("out") && !exists("out.part"))
        let folder = try await collector("import", "--store", path("b.db"), directory.path)
        #expect(folder.status == 5)
        #expect(
            folder.errors.contains("cannot read \(directory.path): Is a directory"),
            "\(folder.errors)")
        let foreign = try write(Array("no database, but long enough for a header".utf8), to: "f")
        for arguments in [["verify"], ["export", "--raw", path("out")]] {
            let end = try await offPool {
                try run(
                    products.appending(path: "jouleflow-collector"),
                    arguments + ["--store", foreign])
            }
            #expect(end.status == 5)
            #expect(end.errors.contains("is no store of jouleflow-collector"), "\(end.errors)")
        }
    }

    @Test(
        "another user, who may read the files and make none beside them, is told of the permission",
        .enabled(if: geteuid() == 0, "only root can give up a right here"))
    func otherUser() async throws {
        try filled("a.db").close()
        #expect(chmod(path("a.db"), 0o644) == 0 && !exists("a.db-shm"))
        let end = try await offPool { [path = path("a.db")] in
            try run(
                URL(filePath: "/usr/bin/setpriv"),
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", "--",
                    products.appending(path: "jouleflow-collector").path, "verify", "--store", path,
                ])
        }
        #expect(end.status == 4, "\(end.errors)")
        #expect(
            end.errors.contains("no permission to write in the folder of \(path("a.db")): "),
            "\(end.errors)")
        #expect(end.errors.contains("jouleflow-collector backup"), "\(end.errors)")
        #expect(!end.errors.contains("SQLite error"), "\(end.errors)")
    }

    @Test("an export is imported whole, the second time changes nothing, and verify is content")
    func roundTrip() async throws {
        let records = try filled("a.db").all().map(\.bytes)
        let out = try await collector("export", "--store", path("a.db"), "--raw", path("out"))
        #expect(out.status == 0 && out.errors.isEmpty, "\(out.errors)")
        #expect(out.output == "40 records in 4 batches of 1 runs\n")
        #expect(!exists("out.part"))
        let mode = try FileManager.default.attributesOfItem(atPath: path("out"))
        #expect(mode[.posixPermissions] as? Int == 0o600)
        for expected in ["40 records taken, 0 were there", "0 records taken, 40 were there"] {
            let end = try await collector("import", "--store", path("b.db"), path("out"))
            #expect(end.status == 0 && end.output == expected + " already\n", "\(end)")
        }
        #expect(try self.records("b.db") == records)
        let end = try await collector("verify", "--store", path("b.db"))
        #expect(end.status == 0 && end.errors.isEmpty)
        #expect(
            end.output
                == "1 runs, 4 signed batches, 40 records, 0 plans, 0 imports, 0 revisions: 0 findings\n"
        )
    }

    @Test("an export overwrites nothing, and leaves nothing where it cannot be written")
    func unwritable() async throws {
        let store = try filled("a.db", 800, inBatchesOf: 200)
        let there = try write([1, 2, 3], to: "there")
        let taken = try await collector("export", "--store", path("a.db"), "--raw", there)
        #expect(taken.status == 2)
        #expect(taken.errors.contains("\(there) exists already"), "\(taken.errors)")
        #expect(try Data(contentsOf: URL(filePath: there)) == Data([1, 2, 3]))
        let nowhere = path("none/out")
        let lost = try await collector("export", "--store", path("a.db"), "--raw", nowhere)
        #expect(lost.status == 5)
        #expect(
            lost.errors.contains("cannot write \(nowhere).part: No such file"), "\(lost.errors)")
        // What an export that was killed left is in nobody's way.
        _ = try write([9], to: "out.part")
        let full = try await offPool { [directory] in
            try run(
                URL(filePath: "/bin/sh"),
                [
                    "-c", "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\"",
                    products.appending(path: "jouleflow-collector").path, "export", "--store",
                    directory.path + "/a.db", "--raw", directory.path + "/out",
                ])
        }
        #expect(full.status == 5)
        #expect(
            full.errors.contains("cannot write \(path("out")).part: File too large"),
            "\(full.errors)")
        #expect(!exists("out") && !exists("out.part"))
        #expect(try store.all().count == 800)
    }

    @Test("while a collector stores, exports are whole and verify finds nothing")
    func meanwhile() async throws {
        let store = try SQLiteRecordStore(path: path("a.db"))
        let (agent, directory) = (agent, directory)
        let counts = try await withServer(store) { port in
            let program = products.appending(path: "jouleflow-collector")
            var client = try agent.client(port)
            try client.send(manifest: agent.manifest)
            // The first so that there is something, the rest while the programs run.
            #expect(try client.deliver(agent.records(1...5), from: 1) == 5)
            let programs = DispatchGroup()
            let outcomes = Outcomes()
            for number in 1...3 {
                programs.enter()
                Thread.detachNewThread {
                    let out = "\(directory.path)/out-\(number)"
                    let store = "\(directory.path)/a.db"
                    outcomes.add(try? run(program, ["export", "--store", store, "--raw", out]))
                    outcomes.add(try? run(program, ["verify", "--store", store]))
                    programs.leave()
                }
            }
            var first: UInt64 = 6
            while programs.wait(timeout: .now()) == .timedOut {
                #expect(
                    try client.deliver(agent.records(first...first + 4), from: first)
                        == first + 4)
                first += 5
            }
            for end in outcomes.all {
                #expect(end?.status == 0, "\(end?.output ?? "") \(end?.errors ?? "")")
            }
            #expect(outcomes.all.count == 6)
            return first - 1
        }
        for number in 1...3 {
            let end = try await collector(
                "import", "--store", path("\(number).db"), path("out-\(number)"))
            #expect(end.status == 0, "\(end.errors)")
            let records = try records("\(number).db")
            #expect(try records == agent.records(1...UInt64(max(1, records.count))))
            #expect(records.count >= 5 && records.count <= Int(counts))
        }
    }

    @Test("an import that is killed leaves whole batches, and the same file completes them")
    func killed() async throws {
        let bytes = try exported(filled("a.db", 600, inBatchesOf: 2))
        let whole = try write(bytes, to: "whole")
        let (fifo, target) = (path("fifo"), path("b.db"))
        #expect(mkfifo(fifo, 0o600) == 0)
        try await offPool {
            let process = Process()
            process.executableURL = products.appending(path: "jouleflow-collector")
            process.arguments = ["import", "--store", target, fifo]
            process.standardOutput = Pipe()
            process.standardError = Pipe()
            // Open for both, so that the file has no end while it is read.
            let pipe = try #require(Descriptor(fifo, O_RDWR | O_NONBLOCK))
            try process.run()
            defer {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            try pipe.write(Array(bytes.prefix(bytes.count * 2 / 3)), within: .seconds(20))
            try wait(within: .seconds(20)) {
                (try? SQLiteRecordStore(reading: target).all().count) ?? 0 >= 256
            }
        }
        let kept = try records("b.db")
        #expect(kept.count < 600 && kept.count % 2 == 0)
        #expect(try kept == agent.records(1...UInt64(kept.count)))
        #expect(try await collector("verify", "--store", target).status == 0)
        for (taken, there) in [(600 - kept.count, kept.count), (0, 600)] {
            let end = try await collector("import", "--store", target, whole)
            #expect(end.status == 0, "\(end.errors)")
            #expect(end.output == "\(taken) records taken, \(there) were there already\n")
        }
        #expect(try records("b.db") == agent.records(1...600))
    }

    @Test("a cut, altered or foreign file ends with 5; what was taken before is whole, and said")
    func damaged() async throws {
        let bytes = try exported(filled("a.db"))
        let cut = try write(Array(bytes.prefix(bytes.count / 2)), to: "cut")
        var changed = bytes
        changed[bytes.count * 3 / 4] ^= 1
        let altered = try write(changed, to: "altered")
        let longer = try write(bytes + [0], to: "longer")
        let foreign = try write(Array("PK and the rest".utf8), to: "foreign")
        let empty = try write([], to: "empty")
        for (file, words, least, most) in [
            (foreign, "is no export of jouleflow-collector", 0, 0),
            (empty, "is no export of jouleflow-collector", 0, 0),
            (cut, "before its end: copy it anew", 10, 20),
            (altered, "is damaged at byte", 20, 30),
            (longer, "goes on after its end", 40, 40),
        ] {
            let name = "b-\(least)-\(most).db"
            let end = try await collector("import", "--store", path(name), file)
            #expect(end.status == 5)
            #expect(end.errors.contains("\(file) ") && end.errors.contains(words), "\(end)")
            let records = try records(name)
            #expect(least...most ~= records.count && records.count % 10 == 0)
            #expect(end.output == "\(records.count) records taken, 0 were there already\n")
            #expect(try await collector("verify", "--store", path(name)).status == 0)
        }
    }

    @Test("records that are there with other bytes stay, are named, and end with 1")
    func conflict() async throws {
        try filled("a.db", 5)
        var changed = try agent.records(1...5)
        var record = try RecordCodec.decode(changed[2])
        record.clockError = 7
        changed[2] = try RecordCodec.encode(record)
        let other = try SQLiteRecordStore(path: path("b.db"))
        try Signer("a", run: agent.run, key: agent.signer.key).keep(
            changed, from: 1, under: agent.manifest, in: other)
        let file = try write(try exported(other), to: "out")
        let end = try await collector("import", "--store", path("a.db"), file)
        #expect(end.status == 1)
        #expect(end.output == "0 records taken, 0 were there already\n")
        #expect(end.errors.contains("refused:\na: "), "\(end.errors)")
        #expect(try records("a.db") == agent.records(1...5))
    }

    @Test("verify names what was changed behind the collector's back, and ends with 1")
    func tampered() async throws {
        try filled("a.db").close()
        let queue = try DatabaseQueue(path: path("a.db"))
        try await queue.write {
            try $0.execute(sql: "UPDATE records SET start_ns = start_ns - 1 WHERE sequence = 17")
        }
        try queue.close()
        let end = try await collector("verify", "--store", path("a.db"))
        #expect(end.status == 1)
        #expect(
            end.output.contains("40 records, 0 plans, 0 imports, 0 revisions: 2 findings\n"),
            "\(end.output)")
        #expect(end.output.contains("a, run abcd: record 17: the column start_ns is not"))
        #expect(end.errors.contains("\(path("a.db")) is not sound"))
    }
}

/// How programs that run beside one another ended.
private final class Outcomes: @unchecked Sendable {
    private let lock = NSLock()
    private var ends: [Finished?] = []

    var all: [Finished?] { lock.withLock { ends } }

    func add(_ end: Finished?) { lock.withLock { ends.append(end) } }
}

/// A file that is open, until the end.
private final class Descriptor {
    private let number: Int32

    init?(_ path: String, _ flags: Int32) {
        number = open(path, flags | O_CLOEXEC)
        if number < 0 { return nil }
    }

    deinit { close(number) }

    /// Writes as fast as the other side reads.
    func write(_ bytes: [UInt8], within limit: Duration) throws {
        var rest = bytes
        try wait(within: limit) {
            let count = Glibc.write(number, rest, rest.count)
            guard count >= 0 || errno == EAGAIN else { throw POSIXError(.EIO) }
            rest.removeFirst(max(0, count))
            return rest.isEmpty
        }
    }
}

/// Waits until it is so; throws where it never is.
private func wait(within limit: Duration, until isSo: () throws -> Bool) throws {
    let end = ContinuousClock.now + limit
    while try !isSo() {
        guard .now < end else { throw POSIXError(.ETIMEDOUT) }
        usleep(5_000)
    }
}
