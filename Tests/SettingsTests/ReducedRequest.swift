import Traffic

/// A request reduced to what rules ask for.
struct ReducedRequest {
    let service: Int
    let method: String
    /// Its segments; it does not matter where no rule asks for a path.
    var path: [String] = []
    let host: String
    let query: [String: String]

    func isMatched(by match: RequestMatch) -> Bool {
        (match.services.isEmpty || match.services.contains(service))
            && (match.methods.isEmpty || match.methods.contains(method))
            && (match.hosts.isEmpty || match.hosts.contains(host))
            && (match.path.map(matches) ?? true)
            && match.fields.allSatisfy { condition in
                guard case .query(let name) = condition.field, let value = query[name] else {
                    return false
                }
                return condition.values.isEmpty || condition.values.contains(Array(value.utf8))
            }
    }

    private func matches(_ template: PathTemplate) -> Bool {
        let count = template.segments.count
        guard template.isPrefix ? path.count > count : path.count == count else { return false }
        return zip(template.segments, path).allSatisfy { segment, text in
            switch segment {
            case .literal(let literal): literal == text
            case .parameter: !text.isEmpty
            }
        }
    }
}
