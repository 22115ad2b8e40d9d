import Metering
import Records
import Testing

@testable import Collector

@Suite("A record's energy")
struct RecordReadingTests {
    private func energy(
        _ change: (inout Record, inout Manifest) -> Void = { _, _ in }
    ) throws -> Known<Microjoules, EnergyReason> {
        let agent = try SampleAgent("a")
        var record = try RecordCodec.decode(agent.record(1))
        var manifest = try RecordCodec.decodeManifest(agent.manifest)
        change(&record, &manifest)
        switch RecordReading.energy(of: record, manifest) {
        case .known(let energy): return .known(energy.byState.total)
        case .unknown(let reason): return .unknown(reason)
        }
    }

    @Test("is taken where zones, states and source agree")
    func consistent() throws {
        #expect(try energy().value != nil)
        #expect(
            try energy { record, _ in
                record.flags.insert(.agentStopped)
                for index in record.zones.indices {
                    let energy = record.zones[index].energy.value ?? .zero
                    record.zones[index] = .bridged(energy, .agentStopped)
                }
            }.value != nil)
        #expect(
            try energy { record, manifest in
                manifest.source = .model
                manifest.scope = .host
                for index in record.zones.indices {
                    let energy = record.zones[index].energy.value ?? .zero
                    record.zones[index] = .estimated(energy, .modelled)
                    manifest.zones[index] = ZoneDescription(
                        control: "model", name: "z\(index)", parent: "", kind: .model,
                        counted: manifest.zones[index].counted, source: .model)
                }
            }.value != nil)
    }

    @Test("is left out where they contradict each other")
    func contradictions() throws {
        let changes: [(inout Record, inout Manifest) -> Void] = [
            { record, _ in
                let lost = record.zones[1].energy.value ?? .zero
                record.zones[1] = .lost(.readFailed)
                record.zones[0] = .measured((record.zones[0].energy.value ?? .zero) + lost)
            },
            { record, _ in
                let other = record.zones[1].energy.value ?? .zero
                record.zones[1] = .deferred(.readFailed)
                record.zones[0] = .measured((record.zones[0].energy.value ?? .zero) + other)
            },
            { record, _ in record.flags.insert(.agentStopped) },
            { _, manifest in manifest.source = .none },
            { _, manifest in
                manifest.source = .none
                manifest.scope = .none
                for index in manifest.zones.indices {
                    manifest.zones[index] = ZoneDescription(
                        control: "x", name: "z\(index)", parent: "", kind: .package,
                        counted: manifest.zones[index].counted, source: .none)
                }
            },
            { _, manifest in manifest.source = .wall },
            { _, manifest in manifest.scope = .host },
            { _, manifest in
                manifest.source = .model
                manifest.scope = .host
                for index in manifest.zones.indices {
                    manifest.zones[index] = ZoneDescription(
                        control: "model", name: "z\(index)", parent: "", kind: .model,
                        counted: manifest.zones[index].counted, source: .model)
                }
            },
        ]
        for (index, change) in changes.enumerated() {
            #expect(try energy(change) == .unknown(.malformed), "change \(index)")
        }
    }
}
