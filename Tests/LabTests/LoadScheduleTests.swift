import Foundation
import Metering
import Testing
import Weights

@testable import Lab

@Suite("A load test follows its schedule", .serialized)
struct LoadScheduleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Runs `jouleflow-lab load-schedule` to its end.
    private func send(_ schedule: String, to port: Int) throws -> (status: Int32, output: Data) {
        let path = folder.path + "/schedule.csv"
        try schedule.write(toFile: path, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
            .deletingLastPathComponent().appending(path: "jouleflow-lab")
        process.arguments = ["load-schedule", path, "--port", "\(port)"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = Pipe()
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, bytes)
    }

    private func schedule(_ loads: [(ScenarioID, Double)], start: Timestamp) throws -> String {
        let design = try #require(FactorialDesign(scenarios: loads.count, repeats: 1, seed: 1))
        return try LoadSchedule(
            design, of: loads, start: start, block: .milliseconds(400), washout: .zero
        ).csv
    }

    /// On a machine that is late to start it, the beginning of a schedule has passed: then once more, with
    /// more time before.
    @Test("what is on is sent and counted, and what is off is not")
    func sent() throws {
        var sent = false
        for lead in [1, 5, 20, 60] as [UInt64] where !sent {
            let server = try LoanServer(port: 0, unit: Nanoseconds(1_000))
            let (status, output) = try send(
                schedule(
                    [(.credit, 50), (.query, 200)], start: LabClock.wall + .seconds(lead)),
                to: server.port)
            try server.stop()
            let truth = server.ledger.snapshot
            #expect(status == 0)
            let result = try JSONDecoder().decode(LoadResult.self, from: output)
            #expect(result.errors == 0)
            for scenario in LoanScenario.allCases {
                #expect(result[scenario] == truth[scenario].counts)
                #expect(result[scenario].total == result[scenario].completed)
            }
            #expect(result[.drawdown].total == 0 && result[.repayment].total == 0)
            sent = result[.credit].total > 0 && result[.query].total > 0
        }
        #expect(sent)
    }

    @Test("a test that is over sends nothing")
    func over() throws {
        let server = try LoanServer(port: 0, unit: Nanoseconds(1_000))
        let (status, output) = try send(
            schedule([(.credit, 50)], start: Timestamp(LabClock.wall.rawValue - 60_000_000_000)),
            to: server.port)
        try server.stop()
        #expect(status == 0)
        #expect(try JSONDecoder().decode(LoadResult.self, from: output).flows == 0)
    }

    @Test("a scenario that the application lacks, and a file that is none, are refused")
    func refused() throws {
        let start = LabClock.wall + .seconds(1)
        #expect(try send(schedule([(ScenarioID("x"), 5)], start: start), to: 9).status == 2)
        #expect(try send("block,start\n", to: 9).status == 5)
    }
}
