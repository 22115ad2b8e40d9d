/// Finds values in short messages without reading them as a whole: the laboratory's own bodies
/// hold no escapes and no name twice.
enum FlatText {
    /// The text of the first JSON member of this name, or `nil` where it is missing or no text.
    static func text(_ name: String, in body: [UInt8]) -> String? {
        guard let start = value(name, in: body), start < body.count, body[start] == quote,
            let end = body[(start + 1)...].firstIndex(of: quote)
        else { return nil }
        return String(decoding: body[(start + 1)..<end], as: UTF8.self)
    }

    /// The digits of the first JSON member of this name as a number, or `nil`.
    static func number(_ name: String, in body: [UInt8]) -> UInt64? {
        guard let start = value(name, in: body) else { return nil }
        let digits = body[start...].prefix { (0x30...0x39).contains($0) }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    /// The value of a parameter of a target's query, as sent, or `nil`.
    static func parameter(_ name: String, in uri: String) -> String? {
        guard let mark = uri.firstIndex(of: "?") else { return nil }
        for pair in uri[uri.index(after: mark)...].split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == name { return String(parts[1]) }
        }
        return nil
    }

    private static let quote = UInt8(ascii: "\"")

    /// Where the value of a JSON member starts.
    private static func value(_ name: String, in body: [UInt8]) -> Int? {
        let wanted = Array("\"\(name)\":".utf8)
        guard body.count > wanted.count else { return nil }
        for start in 0...(body.count - wanted.count) where body[start] == quote {
            let end = start + wanted.count
            if body[start..<end].elementsEqual(wanted) { return end }
        }
        return nil
    }
}
