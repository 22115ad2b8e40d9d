import CRC32C
import Metering
import Testing

@testable import Records

@Suite("Records as bytes")
struct RecordCodecTests {
    @Test("what was written is read back, for 3,000 records of every kind")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<3_000 {
            let record = generator.record()
            let bytes = try RecordCodec.encode(record)
            #expect(try RecordCodec.decode(bytes) == record)
            let header = try RecordCodec.header(of: bytes)
            #expect(
                header
                    == RecordHeader(
                        run: record.run, sequence: record.sequence, manifest: record.manifest,
                        window: record.window, flags: record.flags))
        }
    }

    @Test("a typical record takes at most 160 bytes with its frame")
    func size() throws {
        let bytes = try RecordCodec.encode(.typical)
        print("typical record: \(bytes.count) bytes")
        #expect(bytes.count <= 160)
        #expect(try RecordCodec.decode(bytes) == .typical)
    }

    @Test("the bytes of a typical record never change")
    func goldenBytes() throws {
        #expect(try RecordCodec.encode(.typical).hex == goldenRecord)
        #expect(try RecordCodec.decode([UInt8](hex: goldenRecord)) == .typical)
    }

    @Test("what was lost keeps its field numbers; what a record does not tell is 0")
    func losses() throws {
        var record = Record.typical
        record.tally.losses.kernelDrops = 5
        #expect(try RecordCodec.encode(record).hex.contains("9a02020805aa02"))
        record.tally.losses.uncaptured = 7
        record.tally.losses.undatedDrops = 9
        let bytes = try RecordCodec.encode(record)
        #expect(bytes.hex.contains("9a0206080558076009aa02"))
        #expect(try RecordCodec.decode(bytes) == record)
        #expect(try RecordCodec.decode([UInt8](hex: goldenRecord)).tally.losses.uncaptured == 0)
    }

    @Test("every shorter prefix and every longer string is refused")
    func truncation() throws {
        let bytes = try RecordCodec.encode(.typical)
        for length in 0..<bytes.count {
            #expect(throws: RecordError.self) { try RecordCodec.decode(Array(bytes[..<length])) }
            #expect(throws: RecordError.self) {
                try RecordCodec.header(of: Array(bytes[..<length]))
            }
        }
        #expect(throws: RecordError.trailing(bytes: 1)) { try RecordCodec.decode(bytes + [0]) }
    }

    @Test("every changed bit is refused")
    func bitFlips() throws {
        let bytes = try RecordCodec.encode(.typical)
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: RecordError.self) { try RecordCodec.decode(changed) }
            #expect(throws: RecordError.self) { try RecordCodec.header(of: changed) }
        }
    }

    @Test("50,000 payloads of garbage or damage under a right checksum do no harm")
    func garbage() throws {
        var generator = SeededGenerator(seed: 2)
        var accepted = 0
        for round in 0..<50_000 {
            var payload: [UInt8]
            if round.isMultiple(of: 2) {
                let length = Int.random(in: 0..<200, using: &generator)
                payload = generator.many(length) { UInt8.random(in: 0 ... .max, using: &$0) }
            } else {
                payload = Array(try RecordCodec.encode(.typical)[8...])
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    payload[Int.random(in: 0..<payload.count, using: &generator)] =
                        UInt8.random(in: 0 ... .max, using: &generator)
                }
            }
            guard let record = try? RecordCodec.decode(frame(payload)) else { continue }
            accepted += 1
            #expect(try RecordCodec.decode(RecordCodec.encode(record)) == record)
        }
        #expect(accepted > 100, "damage that stays a record must be tried too")
    }

    @Test("fields of a newer version are ignored")
    func unknownFields() throws {
        let payload = try RecordCodec.encode(.typical)[8...]
        let newer = Array(payload) + [0x82, 0x7D, 3, 1, 2, 3]
        #expect(try RecordCodec.decode(frame(newer)) == .typical)
    }

    @Test("a length beyond the limit is refused before anything is read")
    func oversize() {
        let bytes: [UInt8] = [1, 0, 1, 0, 0, 0, 0, 0]
        #expect(throws: RecordError.tooLong(length: 65_537, limit: 65_536)) {
            try RecordCodec.decode(bytes)
        }
    }
}

@Suite("Records that contradict themselves")
struct RecordContradictionTests {
    typealias Change = @Sendable (inout Jouleflow_V1_Record) -> Void

    static let changes: [(RecordError, Change)] = [
        (.missing(field: "run"), { $0.run = 0 }),
        (.missing(field: "sequence"), { $0.sequence = 0 }),
        (.unknownNumber(field: "zone_state", number: 9), { $0.zoneState = many(4, 9) }),
        (.unknownNumber(field: "zone_reason", number: 99), { $0.zoneReason = many(4, 99) }),
        (.contradiction(field: "zone_reason"), { $0.zoneReason = many(4, 1) }),
        (.contradiction(field: "zone_state"), { $0.zoneState = many(4, 2) }),
        (
            .contradiction(field: "zone_energy"),
            {
                $0.zoneState = many(4, 4)
                $0.zoneReason = many(4, 1)
            }
        ),
        (.contradiction(field: "carried_energy"), { $0.carriedEnergy = 1 }),
        (
            .contradiction(field: "energy_unknown"),
            {
                $0.energyUnknown = .missing
                $0.energyBeyondZones = 0
                $0.partition = []
                $0.carriedTime = 1
            }
        ),
        (.unequalCount(field: "zone_state", count: 3, expected: 4), { $0.zoneState = many(3, 1) }),
        (
            .unknownNumber(field: "energy_unknown", number: 300),
            { $0.energyUnknown = .UNRECOGNIZED(300) }
        ),
        (.contradiction(field: "partition"), { $0.energyUnknown = .noSource }),
        (.unequalCount(field: "partition", count: 8, expected: 9), { $0.partition.removeLast() }),
        (
            .contradiction(field: "undivided_reason"),
            {
                $0.partition = []
                $0.undividedReason = .idleUnknown
            }
        ),
        (
            .unknownNumber(field: "undivided_reason", number: 99),
            { $0.undividedReason = .UNRECOGNIZED(99) }
        ),
        (
            .unknownNumber(field: "host_busy_unknown", number: -1),
            {
                $0.hostBusyUnknown = .UNRECOGNIZED(-1)
            }
        ),
        (.contradiction(field: "host_busy_unknown"), { $0.hostBusyUnknown = .malformed }),
        (
            .tooMany(field: "zones", count: 257, limit: 256),
            {
                $0.zoneEnergy = Array(repeating: 1, count: 257)
            }
        ),
        (
            .tooMany(field: "services", count: 257, limit: 256),
            {
                $0.serviceTime = Array(repeating: 1, count: 257)
            }
        ),
        (
            .tooMany(field: "scenarios", count: 4_294_967_295, limit: 256),
            { $0.scenarioCount = .max }
        ),
        (
            .unknownNumber(field: "scenario_observation", number: 0),
            {
                $0.scenarioObservation = many(4, 0)
            }
        ),
        (
            .unequalCount(field: "scenario_completed", count: 5, expected: 4),
            {
                $0.scenarioCompleted.append(1)
            }
        ),
        (
            .unequalCount(field: "service_packets", count: 0, expected: 2),
            {
                $0.serviceTime = [1, 1]
            }
        ),
        (
            .unequalCount(field: "service_busy", count: 4, expected: 5),
            { $0.serviceBusy = [1, 2, 3, 4] }
        ),
        (
            .outOfRange(field: "window start", number: 1_000_000_000),
            {
                $0.startNanoseconds = 1_000_000_000
            }
        ),
        (.outOfRange(field: "window start", number: .max), { $0.startSeconds = .max }),
        (
            .outOfRange(field: "window length", number: 17_000_000_000_000_000_000),
            {
                $0.lengthSeconds = 17_000_000_000
            }
        ),
    ]

    @Test("are refused with the field's name", arguments: changes.indices)
    func refused(index: Int) throws {
        let (error, change) = Self.changes[index]
        var message = try Jouleflow_V1_Record(.typical)
        change(&message)
        let payload: [UInt8] = try message.serializedBytes()
        #expect(throws: error) { try RecordCodec.decode(frame(payload)) }
    }

    @Test("are not written either")
    func notWritten() {
        var record = Record.typical
        record.window = Window(start: Timestamp(2), end: Timestamp(1), duration: .zero)
        #expect(throws: RecordError.endBeforeStart) { try RecordCodec.encode(record) }
        record = .typical
        record.tally.services[0].flows = []
        #expect(throws: RecordError.self) { try RecordCodec.encode(record) }
        record = .typical
        record.tally.services[0].busy = BusyTime(scenarios: 3)
        #expect(
            throws: RecordError.unequalCount(field: "service_busy", count: 3, expected: 4)
        ) { try RecordCodec.encode(record) }
        record = .typical
        record.energy = .unknown(.missing)
        #expect(throws: RecordError.contradiction(field: "partition")) {
            try RecordCodec.encode(record)
        }
        record = .typical
        record.zones = Array(repeating: ZoneEnergy.measured(.zero), count: 257)
        #expect(throws: RecordError.tooMany(field: "zones", count: 257, limit: 256)) {
            try RecordCodec.encode(record)
        }
    }

    private static func many<Number: RawRepresentableNumber>(_ count: Int, _ value: Int) -> [Number]
    {
        Array(repeating: Number(rawValue: value) ?? Number(), count: count)
    }
}

protocol RawRepresentableNumber {
    init()
    init?(rawValue: Int)
}

extension Jouleflow_V1_EnergyState: RawRepresentableNumber {}
extension Jouleflow_V1_EnergyReason: RawRepresentableNumber {}
extension Jouleflow_V1_Observation: RawRepresentableNumber {}

@Suite("Manifests as bytes")
struct ManifestCodecTests {
    @Test("what was written is read back, and the same manifest gives the same bytes")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<1_000 {
            let manifest = generator.manifest()
            let bytes = try RecordCodec.encode(manifest)
            #expect(try RecordCodec.decodeManifest(bytes) == manifest)
            #expect(try RecordCodec.encode(manifest) == bytes)
        }
    }

    /// Source: FIPS 180-4; SHA-256 of "abc" begins with BA7816BF 8F01CFEA.
    @Test("the digest is the first eight bytes of the SHA-256")
    func digest() {
        #expect(
            RecordCodec.digest(ofManifest: Array("abc".utf8))
                == ManifestDigest(0xBA78_16BF_8F01_CFEA))
    }

    @Test("20,000 damaged manifests do no harm")
    func garbage() throws {
        var generator = SeededGenerator(seed: 4)
        let manifest = generator.manifest()
        for _ in 0..<20_000 {
            var bytes = try RecordCodec.encode(manifest)
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                in: 0 ... .max, using: &generator)
            guard let other = try? RecordCodec.decodeManifest(bytes) else { continue }
            #expect(try RecordCodec.decodeManifest(RecordCodec.encode(other)) == other)
        }
    }

    @Test("a name that could forge a line is refused", arguments: ["a\nb", "\u{1b}[31m", "\u{9b}"])
    func names(name: String) throws {
        var generator = SeededGenerator(seed: 6)
        var manifest = generator.manifest()
        #expect(throws: Never.self) { try RecordCodec.encode(manifest) }
        manifest.scenarios = [ScenarioID(name)]
        #expect(throws: RecordError.self) { try RecordCodec.encode(manifest) }
    }

    @Test("a scenario that is named twice is refused, also where only the code points differ")
    func repeatedScenario() throws {
        var generator = SeededGenerator(seed: 6)
        var manifest = generator.manifest()
        (manifest.rules, manifest.scenarioFlows) = ([], [])
        manifest.flowSecretID = 0
        manifest.scenarios = [.credit, .query]
        #expect(throws: Never.self) { try RecordCodec.encode(manifest) }
        manifest.scenarios = [.credit, .query, .credit]
        #expect(throws: RecordError.repeated(field: "scenarios", name: "credit")) {
            try RecordCodec.encode(manifest)
        }
        manifest.scenarios = [ScenarioID("caf\u{e9}"), ScenarioID("cafe\u{301}")]
        #expect(throws: RecordError.self) { try RecordCodec.encode(manifest) }
    }

    @Test("a port, a kind and a count that cannot be are refused")
    func refused() throws {
        var generator = SeededGenerator(seed: 5)
        let whole = try Jouleflow_V1_Manifest(generator.manifest())
        var message = whole
        message.services = [.with { $0.ports = [65_536] }]
        try expect(.outOfRange(field: "port", number: 65_536), message)
        message.services = [.with { $0.reservedPercent = 101 }]
        try expect(.outOfRange(field: "reserved_percent", number: 101), message)
        message = whole
        message.idleRule = .UNRECOGNIZED(3)
        try expect(.unknownNumber(field: "idle_rule", number: 3), message)
        message = whole
        message.zones = [.with { $0.kind = .unspecified }]
        try expect(.unknownNumber(field: "zone kind", number: 0), message)
        message = whole
        message.scenarios = Array(repeating: "x", count: 257)
        try expect(.tooMany(field: "scenarios", count: 257, limit: 256), message)
        message.scenarios = ["credit", "query", "credit"]
        try expect(.repeated(field: "scenarios", name: "credit"), message)
        message = whole
        message.agent = ""
        try expect(.missing(field: "agent"), message)
    }

    private func expect(_ error: RecordError, _ message: Jouleflow_V1_Manifest) throws {
        let bytes: [UInt8] = try message.serializedBytes()
        #expect(throws: error) { try RecordCodec.decodeManifest(bytes) }
    }
}

func frame(_ payload: [UInt8]) -> [UInt8] {
    [UInt32(payload.count), CRC32C.checksum(payload)].flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    } + payload
}

extension [UInt8] {
    var hex: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    init(hex: String) {
        let digits = hex.compactMap(\.hexDigitValue)
        self = stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}

/// `protoc --decode=jouleflow.v1.Record` reads the same numbers from it.
private let goldenRecord =
    "98000000d937ce2309887766554433221110c0c4071901ffeeddccbbaa992080cae2d006280a30ee"
    + "ea033a12ced2ad8303b1acc82ef8e2f0fc0287c2c02b42208090bcfd02dbe2c61e0087b4f20e0087"
    + "d4bda701cec6a065f8a2da4bcfbff95648d2c5d4cfae025206959ab9f0ee0158046208b6028005e0"
    + "089e1e6a040e16090072040305080c78a0b1048001a6308801d08d02920102d601aa02041c000000"
