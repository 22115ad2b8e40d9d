import Testing

@testable import Bundle

@Suite("Canonical JSON")
struct CanonicalJSONTests {
    private func read(_ text: String) throws(CanonicalError) -> CanonicalJSON {
        try CanonicalJSON(reading: Array(text.utf8))
    }

    private func text(_ value: CanonicalJSON) throws -> String {
        String(decoding: try value.bytes(), as: UTF8.self)
    }

    private func object(_ members: (String, CanonicalJSON)...) -> CanonicalJSON {
        .object(members.map { CanonicalJSON.Member($0.0, $0.1) })
    }

    @Test("sorts keys by UTF-16 and escapes what must be escaped, as RFC 8785 shows")
    func golden() throws {
        let keys = object(
            ("\u{20ac}", .string("Euro Sign")), ("\r", .string("Carriage Return")),
            ("\u{fb33}", .string("Hebrew Letter Dalet With Dagesh")), ("1", .string("One")),
            ("\u{1f600}", .string("Emoji: Grinning Face")), ("\u{80}", .string("Control")),
            ("\u{f6}", .string("Latin Small Letter O With Diaeresis")))
        #expect(
            try text(keys)
                == "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\","
                + "\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\","
                + "\"\u{1f600}\":\"Emoji: Grinning Face\","
                + "\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}")
        let string = CanonicalJSON.string("\u{20ac}$\u{0f}\nA'\u{42}\"\\\\\"/")
        #expect(try text(string) == "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"")
        let rest = CanonicalJSON.array([.null, .bool(true), .bool(false), .integer(0)])
        #expect(try text(rest) == "[null,true,false,0]")
    }

    @Test("reads back what it wrote", arguments: 0..<200 as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let value = Self.value(&random, depth: 0)
        let bytes = try value.bytes()
        #expect(try CanonicalJSON(reading: bytes).bytes() == bytes)
        for end in 0..<bytes.count where bytes.count > 1 && !bytes.allSatisfy({ $0 < 0x3A }) {
            #expect(throws: CanonicalError.self) {
                try CanonicalJSON(reading: Array(bytes[..<end]))
            }
        }
    }

    @Test(
        "has one text for each content: any other is refused", arguments: 0..<300 as Range<UInt64>)
    func mutated(seed: UInt64) throws {
        var random = Seeded(state: seed)
        var bytes = try Self.value(&random, depth: 0).bytes()
        for _ in 0..<random.number(1...4) {
            let place = Int(random.number(0...UInt64(max(1, bytes.count) - 1)))
            switch random.number(0...2) {
            case 0:
                bytes[place] = Array("{}[]\",:0123ntu\\ ".utf8).randomElement(using: &random) ?? 0
            case 1: bytes.insert(UInt8(random.number(0...255)), at: place)
            default: if bytes.count > 1 { bytes.remove(at: place) }
            }
        }
        if let value = try? CanonicalJSON(reading: bytes) {
            #expect(try value.bytes() == bytes)
        }
    }

    private static func value(_ random: inout Seeded, depth: Int) -> CanonicalJSON {
        switch random.number(0...(depth < 4 ? 6 : 4)) {
        case 0: return .null
        case 1: return .bool(random.flip())
        case 2: return .integer(random.number(0...CanonicalJSON.maximumInteger))
        case 3, 4: return .string(random.text())
        case 5:
            return .array(
                (0..<random.number(0...4)).map { _ in value(&random, depth: depth + 1) })
        default:
            return .object(
                (0..<random.number(0...4)).map { index in
                    .init("\(index)\(random.text())", value(&random, depth: depth + 1))
                })
        }
    }

    @Test(
        "refuses other forms of the same content",
        arguments: [
            " 1", "1 ", "[1, 2]", "{\"a\": 1}", "01", "-1", "-0", "1.0", "1e3", "9007199254740992",
            "99999999999999999999999", "\"\\/\"", "\"\\u0041\"", "\"\\u000A\"", "\"\\u000a\"",
            "\"\\u00\"", "\"\\u001G\"", "\"\\u001F\"", "\"\\ud83d\\ude00\"", "\"\n\"",
            "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "{a:1}", "[1,]", "[,]", "{\"a\"}", "nul",
            "True", "", "[", "\"", "{\"a\":", "1 1", "[1]]",
        ])
    func refused(text: String) {
        #expect(throws: CanonicalError.self) { try read(text) }
    }

    @Test("is bounded in depth, length and numbers, both ways")
    func bounds() throws {
        var deep = CanonicalJSON.integer(1)
        for _ in 0..<CanonicalJSON.maximumDepth { deep = .array([deep]) }
        let bytes = try deep.bytes()
        #expect(try CanonicalJSON(reading: bytes) == deep)
        #expect(throws: CanonicalError.tooDeep(at: 16)) { try CanonicalJSON.array([deep]).bytes() }
        #expect(throws: CanonicalError.tooDeep(at: 16)) {
            try read(String(repeating: "[", count: 1_000_000))
        }
        #expect(throws: CanonicalError.integer(1 << 53)) {
            try CanonicalJSON.integer(1 << 53).bytes()
        }
        let long = [UInt8](repeating: 0x20, count: CanonicalJSON.maximumBytes + 1)
        #expect(throws: CanonicalError.tooLong(bytes: long.count)) {
            try CanonicalJSON(reading: long)
        }
        #expect(throws: CanonicalError.notUTF8) { try CanonicalJSON(reading: [0x22, 0xFF, 0x22]) }
        #expect(throws: CanonicalError.keyOrder(at: 6)) {
            try object(("a", .integer(1)), ("a", .integer(2))).bytes()
        }
    }
}
