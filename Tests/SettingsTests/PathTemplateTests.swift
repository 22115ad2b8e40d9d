import Testing
import Traffic

@testable import Settings

@Suite("A path template")
struct PathTemplateTests {
    private func file(_ path: String) -> String {
        """
        version: 1
        services: [{name: s, ports: [80], counts_flows: true}]
        scenarios: [{id: a, steps: [{when: {path: "\(path)"}}]}]
        collectors: []

        """
    }

    @Test(
        "says what the file says, segment by segment",
        arguments: [
            ("/", [.literal("")], false), ("/a", [.literal("a")], false),
            ("/a/", [.literal("a"), .literal("")], false), ("/**", [], true),
            ("/{id}/**", [.parameter("id")], true),
            (
                "/api/{a}/b.c/{d-e}",
                [
                    .literal("api"), .parameter("a"), .literal("b.c"), .parameter("d-e"),
                ], false
            ),
        ] as [(String, [PathTemplate.Segment], Bool)])
    func segments(path: String, segments: [PathTemplate.Segment], isPrefix: Bool) throws {
        let read = try #require(try Samples.agent(file(path)).scenarios[0].steps[0].request.path)
        #expect(read == PathTemplate(segments: segments, isPrefix: isPrefix))
        #expect(read.description == path)
    }

    @Test("has up to 64 segments, not counting a last **", arguments: ["", "/**"])
    func longest(rest: String) throws {
        let most = String(repeating: "/a", count: 64) + rest
        #expect(try Samples.agent(file(most)).scenarios[0].steps[0].request.path != nil)
        #expect(Samples.message(file("/a" + most)).contains("has more than 64 segments"))
    }

    @Test(
        "has an empty segment at its end alone",
        arguments: ["//", "/a//", "//a", "/a//b", "//**", "/a//**", "/{id}//x"])
    func empty(path: String) {
        #expect(Samples.message(file(path)).contains("\"\(path)\" has an empty segment"))
    }
}
