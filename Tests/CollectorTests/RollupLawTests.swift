import Assessment
import Foundation
import Metering
import Records
import Report
import Rounds
import Store
import Testing

@testable import Collector

/// A generator with a seed.
private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// 2026-11-21T00:00:00Z in hours.
private let firstHour = Int64(origin / 3_600)

/// Records of windows of any length, which reach over hours, carry energy, lack it, contradict
/// themselves, and stop.
private struct OddAgent {
    let base: SampleAgent
    var sequence: UInt64 = 0
    var at = origin * 1_000_000_000

    /// Of a day, the last one at most.
    mutating func record(_ random: inout Chance) throws -> [UInt8] {
        sequence += 1
        let length = UInt64.random(in: 1...9_000_000_000_000, using: &random)
        var record = try RecordCodec.decode(base.record(sequence))
        let start = Timestamp(at)
        record.window = Window(
            start: start, end: Timestamp(at + length), duration: Nanoseconds(length))
        at += length + UInt64.random(in: 0...600_000_000_000, using: &random)
        switch Int.random(in: 0...9, using: &random) {
        case 0:
            record.energy = .unknown(.readFailed)
            record.partition = nil
            record.zones[0] = .lost(.readFailed)
        case 1:
            // A counter says other than the sum: left out.
            record.zones[0] = .measured(Microjoules(1))
        case 2:
            let carried = CarriedEnergy(
                energy: Microjoules(777_777),
                time: Nanoseconds(
                    min(start.rawValue, UInt64.random(in: 0...7_000_000_000_000, using: &random))))
            record.carried = carried
            record.energy = record.energy.value.map { .known($0 + carried.energy) } ?? record.energy
            record.partition?.undivided += carried.energy
            record.partition?.undividedReason = .carried
        case 3:
            record.flags.insert(.agentStopped)
            record.energy = .unknown(.agentStopped)
            record.partition = nil
            for index in record.zones.indices { record.zones[index] = .lost(.agentStopped) }
        case 4: record.flags.formUnion([.countsDoubtful, .partial])
        case 5: record.clockError = nil
        case 6: record.tally.scenarios[1].observation = .encrypted
        default: break
        }
        return try RecordCodec.encode(record)
    }
}

extension RollupStore {
    fileprivate func hours() throws -> [String: [Int64: Rollup]] {
        var found: [String: [Int64: Rollup]] = [:]
        let span = RollupSpan(level: .hour, from: .min, to: .max)
        try forEachRollup([span], of: nil) { found[$0.agent, default: [:]][$0.start] = $0.sums }
        return found
    }
}

@Suite("An hour's roll-up is the round of that hour")
struct RollupLawTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func store(_ name: String) throws -> SQLiteRecordStore {
        try SQLiteRecordStore(path: directory.path + "/\(name).db")
    }

    /// The rounds of each hour from `first`, as reports make them from the stored bytes.
    private func rounds(_ store: SQLiteRecordStore, hours: Int64) throws -> [FleetRound] {
        let start = Timestamp(UInt64(firstHour) * HourPart.length)
        let period = try Period(
            from: start, to: start + .seconds(UInt64(hours) * 3_600), roundLength: .seconds(3_600))
        var reading = RecordReading(store, of: period.whole)
        var builder = RoundsBuilder(period)
        try store.forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { stored in
            if let record = try reading.roundRecord(stored) { builder.add(record) }
        }
        return builder.finish()
    }

    private func expectEqual(_ rollup: Rollup, _ host: HostRound) {
        #expect(rollup[.measured] == host.energy?.measured.rawValue ?? 0)
        #expect(rollup[.bridged] == host.energy?.bridged.rawValue ?? 0)
        #expect(rollup[.estimated] == host.energy?.estimated.rawValue ?? 0)
        #expect(rollup[.idle] == host.use.idle.rawValue)
        #expect(rollup[.undivided] == host.use.undivided.rawValue)
        #expect(rollup[.background] == host.use.background.rawValue)
        #expect(rollup[.packets] == host.packets)
        #expect(rollup[.exchanges] == host.exchanges)
        #expect(rollup.flags.contains(.simulated) == host.simulated)
        // Time that several energies claim is once in a round.
        #expect(rollup[.energyTime] == (host.energyCovered + host.overlap).rawValue)
        // A round into which no window's counts fall does not tell of what it covers.
        if let covered = host.countsCovered { #expect(rollup[.countTime] == covered.rawValue) }
        for (index, scenario) in rollup.scenarios.enumerated() {
            let counts = host.scenarios[scenario]?.counts
            #expect(rollup[index, .flows] == counts?.flows ?? 0)
            #expect(rollup[index, .requests] == counts?.requests ?? 0)
            #expect(rollup[index, .completed] == counts?.completed ?? 0)
            #expect(rollup[index, .refused] == counts?.refused ?? 0)
            #expect(rollup[index, .energy] == host.use.scenarios[scenario]?.rawValue ?? 0)
        }
    }

    @Test(
        "for windows that reach over hours, in any order and repeated; rebuilt and imported too",
        arguments: 1...6)
    func law(seed: UInt64) throws {
        var random = Chance(state: seed)
        let store = try store("a")
        var agent = OddAgent(base: try SampleAgent("a"))
        let records = try (0..<120).map { _ in try agent.record(&random) }
        let batches = stride(from: 0, to: 120, by: 8).map { ($0, Array(records[$0..<$0 + 8])) }
        for (first, some) in batches {
            // So that the signer knows the chain, whatever is delivered first.
            _ = try agent.base.signer.batch(some, from: UInt64(first + 1))
        }
        for (first, some) in (batches + batches.prefix(3)).shuffled(using: &random) {
            try agent.base.signer.keep(
                some, from: UInt64(first + 1), under: agent.base.manifest, in: store)
        }
        // Some of these are there.
        try agent.base.signer.keep(
            Array(records[100..<120]), from: 101, under: agent.base.manifest, in: store)

        let hours = try #require(try store.hours()["a"])
        let last = (agent.at / HourPart.length) + 1
        let rounds = try rounds(store, hours: Int64(last) - firstHour)
        var energy: UInt64 = 0
        for (index, round) in rounds.enumerated() {
            let host = try #require(round.hosts.first)
            expectEqual(hours[firstHour + Int64(index)] ?? Rollup(), host)
        }
        for rollup in hours.values {
            energy += rollup.energy.rawValue
            let use =
                rollup[.idle] + rollup[.undivided] + rollup[.background] + rollup[.other]
                + rollup[.unmonitored]
                + rollup.scenarios.indices.reduce(0) { $0 + rollup[$1, .energy] }
            #expect(use == rollup.energy.rawValue)
        }
        // To the microjoule, what reaches back before the first hour included.
        let told = try records.reduce(UInt64(0)) { sum, bytes in
            let record = try RecordCodec.decode(bytes)
            let manifest = try RecordCodec.decodeManifest(agent.base.manifest)
            return sum + (RecordReading.states(of: record, manifest)?.total.rawValue ?? 0)
        }
        #expect(energy == told)
        #expect(hours.values.reduce(0) { $0 + $1[.records] } == 120)

        try store.beginRebuild(.standard)
        while try Pipeline.continueRebuild(store, entries: 17) {}
        #expect(try store.hours()["a"] == hours)

        var bytes: [UInt8] = []
        _ = try store.export { bytes += $0 }
        let other = try self.store("b")
        for _ in 0..<2 {
            var rest = bytes[...]
            var summary = ImportSummary()
            try StoreImport.run(into: other, &summary) { count in
                defer { rest = rest.dropFirst(count) }
                return Array(rest.prefix(count))
            }
        }
        #expect(try other.hours()["a"] == hours)
    }

    @Test("a record that cannot be read, and one of more hours than there are, only count")
    func odd() throws {
        let store = try store("a")
        let agent = try SampleAgent("a")
        var record = try RecordCodec.decode(agent.record(1))
        record.window = Window(
            start: Timestamp(0), end: Timestamp(1 << 62), duration: Nanoseconds(1))
        var cut = try RecordCodec.decode(agent.record(2))
        cut.zones.removeLast()
        try agent.signer.keep(
            [try RecordCodec.encode(record), try RecordCodec.encode(cut)], from: 1,
            under: agent.manifest, in: store)
        let hours = try #require(try store.hours()["a"])
        #expect(hours.count == 2)
        let far = try #require(hours[Int64(((1 << 62) - 1) / HourPart.length)])
        #expect(far[.unplaced] == 1 && far[.records] == 1 && far.energy == .zero)
        let near = try #require(hours[firstHour])
        #expect(near[.unreadable] == 1 && near.energy == .zero && near.scenarios.isEmpty)
    }
}

@Suite("Usage adds up whatever it is made from")
struct UsageTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore
    private static let start: Int64 = 482_128 - 40

    /// Two hosts, 70 days from before 2025-01-01 in UTC+8, the second without its first 100 hours.
    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/store.db")
        for (index, host) in ["a", "b"].enumerated() {
            let parts = (Self.start..<Self.start + 70 * 24).dropFirst(index * 100).map { hour in
                Self.part(hour, UInt64(index))
            }
            try store.add(simulated: [(host, Array(parts))])
        }
    }

    private static func part(_ hour: Int64, _ index: UInt64) -> HourPart {
        var sums = Rollup()
        sums.flags = .simulated
        sums[.records] = 360
        sums[.energyTime] = HourPart.length
        sums[.measured] = UInt64(hour) * 1_001 + index
        let place = sums.place(of: .credit)
        sums[place, .flows] = UInt64(hour) % 97
        sums[place, .seen] = 360
        return HourPart(hour: hour, sums: sums)
    }

    private func time(_ hour: Int64) -> Timestamp { Timestamp(UInt64(hour) * HourPart.length) }

    @Test(
        "total, months, days and hours, of the fleet and of hosts",
        arguments: UsageRequest.Step.allCases,
        [(0, 70 * 24), (3, 1_000), (41, 42), (40, 40 + 31 * 24)])
    func sums(step: UsageRequest.Step, range: (Int64, Int64)) throws {
        let (from, to) = (Self.start + range.0, Self.start + range.1)
        let calendar = RollupCalendar.standard
        for byHost in [false, true] {
            let content = try Pipeline.usage(
                UsageRequest(from: time(from), to: time(to), step: step, byHost: byHost),
                from: store)
            var energy: UInt64 = 0
            for hour in from..<to {
                energy += UInt64(hour) * 1_001
                if hour >= Self.start + 100 { energy += UInt64(hour) * 1_001 + 1 }
            }
            #expect(content.total.energy?.rawValue == energy)
            #expect(content.lines.reduce(0) { $0 + ($1.energy?.rawValue ?? 0) } == energy)
            let level: RollupLevel? =
                switch step {
                case .all: nil
                case .month: .month
                case .day: .day
                case .hour: .hour
                }
            let starts = Set(
                (from..<to).map { hour in
                    level.map { max(from, calendar.start($0, of: hour)) } ?? from
                })
            #expect(Set(content.lines.map(\.from)) == Set(starts.map(time)))
            #expect(content.total.simulated)
            #expect(content.total.to == time(to) && content.lines.last?.to == time(to))
        }
    }

    @Test("coverage is of the hosts that there are; others are named")
    func coverage() throws {
        let content = try Pipeline.usage(
            UsageRequest(
                from: time(Self.start), to: time(Self.start + 200), step: .all, byHost: true),
            from: store)
        #expect(content.lines.map(\.host) == ["a", "b"])
        #expect(content.lines.map { $0.energyCovered.seconds / $0.expected.seconds } == [1, 0.5])
        let early = try Pipeline.usage(
            UsageRequest(
                from: time(Self.start), to: time(Self.start + 50), step: .all, byHost: false),
            from: store)
        #expect(early.silent == ["b"])
        #expect(early.total.hosts == 1)
    }

    @Test("few roll-ups make up long periods")
    func spans() throws {
        let request = try UsageRequest(
            from: time(482_128 - 25), to: time(482_128 + 365 * 24 + 26), step: .month, byHost: false
        )
        #expect(
            request.spans(.standard) == [
                RollupSpan(level: .hour, from: 482_103, to: 482_104),
                RollupSpan(level: .day, from: 482_104, to: 482_128),
                RollupSpan(level: .month, from: 482_128, to: 490_888),
                RollupSpan(level: .day, from: 490_888, to: 490_912),
                RollupSpan(level: .hour, from: 490_912, to: 490_914),
            ])
    }

    @Test("what cannot be asked is refused")
    func refused() throws {
        #expect(throws: UsageRequest.Problem.notWholeHours) {
            _ = try UsageRequest(from: Timestamp(1), to: time(9), step: .all, byHost: false)
        }
        #expect(throws: UsageRequest.Problem.empty) {
            _ = try UsageRequest(from: time(9), to: time(9), step: .all, byHost: false)
        }
        #expect(throws: UsageRequest.Problem.tooLong) {
            _ = try UsageRequest(from: time(0), to: time(2_000_000), step: .all, byHost: false)
        }
        #expect(throws: UsageRequest.Problem.unknownHosts(["z"])) {
            _ = try Pipeline.usage(
                UsageRequest(
                    from: time(0), to: time(9), step: .all, byHost: false, hosts: ["z", "a"]),
                from: store)
        }
    }

    @Test("in each form it is headed as no assessment, and says that it is simulated")
    func forms() throws {
        let content = try Pipeline.usage(
            UsageRequest(
                from: time(Self.start), to: time(Self.start + 48), step: .day, byHost: true),
            from: store)
        #expect(content.table().hasPrefix("非评估结果 / not an assessment"))
        #expect(content.table().contains("SIMULATED"))
        let json =
            try JSONSerialization.jsonObject(with: Data(content.json().utf8)) as? [String: Any]
        #expect(json?["assessment"] as? Bool == false)
        #expect((json?["lines"] as? [Any])?.count == content.lines.count)
        let csv = content.csv().split(separator: "\r\n")
        #expect(csv.count == content.lines.count + 1)
        #expect(csv.dropFirst().allSatisfy { $0.hasPrefix("no,yes,2024-12-3") })
    }
}
