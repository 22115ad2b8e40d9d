import Foundation
import Testing

extension SystemTests {
    @Suite(
        "Memory of a replay",
        .enabled("no C compiler: apt-get install gcc") { Host.has("cc") })
    struct ReplayAllocationTests {
        /// Rules of every kind, a thousand of them without a key. Of those with a key, flows that
        /// were counted take the longest way: they are found again.
        private static let rules: String = {
            var text = ""
            var steps = 0
            func scenario(_ id: String) {
                text += "  - id: \(id)\n    outcome:\n"
                text += "      completed: {status: 2xx, body: {code: [\"0000\"]}}\n    steps:\n"
            }
            func step(_ when: String, _ key: String? = nil) {
                steps += 1
                text += "      - name: s\(steps)\n        when: {\(when)}\n"
                if let key { text += "        flow_key: \(key)\n" }
                text += "        completes: true\n"
            }
            scenario("query")
            for number in 0..<250 {
                step("method: POST, path: /plain/\(number)/apply")
                step("path: \"/part\(number)/{no}/apply\"")
                step("path: /gateway, body: {txnCode: T\(number)}")
                step("path: \"/q/**\", host: loan.example, query: {t: \"type number \(number)\"}")
            }
            scenario("credit")
            step("path: \"/credit/{applyNo}/decision\", host: loan.example", "path.applyNo")
            step("path: /by-query, query: {channel: [app, web]}", "query.no")
            step("path: /by-header, header: {x-channel: app}", "header.x-flow")
            step("path: /by-body, body: {channel: app}", "body.data.no")
            step("path: /by-answer", "response.body.data.no")
            return "scenarios:\n" + text
        }()

        @Test("is the same however many exchanges there are, whatever their rules look at")
        func perExchange() throws {
            try Site.with { site in
                let counter = try buildCounter(in: site)
                try write(
                    AgentSettings(hasCounters: false, port: 8080, rules: Self.rules).text,
                    to: site.path("agent.yaml"))
                let few = try replay(exchanges: 9_000, counter, in: site)
                let many = try replay(exchanges: 36_000, counter, in: site)
                // What differs by a thread's or a buffer's allocation is none per exchange.
                let more = many - few
                #expect((-8...8).contains(more), "27,000 more exchanges, \(more) allocations")
            }
        }

        private func buildCounter(in site: Site) throws -> String {
            let library = site.path("allocations.so")
            let folder = "\(Host.sources)/Tests/CAllocationCounter"
            let outcome = try Host.run(
                [
                    "cc", "-O2", "-shared", "-fPIC", "-DWHOLE_PROCESS", "-I", "\(folder)/include",
                    "-o", library, "\(folder)/CAllocationCounter.c",
                ], within: 60)
            guard outcome.status == 0 else { throw Trouble("cc: \(outcome.said)") }
            return library
        }

        /// Allocations of a whole replay.
        private func replay(
            exchanges: Int, _ counter: String, in site: Site
        ) throws -> Int {
            let file = site.path("traffic-\(exchanges).pcap")
            try Data(KeyedCapture(exchanges: exchanges).bytes).write(to: URL(filePath: file))
            let outcome = try Host.run(
                [
                    "env", "LD_PRELOAD=\(counter)", Site.program("agent"), "replay", file,
                    "--config", site.path("agent.yaml"), "--format", "json",
                ], within: 60)
            guard outcome.status == 0 else { throw Trouble("replay: \(outcome.said)") }
            let counts = try dictionary(outcome.printed)
            let scenarios = counts["scenarios"] as? [String: [String: Any]] ?? [:]
            let keyed = exchanges / 9 * 5
            #expect(scenarios["query"]?["completed"] as? Int == exchanges - keyed)
            #expect(scenarios["credit"]?["completed"] as? Int == KeyedCapture.flows)
            #expect(scenarios["credit"]?["duplicates"] as? Int == keyed - KeyedCapture.flows)
            let told = outcome.said.split(separator: "\n").last { $0.hasPrefix("allocations: ") }
            return try #require(told.flatMap { Int($0.dropFirst(13)) })
        }
    }
}

/// A capture of exchanges that repeat a few flows, on some hundred connections.
private struct KeyedCapture {
    /// Four of the rules find the same keys in requests, the fifth others in responses.
    static let flows = 2 * 40

    private(set) var bytes: [UInt8] = []
    private var time: UInt64 = 1_800_000_000_000_000

    init(exchanges: Int) {
        for (number, width) in [(0xa1b2_c3d4, 4), (2, 2), (4, 2), (0, 8), (262_144, 4), (1, 4)] {
            little(UInt64(number), width)
        }
        for first in stride(from: 0, to: exchanges, by: 40) {
            add(first..<min(first + 40, exchanges), port: UInt16(20_000 + first / 40 % 100))
        }
    }

    private static func request(_ number: Int) -> String {
        let key = "N\(number / 9 % 40)"
        let rule = number / 9 % 250
        let body = "{\"txnCode\":\"T\(rule)\",\"channel\":\"app\",\"data\":{\"no\":\"\(key)\"}}"
        let line =
            switch number % 9 {
            case 0: "POST /credit/\(key)/decision"
            case 1: "POST /by-query?a=b&no=\(key)&channel=web"
            case 2: "POST /by-header"
            case 3: "POST /by-body"
            case 4: "POST /by-answer"
            case 5: "POST /plain/\(rule)/apply"
            case 6: "POST /part\(rule)/\(key)/apply"
            case 7: "POST /gateway"
            default: "POST /q/a/b?t=type+number+\(rule)"
            }
        return line + " HTTP/1.1\r\nHost: loan.example\r\nX-Flow: \(key)\r\nX-Channel: app\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
    }

    private static func response(_ number: Int) -> String {
        let body = "{\"data\":{\"no\":\"R\(number / 9 % 40)\"},\"code\":\"0000\"}"
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + String(body.utf8.count, radix: 16) + "\r\n\(body)\r\n0\r\n\r\n"
    }

    /// A connection from SYN to FIN, beyond the memory of the one on the same ends before.
    private mutating func add(_ numbers: Range<Int>, port: UInt16) {
        var sent: [UInt32] = [UInt32(numbers.lowerBound * 50_000 + 1), 7]
        func segment(_ isRequest: Bool, _ flags: UInt8, _ text: String = "") {
            let side = isRequest ? 0 : 1
            let hosts: [[UInt8]] = [[10, 0, 0, 1], [10, 0, 0, 2]]
            let ports = isRequest ? [port, 8080] : [8080, port]
            var frame: [UInt8] = Array(repeating: 0, count: 12) + [8, 0, 0x45, 0]
            frame += big(UInt32(40 + text.utf8.count)).suffix(2) + [0, 0, 0x40, 0, 64, 6, 0, 0]
            frame += isRequest ? hosts[0] + hosts[1] : hosts[1] + hosts[0]
            frame += ports.flatMap { big(UInt32($0)).suffix(2) }
            frame += big(sent[side]) + big(flags == 2 ? 0 : sent[1 - side])
            frame += [0x50, flags, 0xff, 0xff, 0, 0, 0, 0] + text.utf8
            time += 20
            little(time / 1_000_000, 4)
            little(time % 1_000_000, 4)
            little(UInt64(frame.count), 4)
            little(UInt64(frame.count), 4)
            bytes += frame
            sent[side] &+= UInt32(text.utf8.count) + (flags & 3 == 0 ? 0 : 1)
        }
        segment(true, 0x02)
        segment(false, 0x12)
        for number in numbers {
            segment(true, 0x18, Self.request(number))
            segment(false, 0x18, Self.response(number))
        }
        segment(true, 0x11)
        segment(false, 0x11)
        if port == 20_099 { time += 5_000_000 }
    }

    private mutating func little(_ number: UInt64, _ width: Int) {
        for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
    }

    private func big(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }
}
