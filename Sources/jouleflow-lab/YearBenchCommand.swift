import ArgumentParser
import Foundation
import Lab
import Metering
import Store

/// `jouleflow-lab bench year`.
struct YearBenchCommand: StoppableCommand {
    static let configuration = CommandConfiguration(
        commandName: "year",
        abstract: "Fills a new store with simulated roll-ups of many hosts; prints JSON.",
        discussion: """
            Each hour of each host has what 360 windows of 10 s of a host with two sockets and four \
            scenarios add up to, so that roll-ups have their real size; all are marked simulated, and no \
            record stands behind them. The year begins on 2025-01-01 in UTC+8.
            """)

    @Option(help: "The file of the store. It must not exist.")
    var store: String
    @Option(help: "How many hosts, 1 to 10000.")
    var hosts = 1_000
    @Option(help: "How many days, 1 to 3660.")
    var days = 365

    func validate() throws {
        guard (1...10_000).contains(hosts), (1...3_660).contains(days) else {
            throw ValidationError("A number is out of its range.")
        }
    }

    /// 2025-01-01T00:00+08:00 in hours since 1970.
    private static let first: Int64 = 482_128

    mutating func run(until signals: StopSignals) throws {
        guard !FileManager.default.fileExists(atPath: store) else {
            throw quit("\(store) exists already", status: 2)
        }
        let target = try SQLiteRecordStore(path: store)
        var random = SystemRandomNumberGenerator()
        var truth = Truth()
        let begun = ContinuousClock.now
        for day in 0..<Int64(days) {
            let parts = (1...hosts).map { host in
                (
                    agent: "year-\(host)",
                    parts: (0..<24 as Range<Int64>).map { hour in
                        let sums = Self.hour(&random)
                        truth.add(sums)
                        return HourPart(hour: Self.first + day * 24 + hour, sums: sums)
                    }
                )
            }
            try target.add(simulated: parts)
            guard signals.wait(until: .zero) == nil else { throw ExitCode(1) }
        }
        try target.close()
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let size = try FileManager.default.attributesOfItem(atPath: store)[.size] as? Int ?? 0
        let figures = Figures(
            hosts: hosts, days: days, seconds: seconds, bytes: size,
            bytesPerHostDay: Double(size) / Double(hosts * days), truth: truth)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        encoder.keyEncodingStrategy = .convertToSnakeCase
        say(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }

    private struct Figures: Encodable {
        let hosts: Int
        let days: Int
        let seconds: Double
        let bytes: Int
        let bytesPerHostDay: Double
        let truth: Truth
    }

    /// What all hours were made of, for whoever checks a report against it. A year of 1,000 hosts stays far
    /// below 2⁶⁴ µJ, and ten times as many would not: then sums wrap, and agree with no report.
    private struct Truth: Encodable {
        private(set) var records: UInt64 = 0
        private(set) var energyMicrojoules: UInt64 = 0
        private(set) var completed: [String: UInt64] = [:]
        private(set) var refused: [String: UInt64] = [:]
        private(set) var duplicates: [String: UInt64] = [:]

        mutating func add(_ hour: Rollup) {
            records &+= hour[.records]
            energyMicrojoules &+= hour[.measured]
            var hour = hour
            for (index, scenario) in StandardWeights.scenarios.enumerated() {
                let place = hour.place(of: scenario, hint: index)
                completed[scenario.name, default: 0] &+= hour[place, .completed]
                refused[scenario.name, default: 0] &+= hour[place, .refused]
                duplicates[scenario.name, default: 0] &+= hour[place, .duplicates]
            }
        }
    }

    /// An hour of 360 windows, as large as those of `bench ingest`.
    private static func hour(_ random: inout SystemRandomNumberGenerator) -> Rollup {
        var hour = Rollup()
        hour.flags = .simulated
        hour.note(.rapl, .processorAndMemory)
        hour.clockError = UInt64.random(in: 50...500, using: &random)
        hour[.records] = 360
        hour[.recordTime] = HourPart.length
        hour[.energyTime] = HourPart.length
        hour[.countTime] = HourPart.length
        let total = UInt64.random(in: 360 * 800_000_000...360 * 3_600_000_000, using: &random)
        hour[.measured] = total
        hour[.idle] = total / 2
        hour[.packets] = UInt64.random(in: 1_000_000...9_000_000, using: &random)
        hour[.exchanges] = UInt64.random(in: 100_000...900_000, using: &random)
        var rest = total - total / 2
        for (index, scenario) in StandardWeights.scenarios.enumerated() {
            let place = hour.place(of: scenario, hint: index)
            let energy = UInt64.random(in: 360_000_000...7_200_000_000, using: &random)
            hour[place, .completed] = UInt64.random(in: 0...1_080_000, using: &random)
            hour[place, .refused] = UInt64.random(in: 0...108_000, using: &random)
            hour[place, .incomplete] = UInt64.random(in: 0...1_000, using: &random)
            hour[place, .duplicates] = UInt64.random(in: 0...1_000, using: &random)
            hour[place, .flows] = hour[place, .completed]
            hour[place, .requests] = hour[place, .completed] + hour[place, .refused]
            hour[place, .energy] = energy
            hour[place, .seen] = 360
            rest -= min(rest, energy)
        }
        hour[.background] = rest
        return hour
    }
}
