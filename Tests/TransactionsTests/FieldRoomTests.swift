import Testing
import Traffic
import Transactions

@Suite("The room for fields that rules ask for")
struct FieldRoomTests {
    private func selectors(requests: Int, responses: Int = 0) -> [FieldSelector] {
        (0..<requests).map { FieldSelector.requestJSON(["field\($0)"]) }
            + (0..<responses).map { FieldSelector.responseJSON(["field\($0)"]) }
    }

    /// How many exchanges there are, and how many connections were evicted, where each asks, is answered,
    /// and asks again before the first has its second answer.
    private func waiting(_ count: Int, _ selectors: [FieldSelector]) -> (Int, evicted: UInt64) {
        let request: Turn = .client(
            "POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\n{\"field7\":\"v\"}  ")
        let response: Turn = .server(
            "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"field7\":\"v\"}")
        let connections = (0..<count).map {
            connection(
                [request, response, request, response], clientPort: UInt16(20_000 + $0))
        }
        let order = connections.flatMap { $0.prefix(5) } + connections.flatMap { $0.dropFirst(5) }
        let (exchanges, counters) = run(order, selectors: selectors, apart: 1000)
        return (exchanges.count, counters.evicted)
    }

    @Test(
        "is that of 4,096 connections, whatever blocks they need, up to the limit in all",
        arguments: [(60, 0), (185, 0), (235, 0), (0, 235), (120, 120), (20, 200)])
    func roomForAll(requests: Int, responses: Int) throws {
        let selectors = selectors(requests: requests, responses: responses)
        let room = try #require(FieldRoom(selectors))
        #expect(room.request?.fields ?? 0 == requests)
        #expect(room.response?.fields ?? 0 == responses)
        #expect(room.isEnough)
        #expect(waiting(4096, selectors) == (8192, 0))
    }

    @Test(
        "is what is told, whether requests have the fields or responses or both",
        arguments: [(1, 0), (1, 1), (120, 120), (240, 240), (500, 0), (0, 300)])
    func roomTold(requests: Int, responses: Int) throws {
        let selectors = selectors(requests: requests, responses: responses)
        let room = try #require(FieldRoom(selectors))
        #expect(waiting(room.connections, selectors) == (2 * room.connections, 0))
    }

    @Test("is no more than what is told, where fields take the most of it")
    func atMost() throws {
        let many = try #require(FieldRoom(selectors(requests: 500)))
        #expect(many.request?.bytes == 48 << 10 && many.response == nil)
        #expect(many.memory == 72 << 20 && many.connections == 1530 && !many.isEnough)
        #expect(waiting(1580, selectors(requests: 500)).evicted > 0)
        let both = try #require(FieldRoom(selectors(requests: 240, responses: 240)))
        #expect(both.request?.bytes == 16 << 10 && both.response?.bytes == 16 << 10)
        #expect(both.connections == 2290 && !both.isEnough)
        #expect(waiting(2350, selectors(requests: 240, responses: 240)).evicted > 0)
        #expect(FieldRoom([]) == nil)
    }
}
