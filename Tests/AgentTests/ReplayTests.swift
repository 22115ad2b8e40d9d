import CAllocationCounter
import Foundation
import Metering
import Scenarios
import Testing
import Traffic
import Transactions

@testable import Agent

#if DEBUG
    private let isOptimized = false
#else
    private let isOptimized = true
#endif

@Suite("A replay")
struct ReplayTests {
    /// Two connections whose exchanges take turns.
    private static func talk(_ count: Int, start: UInt64 = 1_700_000_000_000_000) -> MadeCapture {
        var capture = MadeCapture(start: start)
        for number in 0..<count {
            capture.exchange(
                port: number % 2 == 0 ? 40_000 : 40_001, method: "POST",
                target: "/credit/\(number)/apply",
                body: #"{"data":{},"code":"\#(number % 3 == 0 ? "E1001" : "0000")"}"#)
        }
        return capture
    }

    @Test("of a capture in two parts, cut anywhere, counts what the whole does")
    func parts() throws {
        let capture = Self.talk(6)
        for cut in 0...capture.records.count {
            let parts = [capture.records[..<cut], capture.records[cut...]].map {
                MadeCapture.header + $0.flatMap { $0 }
            }
            try withFiles([capture.bytes] + parts) { paths in
                let whole = replay([paths[0]], madePlan)
                let split = replay(Array(paths[1...]), madePlan)
                #expect(whole.tally.scenarios[0].flows == 6)
                #expect(split.tally == whole.tally)
                #expect(split.counters == whole.counters)
                #expect(split.restarts == 0)
            }
        }
    }

    @Test("of a file of an earlier time ends what is open, and pairs nothing across")
    func restart() throws {
        var first = MadeCapture(start: 1_700_000_000_000_000)
        first.send(40_000, true, "GET /a HTTP/1.1\r\n\r\n")
        var second = MadeCapture(start: 1_600_000_000_000_000)
        second.send(40_000, false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        second.exchange(target: "/b")
        try withFiles([first.bytes, second.bytes]) { paths in
            let result = replay(paths, madePlan)
            #expect(result.restarts == 1)
            #expect(result.counters.connections == 2)
            #expect(result.counters.unpairedRequests == 1)
            #expect(result.counters.unpairedResponses == 1)
            #expect(result.counters.exchanges == 1)
            // The same in the order of time: the connection was silent for too long to go on.
            let ordered = replay(paths.reversed(), madePlan)
            #expect(ordered.restarts == 0)
            #expect(ordered.counters.exchanges == 1)
        }
    }

    @Test("counts what came before the place where a file is damaged, and says where that is")
    func damage() throws {
        var bytes = Self.talk(6, start: 1_600_000_000_000_000).bytes
        let place = bytes.count
        bytes += [UInt8](repeating: 0xff, count: 16)
        try withFiles([Self.talk(2).bytes, bytes, Self.talk(4).bytes]) { paths in
            let result = replay(paths, madePlan)
            guard case .unreadable(let words)? = result.failure else {
                Issue.record("no failure")
                return
            }
            #expect(words.contains("\(paths[1]), byte \(place): "))
            #expect(result.files.map(\.packets) == [4, 12])
            #expect(result.counters.exchanges == 8)
        }
    }

    @Test("tells the byte before the packet inside which a file ends")
    func truncation() throws {
        let capture = Self.talk(1)
        let start = MadeCapture.header.count + capture.records[0].count
        for length in stride(from: start, through: capture.bytes.count, by: 7) {
            try withFiles([Array(capture.bytes[..<length])]) { paths in
                let result = replay(paths, madePlan)
                #expect(result.failure == nil)
                #expect(result.files[0].packets == 1)
                #expect(result.files[0].truncatedAt == (length == start ? nil : UInt64(start)))
            }
        }
    }

    @Test("tells how often each rule was the first to match, and which never were")
    func hits() throws {
        let steps = [("/credit/{id}/apply", "POST"), ("/credit/x", "GET"), ("/other", "GET")]
        let scenarios = steps.enumerated().map { number, step in
            scenario(
                ScenarioID("s\(number)"), step.0, method: step.1,
                [OutcomeCondition(.completed, statuses: [.hundred(2)])])
        }
        let counter = FlowCounter(scenarios, countsFlows: [false])
        let plan = ReplayPlan(
            names: ["gate"], services: [EngineService(ports: [8080], selectors: [])],
            scenarios: scenarios, counter: counter)
        try withFiles([Self.talk(5).bytes]) { paths in
            let rules = replay(paths, plan).rules.all
            #expect(rules.map(\.hits) == [5, 0, 0])
            #expect(rules.map(\.scenario) == ["s0", "s1", "s2"])
            #expect(rules[0].matches == "POST /credit/{id}/apply" && rules[0].step == "step")
        }
    }

    @Test("by ports alone counts every exchange as other")
    func ports() throws {
        try withFiles([Self.talk(5).bytes]) { paths in
            let result = replay(paths, ReplayPlan(ports: [80, 8080]))
            #expect(result.tally.services.map(\.otherRequests) == [0, 5])
            #expect(result.scenarios.isEmpty)
            #expect(replay(paths, ReplayPlan(ports: [80])).counters.connections == 0)
        }
    }

    @Test(
        "allocates nothing per packet and per exchange",
        .enabled(if: isOptimized, "accessors of properties allocate in debug builds"))
    func noAllocation() throws {
        try withFiles([Self.talk(20).bytes, Self.talk(4000).bytes]) { paths in
            let allocations = paths.map { path in
                _ = replay([path], madePlan)
                allocation_count_reset()
                let result = replay([path], madePlan)
                let count = allocation_count()
                #expect(result.counters.exchanges >= 20)
                return count
            }
            #expect(allocations[0] == allocations[1])
        }
    }
}
