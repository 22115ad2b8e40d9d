import Attribution
import EnergySources
import Logging
import Metering
import Records
import Spool

/// Makes each window's record and keeps it in the spool until it is acknowledged.
///
/// Where the spool cannot be written (disk full, read-only, permission lost), records wait in
/// memory and the spool is tried again with each window.
actor RecordKeeper {
    /// Windows that wait in memory at most; at the limit the oldest is dropped and said so.
    static let maximumWaiting = 4096

    private let settings: MeterSettings
    private var manifest: Manifest
    private var manifestBytes: [UInt8] = []
    private let spool: Spool
    private let log: Logger
    private var waiting: [MeteredWindow] = []
    private var failure: SpoolError?

    /// Opens the spool in the state directory.
    init(
        _ settings: MeterSettings, manifest: Manifest, directory: String, log: Logger
    ) throws(SpoolError) {
        self.settings = settings
        self.manifest = manifest
        self.log = log
        spool = try Spool(directory: directory)
        let recovery = spool.recovery
        if recovery.tornBytes > 0 || recovery.corruptEntries > 0 {
            log.warning(
                "the spool was damaged and repaired",
                metadata: [
                    "torn_bytes": "\(recovery.tornBytes)",
                    "corrupt_entries": "\(recovery.corruptEntries)",
                ])
        }
    }

    var run: RunID { spool.run }
    var first: UInt64 { spool.firstSequence }
    var next: UInt64 { spool.nextSequence }
    var acknowledged: UInt64 { spool.acknowledged }
    /// Records that are not acknowledged yet.
    var backlog: UInt64 { spool.nextSequence - 1 - min(spool.acknowledged, spool.nextSequence - 1) }

    /// Keeps a window. True where a record can be sent.
    func keep(_ window: MeteredWindow) -> Bool {
        waiting.append(window)
        if waiting.count > Self.maximumWaiting {
            waiting.removeFirst()
            log.error("a window was lost: the spool could not be written for too long")
        }
        do throws(SpoolError) {
            while let window = waiting.first {
                try write(window)
                waiting.removeFirst()
            }
            if failure != nil { log.notice("the spool can be written again") }
            failure = nil
            return true
        } catch {
            if failure != error {
                log.error("records wait in memory: \(error)")
                failure = error
            }
            return false
        }
    }

    /// The number of windows that are in memory alone.
    var unstored: Int { waiting.count }

    func batch(from sequence: UInt64, maximumRecords: Int, maximumBytes: Int) throws(SpoolError)
        -> SpoolBatch?
    {
        try spool.batch(
            from: sequence, maximumRecords: maximumRecords, maximumBytes: maximumBytes)
    }

    func acknowledge(through sequence: UInt64) throws(SpoolError) {
        try spool.acknowledge(through: sequence)
    }

    private func write(_ window: MeteredWindow) throws(SpoolError) {
        let bytes: [UInt8]
        do throws(RecordError) {
            let current = manifest(for: window)
            if current != manifest || manifestBytes.isEmpty {
                manifestBytes = try RecordCodec.encode(current)
                manifest = current
            }
            bytes = try RecordCodec.encode(record(window))
        } catch {
            log.error("a window was lost: its record cannot be written: \(error)")
            return
        }
        try spool.use(manifest: manifestBytes)
        _ = try spool.append(bytes)
    }

    private func manifest(for window: MeteredWindow) -> Manifest {
        var current = manifest
        current.zones = window.energy.zones
        let hasCounted = current.zones.contains(where: \.counted)
        current.source = hasCounted ? .rapl : .none
        current.scope = hasCounted ? .processorAndMemory : .none
        return current
    }

    private func record(_ window: MeteredWindow) -> Record {
        let closed = window.energy.closed
        let energy = EnergyMeter.hostEnergy(window.energy.energies, of: window.energy.zones)
        var flags = closed.flags
        if settings.isSimulated { flags.insert(.simulated) }
        if window.tally.isDoubtful { flags.insert(.countsDoubtful) }
        let division = energy.value.map { divide($0, window) }
        if division?.busyTimeRaised == true { flags.insert(.busyTimeRaised) }
        return Record(
            run: spool.run, sequence: spool.nextSequence,
            manifest: RecordCodec.digest(ofManifest: manifestBytes), window: closed.window,
            flags: flags, zones: window.energy.energies, energy: energy,
            partition: division?.partition, processor: window.energy.processor,
            tally: window.tally, spoolDropped: spool.dropped, clockError: window.energy.clockError)
    }

    private func divide(_ energy: Microjoules, _ window: MeteredWindow) -> EnergyDivision {
        let areKnown = window.tally.scenarios.allSatisfy {
            $0.observation.isKnown || $0.observation == .noRule
        }
        return EnergyDivision(
            of: energy, over: window.energy.closed.window.duration,
            idleMilliwatts: settings.idleMilliwatts, processor: window.energy.processor,
            counts: window.tally.services.map {
                ServiceCounts(flows: $0.flows, areKnown: areKnown)
            },
            weights: settings.counter.scenarios.map(StandardWeights.weight(of:)))
    }
}

extension Tally {
    /// More than one exchange in a thousand may be missing.
    var isDoubtful: Bool {
        let lost = losses.kernelDrops &+ losses.gaps &+ losses.evicted
        return lost > 0 && lost.multipliedReportingOverflow(by: 1000).partialValue > exchanges
    }
}
