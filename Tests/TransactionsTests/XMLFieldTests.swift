import Testing

@testable import Transactions

/// An element, and all that may stand in one.
private indirect enum Node {
    case text(written: String, meaning: String)
    /// What is no text: a comment, an instruction.
    case aside(String)
    case element(name: String, children: [Node])
}

/// A document that is made up, and what it says at a path.
private struct Document {
    let text: String
    private let root: Node

    init(_ random: inout SeededGenerator) {
        root = Self.element(4, &random)
        text = Self.prolog(&random) + Self.written(root, &random) + "\n<!-- end -->"
    }

    private static let names = ["a", "b", "Code"]
    /// Stands in a meaning where nobody knows it.
    static let unknown = "\0"

    private static func element(_ depth: Int, _ random: inout SeededGenerator) -> Node {
        let children = (0..<Int.random(in: 0...4, using: &random)).map { _ -> Node in
            switch Int.random(in: 0..<(depth > 0 ? 5 : 3), using: &random) {
            case 0, 1: text(&random)
            case 2:
                .aside(
                    ["<!-- <b> - -->", "<?x <Code> ? ?>", "<!---->"].randomElement(using: &random)
                        ?? "")
            default: element(depth - 1, &random)
            }
        }
        return .element(name: names.randomElement(using: &random) ?? "a", children: children)
    }

    private static func text(_ random: inout SeededGenerator) -> Node {
        let texts = [
            ("E1", "E1"), (" \n", " \n"), ("a&amp;b", "a&b"), ("&#65;&#x4f60;", "A你"),
            ("<![CDATA[<b>]]]]>", "<b>]]"), ("<![CDATA[ ]>]] > ]]>", " ]>]] > "),
            ("&lt;&gt;&quot;&apos;", "<>\"'"), ("&unknown;", unknown), ("a & b", "a & b"),
            ("&#xD800;", unknown), ("äöü", "äöü"), ("&amp", unknown), ("&#0;", unknown),
            ("\t", "\t"), (">", ">"), ("]", "]"), ("&averylongreference;", unknown),
            ("&_x;", unknown), ("&;", "&;"), ("&你;", unknown),
        ]
        let (written, meaning) = texts.randomElement(using: &random) ?? ("", "")
        return .text(written: written, meaning: meaning)
    }

    private static func prolog(_ random: inout SeededGenerator) -> String {
        [
            "", "\u{feff}", "\u{feff}<?xml version=\"1.0\"?>\n", " \r\n", "<!-- a --><!---->",
            "<!DOCTYPE a SYSTEM \"x>y\">",
            "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e '<a>]>'><!-- ' ]> --><?p ']?>\n%q; ] >",
        ].randomElement(using: &random) ?? ""
    }

    private static func written(_ node: Node, _ random: inout SeededGenerator) -> String {
        switch node {
        case .text(let written, _): return written
        case .aside(let written): return written
        case .element(let name, let children):
            let prefix = ["", "", "s:", "Code:"].randomElement(using: &random) ?? ""
            let attributes =
                ["", " ", " x='1'", "\n b=\"a>b/'\" ", " Code='</Code>' y = \"/>\""]
                .randomElement(using: &random) ?? ""
            if children.isEmpty && Bool.random(using: &random) {
                return "<\(prefix)\(name)\(attributes)/>"
            }
            let inside = children.map { written($0, &random) }.joined()
            return "<\(prefix)\(name)\(attributes)>\(inside)</\(prefix)\(name) >"
        }
    }

    /// What the first element at the path says.
    func value(_ path: [String]) -> String? { Self.value(root, path[...]) }

    private static func value(_ node: Node, _ path: ArraySlice<String>) -> String? {
        guard case .element(let name, let children) = node, name == path.first else { return nil }
        let rest = path.dropFirst()
        guard rest.isEmpty else {
            for child in children { if let found = value(child, rest) { return found } }
            return nil
        }
        var text = ""
        loop: for child in children {
            switch child {
            case .text(_, let meaning): text += meaning
            case .aside: break
            case .element: break loop
            }
        }
        let space: (UInt8) -> Bool = { [0x20, 0x0a, 0x0d, 0x09].contains($0) }
        let bytes = Array(Array(text.utf8).drop(while: space).reversed().drop(while: space))
        return String(decoding: bytes.reversed(), as: UTF8.self)
    }
}

@Suite("A field of an XML body")
struct XMLFieldTests {
    private func found(_ bytes: [UInt8], _ path: [String], pieces: [Int] = []) -> FieldOutcome {
        outcomes(of: [.requestXML(path)], in: bytes, pieces: pieces)[0]
    }

    private func found(_ text: String, _ path: [String]) -> FieldOutcome {
        found(Array(text.utf8), path)
    }

    @Test("is what the document says, in any pieces")
    func documents() {
        var random = SeededGenerator(seed: 21)
        var hits = 0
        for _ in 0..<3000 {
            let document = Document(&random)
            let path = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                ["a", "b", "Code"].randomElement(using: &random) ?? ""
            }
            let value = document.value(path)
            if value != nil { hits += 1 }
            let bytes = Array(document.text.utf8)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            for pieces in [[], [cut], Array(0...bytes.count)] {
                let wanted: FieldOutcome =
                    value?.contains(Document.unknown) == true
                    ? .unreadable
                    : value.map { .found(Array($0.utf8.prefix(FieldText.maximum + 1))) } ?? .absent
                #expect(
                    found(bytes, path, pieces: pieces) == wanted, "\(document.text) \(path)")
            }
        }
        #expect(hits > 200)
    }

    @Test(
        "is absent in what is no XML",
        arguments: [
            "{\"a\":{\"b\":1}}", "a=<a><b>1</b></a>", "x<a><b>1</b></a>", "</a><a><b>1</b></a>",
            "< a><b>1</b></a>", "<1><b>1</b></1>", "<a><b<c>1</b></a>", "<![CDATA[<a>]]><a><b>1",
            "<a></a><a><b>1</b></a>", "<!ELEMENT a><a><b>1</b></a>", "<a><!DOCTYPE a><b>1</b></a>",
            "<a c=1<b>1</b></a>", "<a><!-x><b>1</b></a>", "<:><:>1</:></:>",
            "<!DOCTYPE a [<a>]><a><b>1</b></a>",
        ])
    func none(text: String) {
        #expect(found(text, ["a", "b"]) == .absent)
    }

    @Test("is not found before its end has come")
    func cut() {
        let text = "<a><b>1</b></a>"
        for count in 0..<text.utf8.count {
            let outcome = found(Array(text.utf8.prefix(count)), ["a", "b"])
            #expect((outcome == .found("1")) == (count >= 9), "\(count) bytes")
        }
    }

    @Test("in nesting, a document type or an encoding that is not read is unread, not absent")
    func bounds() {
        func nested(_ count: Int) -> String {
            "<a>" + String(repeating: "<x>", count: count) + String(repeating: "</x>", count: count)
                + "<b>1</b></a>"
        }
        #expect(found(nested(63), ["a", "b"]) == .found("1"))
        #expect(found(nested(64), ["a", "b"]) == .unreadable)
        #expect(found(nested(100_000), ["a", "b"]) == .unreadable)
        func declared(_ count: Int) -> String {
            "<!DOCTYPE a [" + String(repeating: " ", count: count) + "]><a><b>1</b></a>"
        }
        #expect(found(declared(4000), ["a", "b"]) == .found("1"))
        #expect(found(declared(5000), ["a", "b"]) == .unreadable)
        let wide = Array("<a><b>1</b></a>".utf8).flatMap { [$0, 0] as [UInt8] }
        #expect(found([0xff, 0xfe] + wide, ["a", "b"]) == .unreadable)
        #expect(found([0] + wide, ["a", "b"]) == .unreadable)
        #expect(found(wide, ["a", "b"], pieces: [1]) == .unreadable)
        #expect(found([0xff, 0xd8, 0xff], ["a", "b"]) == .absent)
    }

    @Test("is told from others by 64 bytes, white space around it left out")
    func long() {
        let value = String(repeating: "x", count: 64)
        let space = String(repeating: " \n", count: 100)
        let wanted = "<a>\(space)\(value)\(space)</a>"
        #expect(found(wanted, ["a"]) == .found(value))
        #expect(found("<a>\(space)1\(space)</a>", ["a"]) == .found("1"))
        let longer = found("<a>1\(space)2\(space)</a>", ["a"])
        #expect(longer == .found(Array("1\(space)2".utf8.prefix(FieldText.maximum + 1))))
    }

    @Test("does not trap on any bytes")
    func noise() {
        var random = SeededGenerator(seed: 5)
        let words = [
            "<", ">", "</", "/>", "<a", "<a>", "<b>", "</a>", "&", ";", "#x", "&amp;", "<!", "--",
            "-->", "[", "]", "]]>", "<![CDATA[", "<!DOCTYPE", "<?", "?>", "\"", "'", "=", ":", " ",
            "x", "\u{feff}", "\0",
        ]
        var seen: Set<FieldOutcome> = []
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...30, using: &random)).flatMap { _ in
                Array((words.randomElement(using: &random) ?? "").utf8)
            }
            let whole = found(bytes, ["a", "b"])
            #expect(found(bytes, ["a", "b"], pieces: Array(0...bytes.count)) == whole)
            seen.insert(whole)
        }
        #expect(seen.count > 10)
    }
}
