import Testing

@testable import Settings

@Suite("Settings of energy")
struct EnergySettingsTests {
    private func energy(_ text: String) throws -> EnergySettings {
        let base = "version: 1\nservices: [{name: a, ports: [80]}]\ncollectors: []\n"
        return try Samples.agent(base + "energy: {\(text)}").energy
    }

    @Test(
        "take every source by its name",
        arguments: [
            ("auto", .auto), ("rapl", .rapl), ("wall", .wall), ("none", .none),
        ] as [(String, EnergySourceChoice)])
    func sources(name: String, choice: EnergySourceChoice) throws {
        let settings = try energy("source: \(name)")
        #expect(settings.source == choice)
        #expect(settings.idlePower == .learn)
        #expect(settings.idleMilliwatts == nil)
    }

    @Test("learn idle power where it is left out and where it says so")
    func learn() throws {
        #expect(try energy("source: rapl, idle_watts: learn") == energy("source: rapl"))
        #expect(try energy("idle_watts: \"learn\"").idlePower == .learn)
    }

    @Test(
        "take a model with idle not above maximum, down to nothing",
        arguments: ["model", "auto"], [(0, 0), (0, 240), (85, 240), (240, 240)])
    func model(source: String, watts: (idle: UInt64, maximum: UInt64)) throws {
        let settings = try energy(
            "source: \(source), idle_watts: \(watts.idle), maximum_watts: \(watts.maximum)")
        let model = try #require(settings.model)
        #expect(model == (watts.idle * 1000, watts.maximum * 1000))
    }

    @Test("take no model from half of its watts")
    func noModel() throws {
        #expect(try energy("source: auto, idle_watts: 85").model == nil)
        #expect(try energy("source: rapl, idle_watts: 85").idleMilliwatts == 85_000)
    }

    @Test(
        "name a sensor by chip, device where it is written, and number",
        arguments: [
            ("power_meter/power1", "power_meter", nil, "power1"),
            ("power_meter@ACPI000D:00/power1", "power_meter", "ACPI000D:00", "power1"),
            ("pfe1100@3-0058/power999", "pfe1100", "3-0058", "power999"),
            ("ibmaem/energy1", "ibmaem", nil, "energy1"),
            ("a.b-C_1@x@y,z/energy20", "a.b-C_1", "x@y,z", "energy20"),
        ] as [(String, String, String?, String)])
    func sensors(text: String, chip: String, device: String?, sensor: String) throws {
        for source in ["auto", "wall"] {
            let settings = try energy("source: \(source), wall_sensors: [\"\(text)\"]")
            let read = try #require(settings.wallSensors.first)
            #expect(read.chip == chip && read.device == device && read.sensor == sensor)
            #expect(read.description == text)
            #expect(read.place.line == 4)
        }
    }

    @Test("tell sensors apart by chip, device and number, up to 8 of them")
    func severalSensors() throws {
        let names = [
            "a/power1", "a/power2", "a/energy1", "b@1/power1", "b@2/power1", "b@1/power2",
            "c/power1", "c/power10",
        ]
        let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
        #expect(try energy("wall_sensors: [\(list)]").wallSensors.map(\.description) == names)
    }

    @Test(
        "refuse what is no sensor",
        arguments: [
            "", "/", "a/", "/power1", "a//power1", "a/power1/", "a@/power1", "@b/power1",
            "a@../power1", "a@./power1", "a@b c/power1", "a@\\u00e9/power1", "a/power", "a/power01",
            "a/power1000", "a/power+1", "a/energy", "a/power1_input", "a/in1", "\\u00e9/power1",
            "a/Power1",
        ])
    func noSensors(text: String) {
        #expect(throws: SettingsErrors.self) { try energy("wall_sensors: [\"\(text)\"]") }
    }

    @Test("refuse a sensor that may be another, in either order")
    func doubleSensors() {
        for pair in ["a/power1, a@x/power1", "a@x/power1, a/power1", "a@x/power1, a@x/power1"] {
            #expect(throws: SettingsErrors.self) { try energy("wall_sensors: [\(pair)]") }
        }
    }

    @Test("report everything that contradicts together")
    func together() {
        let text = "source: rapl, maximum_watts: 240, wall_sensors: [a/power1]"
        do {
            _ = try energy(text)
            Issue.record("accepted")
        } catch {
            #expect((error as? SettingsErrors)?.errors.count == 2)
        }
    }
}
