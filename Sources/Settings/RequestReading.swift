import Traffic

extension Field {
    /// The mapping `when`: which requests a step is.
    func request(_ surroundings: ScenarioSurroundings) -> RequestMatch? {
        typealias Keys = ScenarioKeys.When
        guard let section = section(Keys.all) else { return nil }
        guard Keys.telling.contains(where: section.mentions) else {
            let names = Keys.telling.map(\.name).alternatives
            return reject(.wrongType(path: path, expected: names, found: "none of them"))
        }
        let services = section.value(Keys.service, default: []) { $0.serviceIndices(surroundings) }
        let methods = section.value(Keys.method, default: []) { $0.list(16) { $0.method() } }
        let path = section.optional(Keys.path) { $0.pathTemplate() }
        let hosts = section.value(Keys.host, default: []) { $0.list(64) { $0.hostName() } }
        let fields = section.requestFields()
        guard let services, let methods, let path, let hosts, let fields else { return nil }
        let match = RequestMatch(
            services: services, methods: methods, path: path, hosts: hosts, fields: fields)
        return hasOneBody(match.fields.map(\.field)) ? match : nil
    }

    /// Whether at most one kind of request body is asked for; reports where not.
    private func hasOneBody(_ fields: [MessageField]) -> Bool {
        var kinds: [String] = []
        for kind in fields.compactMap(\.requestBodyKind) where !kinds.contains(kind) {
            kinds.append(kind)
        }
        guard kinds.count > 1 else { return true }
        findings.add(
            .contradiction(
                path: path,
                "\(kinds.conjunction) can never hold together, as one request has one body"),
            at: place,
            hint: "body is for JSON, form for application/x-www-form-urlencoded, xml for XML; "
                + "keep one of them, and write a step for each kind that is sent")
        return false
    }

    /// The value or the list of values, none twice.
    private func list<Value: Hashable>(
        _ most: Int, _ read: (Field) -> Value?
    ) -> [Value]? {
        guard case .sequence = node.content else { return read(self).map { [$0] } }
        var seen = FirstUses<Value>()
        return elements(1...most)?.readAll { field in
            guard let value = read(field) else { return nil }
            return seen.claim(value, written: field.written, by: field) ? value : nil
        }
    }

    private func serviceIndices(_ surroundings: ScenarioSurroundings) -> [Int]? {
        guard let services = surroundings.services else { return nil }
        let names = services.map(\.name)
        return list(64) { field in
            guard let name = field.identifier() else { return nil }
            if let index = names.firstIndex(of: name) { return index }
            guard field.findings.isKeeping else {
                field.findings.addUnkept()
                return nil
            }
            var reason = "is not the name of a service of this file"
            if let near = nearest(to: name, among: names) {
                reason += "; did you mean \"\(near)\"?"
            }
            return field.reject(name, reason, "the services are \(names.firstFew)")
        }
    }

    /// The name in the Host header field, in lower case: 1 to 253 bytes, an IPv6 address in brackets.
    ///
    /// Source: RFC 9110, 7.2 "Host and :authority"; RFC 3986, 3.2.2 "Host".
    private func hostName() -> String? {
        guard let text = text(expected: "a host like loan.example.com") else { return nil }
        let isAddress = text.hasPrefix("[") && text.hasSuffix("]") && text.utf8.count > 2
        let inner = isAddress ? text.dropFirst().dropLast() : text[...]
        let extra: [UInt8] = isAddress ? [0x2E, 0x3A] : [0x2D, 0x2E, 0x5F]
        if !isAddress, text.contains(":"), !text.contains("/") {
            return reject(text, "has a port; write the host alone")
        }
        let isUsable =
            (1...253).contains(text.utf8.count)
            && inner.utf8.allSatisfy {
                Self.isDigit($0) || Self.isLetter($0) || extra.contains($0)
            }
        guard isUsable else { return reject(text, "is not a host like loan.example.com") }
        // The root's dot behind it names the same host.
        let name = text.count > 1 && text.hasSuffix(".") ? text.dropLast() : text[...]
        return name.lowercased()
    }
}

extension Section {
    /// The fields that a request must have.
    fileprivate func requestFields() -> [FieldCondition]? {
        var fields: [FieldCondition] = []
        var isGood = true
        for (key, part) in ScenarioKeys.When.parts {
            guard let field = field(key) else { continue }
            if let read = field.conditions(of: part) { fields += read } else { isGood = false }
        }
        return isGood ? fields : nil
    }
}

extension MessageField {
    /// The kind of request body that the field is in, as `when` names it; `nil` outside one.
    var requestBodyKind: String? {
        switch self {
        case .message(.requestJSON): "body"
        case .message(.requestForm): "form"
        case .message(.requestXML): "xml"
        default: nil
        }
    }
}

extension [String] {
    /// `a, b and c`.
    var conjunction: String {
        guard let last, count > 1 else { return first ?? "" }
        return "\(dropLast().joined(separator: ", ")) and \(last)"
    }

    /// The first eight and how many more, for a message.
    var firstFew: String {
        let most = 8
        guard count > most else { return conjunction }
        return "\(prefix(most).joined(separator: ", ")) and \(count - most) more"
    }

    /// The same in Chinese.
    var chineseFew: String {
        let most = 8
        guard count > most else { return SentenceLanguage.chinese.conjunction(self) }
        return "\(prefix(most).joined(separator: "、")) 等 \(count) 个"
    }
}
