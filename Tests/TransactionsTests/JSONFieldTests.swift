import Testing

@testable import Transactions

/// A JSON object with or without a field, and everything that looks like it elsewhere.
private struct Document {
    private(set) var text = ""
    let path: [String]
    let value: String?

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        path = Bool.random(using: &random) ? ["code"] : ["data", "code"]
        let isThere = Int.random(in: 0..<4, using: &random) > 0
        value = isThere ? "E\(Int.random(in: 0..<9999, using: &random))" : nil
        text = object(path[...], &random)
    }

    private func object(_ path: ArraySlice<String>, _ random: inout SeededGenerator) -> String {
        var members = (0..<Int.random(in: 0...6, using: &random)).map { index in
            "\(space(&random))\"k\(index)\"\(space(&random)):\(junk(3, &random))"
        }
        var member: String?
        if path.count > 1, let key = path.first {
            member = "\"\(key)\" : \(object(path.dropFirst(), &random))"
        } else if let value, let key = path.first {
            member = "\"\(key)\":\(space(&random))\"\(value)\""
        }
        if let member {
            members.insert(member, at: Int.random(in: 0...members.count, using: &random))
        }
        return "{" + members.joined(separator: "\(space(&random)),") + space(&random) + "}"
    }

    private func junk(_ depth: Int, _ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return " -12.5e3"
        case 1: return "true"
        case 2: return "\"\""
        case 3: return "\"}\\\"code\\\":\\\"X\\\\\""
        case 4: return "\"{[\\\\\\\"" + String(repeating: "ä", count: 9) + "]\""
        case 5: return "\"code\""
        case 6:
            let items = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                junk(depth - 1, &random)
            }
            return "[" + items.joined(separator: ",") + "]"
        default:
            return "{\"code\":\"wrong\",\"data\":{\"code\":\"wrong\"},\"x\" :"
                + junk(depth - 1, &random) + "}"
        }
    }

    private func space(_ random: inout SeededGenerator) -> String {
        ["", "", " ", "\n\t", "\r\n"].randomElement(using: &random) ?? ""
    }
}

@Suite("A field of a JSON body")
struct JSONFieldTests {
    private func found(_ text: String, _ path: [String], pieces: [Int] = []) -> FieldOutcome {
        outcomes(of: [.requestJSON(path)], in: Array(text.utf8), pieces: pieces)[0]
    }

    @Test("is found wherever it stands, and nothing else is, in any pieces")
    func everywhere() {
        for seed in 0..<400 as Range<UInt64> {
            let document = Document(seed: seed)
            let count = document.text.utf8.count
            var random = SeededGenerator(seed: seed)
            let cuts = (0..<20).map { _ in
                [Int.random(in: 0...count, using: &random)]
                    + [Int.random(in: 0...count, using: &random)]
            }.map { $0.sorted() }
            for pieces in [[], Array(0...count)] + cuts {
                let wanted = document.value.map { FieldOutcome.found($0) } ?? .absent
                #expect(
                    found(document.text, document.path, pieces: pieces) == wanted,
                    "\(document.text)")
            }
        }
    }

    @Test(
        "is what the text says, however it is escaped, in names and values",
        arguments: [
            (#"{"code":"\u62d2\u7edd"}"#, "拒绝"), (#"{"code":"E\/1"}"#, "E/1"),
            (#"{"c\u006fd\u0065":"E1"}"#, "E1"), (#"{"\u0063ode":"\ud83d\ude00!"}"#, "😀!"),
            (#"{"code":"a\"b\\\b\f\n\r\t"}"#, "a\"b\\\u{8}\u{c}\n\r\t"),
            (#"{"x\u0063":1,"cod\\e":2,"\u0063od":3,"code\n":4,"code":"\u00e4\u00E4"}"#, "ää"),
            (#"{"x\q":1,"x":"\q\ud800","code":"\u0000"}"#, "\0"),
            ("\u{feff} {\"code\":7}", "7"),
        ])
    func escapes(text: String, value: String) {
        #expect(found(text, ["code"]) == .found(value))
        #expect(found(text, ["code"], pieces: Array(0...text.utf8.count)) == .found(value))
    }

    @Test(
        "is unread, not another value, where an escape in it or in its name stands for nothing",
        arguments: [
            #"{"code":"\q"}"#, #"{"code":"\u12g4"}"#, #"{"code":"\ud800"}"#,
            #"{"code":"\ud800\n"}"#, #"{"code":"\ud800\ud800"}"#, #"{"code":"\udc00"}"#,
            #"{"code":"\u62"}"#, #"{"c\ode":"E1","code":"E1"}"#, #"{"\ud83d":1,"code":1}"#,
            #"{"code":"\U0041"}"#, #"{"code":"\ud800x"}"#,
        ])
    func badEscapes(text: String) {
        #expect(found(text, ["code"]) == .unreadable)
        #expect(found(text, ["code"], pieces: Array(0...text.utf8.count)) == .unreadable)
    }

    @Test("is as long as what it says, not as its text")
    func escapedLength() {
        let value = String(repeating: "绝", count: 21)
        let text = value.utf16.map { "\\u" + String($0, radix: 16) }.joined()
        #expect(found("{\"code\":\"\(text)\"}", ["code"]) == .found(value))
        let longer = found("{\"code\":\"\(text)\(text)\"}", ["code"])
        #expect(longer == .found(Array((value + value).utf8.prefix(FieldText.maximum + 1))))
    }

    @Test(
        "of an array is that of the element whose number stands in the path",
        arguments: [
            (#"[{"code":"E1"}]"#, "0.code", "E1"), (#"[{"code":"E1"}]"#, "code", nil),
            (#"[{"code":"E1"},[2],"x",{"code":"E2"}]"#, "3.code", "E2"),
            (#"{"data":[{"code":"E1"},{"code":"E2"}],"code":3}"#, "data.1.code", "E2"),
            (#"{"data":[{"code":"E1"},{"code":"E2"}],"code":3}"#, "data.2.code", nil),
            (#"{"data":[{"code":"E1"}],"code":3}"#, "data.code", nil),
            (#"{"data":[1, 2 ,3]}"#, "data.2", "3"), (#"{"data":[1]}"#, "data.1", nil),
            (#"{"data":[]}"#, "data.0", nil), (#"{"data":[]}"#, "data", nil),
            (#"[[],[["a","b"]]]"#, "1.0.1", "b"), (#"{"1":{"code":5}}"#, "1.code", "5"),
            (#"["a]","b"]"#, "1", "b"), (#"[1,2]"#, "99999999999999999999", nil),
            (#"{"data":[7,{"code":1}],"x":1}"#, "data.0.code", nil),
        ] as [(String, String, String?)])
    func arrays(text: String, path: String, value: String?) {
        let path = path.split(separator: ".").map(String.init)
        for pieces in [[], Array(0...text.utf8.count)] {
            #expect(
                found(text, path, pieces: pieces)
                    == value.map { FieldOutcome.found($0) } ?? .absent)
        }
    }

    @Test(
        "is that of the first of two keys of a name, whatever that is",
        arguments: [
            #"{"a":1,"a":{"b":"2"}}"#, #"{"a":null,"a":{"b":"2"}}"#, #"{"a":"","a":{"b":"2"}}"#,
            #"{"a":[],"a":{"b":"2"}}"#, #"{"a":[{"b":"1"}],"a":{"b":"2"}}"#,
            #"{"a":{},"a":{"b":"2"}}"#, #"{"a":{"c":"1"},"a":{"b":"2"}}"#,
        ])
    func firstOfTwo(text: String) {
        #expect(found(text, ["a", "b"]) == .absent)
        #expect(found(text, ["a", "b"], pieces: Array(0...text.utf8.count)) == .absent)
    }

    @Test("is unread in UTF-16", arguments: ["{\0\"\0", "\0{\0\""])
    func wide(text: String) {
        #expect(found(text, ["a"]) == .unreadable)
    }

    @Test("behind containers nested too deeply is unread, and no memory is used for them")
    func deep() {
        let deep = String(repeating: "[", count: 10_000)
        #expect(found("{\"a\":\(deep)", ["code"]) == .unreadable)
        let least = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(found("{\"a\":\(least),\"code\":7}", ["code"]) == .found("7"))
    }
}
