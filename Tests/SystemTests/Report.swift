import Foundation
import Testing

/// How the flows of one scenario ended.
struct Flows: Equatable, CustomStringConvertible {
    var requests = 0
    var completed = 0
    var refused = 0
    var failed = 0

    var description: String {
        "\(requests) requests: \(completed) completed, \(refused) refused, \(failed) failed"
    }
}

/// The report of `jouleflow-collector report --format json` over one round.
struct Report {
    let json: [String: Any]
    let text: String
    private let period: [String]

    init(_ text: String, period: [String]) throws {
        json = try dictionary(text)
        self.text = text
        self.period = period
    }

    static func time(_ seconds: Int) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }

    var records: Int { json["records"] as? Int ?? -1 }
    var isSimulated: Bool { json["simulated"] as? Bool ?? false }
    var round: [String: Any] { (json["rounds"] as? [[String: Any]])?.first ?? [:] }
    var hosts: [[String: Any]] { round["hosts"] as? [[String: Any]] ?? [] }

    /// The figures of each scenario as they stand in the JSON.
    var scenarios: [String: [String: Any]] {
        (json["totals"] as? [String: Any])?["scenarios"] as? [String: [String: Any]] ?? [:]
    }

    /// The counts of each scenario.
    var flows: [String: Flows] {
        scenarios.mapValues { figures in
            func count(_ key: String) -> Int { figures[key] as? Int ?? -1 }
            return Flows(
                requests: count("requests"), completed: count("completed"),
                refused: count("refused"), failed: count("failed"))
        }
    }

    /// Exchanges of flows that were counted before, by scenario.
    var duplicates: [String: Int] {
        scenarios.mapValues { $0["duplicates"] as? Int ?? -1 }
    }

    /// Losses of all hosts by name.
    var losses: [String: Int] {
        hosts.reduce(into: [:]) { sums, host in
            for (name, count) in host["losses"] as? [String: Int] ?? [:] {
                sums[name, default: 0] += count
            }
        }
    }

    /// Intervals of `key` (`without_record`, `without_energy`) of all hosts.
    func intervals(_ key: String) -> [DateInterval] {
        let found = hosts.flatMap { $0[key] as? [[String: String]] ?? [] }
        return found.compactMap { interval in
            guard let from = Self.date(interval["from"]), let to = Self.date(interval["to"]),
                from <= to
            else { return nil }
            return DateInterval(start: from, end: to)
        }
    }

    private static func date(_ text: String?) -> Date? {
        guard let text else { return nil }
        let whole = try? Date(text, strategy: .iso8601)
        return whole
            ?? (try? Date(
                text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// What `scripts/recompute.py` finds in the store: each record conserved and no hole.
    func recomputed(
        from store: String, _ place: SourceLocation = #_sourceLocation
    ) throws -> [String: Any] {
        let factor = (json["factor"] as? [String: Any])?["grams_per_kwh"] as? Double ?? .nan
        let outcome = try Host.run(
            [
                "python3", "\(Host.sources)/scripts/recompute.py", "--db", store,
                "--factor-g-per-kwh", "\(factor)",
            ] + period, within: 60)
        guard outcome.status == 0 else { throw Trouble("recompute.py: \(outcome.said)") }
        #expect(outcome.said == "", "a hole in the sequences", sourceLocation: place)
        return try dictionary(outcome.printed)
    }

    /// `scripts/recompute.py` finds these figures in the store.
    func expectRecomputed(from store: String, _ place: SourceLocation) throws {
        let other = try recomputed(from: store, place)
        for key in ["simulated", "records", "summary", "rounds"] {
            let differences = Self.differences(key, other[key], json[key])
            #expect(differences == [], "report and recompute.py", sourceLocation: place)
        }
    }

    /// Where `ours` lacks or contradicts what `other` says; what it says beyond is its own.
    private static func differences(_ place: String, _ other: Any?, _ ours: Any?) -> [String] {
        switch (other, ours) {
        case (let other as [String: Any], let ours as [String: Any]):
            return other.keys.sorted().flatMap {
                differences("\(place).\($0)", other[$0], ours[$0])
            }
        case (let other as [Any], let ours as [Any]) where other.count == ours.count:
            return zip(other, ours).enumerated().flatMap {
                differences("\(place)[\($0.offset)]", $0.element.0, $0.element.1)
            }
        case (let other as NSNumber, let ours as NSNumber):
            let (other, ours) = (other.doubleValue, ours.doubleValue)
            // Both round to doubles, in an order of their own.
            return abs(other - ours) <= 1e-12 * abs(other)
                ? [] : ["\(place): \(other), not \(ours)"]
        case (is NSNull, is NSNull): return []
        default:
            return ["\(place): \(other ?? "nothing"), not \(ours ?? "nothing")"]
        }
    }
}

func dictionary(_ text: String) throws -> [String: Any] {
    let value = try? JSONSerialization.jsonObject(with: Data(text.utf8))
    guard let value = value as? [String: Any] else { throw Trouble("no JSON object: \(text)") }
    return value
}
