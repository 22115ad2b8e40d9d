import Metering
import Testing

@testable import Settings

@Suite("How energy is divided, in the settings")
struct AttributionSettingsTests {
    private func attribution(
        _ section: String, services: String = "{name: a, ports: [80]}, {name: b, ports: [81]}",
        scenarios: String = "[]"
    ) throws -> AttributionSettings {
        try Samples.agent(
            "version: 1\nservices: [\(services)]\nscenarios: \(scenarios)\ncollectors: []\n\(section)\n"
        ).attribution
    }

    @Test("without the section all is as it was: standard, and idle is nobody's")
    func standard() throws {
        let settings = try attribution("")
        #expect(settings.choice == .standard)
        #expect(settings.model == .standard)
        #expect(settings.idle == .unallocated)
        #expect(settings.processors == .own)
        #expect(settings.services == [ServiceShare(), ServiceShare()])
    }

    @Test(
        "auto takes concurrency where each service of this host has two workers or more",
        arguments: [
            ("{}", AttributionModel.standard),
            ("{services: [{name: a, workers: 8}]}", .standard),
            ("{services: [{name: a, workers: 8}, {name: b, workers: 1}]}", .standard),
            ("{services: [{name: a, workers: 8}, {name: b, workers: 2}]}", .concurrency),
            (
                "{model: standard, services: [{name: a, workers: 8}, {name: b, workers: 2}]}",
                .standard
            ),
            ("{model: concurrency}", .concurrency),
        ])
    func automatic(section: String, model: AttributionModel) throws {
        #expect(try attribution("attribution: \(section)").model == model)
    }

    @Test(
        "auto takes no concurrency where other programs use the processors, which can still be asked for",
        arguments: [
            ("processors: own", AttributionModel.concurrency),
            ("processors: shared", .standard),
            ("model: auto, processors: shared", .standard),
            ("model: concurrency, processors: shared", .concurrency),
        ])
    func processors(words: String, model: AttributionModel) throws {
        let workers = "services: [{name: a, workers: 8}, {name: b, workers: 2}]"
        #expect(try attribution("attribution: {\(words), \(workers)}").model == model)
    }

    @Test("auto asks nothing of services that this host calls") func outgoing() throws {
        let settings = try attribution(
            "attribution: {services: [{name: a, workers: 8}]}",
            services: "{name: bank, ports: [443], direction: out}, {name: a, ports: [80]}")
        #expect(settings.model == .concurrency)
        #expect(settings.services.map(\.workers) == [0, 8])
        let none = try attribution(
            "attribution: {model: auto}", services: "{name: b, ports: [443], direction: out}")
        #expect(none.model == .standard)
    }

    @Test("reserved shares belong to the services by name") func reserved() throws {
        let settings = try attribution(
            "attribution: {idle: reserved, services: [{name: b, reserved: 60%}, "
                + "{name: a, reserved: 40%}]}")
        #expect(settings.idle == .reserved)
        #expect(settings.services.map(\.reservedPercent) == [40, 60])
        #expect(settings.model == .standard)
    }

    @Test("more times in flight than a record holds: auto stays standard, concurrency is refused")
    func limit() throws {
        let services = (0..<32).map { "{name: s\($0), ports: [\(8000 + $0)], counts_flows: true}" }
        let scenarios = (0..<128).map { "{id: c\($0), steps: [{when: {path: /\($0)}}]}" }
        let list = "[\(scenarios.joined(separator: ", "))]"
        let workers = (0..<32).map { "{name: s\($0), workers: 4}" }.joined(separator: ", ")
        let settings = try attribution(
            "attribution: {services: [\(workers)]}", services: services.joined(separator: ", "),
            scenarios: list)
        #expect(settings.model == .standard)
        #expect(throws: SettingsErrors.self) {
            try attribution(
                "attribution: {model: concurrency}", services: services.joined(separator: ", "),
                scenarios: list)
        }
        let fewer = try attribution(
            "attribution: {model: concurrency}",
            services: services.prefix(31).joined(separator: ", "), scenarios: list)
        #expect(fewer.model == .concurrency)
    }
}
