import Metering
import Testing
import Traffic

@testable import Transactions

@Suite("Fields when others are asked for while messages are read")
struct FieldChangeTests {
    private static let sendings = [Sending.plain, Sending(chunk: 10), Sending(bits: 31)]
    private static let pairs = everyPair + everyPair.reversed()

    /// Some requests at once, then one by one, in short segments.
    private static func segments() -> [TestSegment] {
        let requests = pairs.enumerated().map { $1.request(sendings[$0 % 3]) }
        let responses = pairs.enumerated().map { $1.response(sendings[$0 / 3 % 3]) }
        let turns =
            requests.prefix(4) + responses.prefix(4)
            + zip(requests, responses).dropFirst(4).flatMap { [$0, $1] }
        return connection(Array(turns)) { Array(repeating: 60, count: $0 / 60 + 1) }
    }

    private static func exchanges(
        from first: [FieldSelector], changes: [Int: [FieldSelector]]
    ) -> (exchanges: [[String: String]], memory: Int) {
        let seen = Seen()
        var selectors = first
        var asked: [[FieldSelector]] = []
        var engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: first)]
        ) { seen.exchanges.append(SeenExchange($0)) }
        for (index, segment) in segments().enumerated() {
            if let other = changes[index] {
                selectors = other
                engine.change(
                    services: [
                        EngineService(ports: [9], selectors: []),
                        EngineService(ports: [8080], selectors: other),
                    ], localAddresses: [])
            }
            segment.frame.withUnsafeBytes { bytes in
                engine.ingest(
                    Frame(
                        bytes: bytes, wireLength: bytes.count,
                        time: Timestamp(1_800_000_000_000_000_000 + UInt64(index) * 1_000_000),
                        linkType: .ethernet))
            }
            while asked.count < seen.exchanges.count { asked.append(selectors) }
        }
        engine.finish()
        let named = zip(seen.exchanges, asked).map { exchange, selectors in
            Dictionary(
                uniqueKeysWithValues: zip(selectors.map { "\($0)" }, exchange.fields))
        }
        return (named, engine.accountedMemory)
    }

    private static let wanted = pairs.map { pair in
        Dictionary(uniqueKeysWithValues: zip(everySelector.map { "\($0)" }, pair.values))
    }

    @Test("are kept where they are asked for again, in another order and among others")
    func kept() {
        let more =
            [.requestHeader("x-new"), .requestJSON(["new"]), .responseXML(["new"])]
            + everySelector.reversed() + [.requestForm("new"), .responseHeader("x-new")]
        for moment in 0..<Self.segments().count {
            let seen = Self.exchanges(from: everySelector, changes: [moment: more])
            #expect(seen.exchanges.count == Self.pairs.count)
            for (fields, wanted) in zip(seen.exchanges, Self.wanted) {
                #expect(fields.filter { wanted[$0.key] != nil } == wanted, "before \(moment)")
                let new = Set(fields.filter { wanted[$0.key] == nil }.values)
                #expect(new.isSubset(of: ["-", "?"]))
            }
        }
    }

    @Test("are unread in what began before they were asked for, and never another's")
    func new() {
        let requests = everySelector.filter(\.isOfRequest)
        let responses = everySelector.filter { !$0.isOfRequest }
        for first in [[], requests, responses, [everySelector[1]], [everySelector[5]]] {
            for second in [everySelector, responses, [everySelector[3], everySelector[4]]] {
                for moment in 0..<Self.segments().count {
                    let seen = Self.exchanges(from: first, changes: [moment: second]).exchanges
                    #expect(seen.count == Self.pairs.count)
                    for (fields, wanted) in zip(seen, Self.wanted) {
                        for (selector, value) in fields {
                            #expect(value == "?" || value == wanted[selector], "before \(moment)")
                        }
                    }
                    #expect(seen.count { $0.values.contains("?") } <= 5, "before \(moment)")
                }
            }
        }
    }

    @Test("may change at every packet, and no memory is kept for what is not asked for")
    func often() {
        let sets = [everySelector, [], everySelector.reversed(), [everySelector[2]]]
        let count = Self.segments().count
        let always = Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, sets[$0 % 4]) })
        let seen = Self.exchanges(from: everySelector, changes: always)
        #expect(seen.exchanges.count == Self.pairs.count)
        for (fields, wanted) in zip(seen.exchanges, Self.wanted) {
            for (selector, value) in fields { #expect(value == "?" || value == wanted[selector]) }
        }
        // Decompressors apart: of those, one for each direction.
        let once = Self.exchanges(from: everySelector, changes: [:])
        #expect(seen.memory <= 3 * once.memory)
    }
}
