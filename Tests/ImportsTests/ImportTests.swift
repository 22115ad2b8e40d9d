import Assessment
import Metering
import Testing

@testable import Imports

private func span(_ from: UInt64, _ to: UInt64) -> Interval {
    Interval(
        start: Timestamp(from * 3_600_000_000_000), end: Timestamp(to * 3_600_000_000_000))
}

@Suite("Files to import are read strictly")
struct ImportFileTests {
    @Test("kilowatt-hours become microjoules exactly, times nanoseconds, in order")
    func meter() throws {
        let text = """
            meter,from,to,kwh
            pdu-2,2026-11-01T00:00:00+08:00,2026-11-02T00:00+08:00,12.000000001
            "pdu-1",2026-10-31T16:00:00Z,2026-11-01T16:00:00.5Z,0.5

            """
        let content = try ImportFile.meter(Array(text.utf8), file: "m.csv")
        let day = Timestamp(1_793_462_400 * 1_000_000_000)
        #expect(
            content
                == .meter([
                    MeterReading(
                        meter: "pdu-1",
                        interval: Interval(
                            start: day, end: Timestamp(day.rawValue + 86_400_500_000_000)),
                        energy: Microjoules(1_800_000_000_000)),
                    MeterReading(
                        meter: "pdu-2", interval: Interval(start: day, end: day + .seconds(86_400)),
                        energy: Microjoules(43_200_000_003_600)),
                ]))
    }

    @Test(
        "what is wrong is named with file, line and column",
        arguments: [
            ("meter,from,to\n", "m.csv:1:1: the first line must be"),
            ("meter,from,to,kwh\n", "m.csv:2:1: there is no line"),
            ("meter,from,to,kwh\na,b\n", "m.csv:2:3: 4 fields expected, 2 found"),
            ("meter,from,to,kwh\n\na,2026-11-01,x,1\n", "m.csv:3:3: \"2026-11-01\" is no time"),
            (
                "meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-01T00:00Z,1\n",
                "m.csv:2:21: to is not after from"
            ),
            (
                "meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-02T00:00Z,-1\n",
                "m.csv:2:39: kwh must"
            ),
            (
                "meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-02T00:00Z,1e3\n",
                "m.csv:2:39: kwh must"
            ),
            (
                "meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-02T00:00Z,1000001\n",
                "m.csv:2:39: kwh must"
            ),
            (
                "meter,from,to,kwh\n,2026-11-01T00:00Z,2026-11-02T00:00Z,1\n",
                "m.csv:2:1: the first field"
            ),
            (
                "meter,from,to,kwh\na\u{7},2026-11-01T00:00Z,2026-11-02T00:00Z,1\n",
                "m.csv:2:1: the name has"
            ),
            ("meter,from,to,kwh\na\",b,c,d\n", "m.csv:2:1: a quote inside"),
            (
                "meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-03T00:00Z,1\n"
                    + "a,2026-11-02T00:00Z,2026-11-04T00:00Z,1\n",
                "m.csv:3:3: the time of a overlaps that of line 2"
            ),
        ])
    func wrong(text: String, sentence: String) {
        let error = #expect(throws: ImportFileError.self) {
            _ = try ImportFile.meter(Array(text.utf8), file: "m.csv")
        }
        #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
    }

    @Test("flows are whole numbers, and an asset stands once")
    func others() throws {
        let ledger = "scenario,from,to,flows\ncredit,2026-11-01T00:00Z,2026-11-02T00:00Z,"
        #expect(
            try ImportFile.ledger(Array((ledger + "17\n").utf8), file: "l").count == 1)
        for text in ["1.5", "-1", "", "18446744073709551616", "١"] {
            #expect(throws: ImportFileError.self) {
                _ = try ImportFile.ledger(Array((ledger + text + "\n").utf8), file: "l")
            }
        }
        let assets = "id,site,role,planned_as\nb,s,r,\na,s,r,loan-1\n"
        let content = try ImportFile.assets(Array(assets.utf8), file: "a")
        #expect(
            content
                == .assets([
                    Asset(id: "a", site: "s", role: "r", plannedAs: "loan-1"),
                    Asset(id: "b", site: "s", role: "r"),
                ]))
        #expect(throws: ImportFileError.self) {
            _ = try ImportFile.assets(Array((assets + "a,s,r,\n").utf8), file: "a")
        }
    }

    @Test("hostile files are refused and never more", arguments: 0..<300)
    func fuzz(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        var bytes = Array("meter,from,to,kwh\na,2026-11-01T00:00Z,2026-11-02T00:00Z,1\n".utf8)
        for _ in 0...next(4) {
            switch next(3) {
            case 0: bytes[next(bytes.count)] = UInt8(next(256))
            case 1: bytes.insert(UInt8(next(256)), at: next(bytes.count))
            default: bytes.remove(at: next(bytes.count))
            }
        }
        guard let content = try? ImportFile.meter(bytes, file: "m") else { return }
        #expect(ImportContent(canonical: content.canonical, kind: "meter") == content)
    }

    @Test("too many bytes and lines are refused")
    func limits() {
        let long = [UInt8](repeating: 0x61, count: ImportFile.maximumBytes + 1)
        let error = #expect(throws: ImportFileError.self) {
            _ = try ImportFile.assets(long, file: "a")
        }
        #expect(error?.problem == .tooLong(bytes: long.count))
    }
}

@Suite("Canonical bytes are one for each content")
struct CanonicalTests {
    @Test("how a file was written changes nothing, and the bytes read back")
    func canonical() throws {
        let one =
            "scenario,from,to,flows\r\n\"credit\",2026-11-01T08:00+08:00,2026-11-02T00:00Z,3\r\n"
        let other =
            "\u{FEFF}scenario,from,to,flows\ncredit,2026-11-01T00:00:00.0Z,2026-11-02T08:00+08:00,03"
        let contents = try [one, other].map { try ImportFile.ledger(Array($0.utf8), file: "l") }
        #expect(contents[0].canonical == contents[1].canonical)
        #expect(
            String(decoding: contents[0].canonical, as: UTF8.self)
                == "scenario,from_ns,to_ns,flows\ncredit,1793491200000000000,1793577600000000000,3\n"
        )
        #expect(ImportContent(canonical: contents[0].canonical, kind: "ledger") == contents[0])
    }

    @Test("bytes that are not canonical are none")
    func altered() throws {
        let text = "scenario,from_ns,to_ns,flows\ncredit,1,2,3\n"
        #expect(ImportContent(canonical: Array(text.utf8), kind: "ledger") != nil)
        for wrong in [
            "scenario,from_ns,to_ns,flows\ncredit,1,2,03\n", "x\ncredit,1,2,3\n",
            "scenario,from_ns,to_ns,flows\ncredit,2,1,3\n", text + "\n", "",
        ] {
            #expect(ImportContent(canonical: Array(wrong.utf8), kind: "ledger") == nil)
        }
        #expect(ImportContent(canonical: Array(text.utf8), kind: "meter") == nil)
    }
}

@Suite("A later import of the same time is a revision")
struct RevisionTests {
    private func reading(_ from: UInt64, _ to: UInt64, _ energy: UInt64, of meter: String = "m")
        -> ImportContent
    {
        .meter([MeterReading(meter: meter, interval: span(from, to), energy: Microjoules(energy))])
    }

    @Test("the latest counts, and says how many there were")
    func latest() throws {
        var revisions = Revisions()
        try revisions.add(reading(0, 24, 1), source: 1)
        try revisions.add(reading(24, 48, 2), source: 2)
        try revisions.add(reading(0, 24, 3), source: 3)
        let found = revisions.meterReadings
        #expect(found.map(\.value.energy.rawValue) == [3, 2])
        #expect(found.map(\.revision) == [2, 1])
        #expect(found.map(\.source) == [3, 2])
        try revisions.add(reading(0, 48, 4), source: 4)
        #expect(revisions.meterReadings.map(\.revision) == [3])
    }

    @Test("what would cut an earlier entry is refused, and changes nothing")
    func cut() throws {
        var revisions = Revisions()
        try revisions.add(reading(0, 24, 1), source: 1)
        for (from, to) in [(1, 24), (0, 23), (12, 30), (5, 6)] as [(UInt64, UInt64)] {
            #expect(throws: RevisionConflict(subject: "m", source: 1)) {
                try revisions.add(reading(from, to, 9), source: 2)
            }
        }
        try revisions.add(reading(5, 6, 9, of: "other"), source: 2)
        #expect(revisions.meterReadings.map(\.value.energy.rawValue) == [1, 9])
    }

    @Test("of lists of assets the latest counts as a whole")
    func assets() throws {
        var revisions = Revisions()
        #expect(revisions.assets == nil)
        try revisions.add(.assets([Asset(id: "a", site: "s", role: "r")]), source: 1)
        try revisions.add(.assets([Asset(id: "b", site: "s", role: "r")]), source: 2)
        #expect(revisions.assets?.value.map(\.id) == ["b"])
        #expect(revisions.assets?.revision == 2)
    }

    @Test("what counts never overlaps, in whatever way it was imported", arguments: 0..<40)
    func law(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        var revisions = Revisions()
        var covered: Set<UInt64> = []
        for source in 1...40 as ClosedRange<Int64> {
            let from = next(40)
            let to = from + 1 + next(6)
            if (try? revisions.add(reading(from, to, UInt64(source)), source: source)) != nil {
                covered.formUnion(from..<to)
            }
        }
        let found = revisions.meterReadings.map(\.value.interval)
        for (one, after) in zip(found, found.dropFirst()) { #expect(one.end <= after.start) }
        // No hour that was ever told is lost.
        #expect(found.reduce(0) { $0 + $1.length.rawValue / 3_600_000_000_000 } == covered.count)
    }
}
