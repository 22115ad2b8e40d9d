import Foundation
import Metering
import Records
import Store
import Testing
import Wire

@testable import Collector

@Suite("Exports carry a store into another")
struct StoreImportTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store(_ name: String) throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/\(name).db")
    }

    private func exported(_ store: SQLiteRecordStore) throws -> [UInt8] {
        var bytes: [UInt8] = []
        _ = try store.export { bytes += $0 }
        return bytes
    }

    @discardableResult
    private func take(_ bytes: [UInt8], into store: SQLiteRecordStore) throws -> ImportSummary {
        var rest = bytes[...]
        var summary = ImportSummary()
        try StoreImport.run(into: store, &summary) { count in
            // In pieces that no entry ends with.
            let piece = rest.prefix(min(count, 997))
            rest = rest.dropFirst(piece.count)
            return Array(piece)
        }
        return summary
    }

    /// Two stores with different parts of a run, as an agent leaves them that changes over.
    private func halves(_ agent: SampleAgent) throws -> (SQLiteRecordStore, SQLiteRecordStore) {
        let (a, b) = (try store("a"), try store("b"))
        for (first, last) in [(1, 10), (11, 20), (21, 30), (31, 40)] as [(UInt64, UInt64)] {
            let target = first == 11 || first == 31 ? b : a
            try agent.signer.keep(
                agent.records(first...last), from: first, under: agent.manifest, in: target)
        }
        try a.note(NewAlert(agent: "a", kind: .clone, text: "told", at: Timestamp(4)))
        return (a, b)
    }

    @Test("two that hold different parts of a run become one, whichever is taken first, and once")
    func merged() throws {
        let agent = try SampleAgent("a")
        let (a, b) = try halves(agent)
        #expect(try a.losses().count == 1 && b.losses().count == 2)
        let (fromA, fromB) = (try exported(a), try exported(b))
        #expect(try take(fromB, into: a).stored == 20)
        #expect(try take(fromB, into: a).stored == 0)
        #expect(try take(fromA, into: b).stored == 20)
        for store in [a, b] {
            #expect(try store.all().map(\.bytes) == agent.records(1...40))
            #expect(try store.losses() == [])
            #expect(try Pipeline.verify(store).findings == [])
            #expect(try store.alerts().map(\.count) == [1])
        }
        #expect(try take(exported(a), into: try store("c")).stored == 40)
    }

    @Test("a cut or altered file leaves a sound store, and the whole one completes it")
    func damaged() throws {
        let agent = try SampleAgent("a")
        let bytes = try exported(try halves(agent).0)
        let target = try store("c")
        for length in stride(from: 0, to: bytes.count, by: 499) {
            #expect(throws: ImportError.self) {
                try take(Array(bytes.prefix(length)), into: target)
            }
        }
        for offset in stride(from: 0, to: bytes.count, by: 1_009) {
            var altered = bytes
            altered[offset] ^= 0x10
            #expect(throws: (any Error).self) { try take(altered, into: target) }
        }
        #expect(try Pipeline.verify(target).findings == [])
        try take(bytes, into: target)
        #expect(try exported(target).count == bytes.count)
    }

    @Test("a conflict changes nothing and is kept as evidence")
    func conflict() throws {
        let agent = try SampleAgent("a")
        let other = Signer("a", run: agent.run, key: agent.signer.key)
        let (a, b) = (try store("a"), try store("b"))
        try agent.signer.keep(agent.records(1...5), from: 1, under: agent.manifest, in: a)
        var changed = try agent.records(1...5)
        var record = try RecordCodec.decode(changed[2])
        record.clockError = 7
        changed[2] = try RecordCodec.encode(record)
        try other.keep(changed, from: 1, under: agent.manifest, in: b)
        let summary = try take(try exported(b), into: a)
        #expect(summary.stored == 0 && summary.refused.count == 1)
        #expect(try a.all().map(\.bytes) == agent.records(1...5))
        #expect(try a.alerts().map(\.kind) == [.conflict])
        #expect(try Pipeline.verify(a).findings == [])
    }

    @Test("a period takes the batches that overlap it, whole")
    func period() throws {
        let agent = try SampleAgent("a")
        let store = try halves(agent).0
        var bytes: [UInt8] = []
        let start = Timestamp((origin + 240) * 1_000_000_000)
        let summary = try store.export(from: start, to: start + .seconds(1)) { bytes += $0 }
        #expect(summary.batches == 1 && summary.records == 10)
        let target = try self.store("c")
        try take(bytes, into: target)
        #expect(try target.all().map(\.bytes) == agent.records(21...30))
    }
}
