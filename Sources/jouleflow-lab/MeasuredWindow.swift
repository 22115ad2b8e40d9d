import Foundation
import Metering
import Records
import Spool

/// A window of an agent that has ended, with the manifest it was made under.
struct MeasuredWindow {
    let record: Record
    let manifest: Manifest

    var scenarios: Int { manifest.scenarios.count }

    /// The windows in an agent's spool, oldest first, but the first one, whose counters had no
    /// reading before it.
    static func windows(inState folder: String) throws -> [MeasuredWindow] {
        let survey = try SpoolSurvey(
            directory: folder + "/spool", identity: folder + "/identity", destinations: [])
        let windows = try survey.parts.flatMap { part in
            let manifest = try RecordCodec.decodeManifest(part.manifest)
            return try part.records.map {
                MeasuredWindow(record: try RecordCodec.decode($0), manifest: manifest)
            }
        }
        return Array(windows.filter { $0.record.energy.value != nil })
    }

    /// Whether the parts sum to the energy of the counted zones, to the microjoule.
    var isConserved: Bool {
        guard let parts = record.partition, let energy = record.energy.value else { return false }
        let zones = zip(manifest.zones, record.zones).filter { $0.0.counted }
        let sum = zones.reduce(Microjoules.zero) { $0 + ($1.1.energy.value ?? .zero) }
        return parts.total == energy && sum == energy
    }

    var isDivided: Bool { record.partition?.undivided == .zero }

    var seconds: Double { record.window.duration.seconds }

    /// Joules above idle.
    var dynamic: Double {
        let idle = Double(manifest.idle?.milliwatts ?? 0) / 1_000 * seconds
        return max(0, joules - idle)
    }

    var joules: Double { Double(record.energy.value?.rawValue ?? 0) / 1e6 }

    /// CPU seconds of each service.
    var used: [Double] { record.processor.services.map { $0.value?.seconds ?? 0 } }

    /// CPU seconds of the host, or of all services where that is more.
    var busy: Double {
        max(record.processor.hostBusy.value?.seconds ?? 0, used.reduce(0, +))
    }

    /// Flows of a service, by scenario.
    func counts(of service: Int) -> [Double] {
        record.tally.services[service].flows.map { Double($0) }
    }

    /// Flows by scenario.
    var counts: [Double] {
        (0..<scenarios).map { index in
            record.tally.services.reduce(0) { $0 + Double($1.flows[index]) }
        }
    }
}
