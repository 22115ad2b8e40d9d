import Assessment
import Crypto
import Foundation
import GRDB
import Metering
import Testing

@testable import Store

private let start = Timestamp(1_796_054_400_000_000_000)

private func plan(_ text: String, sealed: UInt64 = 1_700_000_000) throws -> NewPlan {
    let document = Array(text.utf8)
    let hash = try #require(PlanHash(Array(SHA256.hash(data: document))))
    return NewPlan(
        hash: hash, document: document, yaml: Array("yaml \(text)".utf8), start: start,
        sealedAt: Timestamp(sealed * 1_000_000_000))
}

@Suite("The store keeps a sealed plan for ever")
struct PlanStoreTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.store)
    }

    @Test("as it was sealed first, however often it is sealed")
    func idempotent() throws {
        let first = try plan("a")
        let sealed = try store.seal(first)
        #expect(sealed.document == first.document && sealed.yaml == first.yaml)
        #expect(sealed.hash == first.hash && sealed.start == start)
        #expect(sealed.sealedAt == first.sealedAt && !sealed.isLate)
        #expect(sealed.lodgings == [] && sealed.abandonment == nil)
        let again = NewPlan(
            hash: first.hash, document: first.document, yaml: Array("other".utf8), start: start,
            sealedAt: start + .seconds(1))
        #expect(try store.seal(again) == sealed)
        #expect(try store.plans() == [sealed])
        try store.close()
        let reader = try SQLiteRecordStore(reading: directory.store)
        #expect(try reader.plans() == [sealed])
        #expect(throws: StoreError.self) { try reader.seal(first) }
    }

    @Test("and lists all of them in the order of sealing, late ones marked")
    func list() throws {
        #expect(try store.plans() == [])
        let texts = ["c", "a", "b"]
        for (index, text) in texts.enumerated() {
            _ = try store.seal(plan(text, sealed: 1_796_054_398 + UInt64(index)))
        }
        let plans = try store.plans()
        #expect(plans.map { String(decoding: $0.document, as: UTF8.self) } == texts)
        #expect(plans.map(\.isLate) == [false, false, true])
    }

    @Test("under its hash alone")
    func hash() throws {
        let (a, b) = (try plan("a"), try plan("b"))
        let swapped = NewPlan(
            hash: a.hash, document: b.document, yaml: [], start: start, sealedAt: a.sealedAt)
        #expect(throws: StoreError.planAltered(hash: a.hash.description)) {
            try store.seal(swapped)
        }
        let huge = NewPlan(
            hash: a.hash, document: a.document,
            yaml: [UInt8](repeating: 0, count: StoreLimits.planBytes + 1), start: start,
            sealedAt: a.sealedAt)
        #expect(throws: StoreError.self) { try store.seal(huge) }
        #expect(throws: StoreError.self) { try store.seal(plan("a", sealed: 1 << 34)) }
        #expect(try store.plans() == [])
    }

    @Test("and finds it by the first digits of the hash")
    func prefix() throws {
        let plans = try (0..<300).map { try store.seal(plan("\($0)")) }
        for plan in plans.prefix(20) {
            let digits = plan.hash.description
            #expect(try store.plan(digits) == plan)
            #expect(try store.plan(digits.uppercased()) == plan)
            #expect(try store.plan(String(digits.prefix(16))) == plan)
        }
        for wrong in ["", "abc", "zzzz", "*", "????", String(repeating: "0", count: 65), "0%00"] {
            #expect(throws: StoreError.noPlanHash(wrong)) { try store.plan(wrong) }
        }
        let none = String(repeating: "0", count: 64)
        #expect(throws: StoreError.planUnknown(prefix: none)) { try store.plan(none) }
        // Two texts whose SHA-256 begin with the same four digits.
        var seen: [String: String] = [:]
        var number = 1000
        var pair: (String, String)?
        while pair == nil {
            let text = "\(number)"
            let digits = try String(plan(text).hash.description.prefix(4))
            if let other = seen.updateValue(text, forKey: digits) { pair = (other, text) }
            number += 1
        }
        let (one, other) = try #require(pair)
        let digits = try String(plan(one).hash.description.prefix(4))
        let before = plans.filter { $0.hash.description.hasPrefix(digits) }.count
        _ = try store.seal(plan(one))
        _ = try store.seal(plan(other))
        #expect(throws: StoreError.planAmbiguous(prefix: digits, plans: before + 2)) {
            try store.plan(digits)
        }
    }

    @Test("with each proof of lodging once")
    func lodging() throws {
        let sealed = try store.seal(plan("a"))
        let note = Lodging(kind: .note, proof: Array("to the assessor".utf8), at: Timestamp(7))
        let stamp = Lodging(kind: .timeStamp, proof: [0x30, 0], at: Timestamp(8))
        for lodging in [note, stamp, Lodging(kind: .note, proof: note.proof, at: Timestamp(9))] {
            try store.lodge(lodging, of: sealed.hash)
        }
        #expect(try store.plans()[0].lodgings == [note, stamp])
        let unknown = try plan("b").hash
        #expect(throws: StoreError.planUnknown(prefix: unknown.description)) {
            try store.lodge(note, of: unknown)
        }
        let long = Lodging(
            kind: .note, proof: [UInt8](repeating: 0, count: StoreLimits.proofBytes + 1),
            at: Timestamp(7))
        #expect(throws: StoreError.self) { try store.lodge(long, of: sealed.hash) }
    }

    @Test("also when it is abandoned, which it is once")
    func abandoned() throws {
        let sealed = try store.seal(plan("a"))
        let first = Abandonment(reason: "the hosts changed", at: Timestamp(7))
        try store.abandon(sealed.hash, first)
        #expect(throws: StoreError.planAbandoned(hash: sealed.hash.description)) {
            try store.abandon(sealed.hash, Abandonment(reason: "other", at: Timestamp(8)))
        }
        #expect(try store.plans().map(\.abandonment) == [first])
        #expect(try store.seal(plan("a")).abandonment == first)
    }

    @Test("against another program that opens the file")
    func foreign() throws {
        let sealed = try store.seal(plan("a"))
        try store.lodge(Lodging(kind: .note, proof: [1], at: Timestamp(7)), of: sealed.hash)
        let other = try DatabaseQueue(path: directory.store)
        for sql in [
            "DELETE FROM plans", "UPDATE plans SET document = x'00'",
            "UPDATE plans SET yaml = x'00'",
            "UPDATE plans SET hash = zeroblob(32)", "UPDATE plans SET start_ns = 1",
            "UPDATE plans SET sealed_ns = 1", "DELETE FROM lodgings",
            "UPDATE lodgings SET lodged_ns = 1",
            "REPLACE INTO plans SELECT id, hash, document, yaml, start_ns, 1, NULL, NULL FROM plans",
            "REPLACE INTO plans (hash, document, yaml, start_ns, sealed_ns) "
                + "SELECT hash, document, yaml, start_ns, 1 FROM plans",
            "REPLACE INTO lodgings (plan_id, lodged_ns, kind, proof) "
                + "SELECT plan_id, 1, kind, proof FROM lodgings",
            "REPLACE INTO lodgings VALUES (1, 1, 1, 'note', x'02')",
        ] {
            #expect(throws: DatabaseError.self, "\(sql)") {
                try other.write { try $0.execute(sql: sql) }
            }
        }
        let kept = try store.plans()
        #expect(kept.count == 1 && kept[0].document == sealed.document)
        #expect(kept[0].sealedAt == sealed.sealedAt && kept[0].lodgings.map(\.proof) == [[1]])
        // Who takes the guards away can alter it, and is found out.
        try other.write { db in
            try db.execute(sql: "DROP TRIGGER plans_stay; UPDATE plans SET document = x'00'")
        }
        #expect(throws: StoreError.planAltered(hash: sealed.hash.description)) {
            try store.plans()
        }
    }

    @Test("and a store of an earlier version has none")
    func earlier() throws {
        let path = directory.path + "/old.db"
        let queue = try DatabaseQueue(path: path)
        try Schema.migrator.migrate(queue, upTo: "chain-1")
        try queue.write { try $0.execute(sql: "PRAGMA application_id = \(Schema.applicationID)") }
        try queue.close()
        let reader = try SQLiteRecordStore(reading: path)
        #expect(try reader.plans() == [])
        #expect(throws: StoreError.planUnknown(prefix: "0000")) { try reader.plan("0000") }
        let writer = try SQLiteRecordStore(path: path)
        _ = try writer.seal(plan("a"))
        #expect(try SQLiteRecordStore(reading: path).plans().count == 1)
    }
}
