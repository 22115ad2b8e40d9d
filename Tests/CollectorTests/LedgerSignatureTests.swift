import Assessment
import Bundle
import Chain
import Foundation
import Metering
import Records
import Report
import SCI
import Store
import Testing

@testable import Collector

@Suite("TA that is the ledger's word", .serialized)
struct LedgerSignatureTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> String { directory.path + "/" + name }

    private func collector(_ arguments: String...) async throws -> Finished {
        try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
    }

    private func openssl(_ arguments: String...) async throws {
        let end = try await offPool {
            try run(URL(filePath: "/usr/bin/openssl"), arguments)
        }
        #expect(end.status == 0, "\(end.errors)")
    }

    /// A key of OpenSSL's; the public half is the last 32 bytes of its DER.
    private func makeKey(_ name: String) async throws -> String {
        try await openssl("genpkey", "-algorithm", "ed25519", "-out", path(name))
        try await openssl(
            "pkey", "-in", path(name), "-pubout", "-outform", "DER", "-out", path(name + ".der"))
        let der = try Data(contentsOf: URL(filePath: path(name + ".der")))
        return Array(der.suffix(32)).hexadecimal
    }

    private var store: String { path("records.db") }

    private func plan(_ keys: [String]) -> Plan {
        var plan = PlanFleet.plan
        plan.scenarios[3].volume = .ledger(reason: "by file")
        plan.scenarios[3].countingHosts = []
        plan.ledgerKeys = keys
        return plan
    }

    private func report(
        _ keys: [String], named: [String] = []
    ) throws -> PlanReportContent {
        let store = try SQLiteRecordStore(path: store)
        defer { try? store.close() }
        let document = try PlanDocument.encode(plan(keys))
        let hash = try #require(PlanDocument.hash(of: document))
        let sealed = try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: [], start: Timestamp(PlanFleet.start),
                sealedAt: Timestamp(1)))
        let plan = try PlanDocument.decode(document)
        #expect(plan.ledgerKeys == keys)
        return try Pipeline.report(
            PlanReportRequest(
                plan: plan, sealed: sealed, factors: .builtIn(),
                now: Timestamp(PlanFleet.start + 10 * PlanFleet.length),
                software: .init(name: "Jouleflow", version: "test"),
                ledgerKeys: named.compactMap { VerifyingKey(hexadecimal: $0) }), from: store)
    }

    @Test("says in every round whether a key that the plan names has signed it")
    func signatures() async throws {
        do {
            let store = try SQLiteRecordStore(path: store)
            try PlanFleet.fill(store)
            try store.close()
        }
        let (key, other) = (try await makeKey("ledger.key"), try await makeKey("other.key"))
        let times = [0, 1, 2, 3, 4].map {
            Timestamp(PlanFleet.start + UInt64($0) * PlanFleet.length).rfc3339
        }
        let text =
            "scenario,from,to,flows\n"
            + (0..<4).map { "query,\(times[$0]),\(times[$0 + 1]),\(100 + $0)\n" }.joined()
        try text.write(toFile: path("ledger.csv"), atomically: true, encoding: .utf8)
        let canonical = try await collector(
            "imports", "canonical", "--ledger", path("ledger.csv"))
        #expect(canonical.status == 0, "\(canonical.errors)")
        try canonical.output.write(
            toFile: path("canonical"), atomically: true, encoding: .utf8)
        try await openssl(
            "pkeyutl", "-sign", "-rawin", "-inkey", path("ledger.key"), "-in", path("canonical"),
            "-out", path("ledger.sig"))

        func take(_ more: String...) async throws -> Finished {
            let arguments =
                ["import", "--store", store, "--ledger", path("ledger.csv"), "--signed-by", "Li"]
                + more
            return try await offPool {
                try run(products.appending(path: "jouleflow-collector"), arguments)
            }
        }
        #expect(try await take().status == 0)
        let unsigned = try report([key])
        for round in unsigned.rounds {
            #expect(round.disclosures.contains { $0.en.hasSuffix("it is not signed") })
            #expect(round.scenarios[3].volume.value != nil)
        }
        #expect(unsigned.imports.map(\.signature) == ["none"])
        #expect(unsigned.table(.chinese).contains("未签名"))

        let refused = try await take(
            "--signature", path("ledger.sig"), "--key", other)
        #expect(refused.status == 1 && refused.errors.contains("nothing was kept"))
        #expect(try await take("--key", key).status == 2)
        let taken = try await take("--signature", path("ledger.sig"), "--key", key.uppercased())
        #expect(taken.status == 0, "\(taken.errors)")
        let signed = try report([key])
        #expect(signed.imports.map(\.signature) == ["verified"])
        #expect(
            signed.rounds.allSatisfy { round in
                !round.disclosures.contains { $0.en.contains("import") }
            })
        #expect(signed.evidence.signers.contains { $0.contains("its signature is verified") })
        #expect(try report([other]).imports.map(\.signature) == ["wrong"])
        #expect(try report([]).imports.map(\.signature) == ["no_key"])
        #expect(try report([], named: [key]).imports.map(\.signature) == ["verified"])
        let doubtful = try report([other])
        #expect(
            doubtful.rounds.allSatisfy { round in
                round.disclosures.contains { $0.en.contains("none of the keys that are named") }
            })
    }

    @Test("keys are 64 digits, and a list of sealed plans has them for machines")
    func list() async throws {
        let store = try SQLiteRecordStore(path: store)
        let sealed = try PlanFleet.seal(in: store)
        try store.lodge(
            Lodging(kind: .note, proof: Array("to \"her\"".utf8), at: Timestamp(5)),
            of: sealed.hash)
        try store.abandon(sealed.hash, Abandonment(reason: "moved", at: Timestamp(7)))
        try store.close()
        let end = try await collector("plan", "list", "--store", self.store, "--format", "json")
        #expect(end.status == 0, "\(end.errors)")
        let list = try #require(
            try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [[String: Any]])
        let one = try #require(list.first)
        #expect(list.count == 1 && one["hash"] as? String == sealed.hash.description)
        #expect(one["title"] as? String == "四类业务" && one["late"] as? Bool == false)
        #expect(one["rounds"] as? Int == 3 && one["reserve"] as? Int == 1)
        #expect((one["abandoned"] as? [String: Any])?["reason"] as? String == "moved")
        let lodgings = try #require(one["lodgings"] as? [[String: Any]])
        #expect(lodgings.first?["note"] as? String == "to \"her\"")
        for key in [
            "", "ab", String(repeating: "g", count: 64), String(repeating: "+1", count: 32),
        ] {
            let end = try await collector(
                "report", "ffff", "--store", self.store, "--ledger-key", key)
            #expect(end.status == 2)
        }
        var plan = PlanFleet.plan
        plan.ledgerKeys = ["x"]
        #expect(throws: DocumentError.self) { try PlanDocument.encode(plan) }
    }
}
