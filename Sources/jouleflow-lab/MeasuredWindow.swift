import Foundation
import Metering
import Records
import Spool
import Weights

/// A window of an agent that has ended, with the manifest it was made under.
struct MeasuredWindow {
    let record: Record
    let manifest: Manifest

    var scenarios: Int { manifest.scenarios.count }

    /// The windows in an agent's spool, oldest first, but the first one, whose counters had no
    /// reading before it.
    ///
    /// Throws ``MeasuredWindowProblem`` where a record is missing or cannot be read: figures of what is
    /// left would be those of another run.
    static func windows(inState folder: String) throws -> [MeasuredWindow] {
        let survey = try SpoolSurvey(
            directory: folder + "/spool", identity: folder + "/identity", destinations: [])
        guard survey.unreadable.isEmpty else {
            throw MeasuredWindowProblem.files(folder, survey.unreadable)
        }
        let windows = try survey.parts.flatMap { part in
            guard part.unreadBytes == 0 else {
                throw MeasuredWindowProblem.damaged(
                    folder, after: part.records.count, bytes: part.unreadBytes)
            }
            let manifest = try RecordCodec.decodeManifest(part.manifest)
            return try part.records.map {
                MeasuredWindow(record: try RecordCodec.decode($0), manifest: manifest)
            }
        }
        guard !windows.isEmpty else { throw MeasuredWindowProblem.none(folder) }
        for (index, window) in windows.enumerated()
        where window.record.sequence != UInt64(index) + 1 {
            throw MeasuredWindowProblem.missing(
                folder, expected: UInt64(index) + 1, found: window.record.sequence)
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

    var idle: Double { Double(manifest.idle?.milliwatts ?? 0) / 1_000 * seconds }

    /// Joules above idle.
    var dynamic: Double { max(0, joules - idle) }

    /// The same window as the collector's models take it.
    var stretch: ServiceStretch {
        let use = ServiceUse(
            cpuSeconds: used.reduce(0, +), busySeconds: busy, joules: joules, idleJoules: idle)
        return ServiceStretch(
            start: record.window.start, seconds: seconds, hosts: [use], counts: counts)
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

/// Why the windows of a run cannot be divided.
enum MeasuredWindowProblem: Error, CustomStringConvertible {
    case files(String, [String])
    case damaged(String, after: Int, bytes: Int)
    case missing(String, expected: UInt64, found: UInt64)
    case none(String)

    var description: String {
        switch self {
        case .files(let folder, let names):
            "\(folder): \(names.joined(separator: ", ")) cannot be read as a part of the spool"
        case .damaged(let folder, let records, let bytes):
            "\(folder): \(bytes) bytes behind record \(records) of a file of the spool are no record: "
                + "it is damaged, or its agent still runs"
        case .missing(let folder, let expected, let found):
            "\(folder): record \(found) stands where record \(expected) belongs: some are missing"
        case .none(let folder):
            "\(folder): no agent's state folder with records: there is no window in its spool"
        }
    }
}
