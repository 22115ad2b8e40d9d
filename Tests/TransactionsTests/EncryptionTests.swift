import Testing

@testable import Transactions

@Suite("Encrypted connections")
struct EncryptionTests {
    /// A ClientHello's record, cut short of its end; and what begins as it does.
    private static let hello: [UInt8] =
        [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] + (0..<60).map { UInt8($0 * 37 & 0xff) }
    private static let answer: [UInt8] = [0x16, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3, 0x0a, 0x20]
    private static let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    private static func turns(_ isClient: Bool, _ bytes: [UInt8], _ cuts: [Int]) -> [Turn] {
        let ends = cuts + [bytes.count]
        return zip([0] + cuts, ends).filter { $0 < $1 }.map {
            Turn(toServer: isClient, bytes: Array(bytes[$0..<$1]))
        }
    }

    private func expectEncrypted(_ segments: [TestSegment], _ what: String) {
        let result = run(segments)
        let service = result.counters.services[0]
        #expect(service.encryptedConnections == 1, "\(what)")
        #expect(service.readablePackets == 0, "\(what)")
        #expect(service.encryptedPackets > 0, "\(what)")
        #expect(result.counters.malformedTotal == 0, "\(what)")
        #expect(result.exchanges.isEmpty, "\(what)")
    }

    @Test("are known by a first record that is cut anywhere", arguments: [true, false])
    func everySplit(hasSyn: Bool) {
        for first in 1..<Self.hello.count {
            for second in [first] + Array((first + 1)..<max(first + 2, 12)) {
                let cuts = [first, min(second, Self.hello.count)]
                let turns =
                    Self.turns(true, Self.hello, cuts) + Self.turns(false, Self.answer, [])
                expectEncrypted(
                    connection(turns, hasSyn: hasSyn), "cut at \(cuts), SYN: \(hasSyn)")
            }
        }
    }

    @Test("are known where both sides' records come byte by byte, and by the server's alone")
    func bytes() {
        let hello = Self.turns(true, Self.hello, Array(1..<Self.hello.count))
        let answer = Self.turns(false, Self.answer, Array(1..<Self.answer.count))
        expectEncrypted(connection(hello + answer), "both")
        expectEncrypted(connection(answer), "the server")
    }

    @Test("are known whichever of a record's parts comes first", arguments: 1..<8)
    func swapped(cut: Int) {
        var segments = connection(
            Self.turns(true, Self.hello, [cut]) + Self.turns(false, Self.answer, [1]))
        segments.swapAt(2, 3)
        expectEncrypted(segments, "the first \(cut) bytes come last")
    }

    @Test("are none that begin with an empty line, however it is cut")
    func emptyLine() {
        for cut in 1..<8 {
            let turns = Self.turns(true, [0x0d, 0x0a] + Self.hello, Array(1...cut))
            let result = run(connection(turns))
            #expect(result.counters.encryptedConnections == 0, "cut to \(cut)")
            #expect(
                result.counters.malformed[MalformedReason.requestLine.rawValue] == 1,
                "cut to \(cut)")
        }
    }

    @Test("what begins as a record and goes on otherwise is malformed, and can be read")
    func others() {
        let beginnings: [[UInt8]] = [
            [0x16], [0x16, 3], [0x17, 2], [0x15, 3, 5], [0x16, 0x47], [0x18, 3, 1],
        ]
        for bytes in beginnings {
            for cut in 1...bytes.count {
                let turns = Self.turns(true, bytes + Array(" / HTTP/1.1\r\n\r\n".utf8), [cut])
                let result = run(connection(turns))
                #expect(result.counters.encryptedConnections == 0, "\(bytes) cut at \(cut)")
                #expect(
                    result.counters.malformed[MalformedReason.requestLine.rawValue] == 1,
                    "\(bytes) cut at \(cut)")
                #expect(result.counters.services[0].readablePackets > 0)
            }
        }
    }

    @Test("a first byte that may be a record's alone is not known to be read")
    func one() {
        let result = run(connection([Turn(toServer: true, bytes: [0x16])]))
        #expect(result.counters.services[0].readablePackets == 0)
        #expect(result.counters.services[0].encryptedPackets == 1)
        #expect(result.counters.encryptedConnections == 0)
    }

    @Test("HTTP is never taken for them, however it is cut")
    func plain() {
        for cut in 1..<Self.get.utf8.count {
            for second in 1..<Self.ok.utf8.count {
                let turns =
                    Self.turns(true, Array(Self.get.utf8), [cut])
                    + Self.turns(false, Array(Self.ok.utf8), [second])
                let result = run(connection(turns))
                let service = result.counters.services[0]
                #expect(service.encryptedPackets == 0 && service.encryptedConnections == 0)
                #expect(service.readablePackets == 4, "cut at \(cut) and \(second)")
                #expect(result.exchanges.count == 1, "cut at \(cut) and \(second)")
            }
        }
    }
}
