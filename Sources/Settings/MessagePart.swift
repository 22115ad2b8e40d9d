import Traffic

/// The part of an exchange that a field is in, as settings name it.
enum MessagePart: String, CaseIterable {
    case path
    case query
    case header
    case body
    case form
    case xml
    case responseHeader = "response.header"
    case responseBody = "response.body"
    case responseXML = "response.xml"

    /// Why a name cannot be a field's.
    struct NameFault: Error {
        let reason: String
    }

    /// Bytes of a field's name.
    static let longestName = 256
    /// Keys or elements on the way to a field.
    static let deepest = 16

    /// The field `name` of this part.
    func field(_ name: String) throws(NameFault) -> MessageField {
        guard (1...Self.longestName).contains(name.utf8.count) else {
            throw NameFault(reason: keysRule ?? "is not a name of 1 to \(Self.longestName) bytes")
        }
        switch self {
        case .path:
            guard Field.isIdentifier(name) else { throw NameFault(reason: Field.identifierRule) }
            return .path(name)
        case .query: return .query(name)
        case .form: return .message(.requestForm(name))
        case .header: return .message(.requestHeader(try headerName(name)))
        case .responseHeader: return .message(.responseHeader(try headerName(name)))
        case .body: return .message(.requestJSON(try keys(name)))
        case .responseBody: return .message(.responseJSON(try keys(name)))
        case .xml: return .message(.requestXML(try elements(name)))
        case .responseXML: return .message(.responseXML(try elements(name)))
        }
    }

    /// The field that was probably meant by a text that begins with no part; `nil` where it could
    /// be any.
    static func meant(by text: String) -> String? {
        let words = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard words.count > 1, !words.contains("") else { return nil }
        let rest = words.dropFirst().joined(separator: ".")
        let isOfResponse = words[0] == "response"
        // A response has no path; a request's parts are named without it.
        let isWhole = allCases.contains { rest.hasPrefix("\($0.rawValue).") }
        if isWhole, isOfResponse || words[0] == "request" { return rest }
        guard isOfResponse else {
            let near = nearest(to: words[0], among: allCases.map(\.rawValue))
            return near.map { "\($0).\(rest)" }
        }
        let parts = ["header", "body", "xml"]
        if words.count == 2 { return parts.contains(rest) ? nil : "response.body.\(rest)" }
        guard let near = nearest(to: words[1], among: parts) else { return "response.body.\(rest)" }
        return "response.\(near).\(words.dropFirst(2).joined(separator: "."))"
    }

    private var keysRule: String? {
        let words = "joined with dots, \(Self.longestName) bytes at most"
        return switch self {
        case .body, .responseBody: "is not 1 to \(Self.deepest) keys \(words)"
        case .xml, .responseXML: "is not 1 to \(Self.deepest) element names \(words)"
        default: nil
        }
    }

    private func keys(_ name: String) throws(NameFault) -> [String] {
        // Most have one: to look for characters takes long.
        guard name.utf8.contains(UInt8(ascii: ".")) else { return [name] }
        let keys = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard keys.count <= Self.deepest, !keys.contains("") else {
            throw NameFault(reason: keysRule ?? "")
        }
        return keys
    }

    /// Source: Namespaces in XML 1.0, 4: a qualified name is a prefix, a colon and a local name.
    private func elements(_ name: String) throws(NameFault) -> [String] {
        let names = try keys(name)
        guard !name.contains(":") else {
            throw NameFault(reason: "has a prefix; write the element's local name alone")
        }
        guard !name.contains(where: { $0.isWhitespace || "<>&/@[]".contains($0) }) else {
            throw NameFault(reason: "is not element names joined with dots, from the root on")
        }
        return names
    }

    /// Source: RFC 9110, 5.1 and 5.6.2 (a field name is a token, compared without case).
    private func headerName(_ name: String) throws(NameFault) -> String {
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        let isToken = name.utf8.allSatisfy {
            Field.isDigit($0) || Field.isLetter($0) || marks.contains($0)
        }
        guard isToken else { throw NameFault(reason: "is not the name of a header field") }
        return name.lowercased()
    }
}

extension MessageField {
    /// The field as settings name it: `path.applyNo`, `response.body.result.code`.
    var written: String { part.rawValue + "." + name }

    var part: MessagePart {
        switch self {
        case .path: .path
        case .query: .query
        case .message(.requestHeader): .header
        case .message(.requestJSON): .body
        case .message(.requestForm): .form
        case .message(.requestXML): .xml
        case .message(.responseHeader): .responseHeader
        case .message(.responseJSON): .responseBody
        case .message(.responseXML): .responseXML
        }
    }

    /// Its name in that part.
    var name: String {
        switch self {
        case .path(let name), .query(let name), .message(.requestHeader(let name)),
            .message(.requestForm(let name)), .message(.responseHeader(let name)):
            name
        case .message(.requestJSON(let keys)), .message(.requestXML(let keys)),
            .message(.responseJSON(let keys)), .message(.responseXML(let keys)):
            keys.count == 1 ? keys[0] : keys.joined(separator: ".")
        }
    }
}

extension Field {
    /// One field of the exchanges that `request` matches, such as `path.applyNo`.
    func messageField(of request: RequestMatch?) -> MessageField? {
        guard let text = text(expected: "a field like path.applyNo") else { return nil }
        let parts = MessagePart.allCases
        guard let part = parts.last(where: { text.hasPrefix("\($0.rawValue).") }) else {
            var reason = "is not \(parts.map { "\($0.rawValue).NAME" }.alternatives)"
            if let meant = MessagePart.meant(by: text) { reason += "; did you mean \"\(meant)\"?" }
            return reject(text, reason)
        }
        let name = String(text.dropFirst(part.rawValue.count + 1))
        do throws(MessagePart.NameFault) {
            let field = try part.field(name)
            warnOfJSONPath(field, written: text)
            guard let request else { return field }
            return isThere(field, named: name, in: request) ? field : nil
        } catch {
            return reject(text, error.reason)
        }
    }

    /// Whether `request` can have the field; reports where not.
    private func isThere(
        _ field: MessageField, named name: String, in request: RequestMatch
    ) -> Bool {
        if case .path = field {
            let names = request.path?.parameters ?? []
            if names.contains(name) { return true }
            guard findings.isKeeping else {
                findings.addUnkept()
                return false
            }
            var reason =
                request.path.map { "names no part of the path \($0)".quotable }
                ?? "needs a path, and the step has none"
            if let near = nearest(to: name, among: names) {
                reason += "; did you mean \"path.\(near)\"?"
            }
            let hint =
                names.isEmpty
                ? "write {\(name)} for the segment of when.path where the value stands"
                : "the path has \(names.map { "path.\($0)" }.conjunction)"
            findings.add(
                .badValue(path: path, written: written, reason: reason), at: place, hint: hint)
            return false
        }
        guard let kind = field.requestBodyKind,
            let other = request.fields.lazy.compactMap(\.field.requestBodyKind).first,
            kind != other
        else { return true }
        findings.add(
            .badValue(
                path: path, written: written,
                reason: "is in another kind of body than when.\(other) asks for"),
            at: place, hint: "take the field from the same body: \(other).\(name)")
        return false
    }
}

extension PathTemplate {
    /// The names in braces.
    var parameters: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }
}
