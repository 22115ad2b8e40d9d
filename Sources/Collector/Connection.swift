import Glibc
import Logging
import Metering
import NIOCore
import NIOPosix
import Records
import Store
import Wire

/// One agent's connection: its bytes through the session into the store, and back.
actor Connection {
    private let channel: any Channel
    private let agents: ConnectedAgents
    private let store: any RecordStore
    private let limits: ServerLimits
    private var log: Logger
    private var session = CollectorSession()
    private var hello: Hello?
    /// When the connection is closed unless a whole message comes before; `nil` while a message is
    /// being worked on.
    private var deadline: ContinuousClock.Instant?
    private var isOver = false

    init(
        _ channel: any Channel, store: any RecordStore, agents: ConnectedAgents,
        limits: ServerLimits, log: Logger
    ) {
        self.channel = channel
        self.store = store
        self.agents = agents
        self.limits = limits
        self.log = log
        self.log[metadataKey: "peer"] = "\(channel.remoteAddress?.label ?? "unknown")"
        deadline = .now + limits.handshake
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
        if let hello {
            agents.leave(hello.agent)
            log.notice("agent disconnected")
        }
    }

    /// Tells the peer that there is no room.
    func turnAway(_ wired: Server.Wired) async {
        log.warning("connection refused", metadata: ["reason": "too many connections"])
        try? await wired.executeThenClose { _, _ in
            await refuse(.overloaded, "too many connections: come back later")
        }
    }

    private func serve(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async {
        do {
            for try await buffer in inbound {
                let events = buffer.withUnsafeReadableBytes { session.receive($0) }
                for event in events where !isOver {
                    deadline = nil
                    await handle(event)
                    deadline = .now + (hello == nil ? limits.handshake : limits.silence)
                }
                if isOver { return }
            }
        } catch {
            log.debug("connection broke", metadata: ["reason": "\(error)"])
        }
        if Task.isCancelled { await refuse(.shuttingDown, "the collector stops: come back later") }
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
            case .batch(let first, let records):
                try await keep(records, from: first)
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
        guard agents.enter(hello.agent, run: hello.run) else {
            log.error(
                "two agents share an id; the second is refused",
                metadata: ["agent": "\(hello.agent)"])
            return await refuse(
                .connectedAlready,
                "another agent with the id \(hello.agent) is connected: give each host its own agent.id"
            )
        }
        let welcome: [UInt8]
        let durable: UInt64
        do {
            durable = try await onDisk { store in try Pipeline.greet(hello, in: store) }
            welcome = try session.welcome(highestDurable: durable)
        } catch {
            agents.leave(hello.agent)
            throw error
        }
        self.hello = hello
        log[metadataKey: "agent"] = "\(hello.agent)"
        log.notice(
            "agent connected",
            metadata: [
                "run": "\(String(hello.run, radix: 16))", "durable": "\(durable)",
                "version": "\(hello.softwareVersion)",
            ])
        await send(welcome)
    }

    private func keep(_ records: [[UInt8]], from first: UInt64) async throws {
        guard let hello else { return }
        let outcome = try await onDisk { store in
            try Pipeline.keep(records, from: first, of: hello, in: store, at: .now)
        }
        if let conflict = outcome.conflicts.first {
            log.error(
                "two records of one identity: do two agents share an id and a spool?",
                metadata: ["sequence": "\(conflict)", "records": "\(outcome.conflicts.count)"])
        }
        // Another connection of the run may have stored more than this one sent.
        let last = first &+ UInt64(records.count) &- 1
        await send(try session.acknowledge(through: min(outcome.durable, last)))
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
        case Refusal.otherAgent:
            log.warning("agent refused", metadata: reason)
            await refuse(.identity, "\(error)")
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
        if let bytes = try? session.refuse(code: code, text: text) { await send(bytes) }
    }

    /// Waits until the peer's socket takes the bytes, at most `handshake` long: a peer that does
    /// not read is closed.
    private func send(_ bytes: [UInt8]) async {
        let channel = channel
        let timeout = channel.eventLoop.scheduleTask(in: .init(limits.handshake)) {
            channel.close(promise: nil)
        }
        try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
        timeout.cancel()
    }
}

extension Timestamp {
    /// The wall clock (CLOCK_REALTIME).
    static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            UInt64(clamping: time.tv_sec) * 1_000_000_000 + UInt64(clamping: time.tv_nsec))
    }
}
