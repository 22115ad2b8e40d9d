import Foundation
import Logging
import Metering
import Records
import Scenarios
import Settings
import Spool
import Testing

@testable import Agent

@Suite("A state that is an older copy")
struct OlderCopyTests {
    private let folder: String
    private let settings: AgentSettings
    private let state: StateDirectory
    private let secret: FlowSecret
    private let manifest: Manifest
    private let second: UInt64 = 1_000_000_000

    init() throws {
        folder = NSTemporaryDirectory() + "older-copy-\(UUID().uuidString)"
        let text = """
            version: 1
            agent: {id: a, state: \(folder)}
            energy: {source: none}
            services: [{name: web, ports: [8080]}]
            scenarios: []
            collectors: [{address: "192.0.2.7:7443", plaintext: true}]
            """
        settings = try AgentSettings.parse(
            Array(text.utf8), name: "agent.yaml", hostName: "a")
        state = try StateDirectory(preparing: folder)
        secret = try FlowSecretFile.secret(nil, else: state.flowSecret)
        manifest = Manifest(settings, host: .current(softwareVersion: "1"), secret: secret)
    }

    private var destination: String { settings.collectors[0].address.description }

    /// Five entries of a second each, of which two were acknowledged; gives the run.
    private func fill() throws -> UInt64 {
        let spool = try Spool(
            directory: state.spool, identity: state.identity, destinations: [destination],
            limits: SpoolLimits(settings.spool))
        let bytes = try RecordCodec.encode(manifest)
        try spool.use(manifest: bytes)
        for number in 1...UInt64(5) {
            let entry = Completions(
                run: spool.run, sequence: spool.nextSequence,
                manifest: RecordCodec.digest(ofManifest: bytes),
                window: Window(
                    start: Timestamp(number * second), end: Timestamp((number + 1) * second),
                    duration: .seconds(1)),
                flows: [FlowCompletion(scenario: 0, digest: number, flows: 1)])
            _ = try spool.append(try RecordCodec.encode(entry))
        }
        try spool.acknowledge(through: 2, by: destination)
        return spool.run.rawValue
    }

    @Test("a run whose key was lost is left at once and once, wherever the agent ends")
    func newKey() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try fill()
        func keeper(isKeyNew: Bool) throws -> RecordKeeper {
            try RecordKeeper(
                MeterSettings(settings), manifest: manifest, secret: secret, state: state,
                destinations: [destination], limits: SpoolLimits(settings.spool),
                isKeyNew: isKeyNew, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }
        /// Where a life of the agent begins, and the records that it declares lost.
        func life(isKeyNew: Bool) async throws -> (holding: Holding, lost: UInt64) {
            let keeper = try keeper(isKeyNew: isKeyNew)
            return (await keeper.holding(for: destination), await keeper.counts.dropped)
        }
        #expect(try await life(isKeyNew: false).holding.run == run)
        // The first life ends before its key is kept, the next before its first record.
        for isKeyNew in [true, true, false] {
            let (new, lost) = try await life(isKeyNew: isKeyNew)
            #expect(new.run != run)
            #expect(new.predecessor == nil)
            #expect(new.first == 1 && new.next == 1)
            #expect(lost == 3)
        }
    }

    @Test("a key is new until it is kept")
    func keptKey() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (key, isNew) = try SigningKeyFile.key(state.signingKey)
        #expect(isNew)
        #expect(try SigningKeyFile.key(state.signingKey).isNew)
        try SigningKeyFile.keep(key, state.signingKey)
        let kept = try SigningKeyFile.key(state.signingKey)
        #expect(!kept.isNew && kept.key.bytes == key.bytes)
    }

    @Test("is left for a new run once, of which the loss is declared, and not again at once")
    func left() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let run = try fill()
        let keeper = try RecordKeeper(
            MeterSettings(settings), manifest: manifest, secret: secret, state: state,
            destinations: [destination], limits: SpoolLimits(settings.spool),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        #expect(await keeper.holding(for: destination).run == run)
        #expect(await keeper.holding(for: destination).first == 3)

        #expect(await keeper.leave(run, because: "test"))
        let new = await keeper.holding(for: destination)
        #expect(new.run != run)
        #expect(new.predecessor == nil)
        #expect(new.first == 1 && new.next == 1)
        #expect(await keeper.counts.dropped == 3)
        // What a connection of the old run still asks for or frees is of that run.
        await #expect(throws: ShippingError.self) {
            try await keeper.batch(of: run, from: 3, maximumRecords: 9, maximumBytes: 9_999)
        }
        await #expect(throws: ShippingError.self) {
            try await keeper.acknowledge(of: run, through: 5, by: destination)
        }
        // Another connection that hears the same of the old run finds it left.
        #expect(await keeper.leave(run, because: "test"))
        #expect(await keeper.holding(for: destination).run == new.run)
        #expect(await !keeper.leave(new.run, because: "test"))
        #expect(await keeper.holding(for: destination).run == new.run)
    }

    @Test("and records that a collector does not take are a finding of the doctor, in time")
    func waiting() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try fill()
        let survey = try SpoolSurvey(
            directory: state.spool, identity: state.identity, destinations: [destination])
        #expect(survey.waiting == [3])
        func finding(_ now: UInt64) -> DoctorFinding? {
            SpoolCheck(
                settings: settings, now: Timestamp(now * second), survey: .success(survey),
                kept: KeptWindows(), room: nil, identity: .current, language: .english
            ).findings().last
        }
        // The oldest of the three ends with second 4.
        #expect(finding(904)?.state == .ok)
        #expect(finding(905)?.state == .fault)
        #expect(finding(905)?.found.contains("3 records wait for it") == true)
        #expect(finding(905)?.fix.contains("systemctl status") == true)
        // A clock that was set back says nothing.
        #expect(finding(1)?.state == .ok)
    }
}
