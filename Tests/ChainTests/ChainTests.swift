import Chain
import Crypto
import Testing

@Suite("The chain over a run's records")
struct ChainTests {
    private let start = ChainHead(startOf: 0x0102_0304_0506_0708, after: nil)
    private let records: [[UInt8]] = [[1, 2, 3], [4], [5, 6]]

    @Test("is the SHA-256 of the head before and the record, as anyone can compute it")
    func definition() {
        let first =
            Array("JFCHAIN1".utf8) + [8, 7, 6, 5, 4, 3, 2, 1]
            + [UInt8](repeating: 0, count: 16)
        #expect(start.bytes == Array(SHA256.hash(data: first)))
        #expect(start.appending([9]).bytes == Array(SHA256.hash(data: start.bytes + [9])))
    }

    @Test("begins elsewhere after another run, and after another end of it")
    func predecessors() {
        let heads = [
            start, ChainHead(startOf: 1, after: nil), ChainHead(startOf: 1, after: (2, 3)),
            ChainHead(startOf: 1, after: (2, 4)), ChainHead(startOf: 1, after: (3, 3)),
        ]
        #expect(Set(heads).count == heads.count)
    }

    @Test("is another where a record is altered, left out, doubled, moved or cut otherwise")
    func alterations() {
        let altered: [[[UInt8]]] = [
            [[1, 2, 3], [4], [5, 7]], [[1, 2, 3], [5, 6]], [[1, 2, 3], [4], [4], [5, 6]],
            [[4], [1, 2, 3], [5, 6]], [[1, 2], [3, 4], [5, 6]], [[1, 2, 3], [4]],
            [[1, 2, 3], [4], [5, 6], []],
        ]
        let heads = [start.appending(records)] + altered.map { start.appending($0) }
        #expect(Set(heads).count == heads.count)
    }

    @Test("is the same in one step or in many")
    func steps() {
        #expect(
            start.appending(records)
                == start.appending([records[0]]).appending(Array(records[1...])))
    }

    @Test("is refused at any other length than 32 bytes", arguments: [0, 31, 33])
    func lengths(count: Int) {
        #expect(ChainHead([UInt8](repeating: 1, count: count)) == nil)
        #expect(ChainHead(start.bytes) == start)
    }

    @Test("a signature holds for its statement alone")
    func signatures() throws {
        let key = SigningKey()
        let kept = try #require(SigningKey(key.bytes))
        let statement = BatchStatement(
            agent: "host", run: 7, first: 5, records: records, previous: start)
        #expect(statement.last == 7)
        #expect(statement.head == start.appending(records))
        let signature = try #require(kept.signature(of: statement))
        #expect(signature.count == VerifyingKey.signatureSize)
        let verifying = try #require(VerifyingKey(key.verifying.bytes))
        #expect(verifying.verifies(signature, of: statement))
        let others = [
            BatchStatement(agent: "hosts", run: 7, first: 5, records: records, previous: start),
            BatchStatement(agent: "host", run: 8, first: 5, records: records, previous: start),
            BatchStatement(agent: "host", run: 7, first: 6, records: records, previous: start),
            BatchStatement(
                agent: "host", run: 7, first: 5, records: [records[0]], previous: start),
            BatchStatement(
                agent: "host", run: 7, first: 5, records: records, previous: start.appending([1])),
        ]
        for other in others { #expect(!verifying.verifies(signature, of: other)) }
        #expect(!SigningKey().verifying.verifies(signature, of: statement))
        for index in signature.indices {
            var broken = signature
            broken[index] ^= 1
            #expect(!verifying.verifies(broken, of: statement))
        }
        #expect(!verifying.verifies([], of: statement))
    }

    @Test("the bytes that are signed are the documented ones")
    func statementBytes() {
        let statement = BatchStatement(
            agent: "h", run: 1, first: 2, records: [[3]], previous: start)
        let bytes = statement.bytes
        #expect(bytes.count == 97)
        #expect(
            Array(bytes[..<32])
                == Array("JFBATCH1".utf8) + [
                    1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
                ])
        #expect(Array(bytes[32..<64]) == start.bytes)
        #expect(Array(bytes[64..<96]) == start.appending([3]).bytes)
        #expect(bytes.last == UInt8(ascii: "h"))
    }

    @Test("keys of any other length are refused", arguments: [0, 31, 33, 64])
    func keyLengths(count: Int) {
        #expect(SigningKey([UInt8](repeating: 1, count: count)) == nil)
        #expect(VerifyingKey([UInt8](repeating: 1, count: count)) == nil)
    }
}
