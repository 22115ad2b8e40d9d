import Foundation
import Testing

@testable import Collector

/// The report beside what `scripts/recompute.py` computes from the store alone.
enum Recomputation {
    private static let python = URL(fileURLWithPath: "/usr/bin/python3")

    static var isPossible: Bool {
        let isPossible = FileManager.default.isExecutableFile(atPath: python.path)
        if !isPossible { print("skipped: there is no \(python.path)") }
        return isPossible
    }

    /// Runs a script with Python.
    static func run(script: String, _ arguments: String...) async throws -> Finished {
        try await offPool { try CollectorTests.run(python, ["-c", script] + arguments) }
    }

    /// The JSON report over `minutes` rounds of 60 s from the origin.
    static func report(_ database: String, minutes: Int) async throws -> [String: Any] {
        let finished = try await offPool {
            try CollectorTests.run(
                products.appending(path: "jouleflow-collector"),
                [
                    "report", "--store", database, "--from", "2026-11-21T08:00:00+08:00", "--to",
                    "2026-11-21T00:0\(minutes):00Z", "--round", "60s", "--factor",
                    "全国-2023-average", "--format", "json",
                ])
        }
        #expect(finished.status == 0, "\(finished.errors)")
        return try object(finished.output)
    }

    /// The report, each figure of which the script has computed too.
    static func expectEqual(_ database: String, minutes: Int) async throws -> [String: Any] {
        let ours = try await report(database, minutes: minutes)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "scripts/recompute.py").path
        let theirs = try await offPool {
            try CollectorTests.run(
                python,
                [
                    script, "--db", database, "--from", "2026-11-21T00:00:00Z", "--to",
                    "2026-11-21T00:0\(minutes):00Z", "--round", "60s", "--factor-g-per-kwh",
                    "530.6",
                ])
        }
        #expect(theirs.status == 0, "\(theirs.errors)")
        var compared = 0
        compare(try object(theirs.output), ours, at: "", &compared)
        #expect(compared > 20 * minutes)
        return ours
    }

    private static func object(_ text: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(value as? [String: Any])
    }

    /// Every value of `theirs` is in `ours`, numbers to twelve digits.
    private static func compare(
        _ theirs: Any, _ ours: Any?, at path: String, _ compared: inout Int
    ) {
        if let object = theirs as? [String: Any] {
            for (key, value) in object {
                compare(value, (ours as? [String: Any])?[key], at: path + "." + key, &compared)
            }
        } else if let array = theirs as? [Any] {
            let other = ours as? [Any]
            #expect(other?.count == array.count, "\(path)")
            for (index, value) in array.enumerated() where index < other?.count ?? 0 {
                compare(value, other?[index], at: path + "[\(index)]", &compared)
            }
        } else if let number = theirs as? NSNumber {
            let other = (ours as? NSNumber)?.doubleValue ?? .nan
            let difference = abs(number.doubleValue - other)
            #expect(difference <= 1e-12 * abs(other), "\(path): \(number) and \(other)")
            compared += 1
        } else {
            #expect(theirs is NSNull && ours is NSNull, "\(path)")
            compared += 1
        }
    }
}
