// Hot path: handing a packet on allocates nothing.
import Attribution
import Capture
import Metering
import Scenarios
import Traffic
import Transactions

/// The engine and the counts it fills, in one place for the interfaces' handlers.
///
/// Where energy is divided by the time in flight, a meter hears of requests from the engine and of
/// exchanges from the counts. A window of the meter ends before the first packet beyond it is handed
/// on, so that what is in flight then has its part of it.
final class TrafficCore {
    let bucket: TallyBucket
    private(set) var engine: TransactionEngine
    /// Settings that were announced and do not hold yet.
    private var expected: MeterSettings?

    init(_ settings: MeterSettings, book: FlowBook, localAddresses: [[UInt8]]) {
        let bucket = TallyBucket(settings.counter, book: book, length: settings.windowLength)
        self.bucket = bucket
        engine = TransactionEngine(
            services: settings.engineServices, localAddresses: localAddresses,
            tunnels: settings.tunnelPorts, sink: { bucket.countMeasured($0) })
        bucket.begin(engine.counters)
        measure(by: settings, from: Timestamp(0))
    }

    /// The first window begins behind `before`, of which nothing counts.
    func begin(behind before: Range<Timestamp>) {
        bucket.begin(engine.counters, behind: before)
    }

    func ingest(_ frame: Frame) {
        if !bucket.isCurrent(frame.time) {
            // Other settings begin to hold where a window ends.
            changeSettings(at: frame.time)
            endMeasuring(before: frame.time)
            bucket.move(to: frame.time, engine.counters)
        }
        engine.ingest(frame)
    }

    /// Lets packet time pass.
    func advance(to time: Timestamp) {
        endMeasuring(before: time)
        engine.advance(to: time)
    }

    /// Leaves out `parts` of 256 of the connections.
    func shed(parts: UInt16) { engine.shed(parts: parts) }

    /// Goes on with other addresses of this host.
    func change(localAddresses: [[UInt8]]) { engine.change(localAddresses: localAddresses) }

    /// Ends all connections: the open window is the last one.
    func finish() {
        endMeasuring(before: bucket.openEnd)
        engine.finish()
    }

    /// Ends the open window. Those after it end at `nextEnds`.
    func take(nextEnds: [Timestamp], endsSettings: Bool) -> TakenTally {
        endMeasuring(before: bucket.openEnd)
        return bucket.take(nextEnds: nextEnds, engine.counters, endsSettings: endsSettings)
    }

    // MARK: Other settings

    /// Announces settings that hold from `time` on.
    func expect(_ settings: MeterSettings, from time: Timestamp) {
        expected = settings
        bucket.expect(settings.counter, from: time)
    }

    /// Goes over to the settings that were announced, if they hold at `time`.
    func changeSettings(at time: Timestamp) {
        guard let settings = expected, let change = bucket.changeTime, time >= change else {
            return
        }
        endMeasuring(before: change)
        let before = engine.counters
        engine.change(
            services: settings.engineServices, localAddresses: Interfaces.localAddresses(),
            tunnels: settings.tunnelPorts)
        bucket.change(before, engine.counters)
        measure(by: settings, from: change)
        expected = nil
    }

    // MARK: Time in flight

    /// Measures by other settings from now on. What is in flight goes on, but for what was given up.
    private func measure(by settings: MeterSettings, from start: Timestamp) {
        let wasMeasured = bucket.meter != nil
        guard settings.division.model == .concurrency else {
            bucket.meter = nil
            engine.observer = nil
            return
        }
        let meter = BusyMeter(
            services: settings.ports.count, scenarios: settings.counter.scenarios.count, from: start
        )
        let bucket = bucket
        bucket.meter = meter
        engine.observer = RequestObserver(
            began: { meter.begin($0, at: $1) },
            unanswered: { request in
                meter.abandon(
                    request.service, request.mark, scenario: bucket.scenario(of: request),
                    at: request.end)
            })
        engine.forEachWaiting { request in
            wasMeasured && request.mark == .none ? .none : meter.begin(request.service, at: start)
        }
    }

    /// Ends the meter's windows that end at `time` or before.
    private func endMeasuring(before time: Timestamp) {
        guard let meter = bucket.meter else { return }
        let limit = min(time, bucket.changeTime ?? time)
        while true {
            let end = bucket.window(at: meter.start).upperBound
            guard end <= limit, end < Timestamp(.max) else { return }
            if meter.isQuiet {
                bucket.note(meter.take(), endingAt: end)
                // Nothing was in flight: neither is it in any window up to there.
                meter.beginSweep(at: max(end, bucket.window(at: limit).lowerBound))
            } else {
                endWindow(of: meter, at: end)
            }
        }
    }

    private func endWindow(of meter: BusyMeter, at end: Timestamp) {
        meter.beginSweep(at: end)
        let bucket = bucket
        engine.forEachWaiting { request in
            meter.sweep(
                request.service, request.mark, scenario: bucket.scenario(of: request),
                began: request.start)
        }
        bucket.note(meter.take(), endingAt: end)
    }
}
