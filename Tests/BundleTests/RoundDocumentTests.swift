import Assessment
import Metering
import Testing

@testable import Bundle

@Suite("The document of a round's figures")
struct RoundDocumentTests {
    private static func random(_ seed: UInt64) throws -> RoundDocument {
        var random = Seeded(state: seed)
        func number() -> UInt64 { random.number(0...UInt64.max) >> random.number(0...63) }
        func maybe<T>(_ value: T) -> T? { random.number(0...2) == 0 ? nil : value }
        func real() -> String { (Double(number()) / 1_000_003).description }
        let hash = try #require(PlanHash((0..<32).map { _ in UInt8(random.number(0...255)) }))
        var round = RoundDocument(
            plan: hash, round: Int(random.number(1...10_000)),
            interval: Interval(
                start: Timestamp(random.number(0...2_000_000_000_000_000_000)),
                end: Timestamp(random.number(2_000_000_000_000_000_000...4_000_000_000_000_000_000))
            ))
        round.isReserve = random.number(0...1) == 0
        round.isValid = random.number(0...1) == 0
        round.problems = (0..<random.number(0...3)).map { "\u{0}问题\n\"\($0)" }
        round.machines = (0..<random.number(0...5)).map { index in
            var energy = EnergyStates()
            energy.measured = Microjoules(number() / 4)
            energy.imputed = Microjoules(number() / 4)
            var machine = RoundDocument.Machine(
                id: "m\(index)", isDevice: index == 3, expected: Nanoseconds(number()),
                covered: Nanoseconds(number()), energy: maybe(energy))
            machine.runs = (0..<random.number(0...2)).map { _ in
                let first = number() / 2
                let received = random.number(1...50)
                return RoundDocument.Run(
                    RunID(number()),
                    [.init(first: first, last: first + received + 3, received: received)])
            }
            machine.recordsRoot = maybe("ab")
            return machine
        }
        round.scenarios = ["credit", "x"].map { id in
            var scenario = RoundDocument.Scenario(id: id)
            scenario.volume = maybe(number())
            scenario.approved = maybe(number())
            scenario.refused = maybe(number())
            scenario.failed = maybe(number())
            scenario.incomplete = maybe(number())
            scenario.duplicates = maybe(number())
            scenario.duplicatesAcrossHosts = maybe(number())
            return scenario
        }
        round.units = maybe(number())
        round.operational = maybe(real())
        round.embodied = maybe(real())
        round.intensity = maybe(real())
        round.coverage = real()
        round.recordsRoot = maybe("cd")
        round.imports = ["1", "2"]
        return round
    }

    @Test("reads back as it was written, and another document has other bytes")
    func inverse() throws {
        var seen: Set<[UInt8]> = []
        for seed in 0..<500 as Range<UInt64> {
            let round = try Self.random(seed)
            let bytes = try round.encode()
            #expect(try RoundDocument(decoding: bytes) == round)
            #expect(seen.insert(bytes).inserted)
        }
    }

    @Test("is refused, and never a crash, where a byte is another or is not there")
    func hostile() throws {
        let round = try Self.random(3)
        let bytes = try round.encode()
        for end in 0..<bytes.count {
            #expect(throws: DocumentError.self) {
                try RoundDocument(decoding: Array(bytes[..<end]))
            }
        }
        var random = Seeded(state: 8)
        for _ in 0..<5_000 {
            var changed = bytes
            let at = Int(random.number(0...UInt64(bytes.count - 1)))
            changed[at] = UInt8(random.number(0...255))
            guard changed != bytes else { continue }
            if let read = try? RoundDocument(decoding: changed) {
                #expect(read != round)
                #expect(try read.encode() == changed)
            }
        }
    }

    @Test("tells its plan in one way only", arguments: ["+b", "AB", " 1", "b", "0xb", "\u{FF41}b"])
    func planHash(pair: String) throws {
        let text = String(decoding: try Self.random(1).encode(), as: UTF8.self)
        let key = try #require(text.firstRange(of: "\"plan\":\""))
        var changed = text
        changed.replaceSubrange(
            key.upperBound..<text.index(key.upperBound, offsetBy: 2), with: pair)
        #expect(throws: DocumentError.self) { try RoundDocument(decoding: Array(changed.utf8)) }
    }

    @Test("tells numbers in one way only")
    func numbers() throws {
        var round = try Self.random(1)
        round.units = 7
        let text = String(decoding: try round.encode(), as: UTF8.self)
        for other in ["\"07\"", "\"+7\"", "7", "\"7.0\"", "\"\"", "\"18446744073709551616\""] {
            let bytes = Array(text.replacing("\"r\":\"7\"", with: "\"r\":" + other).utf8)
            #expect(bytes != Array(text.utf8))
            #expect(throws: DocumentError.self) { try RoundDocument(decoding: bytes) }
        }
        round.operational = "0.1"
        let grams = String(decoding: try round.encode(), as: UTF8.self)
        for other in ["0.10", ".1", "1e-1", "nan", "inf", "0x1p-4", " 0.1"] {
            let bytes = Array(
                grams.replacing("\"o_grams\":\"0.1\"", with: "\"o_grams\":\"\(other)\"").utf8)
            #expect(throws: DocumentError.self) { try RoundDocument(decoding: bytes) }
        }
    }
}
