import Metering
import Testing

@testable import Records

@Suite("Completions as bytes")
struct CompletionsCodecTests {
    private static var typical: Completions {
        Completions(
            run: Record.typical.run, sequence: 123_455, manifest: Record.typical.manifest,
            window: Record.typical.window,
            flows: [
                FlowCompletion(scenario: 0, digest: 0x0123_4567_89AB_CDEF, flows: 1),
                FlowCompletion(scenario: 2, digest: 1, flows: 250),
            ])
    }

    @Test("what was written is read back, and the header tells what it is")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<1_000 {
            let completions = generator.completions()
            let bytes = try RecordCodec.encode(completions)
            #expect(try RecordCodec.decodeCompletions(bytes) == completions)
            #expect(
                try RecordCodec.header(of: bytes)
                    == RecordHeader(
                        run: completions.run, sequence: completions.sequence,
                        manifest: completions.manifest, window: completions.window,
                        kind: .completions))
            #expect(throws: RecordError.contradiction(field: "kind")) {
                try RecordCodec.decode(bytes)
            }
        }
        #expect(throws: RecordError.contradiction(field: "kind")) {
            try RecordCodec.decodeCompletions(try RecordCodec.encode(Record.typical))
        }
    }

    /// `protoc --decode=jouleflow.v1.Completions` reads the same numbers from it.
    @Test("the bytes never change")
    func goldenBytes() throws {
        let hex = try RecordCodec.encode(Self.typical).hex
        #expect(hex == goldenCompletions)
        #expect(
            try RecordCodec.decodeCompletions([UInt8](hex: goldenCompletions)) == Self.typical)
    }

    @Test("as many as an entry may have fit with the largest numbers, and more are refused")
    func limits() throws {
        var full = Self.typical
        let most = FlowCompletion(scenario: 255, digest: .max, flows: 1_000_000)
        full.flows = Array(repeating: most, count: RecordCodec.maximumCompletions)
        full.run = RunID(.max)
        full.sequence = .max
        let bytes = try RecordCodec.encode(full)
        #expect(try RecordCodec.decodeCompletions(bytes) == full)
        full.flows.append(most)
        #expect(throws: RecordError.tooMany(field: "digest", count: 4097, limit: 4096)) {
            try RecordCodec.encode(full)
        }
    }

    typealias Change = @Sendable (inout Jouleflow_V1_Completions) -> Void

    static let changes: [(RecordError, Change)] = [
        (.missing(field: "run"), { $0.run = 0 }),
        (.missing(field: "sequence"), { $0.sequence = 0 }),
        (.contradiction(field: "kind"), { $0.kind = 0 }),
        (.unknownNumber(field: "kind", number: 2), { $0.kind = 2 }),
        (.unknownNumber(field: "kind", number: 257), { $0.kind = 257 }),
        (.outOfRange(field: "window start", number: .max), { $0.startSeconds = .max }),
        (
            .missing(field: "digest"),
            {
                $0.digest = []
                $0.scenario = []
                $0.flows = []
            }
        ),
        (.unequalCount(field: "scenario", count: 1, expected: 2), { $0.scenario = [0] }),
        (.unequalCount(field: "flows", count: 3, expected: 2), { $0.flows.append(1) }),
        (.outOfRange(field: "scenario", number: 256), { $0.scenario[1] = 256 }),
        (.outOfRange(field: "flows", number: 0), { $0.flows[0] = 0 }),
        (.outOfRange(field: "flows", number: 1_000_001), { $0.flows[0] = 1_000_001 }),
        (
            .tooMany(field: "digest", count: 4097, limit: 4096),
            { $0.digest = Array(repeating: 1, count: 4097) }
        ),
    ]

    @Test("that contradict themselves are refused", arguments: changes.indices)
    func refused(index: Int) throws {
        let (error, change) = Self.changes[index]
        var message = try Jouleflow_V1_Completions(Self.typical)
        change(&message)
        let payload: [UInt8] = try message.serializedBytes()
        #expect(throws: error) { try RecordCodec.decodeCompletions(frame(payload)) }
    }

    @Test("of a window that ends before it starts, and of no flow, are not written")
    func notWritten() {
        var completions = Self.typical
        completions.window = Window(start: Timestamp(2), end: Timestamp(1), duration: .zero)
        #expect(throws: RecordError.endBeforeStart) { try RecordCodec.encode(completions) }
        completions = Self.typical
        completions.flows = []
        #expect(throws: RecordError.missing(field: "digest")) {
            try RecordCodec.encode(completions)
        }
        completions.flows = [FlowCompletion(scenario: -1, digest: 1, flows: 1)]
        #expect(throws: RecordError.outOfRange(field: "scenario", number: 0)) {
            try RecordCodec.encode(completions)
        }
    }

    @Test("every shorter prefix, longer string and changed bit is refused")
    func damage() throws {
        let bytes = try RecordCodec.encode(Self.typical)
        for length in 0..<bytes.count {
            let prefix = Array(bytes[..<length])
            #expect(throws: RecordError.self) { try RecordCodec.decodeCompletions(prefix) }
            #expect(throws: RecordError.self) { try RecordCodec.header(of: prefix) }
        }
        #expect(throws: RecordError.trailing(bytes: 1)) {
            try RecordCodec.decodeCompletions(bytes + [0])
        }
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: RecordError.self) { try RecordCodec.decodeCompletions(changed) }
        }
    }

    @Test("30,000 payloads of garbage or damage under a right checksum do no harm")
    func garbage() throws {
        var generator = SeededGenerator(seed: 12)
        var accepted = 0
        for round in 0..<30_000 {
            var payload: [UInt8]
            if round.isMultiple(of: 3) {
                let length = Int.random(in: 0..<200, using: &generator)
                payload = generator.many(length) { UInt8.random(in: 0 ... .max, using: &$0) }
            } else {
                payload = Array(try RecordCodec.encode(generator.completions(1...6))[8...])
                payload[Int.random(in: 0..<payload.count, using: &generator)] =
                    UInt8.random(in: 0 ... .max, using: &generator)
            }
            guard let read = try? RecordCodec.decodeCompletions(frame(payload)) else { continue }
            accepted += 1
            #expect(try RecordCodec.decodeCompletions(RecordCodec.encode(read)) == read)
        }
        #expect(accepted > 100, "damage that stays completions must be tried too")
    }
}

@Suite("Duplicates and rules' hits in a record")
struct RuleHitsTests {
    private func record(_ hits: [UInt64], requests: [UInt64]) -> Record {
        var record = Record.typical
        for (index, count) in requests.enumerated() {
            record.tally.scenarios[index].requests = count
        }
        record.tally.ruleHits = hits
        return record
    }

    private func manifest(_ rules: [Int]) -> Manifest {
        var generator = SeededGenerator(seed: 3)
        var manifest = generator.manifest()
        manifest.scenarios = StandardWeights.scenarios
        manifest.rules = rules.map { RuleDescription(scenario: $0, name: "step") }
        manifest.scenarioFlows = []
        manifest.flowSecretID = 0
        return manifest
    }

    @Test("duplicates are part of the requests, and cost nothing where there are none")
    func duplicates() throws {
        var record = Record.typical
        record.tally.scenarios[1].duplicates = 7
        record.tally.scenarios[1].requests += 7
        record.tally.ruleHits = record.tally.scenarios.map(\.requests)
        let bytes = try RecordCodec.encode(record)
        let without = try RecordCodec.encode(Record.typical)
        #expect(bytes.count == without.count + 2 + 1 + 4)
        #expect(try RecordCodec.decode(bytes) == record)
        let message = try Jouleflow_V1_Record(record)
        #expect(message.scenarioRequestsBeyond.isEmpty)
    }

    @Test("hits are read back under the manifest's rules, whatever they are", arguments: 1...60)
    func underManifest(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let rules = (0..<4).flatMap { scenario in
            Array(repeating: scenario, count: generator.one(of: [0, 1, 1, 1, 2, 40]))
        }
        let hits: [UInt64] = rules.map { _ in generator.one(of: [0, 0, 1, 7, 300]) }
        var requests: [UInt64] = [0, 0, 0, 0]
        for (scenario, count) in zip(rules, hits) { requests[scenario] += count }
        let bytes = try RecordCodec.encode(record(hits, requests: requests))
        let tally = try RecordCodec.decode(bytes).tally
        #expect(
            RecordCodec.ruleHits(of: tally, under: manifest(rules)) == (rules.isEmpty ? nil : hits))
    }

    @Test("only rules that were hit are written, none where they are the scenarios' requests")
    func sparse() throws {
        let message = try Jouleflow_V1_Record(
            record([0, 5, 0, 0, 4, 1], requests: [5, 0, 4, 1]))
        #expect(message.ruleIndex == [1, 3, 1])
        #expect(message.ruleHits == [5, 4, 1])
        for hits: [UInt64] in [[5, 0, 4, 1], [5, 0, 4, 1, 0, 0]] {
            let message = try Jouleflow_V1_Record(record(hits, requests: [5, 0, 4, 1]))
            #expect(message.ruleIndex.isEmpty && message.ruleHits.isEmpty)
        }
    }

    @Test("are not told where the record would be too long with them")
    func tooLong() throws {
        let hits = (0..<RecordCodec.maximumRules).map { _ in UInt64(1 << 40) }
        let long = record(hits, requests: [hits.reduce(0, +), 0, 0, 0])
        let read = try RecordCodec.decode(RecordCodec.encode(long)).tally
        #expect(read.ruleHits.isEmpty)
        #expect(read.scenarios == long.tally.scenarios)
        let rules = Array(repeating: 0, count: hits.count)
        #expect(RecordCodec.ruleHits(of: read, under: manifest(rules)) == nil)
    }

    @Test("that are not told stay so, and take no place where there were no requests")
    func untold() throws {
        let read = try RecordCodec.decode(RecordCodec.encode(record([], requests: [5, 0, 4, 1])))
        #expect(read.tally.ruleHits.isEmpty)
        #expect(try RecordCodec.decode(RecordCodec.encode(read)) == read)
        #expect(try !Jouleflow_V1_Record(record([], requests: [0, 0, 0, 0])).ruleHitsUntold)
    }

    @Test("that do not belong to the manifest's rules are not told")
    func otherRules() {
        let tally = record([0, 5, 0, 0, 4, 1], requests: [5, 0, 4, 1]).tally
        #expect(RecordCodec.ruleHits(of: tally, under: manifest([0, 0, 1, 1, 2, 3])) != nil)
        #expect(RecordCodec.ruleHits(of: tally, under: manifest([0, 0, 1, 2, 2])) == nil)
        #expect(RecordCodec.ruleHits(of: tally, under: manifest([0, 1, 1, 1, 2, 3])) == nil)
        #expect(RecordCodec.ruleHits(of: tally, under: manifest([])) == nil)
    }

    typealias Change = @Sendable (inout Jouleflow_V1_Record) -> Void

    static let changes: [(RecordError, Change)] = [
        (.unequalCount(field: "rule_index", count: 4, expected: 3), { $0.ruleIndex.append(1) }),
        (.contradiction(field: "rule_index"), { $0.ruleIndex[2] = 0 }),
        (.outOfRange(field: "rule_index", number: 16_384), { $0.ruleIndex[2] = 16_380 }),
        (.outOfRange(field: "rule_index", number: 4_294_967_295), { $0.ruleIndex[0] = .max }),
        (.contradiction(field: "rule_hits"), { $0.ruleHits[0] = 6 }),
        (
            .contradiction(field: "rule_hits"),
            {
                $0.ruleHits[0] = 0
                $0.ruleHits[1] = 9
            }
        ),
        (.contradiction(field: "rule_hits_untold"), { $0.ruleHitsUntold = true }),
        (.contradiction(field: "kind"), { $0.kind = 1 }),
        (.unknownNumber(field: "kind", number: 9), { $0.kind = 9 }),
        (
            .unequalCount(field: "scenario_duplicates", count: 3, expected: 4),
            { $0.scenarioDuplicates = [1, 1, 1] }
        ),
    ]

    @Test("that contradict themselves are refused", arguments: changes.indices)
    func refused(index: Int) throws {
        let (error, change) = Self.changes[index]
        var message = try Jouleflow_V1_Record(
            record([0, 5, 0, 0, 4, 1], requests: [5, 0, 4, 1]))
        change(&message)
        let payload: [UInt8] = try message.serializedBytes()
        #expect(throws: error) { try RecordCodec.decode(frame(payload)) }
    }

    @Test("that do not sum to the requests are not told, and those of too many rules not written")
    func notWritten() throws {
        let wrong = record([1, 1], requests: [1, 0, 0, 0])
        let read = try RecordCodec.decode(RecordCodec.encode(wrong)).tally
        #expect(read.scenarios == wrong.tally.scenarios)
        #expect(RecordCodec.ruleHits(of: read, under: manifest([0, 0, 1, 2, 3])) == nil)
        #expect(throws: RecordError.tooMany(field: "rule_hits", count: 16_385, limit: 16_384)) {
            try RecordCodec.encode(
                record(Array(repeating: 0, count: 16_385), requests: [0, 0, 0, 0]))
        }
    }
}

@Suite("Rules in a manifest")
struct ManifestRulesTests {
    private func manifest() -> Manifest {
        var generator = SeededGenerator(seed: 8)
        var manifest = generator.manifest()
        manifest.scenarios = [.credit, .query]
        manifest.scenarioFlows = [
            ScenarioFlows(refusalCounts: true, deduplication: .fleet),
            ScenarioFlows(refusalCounts: false, deduplication: .none),
        ]
        manifest.flowSecretID = 7
        manifest.rules = [
            RuleDescription(scenario: 0, name: "apply"), RuleDescription(scenario: 1, name: "ask"),
        ]
        return manifest
    }

    @Test("as many as there may be fit, without their names where they are too long")
    func many() throws {
        var manifest = manifest()
        manifest.rules = (0..<RecordCodec.maximumRules).map {
            RuleDescription(scenario: $0 / 10_000, name: "step \($0)")
        }
        let read = try RecordCodec.decodeManifest(RecordCodec.encode(manifest))
        #expect(read.rules.map(\.scenario) == manifest.rules.map(\.scenario))
        #expect(read.rules.allSatisfy { $0.name.isEmpty })
        manifest.rules.append(RuleDescription(scenario: 1, name: ""))
        #expect(throws: RecordError.tooMany(field: "rules", count: 16_385, limit: 16_384)) {
            try RecordCodec.encode(manifest)
        }
    }

    typealias Change = @Sendable (inout Jouleflow_V1_Manifest) -> Void

    static let changes: [(RecordError, Change)] = [
        (.outOfRange(field: "rule's scenario", number: 2), { $0.rules[1].scenario = 2 }),
        (.contradiction(field: "rule's scenario"), { $0.rules.reverse() }),
        (.contradiction(field: "rule's count"), { $0.rules[0].count = 2 }),
        (
            .tooMany(field: "rules", count: 4_294_967_296, limit: 16_384),
            {
                $0.rules[1].count = .max
                $0.rules[1].name = ""
            }
        ),
        (.outOfRange(field: "text of length", number: 1), { $0.rules[0].name = "\n" }),
        (
            .unequalCount(field: "scenario_flows", count: 1, expected: 2),
            { $0.scenarioFlows.removeLast() }
        ),
        (
            .unknownNumber(field: "deduplication", number: 3),
            { $0.scenarioFlows[1].deduplication = .UNRECOGNIZED(3) }
        ),
        (.contradiction(field: "flow_secret_id"), { $0.flowSecretID = 0 }),
        (.contradiction(field: "flow_secret_id"), { $0.scenarioFlows = [] }),
    ]

    @Test("that contradict themselves are refused", arguments: changes.indices)
    func refused(index: Int) throws {
        let (error, change) = Self.changes[index]
        var message = try Jouleflow_V1_Manifest(manifest())
        change(&message)
        let bytes: [UInt8] = try message.serializedBytes()
        #expect(throws: error) { try RecordCodec.decodeManifest(bytes) }
    }

    @Test("belong to a scenario there is, or they are not written")
    func notWritten() {
        for scenario in [-1, 2] {
            var manifest = manifest()
            manifest.rules.append(RuleDescription(scenario: scenario, name: ""))
            #expect(throws: RecordError.self) { try RecordCodec.encode(manifest) }
        }
    }
}

private let goldenCompletions =
    "43000000736d76b509887766554433221110bfc4071901ffeeddccbbaa992080cae2d006280a30ee"
    + "ea039003019a03020002a20310efcdab89674523010100000000000000aa030301fa01"
