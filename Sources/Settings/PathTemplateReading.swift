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
        if let reason = Self.fault(inTemplate: whole) { return reject(text, reason) }
        // Each segment stands behind a slash.
        let count = whole.count { $0 == slash }
        guard count <= 64 else { return reject(text, "has more than 64 segments") }
        guard !zip(bytes, bytes.dropFirst()).contains(where: { $0 == slash && $1 == slash }) else {
            return reject(text, "has an empty segment")
        }
        var names: [String] = []
        var segments: [PathTemplate.Segment] = []
        segments.reserveCapacity(count)
        var rest = whole
        while rest.popFirst() != nil {
            let part = rest.prefix { $0 != slash }
            rest = rest[part.endIndex...]
            let segment = String(decoding: part, as: UTF8.self)
            guard part.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") })
            else {
                segments.append(.literal(segment))
                continue
            }
            guard let name = Self.parameterName(segment) else {
                return reject(text, "has braces that are not a whole segment like /{name}/")
            }
            guard !names.contains(name) else { return reject(text, "has {\(name)} twice") }
            names.append(name)
            segments.append(.parameter(name))
        }
        let template = PathTemplate(segments: segments, isPrefix: isPrefix)
        warnOfPattern(template)
        return template
    }

    private static func fault(inTemplate text: ArraySlice<UInt8>) -> String? {
        guard text.first == slash else { return "does not begin with /" }
        if text.count > 1024 { return "is longer than 1024 bytes" }
        if text.contains(UInt8(ascii: "?")) { return "has a query; write the path alone" }
        if text.contains(UInt8(ascii: "*")) {
            return "has a *; write {name} for a segment that varies, a last ** for any rest"
        }
        if text.contains(UInt8(ascii: "#")) { return "has a #, which no request carries" }
        guard text.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "has a space or a character beyond ASCII; write it percent-encoded"
        }
        return nil
    }

    private static func parameterName(_ segment: String) -> String? {
        guard segment.hasPrefix("{"), segment.hasSuffix("}"), segment.utf8.count > 2 else {
            return nil
        }
        let name = String(segment.dropFirst().dropLast())
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
