import Traffic

private let slash = UInt8(ascii: "/")

extension Field {
    /// A path template of at most 1,024 bytes and 64 segments, not counting a last `**`.
    func pathTemplate() -> PathTemplate? {
        guard let text = text(expected: "a path that begins with /") else { return nil }
        let bytes = Array(text.utf8)
        let isPrefix = bytes.suffix(3).elementsEqual("/**".utf8)
        let whole = isPrefix ? bytes.dropLast(3) : bytes[...]
        guard !isPrefix || !whole.isEmpty else { return PathTemplate(segments: [], isPrefix: true) }
        let kinds = TemplateBytes(whole)
        if let reason = kinds.fault { return reject(text, reason) }
        // Each segment stands behind a slash.
        guard kinds.slashes <= 64 else { return reject(text, "has more than 64 segments") }
        guard !kinds.hasEmptySegment, !(isPrefix && whole.last == slash) else {
            return reject(text, "has an empty segment")
        }
        var names: [String] = []
        var segments: [PathTemplate.Segment] = []
        segments.reserveCapacity(kinds.slashes)
        var rest = whole
        while rest.popFirst() != nil {
            let part = rest.prefix { $0 != slash }
            rest = rest[part.endIndex...]
            guard kinds.hasBrace, part.contains(where: \.isBrace) else {
                segments.append(.literal(String(decoding: part, as: UTF8.self)))
                continue
            }
            guard let name = Self.parameterName(part) else {
                return reject(text, "has braces that are not a whole segment like /{name}/")
            }
            guard !names.contains(name) else { return reject(text, "has {\(name)} twice") }
            names.append(name)
            segments.append(.parameter(name))
        }
        let template = PathTemplate(segments: segments, isPrefix: isPrefix)
        if kinds.hasPatternMark { warnOfPattern(template) }
        return template
    }

    private static func parameterName(_ segment: ArraySlice<UInt8>) -> String? {
        guard segment.first == UInt8(ascii: "{"), segment.last == UInt8(ascii: "}"),
            segment.count > 2
        else { return nil }
        let name = String(decoding: segment.dropFirst().dropLast(), as: UTF8.self)
        return isIdentifier(name) ? name : nil
    }

    /// One word of capitals, at most 32 bytes.
    ///
    /// Source: RFC 9110, 9.1 (a method is a token, compared with case).
    func method() -> String? {
        guard let text = text(expected: "a method like POST") else { return nil }
        let isMethod =
            (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x2D || $0 == 0x5F }
        guard isMethod else { return reject(text, "is not one word of capitals like POST") }
        warnOfMethod(text)
        return text
    }
}

/// What the bytes of a template are, found in one pass.
private struct TemplateBytes {
    private let count: Int
    private let beginsWithSlash: Bool
    private(set) var slashes = 0
    private(set) var hasEmptySegment = false
    private(set) var hasBrace = false
    /// Whether there is one of the characters that every pattern of other programs has one of.
    private(set) var hasPatternMark = false
    private var hasQuery = false
    private var hasStar = false
    private var hasHash = false
    private var isPrintable = true

    init(_ bytes: ArraySlice<UInt8>) {
        count = bytes.count
        beginsWithSlash = bytes.first == slash
        var last: UInt8 = 0
        for byte in bytes {
            switch byte {
            case slash:
                slashes += 1
                if last == slash { hasEmptySegment = true }
            case UInt8(ascii: "?"): hasQuery = true
            case UInt8(ascii: "*"): hasStar = true
            case UInt8(ascii: "#"): hasHash = true
            case UInt8(ascii: "{"), UInt8(ascii: "}"): hasBrace = true
            case UInt8(ascii: "["), UInt8(ascii: "\\"), UInt8(ascii: "|"), UInt8(ascii: "^"),
                UInt8(ascii: "$"), UInt8(ascii: ":"), UInt8(ascii: "<"), UInt8(ascii: "+"):
                hasPatternMark = true
            case 0x21...0x7E: break
            default: isPrintable = false
            }
            last = byte
        }
    }

    var fault: String? {
        guard beginsWithSlash else { return "does not begin with /" }
        if count > 1024 { return "is longer than 1024 bytes" }
        if hasQuery { return "has a query; write the path alone" }
        if hasStar {
            return "has a *; write {name} for a segment that varies, a last ** for any rest"
        }
        if hasHash { return "has a #, which no request carries" }
        guard isPrintable else {
            return "has a space or a character beyond ASCII; write it percent-encoded"
        }
        return nil
    }
}

extension UInt8 {
    fileprivate var isBrace: Bool { self == UInt8(ascii: "{") || self == UInt8(ascii: "}") }
}
