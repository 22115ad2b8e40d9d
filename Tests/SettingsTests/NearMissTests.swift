import Testing

@testable import Settings

@Suite("What is written as other programs have it")
struct NearMissTests {
    private func warnings(
        id: String = "credit", when: String = "path: /a", more: String = ""
    ) throws -> [SettingsWarning] {
        try Samples.agent(
            """
            version: 1
            services: [{name: s, ports: [80], counts_flows: true}]
            scenarios: [{id: \(id), steps: [{when: {\(when)}\(more)}]}]
            collectors: []

            """
        ).warnings
    }

    /// The one warning there is: place and sentence in English, and whether Chinese repeats `name`.
    private func isWarned(_ warnings: [SettingsWarning], of name: String, _ sentence: String)
        -> Bool
    {
        guard warnings.count == 1, let warning = warnings.first else { return false }
        let (english, chinese) = (warning.told(in: .english), warning.told(in: .chinese))
        return english.sentence.hasSuffix(": \"\(name)\" \(sentence)")
            && chinese.sentence.contains("：\"\(name)\" ")
            && chinese.advice.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }
    }

    @Test(
        "as JSONPath, is warned of",
        arguments: ["$", "$.code", "$.a.b", "items[0].code", "a.items[*]", "$['code']"])
    func jsonPath(name: String) throws {
        let quoted = "\"\(name)\""
        let sentence = "looks like JSONPath, and is compared key by key as it is written"
        let body = "method: POST, path: /a, body: {\(quoted): x}"
        #expect(isWarned(try warnings(when: body), of: name, sentence))
        let outcome = ", outcome: {completed: {body: {\(quoted): x}}}"
        #expect(isWarned(try warnings(more: outcome), of: name, sentence))
        let key = "response.body.\(name)"
        #expect(isWarned(try warnings(more: ", flow_key: \"\(key)\""), of: key, sentence))
    }

    @Test(
        "not: keys with a dollar sign, numbers of elements, and names elsewhere",
        arguments: [
            "body: {$ref: x}", "body: {a.$: x}", "body: {items.0.code: x}", "body: {$code: x}",
            "query: {\"a[0]\": x}", "form: {\"a[b]\": x, \"$\": y}",
        ])
    func plainNames(when: String) throws {
        #expect(try warnings(when: "method: POST, path: /a, \(when)").isEmpty)
    }

    @Test(
        "as a pattern, is warned of",
        arguments: [
            ("/a/[0-9]+", "[0-9]+"), ("/a/[id]/b", "[id]"), (#"/a/\d+"#, #"\d+"#),
            ("/(a|b)/**", "(a|b)"), ("/^a", "^a"), ("/a/b$", "b$"), ("/a/.+", ".+"),
            ("/a/:id/b", ":id"), ("/a/<int:id>", "<int:id>"),
        ])
    func pattern(path: String, segment: String) throws {
        let sentence = "looks like a pattern, and is compared as it is written"
        #expect(isWarned(try warnings(when: "path: '\(path)'"), of: segment, sentence))
    }

    @Test(
        "not: characters that paths have",
        arguments: [
            "/a/$count", "/a/$", "/items:cancel", "/a/b(1)", "/Users('x')", "/a+b", "/a;v=1.2",
            "/a/{id}/**", "/c++", "/x/12:30", "/urn:a:b", "/a.b/@c,d!", "/~u", "/:", "/a|b",
        ])
    func plainPath(path: String) throws {
        #expect(try warnings(when: "path: \"\(path)\"").isEmpty)
    }

    @Test(
        "as a scenario of the standard but for case or a plural, is warned of",
        arguments: [
            ("Credit", "credit"), ("CREDIT", "credit"), ("credits", "credit"),
            ("Drawdowns", "drawdown"), ("repayments", "repayment"), ("queries", "query"),
            ("querys", "query"),
        ])
    func scenario(id: String, meant: String) throws {
        let sentence =
            "is none of the standard's scenarios, so that no SCI_CF is reported; "
            + "did you mean \"\(meant)\"?"
        #expect(isWarned(try warnings(id: id), of: id, sentence))
    }

    @Test("not: other names of scenarios", arguments: ["credit", "query", "credit-card", "loan"])
    func otherScenario(id: String) throws { #expect(try warnings(id: id).isEmpty) }

    @Test(
        "as a method but for a letter, is warned of",
        arguments: [
            ("GTE", "GET"), ("PSOT", "POST"), ("POTS", "POST"), ("DELET", "DELETE"),
            ("OPTION", "OPTIONS"), ("PATH", "PATCH"), ("PUTT", "PUT"),
        ])
    func method(written: String, meant: String) throws {
        let found = try warnings(when: "method: \(written), path: /a")
        let sentence = "is no registered method; did you mean \"\(meant)\"?"
        #expect(isWarned(found, of: written, sentence))
    }

    /// Source: the IANA registry of HTTP methods, and words of caches and other protocols.
    @Test(
        "not: methods that there are",
        arguments: [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "ACL",
            "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK",
            "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE",
            "ORDERPATCH", "PRI", "PROPFIND", "PROPPATCH", "QUERY", "REBIND", "REPORT", "SEARCH",
            "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF",
            "VERSION-CONTROL", "PURGE", "BAN", "NOTIFY", "SUBSCRIBE", "M-SEARCH", "TRACK", "READ",
            "SET", "PUSH", "LIST",
        ])
    func otherMethod(name: String) throws {
        #expect(try warnings(when: "method: \(name), path: /a").isEmpty)
    }
}
