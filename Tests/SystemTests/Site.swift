import Foundation
import Glibc
import Testing

/// A folder with settings, programs that run in it, and what they leave behind.
final class Site {
    let folder: String
    let collectorPort: UInt16
    let servicePort: UInt16
    /// Seconds since 1970 before which no record begins.
    private let began = Int(Date().timeIntervalSince1970)
    private var children: [Child] = []
    /// The file of the agent that was started last.
    private(set) var settingsFile = ""

    init() throws {
        folder = try Host.temporaryFolder()
        // Nobody must reach the state folder below it.
        chmod(folder, 0o755)
        collectorPort = try Host.freePort()
        servicePort = try Host.freePort()
    }

    /// Ends everything that runs in it, the youngest first, and removes the folder.
    func close() {
        for child in children.reversed() { child.kill() }
        if ProcessInfo.processInfo.environment["JOULEFLOW_KEEP"] == nil {
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Gives `body` a site and takes it down in all cases.
    static func with(_ body: (Site) throws -> Void) throws {
        let site = try Site()
        defer { site.close() }
        try body(site)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    static func program(_ name: String) throws -> String {
        guard let folder = Host.programs else { throw Trouble("JOULEFLOW_BIN is not set") }
        return "\(folder)/jouleflow-\(name)"
    }

    func start(_ name: String, _ command: [String], as user: Child.User = .same) throws -> Child {
        let child = try Child(
            "\(name)-\(children.count)", command, folder: folder, as: user)
        children.append(child)
        return child
    }

    // MARK: Programs

    func startCounters() throws -> Child {
        let counters = try start(
            "powercap", [Self.program("lab"), "powercap", "--root", path("sys")])
        try counters.awaitSaying("ready:")
        return counters
    }

    func agentSettings() -> AgentSettings {
        AgentSettings(port: servicePort, collectorPort: collectorPort)
    }

    /// Starts the agent and waits until both its hot loops run.
    func startAgent(_ settings: AgentSettings? = nil, as user: Child.User = .same) throws -> Child {
        let agent = try startAgentUnready(settings, as: user)
        try agent.awaitSaying("ready")
        return agent
    }

    func startAgentUnready(
        _ settings: AgentSettings? = nil, as user: Child.User = .same, before: [String] = []
    ) throws -> Child {
        try startAgentUnready(text: (settings ?? agentSettings()).text, as: user, before: before)
    }

    func startAgentUnready(
        text settings: String, as user: Child.User = .same, before: [String] = []
    ) throws -> Child {
        let file = path("agent-\(children.count).yaml")
        settingsFile = file
        try write(settings, to: file)
        return try start(
            "agent", before + [Self.program("agent"), "run", "--config", file], as: user)
    }

    func startCollector(before: [String] = []) throws -> Child {
        let collector = try startCollectorUnready(before: before)
        try collector.awaitSaying("ready")
        return collector
    }

    func startCollectorUnready(
        store: String = "store.db", transport: String = "plaintext: true", before: [String] = []
    ) throws -> Child {
        let file = path("collector-\(children.count).yaml")
        let text = """
            version: 1
            listen: {agents: "127.0.0.1:\(collectorPort)"}
            \(transport)
            store: {sqlite: \(store)}

            """
        try write(text, to: file)
        return try start(
            "collector", before + [Self.program("collector"), "run", "--config", file])
    }

    /// nginx on the service's port, with the flows of `NginxFiles` or as `text` says.
    func startNginx(_ text: String? = nil) throws -> Child {
        let file = path("nginx.conf")
        let flows = NginxFiles.configuration(folder: folder, address: "127.0.0.1:\(servicePort)")
        try write(text ?? flows, to: file)
        let nginx = try start("nginx", ["nginx", "-p", folder, "-c", file])
        try wait("nginx to listen", 5, diary: { nginx.said }) { Host.isListening(on: servicePort) }
        return nginx
    }

    /// wrk, by default with the mix of `NginxFiles` on 64 connections.
    func startWrk(
        threads: Int = 1, connections: Int = 64, seconds: Int, mix: String = NginxFiles.load
    ) throws -> Child {
        try write(mix, to: path("load.lua"))
        return try start(
            "wrk",
            [
                "wrk", "-t\(threads)", "-c\(connections)", "-d\(seconds)s", "-s", path("load.lua"),
                "http://127.0.0.1:\(servicePort)/",
            ])
    }

    func startApplication() throws -> Child {
        let application = try start(
            "app", [Self.program("lab"), "app", "--port", "\(servicePort)", "--unit", "20us"])
        try application.awaitSaying("ready:")
        return application
    }

    func startLoad(seconds: Int, rate: Int = 300) throws -> Child {
        try start(
            "load",
            [
                Self.program("lab"), "load", "--port", "\(servicePort)", "--seconds",
                "\(seconds)", "--rate", "\(rate)", "--format", "json",
            ])
    }

    // MARK: What is stored

    /// Waits until the store holds every record up to now: one that begins at or after it.
    func awaitStored(through instant: Date = Date(), within seconds: Double = 10) throws {
        let nanoseconds = Int(instant.timeIntervalSince1970 * 1e9)
        try wait("the windows up to \(instant) to be stored", seconds) {
            try StoredRecords(path("store.db")).latestStart >= nanoseconds
        }
    }

    /// The same of each of several agents.
    func awaitStoredOfEach(
        _ agents: Int, through instant: Date = Date(), within seconds: Double = 10
    ) throws {
        let nanoseconds = Int(instant.timeIntervalSince1970 * 1e9)
        try wait("the windows of \(agents) agents up to \(instant) to be stored", seconds) {
            let runs = try StoredRecords(path("store.db")).runs
            return runs.count { $0.latestStart >= nanoseconds } >= agents
        }
    }

    var hasStore: Bool { access(path("store.db"), R_OK) == 0 }

    /// One round over all that was recorded; of an agent that runs, over what is two seconds old: what is
    /// younger may come while one looks.
    func report(whileRunning: Bool = false) throws -> Report {
        let end = Int(Date().timeIntervalSince1970) + (whileRunning ? -2 : 1)
        let from = Report.time(began), to = Report.time(end)
        let period = ["--from", from, "--to", to, "--round", "\(end - began)s"]
        let outcome = try Host.run(
            [
                Self.program("collector"), "report", "--store", path("store.db"),
                "--factor", "全国-2023-average", "--format", "json",
            ] + period, within: 30)
        guard outcome.status == 0 else { throw Trouble("report: \(outcome.said)") }
        return try Report(outcome.printed, period: period)
    }

    /// Every stored record conserves its energy, none is missing or doubled, and a program of
    /// another language finds the report's figures in them.
    @discardableResult
    func expectSoundStore(
        runs: Int = 1, whileRunning: Bool = false, _ place: SourceLocation = #_sourceLocation
    ) throws -> Report {
        let report = try report(whileRunning: whileRunning)
        let records = try StoredRecords(path("store.db"))
        #expect(records.runs.count == runs, sourceLocation: place)
        for run in records.runs {
            #expect(run.first == 1, "the run's first sequence", sourceLocation: place)
            #expect(run.last == run.count, "a sequence without hole", sourceLocation: place)
        }
        try report.expectRecomputed(from: path("store.db"), place)
        return report
    }
}
