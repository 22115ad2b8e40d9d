package import Traffic

/// A rule in one line, for a message: `POST /gw service=a body.txnCode=CR01|CR02`. Of services,
/// hosts and a field's values, the first four; control characters as `?`.
package struct WrittenRule: Sendable, Hashable {
    let english: String
    let chinese: String

    /// - Parameter services: The names of the file's services; without them no service is told.
    init(_ request: RequestMatch, services: [String] = []) {
        english = request.written(services, in: .english)
        chinese = request.written(services, in: .chinese)
    }
}

/// The earlier rules that take all requests of one, each a part of them or one alone.
package struct HidingRules: Sendable, Hashable, CustomStringConvertible {
    /// So many are told as they are written, and of so many the line; the others are counted.
    private static let maximumWritten = 8
    private static let maximumPlaces = 64

    /// The first of them, as they are written.
    private let written: [WrittenRule]
    /// Where they stand; of the first `written.count` are those.
    private let places: [SourcePlace]
    private let count: Int
    /// Where the rule that they hide stands.
    private let hidden: SourcePlace

    init(_ rules: [(written: WrittenRule, place: SourcePlace)], besides hidden: SourcePlace) {
        written = rules.prefix(Self.maximumWritten).map(\.written)
        places = rules.prefix(Self.maximumPlaces).map(\.place)
        count = rules.count
        self.hidden = hidden
    }

    package var description: String {
        var parts = zip(written, places).map { "\($0.english.quotedRule) on \(told($1))" }
        let further = places.dropFirst(written.count)
        if let first = further.first {
            parts.append(
                further.count == 1
                    ? "the one on \(told(first))"
                    : "those on lines \(further.map { "\($0.line)" }.joined(separator: ", "))")
        }
        if count > places.count { parts.append("\(count - places.count) more") }
        return parts.conjunction
    }

    /// The line, with the column where the line has another of the rules.
    private func told(_ place: SourcePlace) -> String {
        let isShared = (places + [hidden]).count { $0.line == place.line } > 1
        return isShared ? "line \(place.line), column \(place.column)" : "line \(place.line)"
    }
}

extension RequestMatch {
    /// The rule in one line, without its services.
    package var written: String { written([], in: .english) }

    fileprivate func written(_ names: [String], in language: SentenceLanguage) -> String {
        // There may be thousands of rules, and bytes are appended to faster than text.
        var line: [UInt8] = []
        line.reserveCapacity(128)
        if methods.isEmpty {
            line += language.say("any method", "任意方法").utf8
        } else {
            line.append(alternatives: methods.lazy.map(\.utf8))
        }
        line.append(UInt8(ascii: " "))
        line += path?.bytes ?? Array(language.say("any path", "任意路径").utf8)
        let named = services.filter(names.indices.contains).map { names[$0] }
        for (key, words) in [(" service=", named), (" host=", hosts)] where !words.isEmpty {
            line += key.utf8
            line.append(firstOf: words.map(\.utf8))
        }
        for condition in fields {
            line.append(UInt8(ascii: " "))
            line += condition.field.part.rawValue.utf8
            line.append(UInt8(ascii: "."))
            line += condition.field.name.utf8
            line.append(UInt8(ascii: "="))
            if condition.values.isEmpty { line += language.say("any", "任意").utf8 }
            line.append(firstOf: condition.values)
        }
        return String(decoding: line, as: UTF8.self).harmless
    }
}

extension [UInt8] {
    /// Texts with bars between them.
    fileprivate mutating func append(alternatives: some Sequence<some Sequence<UInt8>>) {
        var isFirst = true
        for text in alternatives {
            if !isFirst { append(UInt8(ascii: "|")) }
            isFirst = false
            self += text
        }
    }

    /// The first four, and whether there are more.
    fileprivate mutating func append(firstOf texts: [some Sequence<UInt8>]) {
        append(alternatives: texts.prefix(4))
        if texts.count > 4 { self += "|…".utf8 }
    }
}

extension String {
    /// A rule in quotes, cut where long.
    var quotedRule: String { "\"\(quotable(upTo: 160))\"" }
}
