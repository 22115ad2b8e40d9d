import Assessment
import Metering
import Testing

@Suite("A point of time as text")
struct CalendarTimeTests {
    private static let lastSecond: UInt64 = 7_258_118_399

    @Test(
        "is RFC 3339",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-12-01T00:00:00+08:00", 1_796_054_400), ("2026-11-30T16:00Z", 1_796_054_400),
            ("2026-11-30t10:30:00-05:30", 1_796_054_400), ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2199-12-31T23:59:59Z", lastSecond),
        ] as [(String, UInt64)])
    func known(text: String, seconds: UInt64) {
        #expect(Timestamp(rfc3339: text) == Timestamp(seconds * 1_000_000_000))
    }

    @Test("keeps every nanosecond there and back", arguments: 0..<4 as Range<UInt64>)
    func roundTrip(seed: UInt64) {
        var number = seed
        for step in 0..<500 as Range<UInt64> {
            // Knuth's multiplier: numbers that look random and are the same in every run.
            number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let seconds = number % (Self.lastSecond + 1)
            let rest = (number >> 20) % 1_000_000_000 / (1 << (step % 32))
            let time = Timestamp(seconds * 1_000_000_000 + rest)
            #expect(Timestamp(rfc3339: time.rfc3339) == time)
            #expect(Timestamp(rfc3339: time.rfc3339InShanghai) == time)
        }
    }

    @Test("steps by one second over each end of a day, month and year")
    func days() {
        var wrong: [String] = []
        for day in 0...Self.lastSecond / 86_400 {
            let midnight = Timestamp(day * 86_400_000_000_000)
            let text = midnight.rfc3339
            if !text.hasSuffix("T00:00:00Z") || Timestamp(rfc3339: text) != midnight {
                wrong.append(text)
            }
        }
        #expect(wrong == [])
    }

    @Test("of a day begins at 00:00 in Asia/Shanghai")
    func day() {
        #expect(
            Timestamp(dayInShanghai: "2026-12-01") == Timestamp(rfc3339: "2026-11-30T16:00:00Z"))
        #expect(
            Timestamp(dayInShanghai: "2026-12-01")?.rfc3339InShanghai
                == "2026-12-01T00:00:00+08:00")
        #expect(Timestamp(rfc3339: "2026-12-01T00:00:00.5Z")?.rfc3339 == "2026-12-01T00:00:00.5Z")
    }

    @Test(
        "that is none is refused",
        arguments: [
            "", "2026-12-01", "2026-12-01T00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
            "2026-12-00T00:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T00:60:00Z",
            "2026-12-01T00:00:60Z", "2026-12-01T00:00:00.Z", "2026-12-01T00:00:00.1234567890Z",
            "2026-12-01T00:00:00+19:00", "2026-12-01T00:00:00+0800", "2026-12-01 00:00:00Z",
            "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+08:00", "2200-01-01T00:00:00Z",
            "2026-12-01T00:00:00Z ", "２026-12-01T00:00:00Z", "2026-1-1T00:00:00Z",
        ])
    func refused(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
        if text != "2026-12-01" { #expect(Timestamp(dayInShanghai: text) == nil) }
    }
}

@Suite("Exact numbers as text")
struct DecimalTests {
    @Test("have no zeros at their end, and no point where they are whole")
    func decimals() {
        #expect(PartsPerMillion.one.decimal == "1")
        #expect(PartsPerMillion(rawValue: 1_350_000).decimal == "1.35")
        #expect(PartsPerMillion(rawValue: 1).decimal == "0.000001")
        #expect(PartsPerMillion(rawValue: 0).decimal == "0")
        #expect((530_600_000 as UInt64).decimal(digits: 6) == "530.6")
        #expect((7 as UInt64).decimal(digits: 0) == "7")
    }

    @Test("of a hash are 64 hexadecimal digits")
    func hash() {
        let hash = PlanHash((0..<32).map { UInt8($0 * 8) })
        #expect(hash?.description.hasPrefix("0008101820") == true)
        #expect(hash?.short == "00081018")
        #expect(PlanHash([1, 2, 3]) == nil)
    }
}
