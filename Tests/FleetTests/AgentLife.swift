import Capture
import Logging
import Metering
import NIOCore
import Processes
import Scenarios
import Settings
import Spool
import Testing
import Traffic

@testable import Agent

/// One process of the agent, from its start to its end, on clocks that the lab moves: the parts of
/// `Agent.Pipeline` in their order, with packets from the lab in the place of live capture.
final class AgentLife {
    private let keeper: RecordKeeper
    private let identity: AgentIdentity
    private let destinations: [Destination]
    private let schedule: WindowSchedule
    private let core: TrafficCore
    private var worker: CounterWorker
    private let events: AsyncStream<MeterEvent>
    private let sink: AsyncStream<MeterEvent>.Continuation
    private let log = Logger(label: "fleet") { _ in SwiftLogNoOpLogHandler() }

    init(_ settings: AgentSettings, host: HostIdentity, clock: MovableClock) throws {
        let meter = MeterSettings(settings)
        let state = try StateDirectory(preparing: settings.state)
        let secret = try FlowSecretFile.secret(settings.flowKeys.secret, else: state.flowSecret)
        destinations = Destination.all(of: settings)
        let (key, isKeyNew) = try SigningKeyFile.key(state.signingKey)
        identity = AgentIdentity(
            agent: settings.id, softwareVersion: host.softwareVersion, key: key)
        keeper = try RecordKeeper(
            meter, manifest: Manifest(settings, host: host, secret: secret), secret: secret,
            state: state, destinations: destinations.map(\.name),
            limits: SpoolLimits(settings.spool), isKeyNew: isKeyNew, log: log)
        if isKeyNew { try SigningKeyFile.keep(key, state.signingKey) }
        (events, sink) = AsyncStream.makeStream(of: MeterEvent.self)
        core = TrafficCore(
            meter, book: try #require(keeper.flows.take()).book, localAddresses: [])
        let start = MeteringStart(
            at: clock.reading, resuming: keeper.resumption, length: meter.windowLength)
        schedule = start.schedule
        core.bucket.replan(ends: schedule.current.ends)
        worker = CounterWorker(
            meter, processor: ProcessorMeter(lookingFor: meter, now: start.reading), from: start,
            events: sink, log: log, clock: { clock.reading })
    }

    /// Packets came, and the counters are read.
    func tick(_ packets: ArraySlice<FleetScript.Packet>) throws {
        for packet in packets {
            packet.frame.withUnsafeBytes { bytes in
                core.ingest(
                    Frame(
                        bytes: bytes, wireLength: bytes.count, time: Timestamp(packet.time),
                        linkType: .ethernet))
            }
        }
        worker.tick()
        var state = schedule.current
        core.bucket.replan(ends: state.ends)
        while let window = state.closed.first {
            schedule.takeFirst()
            state.closed.removeFirst()
            let taken = core.bucket.take(nextEnds: state.ends, core.engine.counters)
            var tally = taken.tally
            taken.counter.observe(
                &tally, readable: taken.isReadable, encrypted: taken.isEncrypted,
                isCaptured: true)
            sink.yield(.traffic(ordinal: window.ordinal, tally, taken.flows))
        }
    }

    /// The process ends: what it closed is kept, and delivered to each collector.
    func end(on group: any EventLoopGroup) async throws {
        sink.finish()
        for await window in WindowJoin(events: events) { #expect(await keeper.keep(window)) }
        await keeper.finish()
        for destination in destinations { try await deliver(to: destination, on: group) }
    }

    private func deliver(to destination: Destination, on group: any EventLoopGroup) async throws {
        let shipper = Shipper(
            destination: destination, identity: identity, keeper: keeper, group: group, log: log)
        let (keeper, name) = (keeper, destination.name)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { await shipper.run() }
            let limit = ContinuousClock.now + .seconds(600)
            while await keeper.backlog(of: name) > 0, ContinuousClock.now < limit {
                try await Task.sleep(for: .milliseconds(5))
            }
            tasks.cancelAll()
        }
        #expect(await keeper.backlog(of: name) == 0)
    }
}
