import CZlib
import Testing
import Traffic

@testable import Transactions

/// The bytes as zlib compresses them: bits 31 for gzip, 15 for zlib's wrapping, -15 for none.
func compressed(_ bytes: [UInt8], bits: Int32) -> [UInt8] {
    var stream = z_stream()
    var output = [UInt8](repeating: 0, count: bytes.count + 1024)
    var input = bytes
    guard
        deflateInit2_(
            &stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return [] }
    let count = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            _ = deflate(&stream, Z_FINISH)
            return target.count - Int(stream.avail_out)
        }
    }
    deflateEnd(&stream)
    return Array(output.prefix(count))
}

private let get = "GET /a HTTP/1.1\r\n\r\n"

private func response(_ head: String, _ body: [UInt8]) -> Turn {
    let start = "HTTP/1.1 200 OK\r\n\(head)\r\nContent-Length: \(body.count)\r\n\r\n"
    return Turn(toServer: false, bytes: Array(start.utf8) + body)
}

private func object(_ size: Int, code: String) -> [UInt8] {
    var random = SeededGenerator(seed: 3)
    let text = (0..<size).map { _ in
        String(Int.random(in: 0...9, using: &random))
    }.joined()
    return Array("{\"p\":\"\(text)\",\"code\":\"\(code)\"}".utf8)
}

@Suite("Compressed bodies")
struct InflationTests {
    @Test(
        "give their fields, in any pieces",
        arguments: [
            ("Content-Encoding: gzip", 31), ("content-encoding: X-GZIP", 31),
            ("Content-Encoding: deflate", 15), ("Content-Encoding: deflate", -15),
        ] as [(String, Int32)])
    func fields(header: String, bits: Int32) {
        let body = compressed(object(600, code: "E1"), bits: bits)
        #expect(body.count > 100)
        let turns: [Turn] = [
            .client(get), response(header, body), .client(get),
            response("X: y", object(5, code: "E2")),
        ]
        let wanted = [["E1"], ["E2"]]
        #expect(run(connection(turns)).exchanges.map(\.fields) == wanted)
        for size in [1, 2, 7, 100] {
            let result = run(connection(turns) { Array(repeating: size, count: $0 / size + 1) })
            #expect(result.exchanges.map(\.fields) == wanted, "pieces of \(size)")
            #expect(result.exchanges.allSatisfy { $0.isComplete })
        }
    }

    @Test("give their fields in chunks, also when compressed as a transfer coding")
    func chunks() {
        let body = compressed(object(600, code: "E1"), bits: 31)
        for header in [
            "Content-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ] {
            var bytes = Array("HTTP/1.1 200 OK\r\n\(header)\r\n\r\n".utf8)
            for start in stride(from: 0, to: body.count, by: 50) {
                let part = body[start..<min(start + 50, body.count)]
                bytes += Array((String(part.count, radix: 16) + "\r\n").utf8) + part + [13, 10]
            }
            bytes += Array("0\r\n\r\n".utf8)
            let result = run(connection([.client(get), Turn(toServer: false, bytes: bytes)]))
            #expect(result.exchanges.map(\.fields) == [["E1"]], "\(header)")
        }
    }

    @Test(
        "are unread where they cannot be decompressed",
        arguments: [
            "Content-Encoding: br", "Content-Encoding: gzip, gzip",
            "Content-Encoding: gzip\r\nContent-Encoding: br", "Content-Encoding: deflate",
        ])
    func unread(header: String) {
        let body = compressed(object(600, code: "E1"), bits: 31)
        let result = run(connection([.client(get), response(header, body)]))
        #expect(result.exchanges.map(\.fields) == [["?"]])
    }

    @Test("of several gzip members are one text, wherever they are cut; of deflate there is one")
    func members() {
        let text = object(600, code: "E1")
        let halves = [text[..<300], text[300...]].map { compressed(Array($0), bits: 31) }
        let body = halves[0] + halves[1]
        let turns: [Turn] = [.client(get), response("Content-Encoding: gzip", body)]
        for size in [1, 2, 7, halves[0].count, body.count + 1_000] {
            let result = run(connection(turns) { Array(repeating: size, count: $0 / size + 1) })
            #expect(result.exchanges.map(\.fields) == [["E1"]], "pieces of \(size)")
        }
        // Cut in the second, without it, and before anything else.
        for other in [Array(halves[1].prefix(20)), [0x1f], Array("garbage".utf8)] {
            let cut = response("Content-Encoding: gzip", halves[0] + other)
            #expect(run(connection([.client(get), cut])).exchanges.map(\.fields) == [["?"]])
        }
        let first = run(connection([.client(get), response("Content-Encoding: gzip", halves[0])]))
        #expect(first.exchanges.map(\.fields) == [["-"]])
        for bits in [15, -15] as [Int32] {
            let twice = compressed(Array(text[..<300]), bits: bits) + compressed(text, bits: bits)
            let answer = response("Content-Encoding: deflate", twice)
            #expect(run(connection([.client(get), answer])).exchanges.map(\.fields) == [["?"]])
        }
    }

    @Test("that end before what is compressed does are unread; without a byte they have no field")
    func cutShort() {
        let body = compressed(object(600, code: "E1"), bits: 31)
        for count in 1..<body.count {
            let part = Array(body.prefix(count))
            let seen = run(connection([.client(get), response("Content-Encoding: gzip", part)]))
            // The code may have come out before the checksum was read.
            let value = seen.exchanges.first?.fields.first
            #expect(value == "?" || value == "E1" && count > 100, "\(count) bytes")
        }
        let none = run(connection([.client(get), response("Content-Encoding: gzip", [])]))
        #expect(none.exchanges.map(\.fields) == [["-"]])
    }

    @Test("of requests are decompressed beside those of responses, within the same number")
    func bothSides() {
        let body = compressed(object(2000, code: "E1"), bits: 31)
        let head = "Content-Encoding: gzip\r\nContent-Length: \(body.count)\r\n\r\n"
        let request = Array("POST / HTTP/1.1\r\n\(head)".utf8) + body
        let answer = Array("HTTP/1.1 200 OK\r\n\(head)".utf8) + body
        // Each half of a request waits for the rest, while responses before it come.
        let half = request.count / 2
        let connections = (0..<6).map { number in
            connection(
                [
                    Turn(toServer: true, bytes: request + request.prefix(half)),
                    Turn(toServer: false, bytes: answer),
                    Turn(toServer: true, bytes: Array(request.dropFirst(half))),
                    Turn(toServer: false, bytes: answer),
                ], clientPort: UInt16(1000 + number)
            ) { [$0 / 2, $0] }
        }
        let mixed = (0..<connections[0].count).flatMap { index in connections.map { $0[index] } }
        for number in [1, 3, 6, 12] {
            var limits = EngineLimits()
            limits.inflations = number
            let seen = run(
                mixed, selectors: [.requestJSON(["code"]), .responseJSON(["code"])],
                limits: limits)
            #expect(seen.exchanges.count == 12)
            let fields = seen.exchanges.flatMap(\.fields)
            #expect(fields.allSatisfy { $0 == "E1" || $0 == "?" })
            #expect(number < 12 || fields.allSatisfy { $0 == "E1" }, "\(number) at once")
            #expect(number > 3 || fields.contains("?"), "\(number) at once")
        }
    }

    @Test("are decompressed no further than the limit, whatever they swell to")
    func bounded() {
        let bomb = compressed(
            Array("{\"p\":\"".utf8) + Array(repeating: 0x61, count: 50 << 20)
                + Array("\",\"code\":1}".utf8), bits: 31)
        var limits = EngineLimits()
        limits.body = 100_000
        let small = compressed(object(90_000, code: "E1"), bits: 31)
        let result = run(
            connection(
                [
                    .client(get), response("Content-Encoding: gzip", bomb), .client(get),
                    response("Content-Encoding: gzip", small),
                ]) { Array(repeating: 60_000, count: $0 / 60_000 + 1) }, limits: limits)
        #expect(result.exchanges.map(\.fields) == [["?"], ["E1"]])
    }

    @Test("are unread beyond the number that is decompressed at once, and nothing else suffers")
    func number() {
        let body = compressed(object(2000, code: "E1"), bits: 31)
        var limits = EngineLimits()
        limits.inflations = 3
        // Six bodies begin before the first of them ends; then they go on one after another.
        let parts = (0..<6).map { port in
            connection(
                [.client(get), response("Content-Encoding: gzip", body)],
                clientPort: UInt16(1000 + port)
            ) { [$0 / 2, $0] }
        }
        let first = parts.flatMap { $0.prefix(5) }
        let result = run(first + parts.flatMap { $0.dropFirst(5) }, limits: limits)
        #expect(result.exchanges.count == 6)
        #expect(result.exchanges.count { $0.fields == ["E1"] } == 3)
        #expect(result.exchanges.count { $0.fields == ["?"] } == 3)
    }

    @Test("that wait for more do not keep others from being read")
    func stalled() {
        let body = compressed(object(2000, code: "E1"), bits: 31)
        // More begin than are decompressed at once, and none goes on; then whole ones come.
        let stalled = (0..<100).flatMap { port in
            connection(
                [.client(get), response("Content-Encoding: gzip", body)],
                clientPort: UInt16(1000 + port), hasFin: false
            ) { [$0 / 2] }
        }
        let whole = (0..<50).flatMap { port in
            connection(
                [.client(get), response("Content-Encoding: gzip", body)],
                clientPort: UInt16(2000 + port))
        }
        let result = run(stalled + whole)
        #expect(result.exchanges.count { $0.isComplete && $0.fields == ["E1"] } == 50)
    }

    @Test("give a field that stands before a hole, and none behind it")
    func hole() {
        let body = compressed(object(4000, code: "E1"), bits: 31)
        var segments = connection([.client(get), response("Content-Encoding: gzip", body)]) {
            Array(repeating: 500, count: $0 / 500 + 1)
        }
        segments.remove(at: 5)
        let result = run(segments)
        #expect(result.exchanges.map(\.fields) == [["?"]])
        #expect(result.exchanges.allSatisfy { $0.isComplete })
    }
}
