import Chain
import Foundation
import Glibc
import Metering
import Records
import Synchronization
import Wire

/// An agent whose records are made, signed and framed before it delivers them.
struct IngestAgent: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private let hello: Hello
    private let manifest: [UInt8]
    private let batches: [Batch]
    let count: Int
    /// Mean bytes of a record.
    let meanRecord: Double

    init(_ name: String, batches count: Int, records: Int) throws {
        let key = SigningKey()
        let run = RunID(UInt64.random(in: 1...UInt64.max))
        manifest = try RecordCodec.encode(Self.manifest(name))
        hello = try Hello(
            agent: name, run: run.rawValue, first: 1, next: UInt64(count * records + 1),
            softwareVersion: "bench", publicKey: key.verifying.bytes,
            instance: UInt64.random(in: 1...UInt64.max))
        let digest = RecordCodec.digest(ofManifest: manifest)
        var head = ChainHead(startOf: run.rawValue, after: nil)
        var batches: [Batch] = []
        var random = SystemRandomNumberGenerator()
        for number in 0..<count {
            let first = UInt64(number * records + 1)
            let bytes = try (first..<first + UInt64(records)).map {
                try RecordCodec.encode(Self.record($0, run, digest, &random))
            }
            let statement = BatchStatement(
                agent: name, run: run.rawValue, first: first, records: bytes, previous: head)
            guard let signature = key.signature(of: statement) else {
                throw Failed(description: "cannot sign")
            }
            batches.append(
                Batch(first: first, records: bytes, previous: head.bytes, signature: signature))
            head = statement.head
        }
        self.batches = batches
        self.count = count * records
        let sizes = batches.flatMap { $0.records.map(\.count) }
        meanRecord = Double(sizes.reduce(0, +)) / Double(max(1, sizes.count))
    }

    /// How an agent's delivery went, in seconds.
    struct Delivery: Sendable {
        /// From the beginning of all to its last acknowledgement.
        let finish: Double
        /// The longest from its welcome, or an acknowledgement, to the next.
        let longestWait: Double
    }

    /// Delivers all at once. Returns how it went for each that came to its end, in the order of
    /// `agents`, and what went wrong, one sentence for each that failed.
    static func deliver(
        _ agents: [IngestAgent], port: Int
    ) -> (deliveries: [Delivery], failures: [String]) {
        let failures = Mutex<[String]>([])
        let deliveries = Mutex<[Int: Delivery]>([:])
        let done = DispatchGroup()
        let start = ContinuousClock.now
        for (index, agent) in agents.enumerated() {
            done.enter()
            Thread.detachNewThread {
                do {
                    let wait = try agent.deliver(port: port) / .seconds(1)
                    let finish = (ContinuousClock.now - start) / .seconds(1)
                    deliveries.withLock {
                        $0[index] = Delivery(finish: finish, longestWait: wait)
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
                done.leave()
            }
        }
        done.wait()
        let found = deliveries.withLock { $0 }
        return (agents.indices.compactMap { found[$0] }, failures.withLock { $0 })
    }

    private static func manifest(_ name: String) -> Manifest {
        Manifest(
            agent: name, hostName: name, bootID: "b", softwareVersion: "1", simulated: true,
            windowLength: .seconds(10), source: .rapl, scope: .processorAndMemory,
            zones: ["package-0", "dram-0", "package-1", "dram-1"].map {
                ZoneDescription(
                    control: "intel-rapl", name: $0, parent: "", kind: .package, counted: true)
            },
            services: [ServiceDescription(name: "s", ports: [8080], countsFlows: true)],
            scenarios: StandardWeights.scenarios, rulesDigest: String(repeating: "0", count: 64),
            model: .standard, idle: IdlePower(milliwatts: 90_000, origin: .configured))
    }

    private static func record(
        _ sequence: UInt64, _ run: RunID, _ digest: ManifestDigest,
        _ random: inout SystemRandomNumberGenerator
    ) throws -> Record {
        let start = Timestamp((1_795_219_200 + sequence * 10) * 1_000_000_000)
        let zones = (0..<4).map { _ in UInt64.random(in: 200_000_000...900_000_000, using: &random)
        }
        let total = zones.reduce(0, +)
        var tally = Tally(
            scenarios: (0..<4).map { _ in
                var one = ScenarioTally(observation: .seen)
                one.completed = UInt64.random(in: 0...3_000, using: &random)
                one.refused = UInt64.random(in: 0...300, using: &random)
                one.flows = one.completed
                one.requests = one.completed + one.refused
                return one
            }, services: [ServiceTally(scenarios: 4)])
        tally.services[0].flows = tally.scenarios.map(\.flows)
        var partition = EnergyPartition(scenarios: 4)
        partition.idle = Microjoules(total / 2)
        for index in 0..<4 {
            partition.scenarios[index] = Microjoules(
                UInt64.random(in: 1_000_000...20_000_000, using: &random))
        }
        partition.background = Microjoules(total - partition.total.rawValue)
        return Record(
            run: run, sequence: sequence, manifest: digest,
            window: Window(start: start, end: start + .seconds(10), duration: .seconds(10)),
            flags: [.simulated], zones: zones.map { .measured(Microjoules($0)) },
            energy: .known(Microjoules(total)), partition: partition,
            processor: ProcessorTime(
                hostBusy: .known(
                    Nanoseconds(UInt64.random(in: 1...80_000_000_000, using: &random))),
                services: [.known(.seconds(3))]),
            tally: tally, clockError: 100)
    }

    /// Returns the longest wait.
    private func deliver(port: Int) throws -> Duration {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
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
        guard status == 0 else { throw Failed(description: "cannot connect") }
        var session = AgentSession(hello: hello)
        try send(session.open(), descriptor)
        try receive(descriptor, &session) { if case .welcomed = $0 { true } else { false } }
        var (longest, latest) = (Duration.zero, ContinuousClock.now)
        try send(session.manifest(manifest), descriptor)
        for batch in batches {
            try send(session.batch(batch), descriptor)
            let last = batch.first + UInt64(batch.records.count) - 1
            try receive(descriptor, &session) { $0 == .acknowledged(through: last) }
            longest = max(longest, .now - latest)
            latest = .now
        }
        return longest
    }

    private func send(_ bytes: [UInt8], _ descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failed(description: "the connection broke") }
            rest = rest.dropFirst(count)
        }
    }

    private func receive(
        _ descriptor: Int32, _ session: inout AgentSession, until isIt: (AgentEvent) -> Bool
    ) throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw Failed(description: "the collector closed or is silent") }
            for event in session.receive(Array(buffer.prefix(count))) {
                if case .failed(let error) = event { throw Failed(description: "\(error)") }
                if isIt(event) { return }
            }
        }
    }
}
