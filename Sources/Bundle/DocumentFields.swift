/// Why a canonical document is not what it should be; paths name keys from the top.
package enum DocumentError: Error, Sendable, Hashable, CustomStringConvertible {
    case json(CanonicalError)
    case missing(path: String)
    case unknown(path: String)
    case wrongType(path: String, expected: String)
    case badValue(path: String, reason: String)

    package var description: String {
        switch self {
        case .json(let error): "not a canonical document: \(error)"
        case .missing(let path): "\(path) is missing"
        case .unknown(let path): "\(path) is no key of this document"
        case .wrongType(let path, let expected): "\(path) is not \(expected)"
        case .badValue(let path, let reason): "\(path) \(reason)"
        }
    }
}

/// A value of a document and where it stands.
struct DocumentField {
    let value: CanonicalJSON
    let path: String

    func reject(_ reason: String) -> DocumentError { .badValue(path: path, reason: reason) }

    private func isNot(_ expected: String) -> DocumentError {
        .wrongType(path: path, expected: expected)
    }

    func string() throws(DocumentError) -> String {
        guard case .string(let text) = value else { throw isNot("text") }
        return text
    }

    func integer() throws(DocumentError) -> UInt64 {
        guard case .integer(let number) = value else { throw isNot("a whole number") }
        return number
    }

    /// A number that is small enough for any use as `Int`.
    func count() throws(DocumentError) -> Int {
        guard let count = Int(exactly: try integer()) else { throw isNot("a count") }
        return count
    }

    func bool() throws(DocumentError) -> Bool {
        guard case .bool(let value) = value else { throw isNot("true or false") }
        return value
    }

    func list<Value>(
        _ read: (DocumentField) throws(DocumentError) -> Value
    ) throws(DocumentError) -> [Value] {
        guard case .array(let items) = value else { throw isNot("a list") }
        var values: [Value] = []
        for (index, item) in items.enumerated() {
            values.append(try read(DocumentField(value: item, path: "\(path)[\(index)]")))
        }
        return values
    }

    /// The members, all of which have one of these keys.
    func members(_ keys: [String]) throws(DocumentError) -> DocumentMembers {
        guard case .object(let members) = value else { throw isNot("an object") }
        for member in members where !keys.contains(member.key) {
            throw .unknown(path: DocumentMembers.join(path, member.key))
        }
        return DocumentMembers(path: path, members: members)
    }
}

/// The members of an object.
struct DocumentMembers {
    let path: String
    let members: [CanonicalJSON.Member]

    static func join(_ path: String, _ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    subscript(key: String) -> DocumentField? {
        members.first { $0.key == key }.map {
            DocumentField(value: $0.value, path: Self.join(path, key))
        }
    }

    func required(_ key: String) throws(DocumentError) -> DocumentField {
        guard let field = self[key] else { throw .missing(path: Self.join(path, key)) }
        return field
    }

    func optional<Value>(
        _ key: String, _ read: (DocumentField) throws(DocumentError) -> Value
    ) throws(DocumentError) -> Value? {
        guard let field = self[key] else { return nil }
        return try read(field)
    }
}
