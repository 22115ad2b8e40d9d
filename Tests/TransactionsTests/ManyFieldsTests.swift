import Testing
import Traffic

@testable import Transactions

@Suite("Many fields of a body")
struct ManyFieldsTests {
    private static let parts = ["a", "b", "ab", "0", "1", "2", ""]

    private static func path(_ random: inout SeededGenerator) -> [String] {
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
            parts.randomElement(using: &random) ?? ""
        }
    }

    private static func json(_ depth: Int, _ random: inout SeededGenerator) -> String {
        func some(_ item: (inout SeededGenerator) -> String) -> String {
            (0..<Int.random(in: 0...4, using: &random)).map { _ in item(&random) }
                .joined(separator: ",")
        }
        switch Int.random(in: 0..<(depth > 0 ? 10 : 4), using: &random) {
        case 0: return "12"
        case 1: return "\"v\\u00e4\""
        case 2: return #""}\\\"{[""#
        case 3:
            return ["null", "\"\\q\"", "\"\\ud800\\n\"", "1 2"].randomElement(using: &random) ?? ""
        case 4...5: return "[" + some { json(depth - 1, &$0) } + "]"
        default:
            return "{"
                + some {
                    let key = ["\\u0061", "a\\q", "b"].randomElement(using: &$0) ?? ""
                    let name = parts.randomElement(using: &$0) ?? ""
                    let written = Int.random(in: 0..<6, using: &$0) == 0 ? key : name
                    return "\"\(written)\": \(json(depth - 1, &$0))"
                } + "}"
        }
    }

    private static func xml(_ depth: Int, _ random: inout SeededGenerator) -> String {
        let texts = ["", "t", " &lt; ", "&what;", "<!-- <a> -->", "<![CDATA[<b>]]>", "<a/>"]
        let inner = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            Int.random(in: 0..<2, using: &random) == 0 || depth == 0
                ? texts.randomElement(using: &random) ?? "" : xml(depth - 1, &random)
        }
        let name = ["a", "b", "n:ab"].randomElement(using: &random) ?? ""
        return "<\(name) x='>'>" + inner.joined() + "</\(name)>"
    }

    private static func form(_ random: inout SeededGenerator) -> String {
        let words = ["a", "b", "ab", "=", "=", "&", "&", "%61", "%", "+", "%6", "0"]
        return (0..<Int.random(in: 0...30, using: &random)).map { _ in
            words.randomElement(using: &random) ?? ""
        }.joined()
    }

    /// What is almost such a text.
    private static func spoilt(_ text: String, _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.remove(at: place)
            case 1:
                let marks = Array("{}[]\",:\\ \0<>/&;=".utf8)
                bytes[place] = marks.randomElement(using: &random) ?? 0
            default: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
            }
        }
        return bytes
    }

    private static func check(
        _ body: [UInt8], _ selectors: [FieldSelector], _ random: inout SeededGenerator
    ) -> Set<FieldOutcome> {
        let alone = selectors.map { outcomes(of: [$0], in: body)[0] }
        let cut = Int.random(in: 0...body.count, using: &random)
        for pieces in [[], [cut], Array(0...body.count)] {
            #expect(
                outcomes(of: selectors, in: body, pieces: pieces) == alone,
                "\(String(decoding: body, as: UTF8.self)): \(selectors)")
        }
        return Set(alone)
    }

    @Test("are what each is alone, in whatever text, in any pieces")
    func together() {
        var random = SeededGenerator(seed: 60)
        var seen: Set<FieldOutcome> = []
        for round in 0..<1500 {
            var selectors: Set<FieldSelector> = []
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                let path = Self.path(&random)
                switch round % 3 {
                case 0: selectors.insert(.requestJSON(path))
                case 1: selectors.insert(.requestXML(path))
                default: selectors.insert(.requestForm(path[0]))
                }
            }
            let text =
                switch round % 3 {
                case 0: "{\"a\":\(Self.json(4, &random)),\"b\":\(Self.json(4, &random))}"
                case 1: Self.xml(4, &random)
                default: Self.form(&random)
                }
            let body =
                round % 2 == 0 ? Array(text.utf8) : Self.spoilt(text, &random)
            seen.formUnion(Self.check(body, Array(selectors), &random))
        }
        #expect(seen.contains(.unreadable) && seen.contains(.absent) && seen.count > 10)
    }

    @Test("of which some lead through others are each found, and so are thousands")
    func nested() {
        let body = Array(#"{"a":{"b":{"c":"1"},"d":["x",{"e":"2"}]},"f":"3"}"#.utf8)
        let paths = ["a", "a.b", "a.b.c", "a.d.0", "a.d.1", "a.d.1.e", "a.d.2", "f", "f.g"]
        let selectors = paths.map {
            FieldSelector.requestJSON($0.split(separator: ".").map(String.init))
        }
        #expect(
            outcomes(of: selectors, in: body) == [
                .absent, .absent, .found("1"), .found("x"), .absent, .found("2"), .absent,
                .found("3"), .absent,
            ])
        let many = (0..<1500).map { "k\($0)" }
        let members = many.reversed().map { "\"\($0)\":\"v\($0)\"" }
        let object = Array("{\(members.joined(separator: ","))}".utf8)
        let found = outcomes(of: many.map { .requestJSON([$0]) }, in: object)
        #expect(found == many.map { .found("v\($0)") })
    }

    @Test("of two header names that differ in case alone are one")
    func sameName() {
        let exchange = run(
            connection([
                Turn(toServer: true, bytes: Array("GET / HTTP/1.1\r\nX-Name: v\r\n\r\n".utf8)),
                Turn(
                    toServer: false,
                    bytes: Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)),
            ]), selectors: [.requestHeader("X-NAME"), .requestHeader("x-name")]
        ).exchanges
        #expect(exchange.map(\.fields) == [["v", "v"]])
    }
}
