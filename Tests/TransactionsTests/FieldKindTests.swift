import Testing
import Traffic

@testable import Transactions

private func fields(
    _ segments: [TestSegment], limits: EngineLimits = .init(),
    _ selectors: [FieldSelector] = everySelector
) -> [[String]] {
    run(segments, selectors: selectors, limits: limits).exchanges.map(\.fields)
}

/// The exchange's fields of `everySelector`, those in the request's body unread. Where the first bytes
/// of that were read, what is another kind of body has no such field.
private func withoutBody(_ pair: MessagePair, hasBegun: Bool = false) -> [String] {
    var values = pair.values
    values[2] = "?"
    values[3] = hasBegun && pair.requestKind != .json ? "-" : "?"
    values[5] = hasBegun && pair.requestKind != .xml ? "-" : "?"
    return values
}

@Suite("The fields of requests and responses")
struct FieldKindTests {
    @Test("are of every kind in one exchange")
    func all() {
        for pair in everyPair {
            #expect(fields(connection([pair.request(), pair.response()])) == [pair.values])
        }
    }

    @Test("are the same wherever a message is cut in two")
    func everySplit() {
        for pair in everyPair {
            for sending in [Sending.plain, Sending(chunk: 9), Sending(bits: 31)] {
                let turns = [pair.request(sending), pair.response(sending)]
                let longest = turns.map(\.bytes.count).max() ?? 0
                for cut in 1..<longest {
                    let seen = fields(connection(turns) { [min(cut, $0), $0] })
                    #expect(seen == [pair.values], "\(pair), \(sending), at \(cut)")
                }
            }
        }
    }

    @Test(
        "are the same by length, in chunks and compressed, in any pieces",
        arguments: [
            Sending(chunk: 1), Sending(chunk: 7), Sending(chunk: 1000), Sending(bits: 31),
            Sending(bits: 15), Sending(bits: -15), Sending(chunk: 5, bits: 31),
        ])
    func sendings(sending: Sending) {
        for pair in everyPair {
            let turns = [pair.request(sending), pair.response(sending)]
            for size in [1, 2, 3, 50, 5000] {
                let seen = fields(
                    connection(turns) { Array(repeating: size, count: $0 / size + 1) })
                #expect(seen == [pair.values], "\(pair) in pieces of \(size)")
            }
        }
    }

    @Test("of a request are its own, however many wait with it")
    func pipelined() {
        let pairs = (0..<9).map { number in
            MessagePair(
                requestKind: BodyKind.allCases[number % 3],
                responseKind: number % 2 == 0 ? .json : .xml, mark: "\(number)")
        }
        let requests = pairs.flatMap { $0.request(Sending(chunk: 11)).bytes }
        let responses = pairs.flatMap { $0.response().bytes }
        let turns = [
            Turn(toServer: true, bytes: requests), Turn(toServer: false, bytes: responses),
        ]
        for size in [1, 13, 100, 100_000] {
            let seen = fields(connection(turns) { Array(repeating: size, count: $0 / size + 1) })
            #expect(seen == pairs.map(\.values), "in pieces of \(size)")
        }
        // Each answered while the next one is being read.
        let alternating = (0..<9).flatMap { number -> [Turn] in
            let next = number < 8 ? Array(pairs[number + 1].request().bytes.prefix(150)) : []
            let whole = pairs[number].request().bytes
            return [
                Turn(
                    toServer: true,
                    bytes: (number == 0 ? whole : Array(whole.dropFirst(150))) + next),
                pairs[number].response(),
            ]
        }
        #expect(fields(connection(alternating)) == pairs.map(\.values))
    }

    @Test("of a request's body are unread where a segment of it is lost, its head's are not")
    func lost() {
        for pair in everyPair {
            let head = pair.request().bytes.count - pair.requestBody.count
            var segments = connection([pair.request(), pair.response()]) { length in
                [head, 3, length]
            }
            segments.remove(at: 3)
            #expect(fields(segments) == [withoutBody(pair)])
        }
    }

    @Test("are unread as far as the end of a response's head or body was not seen")
    func cutResponse() {
        for pair in everyPair {
            let bytes = pair.response().bytes
            let whole = connection([pair.request(), pair.response()]) { [$0] }
            for captured in 13..<bytes.count {
                var segments = whole
                segments[3].captured = captured
                let seen = fields(segments)
                #expect(seen.count == 1)
                for (value, wanted) in zip(seen.first ?? [], pair.values) {
                    #expect(value == wanted || value == "?", "\(captured) bytes of \(pair)")
                }
                if captured < bytes.count - 20 { #expect(seen.first?.contains("?") == true) }
            }
        }
    }

    @Test("of the rest of a request's body are unread where its response ends before")
    func early() {
        for pair in everyPair {
            let request = pair.request().bytes
            let head = request.count - pair.requestBody.count
            let next = MessagePair(requestKind: .json, responseKind: .json, mark: "next")
            let turns = [
                Turn(toServer: true, bytes: Array(request.prefix(head + 2))), pair.response(),
                Turn(toServer: true, bytes: Array(request.dropFirst(head + 2))),
                next.request(), next.response(),
            ]
            #expect(
                fields(connection(turns)) == [withoutBody(pair, hasBegun: true), next.values])
            let inHead = [
                Turn(toServer: true, bytes: Array(request.prefix(40))), pair.response(),
                Turn(toServer: true, bytes: Array(request.dropFirst(40))),
                next.request(), next.response(),
            ]
            let seen = fields(connection(inHead))
            #expect(seen.count == 2 && seen.last == next.values)
            #expect(seen.first.map { $0[7] } == "?")
        }
    }

    @Test("are found behind 100 Continue")
    func interim() {
        for pair in everyPair {
            let request = pair.request().bytes
            let head = request.count - pair.requestBody.count
            let turns = [
                Turn(toServer: true, bytes: Array(request.prefix(head))),
                .server("HTTP/1.1 100 Continue\r\nX-Result: interim\r\n\r\n"),
                Turn(toServer: true, bytes: pair.requestBody), pair.response(),
            ]
            #expect(fields(connection(turns)) == [pair.values])
        }
    }

    @Test("of bodies that are not there are absent")
    func noBody() {
        let turns: [Turn] = [
            .client("GET /a HTTP/1.1\r\nHost:a\r\n\r\n"),
            .server("HTTP/1.1 204 No Content\r\nX-Result: \t b c \t\r\n\r\n"),
        ]
        #expect(fields(connection(turns)) == [["-", "a", "-", "-", "b c", "-", "-", "-"]])
    }

    @Test("beyond the limit of a body are unread, and those before it are read")
    func limit() {
        var limits = EngineLimits()
        limits.body = 100
        let selectors: [FieldSelector] = [.requestForm("a"), .requestForm("z"), .requestForm("b")]
        func seen(_ body: String, _ sending: Sending) -> [[String]] {
            let request = sending.message("POST / HTTP/1.1", "X: y", Array(body.utf8))
            return fields(
                connection([
                    Turn(toServer: true, bytes: request), .server("HTTP/1.1 204 No\r\n\r\n"),
                ]), limits: limits, selectors)
        }
        let fill = String(repeating: "x", count: 90)
        for sending in [Sending.plain, Sending(chunk: 30), Sending(bits: 31)] {
            #expect(seen("a=1&x=\(fill)&z=1", sending) == [["1", "1", "-"]])
            #expect(seen("a=1&x=\(fill)&z=23", sending) == [["1", "?", "?"]])
            #expect(seen("a=1&x=\(fill.dropLast())&z=2&b=3", sending) == [["1", "2", "?"]])
        }
    }

    @Test(
        "in a head are the first of their name, in any case, without the space around them",
        arguments: [
            ("host: a", "a"), ("HOST:a\r\nhost: b", "a"), ("Host: \t a b \t", "a b"),
            ("Host:", ""), ("Host: ", ""), ("Hos: a\r\nHosts: b", "-"), ("X: y\r\n Host: a", "-"),
            ("Host: a\r\n b", "?"), ("Host:\r\n\tb\r\nHost: c", "?"), ("Host: a\nX: y", "a"),
            ("Host : a", "a"), ("Host: a\r\nX: y\r\n folded", "a"),
            ("Host: \(String(repeating: "h", count: 64))", String(repeating: "h", count: 64)),
            ("Host: \(String(repeating: "h", count: 200))", String(repeating: "h", count: 65)),
        ])
    func heads(lines: String, value: String) {
        for size in [1, 2, 5, 1000] {
            let turns: [Turn] = [
                .client("GET / HTTP/1.1\r\nA: b\r\n\(lines)\r\nZ: y\r\n\r\n"),
                .server("HTTP/1.1 200 OK\r\n\(lines)\r\nContent-Length: 0\r\n\r\n"),
            ]
            let seen = fields(
                connection(turns) { Array(repeating: size, count: $0 / size + 1) },
                [.responseHeader("Host"), .requestHeader("hOST")])
            #expect(seen == [[value, value]], "in pieces of \(size)")
        }
    }

    @Test("are unread, never wrong, where there is no memory for them")
    func noMemory() {
        let segments = (0..<60).map { number in
            connection(
                (0..<4).flatMap { _ in everyPair.prefix(2).map { $0.request() } }
                    + (0..<4).flatMap { _ in everyPair.prefix(2).map { $0.response() } },
                clientPort: UInt16(1000 + number)
            ) { [$0 / 2, $0] }
        }
        let mixed = (0..<(segments.first?.count ?? 0)).flatMap { index in segments.map { $0[index] }
        }
        let wanted = everyPair.prefix(2).map(\.values)
        for memory in [4 << 10, 30 << 10, 100 << 10, 300 << 10] {
            var limits = EngineLimits()
            limits.memory = memory
            limits.fieldMessages = 0
            for seen in fields(mixed, limits: limits) {
                let fits = wanted.contains { zip(seen, $0).allSatisfy { $0 == "?" || $0 == $1 } }
                #expect(fits, "\(memory) bytes: \(seen)")
            }
        }
    }

    @Test("do not trap on any bytes, and are no longer than what is told apart")
    func noise() {
        var random = SeededGenerator(seed: 31)
        var found = 0
        for _ in 0..<3000 {
            let turns = (0..<3).flatMap { _ -> [Turn] in
                let pair = everyPair.randomElement(using: &random) ?? everyPair[0]
                let chunk =
                    Bool.random(using: &random) ? Int.random(in: 1...40, using: &random) : nil
                let bits: Int32? = Int.random(in: 0..<3, using: &random) == 0 ? 31 : nil
                let sending = Sending(chunk: chunk, bits: bits)
                return [pair.request(sending), pair.response(sending)]
            }.map { turn in
                var bytes = turn.bytes
                for _ in 0..<Int.random(in: 0..<3, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] =
                        Bool.random(using: &random)
                        ? UInt8.random(in: 0...255, using: &random)
                        : bytes.randomElement(using: &random) ?? 0
                }
                return Turn(toServer: turn.toServer, bytes: bytes)
            }
            let size = Int.random(in: 1...200, using: &random)
            var segments = connection(turns) { Array(repeating: size, count: $0 / size + 1) }
            if Bool.random(using: &random) {
                segments.remove(at: Int.random(in: 0..<segments.count, using: &random))
            }
            for values in fields(segments) {
                #expect(values.count == everySelector.count)
                #expect(values.allSatisfy { $0.unicodeScalars.count <= 65 })
                found += values.count { $0 != "-" && $0 != "?" }
            }
        }
        #expect(found > 5000)
    }

    @Test("are absent where that is known before the body's end, whatever else is looked for")
    func absentBefore() {
        let rows = String(repeating: "{\"x\":1},", count: 40)
        let body = "{\"head\":{\"code\":\"0\"},\"rows\":[\(rows)1]}"
        let response = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
        let segments = connection([
            Turn(toServer: true, bytes: Array("GET / HTTP/1.1\r\n\r\n".utf8)),
            Turn(toServer: false, bytes: Array(response.utf8)),
        ])
        var limits = EngineLimits()
        limits.body = 100
        let error = FieldSelector.responseJSON(["head", "error"])
        #expect(fields(segments, limits: limits, [error]) == [["-"]])
        let other = FieldSelector.responseJSON(["other"])
        #expect(fields(segments, limits: limits, [error, other]) == [["-", "?"]])
    }

    @Test("have room for as many as rules may ask for, in thousands of requests that wait")
    func roomForMany() {
        let selectors = (0..<500).map { FieldSelector.requestJSON(["field\($0)"]) }
        let body = "{\"field7\":\"v\"}"
        let request =
            "POST / HTTP/1.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
        let turns = [
            Turn(toServer: true, bytes: Array(request.utf8)),
            Turn(
                toServer: false,
                bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)),
        ]
        let connections = (0..<600).map { connection(turns, clientPort: UInt16(20_000 + $0)) }
        // All ask before the first is answered.
        let order = connections.flatMap { $0.prefix(3) } + connections.flatMap { $0.dropFirst(3) }
        let (exchanges, counters) = run(order, selectors: selectors, apart: 1000)
        #expect(exchanges.count == 600 && counters.evicted == 0)
        #expect(exchanges.allSatisfy { $0.fields[7] == "v" && $0.fields[8] == "-" })
    }
}
