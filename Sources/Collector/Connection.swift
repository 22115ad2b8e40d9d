import Glibc
import Logging
package import Metering
import NIOCore
import NIOPosix
import Records
import Store
import TransportSecurity
import Wire

/// One agent's connection: its bytes through the session into the store, and back.
actor Connection {
    private let channel: any Channel
    private let number: UInt64
    private let shared: ServerState
    /// The peer's certificate once it is verified; `nil` without TLS.
    private let promised: EventLoopFuture<CertificateFacts>?
    private var certificate: CertificateFacts?
    private let store: any RecordStore
    private let limits: ServerLimits
    private let peer: String
    private var log: Logger
    private var session = CollectorSession()
    private var hello: Hello?
    /// When the connection is closed unless a whole message comes before; `nil` while a message is
    /// being worked on.
    private var deadline: ContinuousClock.Instant?
    private var isOver = false
    /// Whether a clock ahead was told of already.
    private var toldOfClock = false

    init(
        _ channel: any Channel, certificate: EventLoopFuture<CertificateFacts>?,
        _ shared: ServerState, limits: ServerLimits, log: Logger
    ) {
        self.channel = channel
        self.shared = shared
        promised = certificate
        store = shared.store
        number = shared.admission.enter(host: channel.remoteAddress?.ipAddress ?? "") {
            channel.close(promise: nil)
        }
        self.limits = limits
        self.log = log
        peer = channel.remoteAddress?.label ?? "unknown"
        self.log[metadataKey: "peer"] = "\(peer)"
        deadline = .now + limits.handshake
        shared.metrics.connected()
    }

    /// Works until the peer closes, breaks the protocol, is silent too long, or the task is
    /// cancelled. Never throws: what happens here harms this connection alone.
    func run(_ wired: Server.Wired) async {
        try? await wired.executeThenClose { inbound, _ in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.serve(inbound) }
                group.addTask { await self.watch() }
                await group.next()
                group.cancelAll()
            }
        }
        shared.budget.leave(number)
        shared.admission.leave(number)
        if let hello {
            shared.presence.leave(hello.agent, connection: number)
            shared.metrics.left()
            log.notice("agent disconnected")
        }
    }

    private func serve(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async {
        if let promised {
            certificate = await Self.certificate(promised: promised, on: channel, log)
            if certificate == nil { return }
        }
        do {
            for try await buffer in inbound {
                if promised == nil, hello == nil { Self.note(peerOfPlainPort: buffer, log) }
                let events = buffer.withUnsafeReadableBytes { session.receive($0) }
                if !events.isEmpty { shared.budget.complete(number) }
                for event in events where !isOver {
                    deadline = nil
                    await handle(event)
                    deadline = .now + (hello == nil ? limits.handshake : limits.silence)
                }
                if isOver { return }
                await hold()
            }
        } catch {
            let reason = (error as? TLSFailure)?.sentence(on: .collector) ?? "\(error)"
            log.debug("connection broke", metadata: ["reason": "\(reason)"])
        }
        if Task.isCancelled { await refuse(.shuttingDown, "the collector stops: come back later") }
    }

    /// Waits until there is memory for the frame of which a part has come.
    private func hold() async {
        let channel = channel
        let before = deadline
        deadline = nil
        let start = ContinuousClock.now
        await shared.budget.hold(session.unfinished, for: number) { channel.close(promise: nil) }
        // The wait is not the peer's.
        deadline = before.map { $0 + (.now - start) }
    }

    /// Ends when the peer was silent for too long; sends heartbeats meanwhile.
    private func watch() async {
        var nextHeartbeat = ContinuousClock.now + limits.heartbeat
        while !Task.isCancelled, !isOver {
            let now = ContinuousClock.now
            if let deadline, deadline <= now {
                let what = hello == nil ? "no hello in time" : "silent for too long"
                log.warning("connection closed", metadata: ["reason": "\(what)"])
                await refuse(.malformed, what)
                return
            }
            if let reason = certificate.flatMap({ Self.expiry(of: $0, at: shared.now()) }) {
                log.warning("connection closed", metadata: ["reason": "\(reason)"])
                return await refuse(.identity, reason)
            }
            if nextHeartbeat <= now {
                nextHeartbeat = now + limits.heartbeat
                if hello != nil, let bytes = try? session.heartbeat() { await send(bytes) }
            }
            // While a message is worked on there is no deadline: look again a little later.
            let next = deadline ?? now + limits.handshake
            try? await Task.sleep(until: min(next, nextHeartbeat), clock: .continuous)
        }
    }

    private func handle(_ event: CollectorEvent) async {
        do {
            switch event {
            case .hello(let hello): try await greet(hello)
            case .manifest(let bytes):
                guard let hello else { return }
                try await onDisk { store in
                    try Pipeline.keep(manifest: bytes, of: hello, in: store)
                }
            case .batch(let batch): try await keep(batch)
            case .heartbeat: break
            case .failed(let error):
                log.warning("agent refused", metadata: ["reason": "\(error)"])
                // A peer that has refused us wants no answer.
                if case .refused = error { isOver = true } else { await tell(error) }
            }
        } catch {
            await fail(error)
        }
    }

    private func greet(_ hello: Hello) async throws {
        if let reason = certificate.flatMap({ Self.mismatch(of: $0, hello.agent) }) {
            log.error("agent refused", metadata: ["reason": "\(reason)"])
            return await refuse(.identity, reason)
        }
        log[metadataKey: "agent"] = "\(hello.agent)"
        guard try await isWelcome(shared.presence.verdict(on: hello), hello) else { return }
        let greetedAt = shared.now()
        let durable = try await onDisk { store in
            try Pipeline.greet(hello, in: store, at: greetedAt)
        }
        guard shared.admission.welcome(number) else {
            log.warning("connection refused", metadata: ["reason": "too many connections"])
            return await refuse(.overloaded, "too many connections: come back later")
        }
        let welcome: [UInt8]
        do { welcome = try session.welcome(highestDurable: durable) } catch {
            guard case .unknownRecords = error else { throw error }
            // More is stored than this agent has made: it is a copy of another.
            let before = shared.presence.latest(hello.agent, run: hello.run) ?? "unknown"
            let text =
                "\(error.description); it is at \(host), the other was at \(Self.host(before))"
            await tellOfClone(hello, text)
            throw error
        }
        let channel = channel
        let verdict = shared.presence.enter(hello, connection: number, address: peer) {
            channel.close(promise: nil)
        }
        guard try await isWelcome(verdict, hello) else { return }
        self.hello = hello
        shared.metrics.welcomed()
        log.notice(
            "agent connected",
            metadata: [
                "run": "\(String(hello.run, radix: 16))", "durable": "\(durable)",
                "version": "\(hello.softwareVersion)",
            ])
        await send(welcome)
    }

    private var host: String { channel.remoteAddress?.ipAddress ?? peer }

    /// The host of an address `host:port`.
    private static func host(_ address: String) -> String {
        address.lastIndex(of: ":").map { String(address[..<$0]) } ?? address
    }

    private func isWelcome(_ verdict: Presence.Verdict, _ hello: Hello) async throws -> Bool {
        switch verdict {
        case .welcome: return true
        case .otherRun(let address):
            await tellOfClone(
                hello,
                "two agents share an id: one at \(Self.host(address)), the other, with another run, at "
                    + "\(host); the second is refused")
            await refuse(
                .connectedAlready,
                "another agent with the id \(hello.agent) is connected: give each host its own agent.id"
            )
        case .clone(let successor, let before):
            await tellOfClone(
                hello,
                "two processes use one identity, run \(String(hello.run, radix: 16)): one at "
                    + "\(Self.host(before)), now at \(host), the other at \(Self.host(successor)); the "
                    + "first is refused")
            await refuse(
                .identity,
                "another process with this identity has taken its place: was this host copied? "
                    + "Give each host its own agent.id and an empty state directory")
        }
        return false
    }

    private func tellOfClone(_ hello: Hello, _ text: String) async {
        log.error("\(text)")
        let alert = NewAlert(agent: hello.agent, kind: .clone, text: text, at: shared.now())
        try? await onDisk { try $0.note(alert) }
    }

    private func keep(_ batch: Batch) async throws {
        guard let hello else { return }
        let outcome: StoreOutcome
        do {
            let manifests = shared.manifests
            let receivedAt = shared.now()
            let incoming = try await NIOThreadPool.singleton.runIfActive {
                try IncomingBatch.verified(batch, of: hello, at: receivedAt) {
                    try manifests.manifest($0, of: hello.agent)
                }
            }
            outcome = try await shared.commits.keep(incoming)
            let end = incoming.records.last?.window.end.rawValue
            shared.metrics.kept(
                stored: outcome.stored, duplicates: outcome.duplicates,
                lag: end.map { (Double(shared.now().rawValue) - Double($0)) / 1e9 })
            await checkClock(incoming)
        } catch {
            await setAside(batch, of: hello, because: error)
            throw error
        }
        // Another connection of the run may have stored more than this one sent.
        let last = batch.first &+ UInt64(batch.records.count) &- 1
        await send(try session.acknowledge(through: min(outcome.durable, last)))
    }

    /// Keeps what is refused as evidence; what fails for another reason comes again.
    private func setAside(_ batch: Batch, of hello: Hello, because error: any Error) async {
        let now = shared.now()
        guard let refused = RefusedBatch(batch, of: hello, from: host, error, at: now) else {
            return
        }
        log.error("a batch is refused and kept as evidence", metadata: ["reason": "\(error)"])
        do { try await onDisk { try $0.setAside(refused) } } catch {
            log.error("the evidence cannot be kept", metadata: ["reason": "\(error)"])
        }
    }

    /// Tells once of a clock that is well ahead. The records are kept: they harm no period but
    /// their own.
    private func checkClock(_ batch: IncomingBatch) async {
        let latest = batch.receivedAt + limits.clockAhead
        guard !toldOfClock, batch.records.contains(where: { $0.window.end > latest }) else {
            return
        }
        toldOfClock = true
        let text =
            "run \(String(batch.run.rawValue, radix: 16)): windows end more than "
            + "\(Int(limits.clockAhead.seconds)) s after the collector's clock"
        log.warning("\(text)")
        let alert = NewAlert(agent: batch.agent, kind: .clock, text: text, at: batch.receivedAt)
        try? await onDisk { try $0.note(alert) }
    }

    private func onDisk<T: Sendable>(
        _ work: @escaping @Sendable (any RecordStore) throws -> T
    ) async throws -> T {
        let store = store
        return try await NIOThreadPool.singleton.runIfActive { try work(store) }
    }

    private func fail(_ error: any Error) async {
        let reason: Logger.Metadata = ["reason": "\(error)"]
        switch error {
        case let error as WireError:
            log.warning("agent refused", metadata: reason)
            await tell(error)
        case StoreError.database, StoreError.permissionDenied, StoreError.cannotOpen:
            log.error("records cannot be stored", metadata: reason)
            await refuse(.storeFailed, "the collector cannot store: come back later")
        case is CancellationError:
            await refuse(.shuttingDown, "the collector stops: come back later")
        case Refusal.otherAgent, Refusal.signature, Refusal.key, StoreError.keyChanged,
            StoreError.predecessorChanged:
            log.warning("agent refused", metadata: reason)
            await refuse(.identity, "\(error)")
        case StoreError.conflict, StoreError.brokenChain:
            log.warning("agent refused", metadata: reason)
            await refuse(.otherRecords, "\(error)")
        default:
            log.warning("agent refused", metadata: reason)
            await refuse(.malformed, "\(error)")
        }
    }

    private func tell(_ error: WireError) async { await refuse(error.code, error.description) }

    /// The last word; afterwards the connection closes.
    private func refuse(_ code: RefusalCode, _ text: String) async {
        guard !isOver else { return }
        isOver = true
        shared.metrics.refused(code.description)
        if let bytes = try? session.refuse(code: code, text: text) { await send(bytes) }
    }

    /// Waits until the peer's socket takes the bytes, at most `handshake` long: a peer that does
    /// not read is closed.
    private func send(_ bytes: [UInt8]) async {
        let channel = channel
        let timeout = channel.eventLoop.scheduleTask(in: .init(limits.handshake)) {
            channel.close(promise: nil)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        // On the event loop: this task may go on long after the peer has taken the bytes.
        written.futureResult.whenComplete { _ in timeout.cancel() }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: written)
        try? await written.futureResult.get()
    }
}

extension Timestamp {
    /// The wall clock (CLOCK_REALTIME).
    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            UInt64(clamping: time.tv_sec) * 1_000_000_000 + UInt64(clamping: time.tv_nsec))
    }
}
