import Testing

@testable import Wire

@Suite("The wire, in any pieces")
struct WireSplitTests {
    @Test("both sides understand each other")
    func conversation() throws {
        let talk = try Conversation(seed: 1)
        #expect(talk.collectorEvents.count == 6)
        #expect(talk.collectorEvents.first == .hello(talk.hello))
        #expect(
            talk.agentEvents == [
                .welcomed(highestDurable: 9), .acknowledged(through: 12),
                .acknowledged(through: 12), .heartbeat, .acknowledged(through: 30),
                .failed(.refused(code: .shuttingDown, text: "update")),
            ])
    }

    @Test("every two-way split gives the same events")
    func twoWay() throws {
        let talk = try Conversation(seed: 2)
        let hello = Conversation.firstFrame(of: talk.fromAgent)
        for cut in 0...talk.fromAgent.count {
            let pieces = split(talk.fromAgent, at: [hello, cut])
            #expect(talk.collector(reading: pieces) == talk.collectorEvents)
        }
        let welcome = Conversation.firstFrame(of: talk.fromCollector)
        for cut in 0...talk.fromCollector.count {
            let pieces = split(talk.fromCollector, at: [welcome, cut])
            #expect(try talk.agent(reading: pieces) == talk.agentEvents)
        }
    }

    @Test("2,000 random splits, single bytes among them, give the same events")
    func manyWay() throws {
        let talk = try Conversation(seed: 3)
        var generator = SeededGenerator(seed: 4)
        for round in 0..<2_000 {
            let step = round == 0 ? 1 : Int.random(in: 1...80, using: &generator)
            for (bytes, isAgent) in [(talk.fromAgent, true), (talk.fromCollector, false)] {
                var cuts = [Conversation.firstFrame(of: bytes)]
                var cut = 0
                while cut < bytes.count {
                    cut += Int.random(in: 1...step, using: &generator)
                    cuts.append(min(cut, bytes.count))
                }
                let pieces = split(bytes, at: cuts)
                if isAgent {
                    #expect(talk.collector(reading: pieces) == talk.collectorEvents)
                } else {
                    #expect(try talk.agent(reading: pieces) == talk.agentEvents)
                }
            }
        }
    }

    @Test("a cut stream gives the events of its whole frames and no error")
    func truncation() throws {
        let talk = try Conversation(seed: 5)
        let hello = Conversation.firstFrame(of: talk.fromAgent)
        for length in 0..<talk.fromAgent.count {
            let events = talk.collector(
                reading: split(Array(talk.fromAgent[..<length]), at: [min(hello, length)]))
            #expect(events.count < talk.collectorEvents.count)
            #expect(events == Array(talk.collectorEvents[..<events.count]))
        }
    }

    @Test("a changed bit gives the right events so far, then an error or silence")
    func bitFlips() throws {
        let talk = try Conversation(seed: 6)
        let hello = Conversation.firstFrame(of: talk.fromAgent)
        for bit in 0..<(talk.fromAgent.count * 8) {
            var bytes = talk.fromAgent
            bytes[bit / 8] ^= 1 << (bit % 8)
            var events = talk.collector(reading: split(bytes, at: [hello]))
            if case .failed = events.last { events.removeLast() }
            #expect(events.count < talk.collectorEvents.count)
            #expect(events == Array(talk.collectorEvents[..<events.count]))
        }
    }

    @Test("100,000 pieces of garbage, framed or not, do no harm to either side")
    func garbage() throws {
        let talk = try Conversation(seed: 7)
        var generator = SeededGenerator(seed: 8)
        var failures = 0
        for round in 0..<50_000 {
            let payload = generator.bytes(Int.random(in: 0..<48, using: &generator))
            let type = UInt8.random(in: 1...7, using: &generator)
            let bytes = round.isMultiple(of: 2) ? payload : frame(type, payload)
            let welcomed = round.isMultiple(of: 3)
            let hello = Array(talk.fromAgent[..<Conversation.firstFrame(of: talk.fromAgent)])
            let events = talk.collector(reading: welcomed ? [hello, bytes] : [bytes])
            if case .failed = events.last { failures += 1 }
            let welcome = Array(
                talk.fromCollector[..<Conversation.firstFrame(of: talk.fromCollector)])
            _ = try talk.agent(reading: welcomed ? [welcome, bytes] : [bytes])
        }
        #expect(failures > 20_000)
    }

    private func split(_ bytes: [UInt8], at cuts: [Int]) -> [[UInt8]] {
        let edges = [0] + cuts.sorted() + [bytes.count]
        return zip(edges, edges.dropFirst()).map { Array(bytes[$0..<$1]) }
    }
}

@Suite("The wire refuses")
struct WireRefusalTests {
    @Test(
        "strangers, at their first bytes",
        arguments: [
            Array("GET / HTTP/1.1\r\n".utf8), [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00],
            Array("SSH-2.0-OpenSSH".utf8), [5, 0, 0, 0, 9], [1, 0, 0, 0],
        ] as [[UInt8]])
    func strangers(bytes: [UInt8]) throws {
        var collector = CollectorSession()
        #expect(collector.receive(bytes) == [.failed(.stranger)])
        var agent = AgentSession(hello: try hello())
        _ = try agent.open()
        #expect(agent.receive(bytes) == [.failed(.stranger)])
        #expect(agent.receive(frame(2, [])) == [], "a failed session stays failed")
    }

    @Test("another magic and another version, and says so to the other side")
    func versions() throws {
        var message = try hello().message
        message.version = 2
        var collector = CollectorSession()
        let error = WireError.unsupportedVersion(theirs: 2, ours: 1)
        #expect(collector.receive(frame(1, try message.serializedBytes())) == [.failed(error)])
        var agent = AgentSession(hello: try hello())
        _ = try agent.open()
        let answer = agent.receive(try collector.refuse(error))
        #expect(
            answer == [
                .failed(.refused(code: .unsupportedVersion, text: error.description))
            ])
        message.magic = 1
        collector = CollectorSession()
        #expect(collector.receive(frame(1, try message.serializedBytes())) == [.failed(.stranger)])
    }

    @Test("a frame beyond the limit, before its bytes arrive")
    func oversize() throws {
        var (_, collector) = try connected()
        let length = UInt32(WireLimits.frame - 3)
        #expect(
            collector.receive(littleEndian(length)) == [
                .failed(.frameTooLong(length: WireLimits.frame + 1, limit: WireLimits.frame))
            ])
    }

    @Test("acknowledgements that go back or beyond what was sent")
    func acknowledgements() throws {
        for through in [4, 8, 0, UInt64.max] {
            var (agent, collector) = try connected()
            _ = try agent.manifest([1])
            let sent = try agent.batch(batch(4, [[1], [2], [3]]))
            _ = collector.receive(frame(3, [10, 1, 1]))
            _ = collector.receive(sent)
            #expect(agent.receive(try collector.acknowledge(through: 5)).count == 1)
            let error = WireError.acknowledgement(
                through: through, acknowledged: 5, sentThrough: 6)
            #expect(throws: error) { try collector.acknowledge(through: through) }
            let ack =
                try Jouleflow_Wire_V1_Ack.with { $0.through = through }.serializedBytes()
                as [UInt8]
            #expect(agent.receive(frame(5, ack)) == [.failed(error)])
            #expect(try collector.acknowledge(through: 6).isEmpty == false)
        }
    }

    @Test("batches out of order, empty, too long or at the end of the numbers")
    func batches() throws {
        var (agent, _) = try connected()
        _ = try agent.manifest([1])
        _ = try agent.batch(batch(4, [[1], [2]]))
        let largest = [UInt8](repeating: 1, count: WireLimits.record)
        let wrong: [(UInt64, [[UInt8]])] = [
            (5, [[1]]), (0, [[1]]), (6, []), (6, [[]]), (6, [largest + [1]]),
            (6, Array(repeating: [1], count: 1_001)), (6, Array(repeating: largest, count: 16)),
            (.max, [[1]]), (.max - 1, [[1], [1]]),
        ]
        for (first, records) in wrong {
            #expect(throws: WireError.self) { try agent.batch(batch(first, records)) }
        }
        #expect(try agent.batch(batch(6, [[1]])).isEmpty == false)
    }

    @Test("the largest batch fits a frame and arrives")
    func largest() throws {
        var (agent, collector) = try connected()
        _ = collector.receive(try agent.manifest([1]))
        let records = Array(
            repeating: [UInt8](repeating: 7, count: WireLimits.batch / WireLimits.records),
            count: WireLimits.records)
        let bytes = try agent.batch(batch(1 << 62, records))
        #expect(collector.receive(bytes) == [.batch(batch(1 << 62, records))])
    }

    @Test("a batch that compresses well takes less, and arrives as it was")
    func compressed() throws {
        var (agent, collector) = try connected()
        _ = collector.receive(try agent.manifest([1]))
        var generator = SeededGenerator(seed: 9)
        let alike = (0..<500).map { Array(repeating: UInt8(truncatingIfNeeded: $0), count: 160) }
        let bytes = try agent.batch(batch(4, alike))
        #expect(bytes.count < 500 * 160 / 4)
        #expect(collector.receive(bytes) == [.batch(batch(4, alike))])
        // What does not compress is sent as it is.
        let random = (0..<500).map { _ in generator.bytes(160) }
        let plain = try agent.batch(batch(504, random))
        #expect(plain.count >= 500 * 160)
        #expect(collector.receive(plain) == [.batch(batch(504, random))])
    }

    @Test("compressed records of another length than said, doubled, or that are none")
    func bombs() throws {
        let records =
            try Jouleflow_Wire_V1_Records.with {
                $0.records = Array(repeating: .init(repeating: 7, count: 1_000), count: 900)
            }.serializedBytes() as [UInt8]
        let deflated = try #require(Deflation.deflate(records, atMost: records.count))
        #expect(Deflation.inflate(deflated, length: records.count) == records)
        let garbage = try #require(
            Deflation.deflate(Array(repeating: 0xFF, count: 64), atMost: 64))
        let wrong: [(bytes: [UInt8], length: Int, plain: [UInt8]?)] = [
            (deflated, records.count - 1, nil), (deflated, records.count + 1, nil),
            (deflated, 0, nil), (deflated, Int(UInt32.max), nil),
            (deflated, WireLimits.frame + 1, nil), (deflated + [0], records.count, nil),
            (Array(deflated.dropLast()), records.count, nil), ([1, 2, 3], 3, nil),
            (garbage, 64, nil), (deflated, records.count, [1]),
        ]
        for (bytes, length, plain) in wrong {
            var message = try batch(4, plain.map { [$0] } ?? []).message()
            message.deflated = .init(bytes)
            message.inflatedLength = UInt32(clamping: length)
            var (agent, collector) = try connected()
            _ = collector.receive(try agent.manifest([1]))
            let payload: [UInt8] = try message.serializedBytes()
            #expect(collector.receive(frame(4, payload)) == [.failed(.malformed(.batch))])
        }
    }

    @Test("batches without a head or a signature of the right length")
    func unsigned() throws {
        for (head, signature) in [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)] {
            let wrong = Batch(
                first: 4, records: [[1]], previous: Array(repeating: 0, count: head),
                signature: Array(repeating: 0, count: signature))
            var (agent, collector) = try connected()
            _ = collector.receive(try agent.manifest([1]))
            #expect(throws: WireError.self) { try agent.batch(wrong) }
            let payload: [UInt8] = try wrong.message().serializedBytes()
            guard case .failed(.outOfRange)? = collector.receive(frame(4, payload)).last else {
                Issue.record("accepted \(head), \(signature)")
                continue
            }
        }
    }

    @Test("messages out of turn, on both sides")
    func turns() throws {
        var agent = AgentSession(hello: try hello())
        #expect(throws: WireError.self) { try agent.manifest([1]) }
        #expect(throws: WireError.self) { try agent.heartbeat() }
        _ = try agent.open()
        #expect(throws: WireError.self) { try agent.open() }
        #expect(
            agent.receive(frame(5, []))
                == [.failed(.outOfTurn(.acknowledgement, state: "waiting for the welcome"))])
        var (ready, collector) = try connected()
        #expect(throws: WireError.self) { try ready.batch(batch(4, [[1]])) }
        #expect(
            collector.receive(frame(4, [8, 4, 18, 1, 1]))
                == [.failed(.outOfTurn(.batch, state: "waiting for the manifest"))])
        #expect(throws: WireError.self) { try collector.acknowledge(through: 3) }
    }

    @Test("a collector that holds records the agent never made")
    func unknownRecords() throws {
        var agent = AgentSession(hello: try hello())
        var collector = CollectorSession()
        _ = collector.receive(try agent.open())
        let error = WireError.unknownRecords(highestDurable: 9, next: 9)
        #expect(throws: error) { try collector.welcome(highestDurable: 9) }
        #expect(agent.receive(frame(2, [8, 9])) == [.failed(error)])
    }

    @Test("agents without a proper name, run or position")
    func hellos() throws {
        let names = ["", "a\nb", "a\u{7F}", String(repeating: "é", count: 65)]
        for name in names {
            #expect(throws: WireError.self) {
                try Hello(
                    agent: name, run: 1, first: 1, next: 1, softwareVersion: "", publicKey: key,
                    instance: 1)
            }
        }
        for (key, instance, predecessor) in [
            (31, 1, nil), (33, 1, nil), (0, 1, nil), (32, 0, nil), (32, 1, RunEnd(run: 0, last: 1)),
            (32, 1, RunEnd(run: 1, last: 1)), (32, 1, RunEnd(run: 2, last: .max)),
        ] as [(Int, UInt64, RunEnd?)] {
            #expect(throws: WireError.self) {
                try Hello(
                    agent: "a", run: 1, first: 1, next: 1, softwareVersion: "",
                    publicKey: Array(repeating: 1, count: key), instance: instance,
                    predecessor: predecessor)
            }
        }
        for (run, first, next) in [(0, 1, 1), (1, 0, 1), (1, 3, 2)] as [(UInt64, UInt64, UInt64)] {
            #expect(throws: WireError.self) {
                try Hello(
                    agent: "a", run: run, first: first, next: next, softwareVersion: "",
                    publicKey: key, instance: 1)
            }
        }
    }

    @Test("error texts are cut at their limit and cannot forge a log line")
    func texts() throws {
        var (agent, collector) = try connected()
        let text = "line\nline" + String(repeating: "授", count: 400)
        let events = agent.receive(try collector.refuse(code: .overloaded, text: text))
        guard case .failed(.refused(.overloaded, let got)) = events.first else {
            Issue.record("got \(events)")
            return
        }
        #expect(got.hasPrefix("line?line授"))
        #expect(got.utf8.count <= WireLimits.text)
    }

    private let key = [UInt8](repeating: 3, count: Hello.publicKeySize)

    private func hello() throws -> Hello {
        try Hello(
            agent: "a", run: 7, first: 1, next: 9, softwareVersion: "1", publicKey: key, instance: 1
        )
    }

    private func connected() throws -> (AgentSession, CollectorSession) {
        var agent = AgentSession(hello: try hello())
        var collector = CollectorSession()
        _ = collector.receive(try agent.open())
        _ = agent.receive(try collector.welcome(highestDurable: 3))
        return (agent, collector)
    }
}
