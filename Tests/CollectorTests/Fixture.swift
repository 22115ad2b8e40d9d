import Chain
import Foundation
import Glibc
import Logging
import Metering
import NIOCore
import NIOPosix
import Records
import ServiceLifecycle
import Store
import Synchronization
import Wire

@testable import Collector

/// A directory that is gone when the test ends.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "collector-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// 2026-11-21T00:00:00Z.
let origin: UInt64 = 1_795_219_200

/// An agent of simulated hardware and its records of 10 s windows, one after another.
struct SampleAgent: Sendable {
    let name: String
    let run: RunID
    let signer: Signer
    let manifest: [UInt8]
    private let scenarios = StandardWeights.scenarios

    init(_ name: String, run: RunID = RunID(0xABCD), key: SigningKey = SigningKey()) throws {
        self.name = name
        self.run = run
        signer = Signer(name, run: run, key: key)
        manifest = try RecordCodec.encode(
            Manifest(
                agent: name, hostName: name, bootID: "b", softwareVersion: "1", simulated: true,
                windowLength: .seconds(10), source: .rapl, scope: .processorAndMemory,
                zones: ["package-0", "dram", "core"].map {
                    ZoneDescription(
                        control: "intel-rapl", name: $0, parent: "",
                        kind: $0 == "core" ? .core : .package, counted: $0 != "core")
                },
                services: [ServiceDescription(name: "s", ports: [8080], countsFlows: true)],
                scenarios: scenarios, rulesDigest: String(repeating: "0", count: 64),
                model: .standard, idle: IdlePower(milliwatts: 1_000, origin: .configured)))
    }

    var digest: ManifestDigest { RecordCodec.digest(ofManifest: manifest) }

    func record(_ sequence: UInt64) throws -> [UInt8] {
        let start = Timestamp((origin + (sequence - 1) * 10) * 1_000_000_000)
        let package = 700_000_003 + sequence * 17
        let dram = 90_000_001 + sequence
        var tally = Tally(
            scenarios: scenarios.indices.map { index in
                var one = ScenarioTally(observation: .seen)
                one.completed = sequence % UInt64(index + 2)
                one.refused = sequence % 2
                one.flows = one.completed + (index == 0 ? one.refused : 0)
                one.requests = one.completed
                return one
            }, services: [ServiceTally(scenarios: 4)])
        tally.services[0].flows = tally.scenarios.map(\.flows)
        var partition = EnergyPartition(scenarios: 4)
        partition.idle = Microjoules(10_000_000)
        partition.scenarios[2] = Microjoules(1_000 + sequence)
        partition.undivided = Microjoules(package + dram - 10_000_000 - 1_000 - sequence)
        partition.undividedReason = .serviceTimeUnknown
        return try RecordCodec.encode(
            Record(
                run: run, sequence: sequence, manifest: digest,
                window: Window(
                    start: start, end: start + .seconds(10), duration: .seconds(10)),
                flags: [.simulated],
                zones: [
                    .measured(Microjoules(package)),
                    sequence % 3 == 0
                        ? .bridged(Microjoules(dram), .readFailed) : .measured(Microjoules(dram)),
                    .measured(Microjoules(5)),
                ],
                energy: .known(Microjoules(package + dram)), partition: partition,
                processor: ProcessorTime(
                    hostBusy: .known(.seconds(1)), services: [.unknown(.notFound)]),
                tally: tally, clockError: 100))
    }

    func records(_ range: ClosedRange<UInt64>) throws -> [[UInt8]] { try range.map(record) }

    /// A client that has been welcomed.
    func client(
        _ port: Int, first: UInt64 = 1, next: UInt64 = 1_000, instance: UInt64 = 1
    ) throws -> AgentClient {
        try AgentClient(
            signer, signer.hello(first: first, next: next, instance: instance), port: port)
    }
}

/// A blocking TCP client with a time limit on every call.
final class Client {
    struct Closed: Error {}

    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Closed() }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var at = 0
        while at < bytes.count {
            let sent = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: at), buffer.count - at,
                    Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw Closed() }
            at += sent
        }
    }

    /// What arrives next, empty where the peer closed.
    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else {
            if errno == ECONNRESET { return [] }
            throw Closed()
        }
        return Array(buffer.prefix(count))
    }

    /// Everything until the peer closes.
    func rest() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try receive()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }
}

/// A client that speaks the agent's side.
struct AgentClient {
    let client: Client
    private var session: AgentSession
    private let signer: Signer
    private(set) var durable: UInt64 = 0

    init(_ signer: Signer, _ hello: Hello, port: Int) throws {
        self.signer = signer
        client = try Client(port: port)
        session = AgentSession(hello: hello)
        try client.send(try session.open())
        durable = try wait { if case .welcomed(let highest) = $0 { highest } else { nil } }
    }

    mutating func send(manifest: [UInt8]) throws { try client.send(session.manifest(manifest)) }

    mutating func send(_ records: [[UInt8]], from first: UInt64) throws {
        try send(signer.batch(records, from: first))
    }

    mutating func send(_ batch: Batch) throws { try client.send(session.batch(batch)) }

    /// The bytes of a batch, for a client that does not send them as they are.
    mutating func frame(_ records: [[UInt8]], from first: UInt64) throws -> [UInt8] {
        try session.batch(signer.batch(records, from: first))
    }

    mutating func acknowledged() throws -> UInt64 {
        try wait { if case .acknowledged(let through) = $0 { through } else { nil } }
    }

    mutating func failure() throws -> WireError {
        try wait { if case .failed(let error) = $0 { error } else { nil } }
    }

    mutating func deliver(_ records: [[UInt8]], from first: UInt64) throws -> UInt64 {
        try send(records, from: first)
        return try acknowledged()
    }

    private mutating func wait<T>(_ pick: (AgentEvent) -> T?) throws -> T {
        while true {
            let bytes = try client.receive()
            guard !bytes.isEmpty else { throw Client.Closed() }
            for event in session.receive(bytes) {
                if let found = pick(event) { return found }
                if case .failed(let error) = event { throw error }
            }
        }
    }
}

/// Runs blocking work on a thread of its own, off the threads that tasks share.
func offPool<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: work)) }
    }
}

/// Threads for a server's tasks alone: other tests may keep those that tasks share for long, and the
/// server has limits of time. Each task goes on `delay` after it could.
final class OwnThreads: TaskExecutor {
    static let shared = OwnThreads()
    private static let pool = {
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        return pool
    }()

    let delay = Mutex(Duration.zero)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        let work = { @Sendable in
            Self.pool.submit { _ in job.runSynchronously(on: executor) }
        }
        let delay = delay.withLock { $0 }
        if delay == .zero { return work() }
        MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: TimeAmount(delay), work)
    }
}

/// Runs a server on a free port while `script` talks to it, then stops it gracefully.
func withServer<T: Sendable>(
    _ store: any RecordStore, _ limits: ServerLimits = ServerLimits(),
    on threads: OwnThreads = .shared, _ script: @escaping @Sendable (Int) throws -> T
) async throws -> T {
    let (ports, found) = AsyncStream<Int>.makeStream()
    let server = Server(
        host: "127.0.0.1", port: 0, store: store, limits: limits,
        log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        listening: { found.yield($0.port ?? 0) })
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask(executorPreference: threads) { try await server.run() }
        defer { group.cancelAll() }
        for await port in ports { return try await offPool { try script(port) } }
        throw Client.Closed()
    }
}

extension RecordStore {
    func all() throws -> [StoredRecord] {
        var records: [StoredRecord] = []
        try forEachRecord(from: Timestamp(0), to: Timestamp(.max)) { records.append($0) }
        return records
    }
}
