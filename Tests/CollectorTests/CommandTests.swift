import Foundation
import Metering
import Records
import Rounds
import SCI
import Store
import Testing

@testable import Collector

/// A program that was run to its end.
struct Finished: Sendable {
    let status: Int32
    let output: String
    let errors: String
}

/// The directory of the built programs, where this test bundle lies too.
let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

private func collector(_ arguments: String...) async throws -> Finished {
    try await offPool {
        try run(products.appending(path: "jouleflow-collector"), arguments)
    }
}

func run(_ program: URL, _ arguments: [String]) throws -> Finished {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let complaints = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Finished(
        status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
        errors: String(decoding: complaints, as: UTF8.self))
}

@Suite("The command line says what is wrong with the status that belongs to it", .serialized)
struct CommandTests {
    let directory: TemporaryDirectory
    var database: String { directory.path + "/records.db" }

    init() throws { directory = try TemporaryDirectory() }

    private func settings(host: String = "127.0.0.1", port: Int) throws -> String {
        let path = directory.path + "/collector.yaml"
        let text = """
            version: 1
            listen: {agents: "\(host):\(port)"}
            plaintext: true
            store: {sqlite: \(database)}

            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func report(_ more: String...) async throws -> Finished {
        try await offPool { [database] in
            try run(
                products.appending(path: "jouleflow-collector"),
                [
                    "report", "--store", database, "--from", "2026-11-21T08:00:00+08:00", "--to",
                    "2026-11-21T00:03:00Z", "--round", "60s", "--factor", "全国-2023-average",
                ] + more)
        }
    }

    @Test(
        "usage ends with 2",
        arguments: [
            ["report"], ["run"], ["nothing"], ["run", "--confg", "x"],
            ["report", "--store", "x", "--from", "2026-11-21", "--to", "y"],
            ["report", "abcd", "--store", "x", "--config", "y"], ["verify", "--store", "x", "y"],
        ])
    func usage(arguments: [String]) async throws {
        let end = try await offPool {
            try run(products.appending(path: "jouleflow-collector"), arguments)
        }
        #expect(end.status == 2)
        #expect(end.errors.contains("Error:"))
    }

    @Test("help and version end with 0 on standard output")
    func help() async throws {
        for arguments in [["--help"], ["help", "report"], ["--version"], ["factors", "重庆"]] {
            let end = try await offPool {
                try run(products.appending(path: "jouleflow-collector"), arguments)
            }
            #expect(end.status == 0)
            #expect(!end.output.isEmpty)
        }
    }

    @Test("settings and factors that are wrong end with 3, what cannot be read with 5")
    func configuration() async throws {
        #expect(try await collector("run", "--config", "/nonexistent/c.yaml").status == 3)
        let bad = directory.path + "/factors.csv"
        try "id,level\n".write(toFile: bad, atomically: true, encoding: .utf8)
        let end = try await collector("factors", "--factors", bad)
        #expect(end.status == 3)
        #expect(end.errors.contains("\(bad):1:"))
        #expect(try await collector("factors", "--factors", "/nonexistent.csv").status == 5)
        #expect(try await collector("factors", "no such words").status == 1)
        #expect(try await report().status == 5)
    }

    @Test("a result that cannot be written ends with 5 and the reason")
    func unwritable() async throws {
        try SQLiteRecordStore(path: database).close()
        let hour = ["--from", "2026-11-21T00:00Z", "--to", "2026-11-21T01:00Z"]
        for words in [["verify"], ["plan", "list"], ["usage"] + hour, ["rollups", "rebuild"]] {
            let end = try await offPool { [database] in
                let program = products.appending(path: "jouleflow-collector").path
                return try run(
                    URL(filePath: "/bin/sh"),
                    ["-c", "exec \"$0\" \"$@\" > /dev/full", program] + words
                        + ["--store", database])
            }
            #expect(end.status == 5, "\(words)")
            #expect(
                end.errors
                    == "jouleflow-collector: cannot write to standard output: "
                    + "No space left on device\n")
        }
    }

    @Test("a report in Chinese says in Chinese what is wrong")
    func chinese() async throws {
        let missing = try await collector(
            "report", "abcd", "--store", database, "--language", "zh")
        #expect(missing.status == 5)
        #expect(missing.errors.contains("\(database)：文件不存在"), "\(missing.errors)")
        try SQLiteRecordStore(path: database).close()
        let unknown = try await collector(
            "report", "abcd", "--store", database, "--language", "zh")
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("没有哈希以 abcd 开头的已封存计划；"), "\(unknown.errors)")
    }

    @Test("certificates that are not there end a collector before it makes a store")
    func noCertificates() async throws {
        let config = try settings(port: 7443)
        let text = try String(contentsOfFile: config, encoding: .utf8).replacing(
            "plaintext: true", with: "tls: {ca: no-ca.pem, certificate: no.pem, key: no.key}")
        try text.write(toFile: config, atomically: true, encoding: .utf8)
        let end = try await collector("run", "--config", config)
        #expect(end.status == 3)
        #expect(end.errors.contains("no-ca.pem: put the file there"), "\(end.errors)")
        #expect(!FileManager.default.fileExists(atPath: database))
    }

    @Test("an unknown factor and a period that rounds do not divide are usage")
    func period() async throws {
        _ = try SQLiteRecordStore(path: database)
        #expect(try await report("--factor", "nowhere").status == 2)
        let end = try await report("--round", "50s")
        #expect(end.status == 2)
        #expect(end.errors.contains("no whole number of rounds"))
    }

    @Test("SIGTERM ends a collector without waiting for a connected agent, status 0, nothing lost")
    func terminated() async throws {
        let port = try await freePort()
        let config = try settings(port: port)
        let agent = try SampleAgent("a")
        try await offPool { [database] in
            let process = Process()
            process.executableURL = products.appending(path: "jouleflow-collector")
            process.arguments = ["run", "--config", config]
            process.standardError = Pipe()
            try process.run()
            defer { process.terminate() }
            var client = try connected(agent, port)
            try client.send(manifest: agent.manifest)
            #expect(try client.deliver(agent.records(1...7), from: 1) == 7)
            let before = ContinuousClock.now
            process.terminate()
            process.waitUntilExit()
            // An agent may be silent for 45 s.
            #expect(ContinuousClock.now - before < .seconds(20))
            #expect(process.terminationStatus == 0)
            #expect(process.terminationReason == .exit)
            let store = try SQLiteRecordStore(path: database)
            #expect(try store.all().count == 7)
        }
    }

    @Test("kill −9 takes nothing back that was acknowledged, and nothing is doubled after")
    func killed() async throws {
        let port = try await freePort()
        let config = try settings(port: port)
        let agent = try SampleAgent("a")
        try await offPool { [database] in
            var acknowledged: UInt64 = 0
            for round: UInt64 in 1...3 {
                let process = Process()
                process.executableURL = products.appending(path: "jouleflow-collector")
                process.arguments = ["run", "--config", config]
                process.standardError = Pipe()
                try process.run()
                defer { kill(process.processIdentifier, SIGKILL) }
                var client = try connected(agent, port)
                #expect(client.durable >= acknowledged)
                try client.send(manifest: agent.manifest)
                let first = client.durable + 1
                acknowledged = try client.deliver(agent.records(first...round * 40), from: first)
                // A batch in flight when the process dies: durable or not, never half.
                try client.send(
                    agent.records(round * 40 + 1...round * 40 + 20), from: acknowledged + 1)
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            let store = try SQLiteRecordStore(path: database)
            let count = UInt64(try store.all().count)
            #expect(count == 120 || count == 140)
            #expect(try store.all().map(\.bytes) == agent.records(1...count))
            #expect(try store.integrityProblems() == [])
        }
    }

    @Test("an address that is not there ends with 6 and says so")
    func absentAddress() async throws {
        let config = try settings(host: "192.0.2.1", port: 7443)
        let end = try await offPool {
            try run(
                products.appending(path: "jouleflow-collector"), ["run", "--config", config])
        }
        #expect(end.status == 6)
        #expect(end.errors.contains("192.0.2.1:7443 is no address of this machine"))
    }

    @Test("a port that is in use ends with 6 and says so")
    func inUse() async throws {
        let store = try SQLiteRecordStore(path: directory.path + "/other.db")
        let end = try await withServer(store) { port in
            let config = try settings(port: port)
            return try run(
                products.appending(path: "jouleflow-collector"), ["run", "--config", config])
        }
        #expect(end.status == 6)
        #expect(end.errors.contains("is in use"))
    }

    @Test("the report equals what the Python script computes from the store alone")
    func recomputed() async throws {
        guard Recomputation.isPossible else { return }
        let store = try SQLiteRecordStore(path: database)
        let (a, b) = (try SampleAgent("a"), try SampleAgent("b"))
        for (agent, range) in [(a, 1...18), (b, 1...9), (b, 11...18)]
            as [(SampleAgent, ClosedRange<UInt64>)]
        {
            try agent.signer.keep(
                agent.records(range), from: range.lowerBound, under: agent.manifest, in: store)
        }
        let report = try await Recomputation.expectEqual(database, minutes: 3)
        let rounds = try #require(report["rounds"] as? [[String: Any]])
        #expect(rounds.map { $0["valid"] as? Bool } == [true, false, true])
        #expect(report["simulated"] as? Bool == true)
    }
}

/// A port that nothing listens on at this moment.
private func freePort() async throws -> Int {
    let directory = try TemporaryDirectory()
    let store = try SQLiteRecordStore(path: directory.path + "/free.db")
    return try await withServer(store) { $0 }
}

/// Connects as soon as the collector listens, within 10 s.
private func connected(_ agent: SampleAgent, _ port: Int) throws -> AgentClient {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
        if let client = try? agent.client(port) { return client }
        usleep(10_000)
    }
    throw Client.Closed()
}
