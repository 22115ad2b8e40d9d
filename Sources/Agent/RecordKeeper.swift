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

    private var settings: MeterSettings
    private var manifest: Manifest
    /// Settings that hold in windows to come, with their manifests, oldest first.
    private var later: [(settings: MeterSettings, manifest: Manifest)] = []
    private var manifestBytes: [UInt8] = []
    private let spool: Spool
    private let log: Logger
    private var waiting: [MeteredWindow] = []
    private var failure: SpoolError?
    private var idle: IdlePowerState
    private var baselines: Baselines
    private let baselinesFile: StateFile
    private var baselinesFailure: StateFileError?
    /// How this run of the agent begins.
    nonisolated let resumption: Resumption

    /// Opens the spool in the state directory, and what was kept beside it.
    init(
        _ settings: MeterSettings, manifest: Manifest, state: StateDirectory, log: Logger
    ) throws(SpoolError) {
        self.settings = settings
        self.manifest = manifest
        self.log = log
        spool = try Spool(directory: state.spool)
        idle = IdlePowerState(
            configured: settings.idleMilliwatts, sysfs: settings.energy.sysfs,
            file: StateFile(path: state.idlePower, synchronizes: true), log: log)
        baselines = Baselines(
            bootID: manifest.bootID, sysfs: settings.energy.sysfs, boundaries: [])
        baselinesFile = StateFile(path: state.baselines, synchronizes: false)
        let stored = baselinesFile.read(as: Jouleflow_State_V1_Baselines.self).map(Baselines.init)
        resumption = Resumption(
            after: try spool.latestWindowEnd, stored: stored, bootID: manifest.bootID,
            sysfs: settings.energy.sysfs)
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

    /// Makes ready for windows in which other settings hold.
    func expect(_ settings: MeterSettings, manifest: Manifest) {
        later.append((settings, manifest))
    }

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
        useSettings(of: window.energy.generation)
        idle.use(window.energy)
        let flags = flags(of: window)
        do throws(RecordError) {
            let current = manifest(for: window)
            if current != manifest || manifestBytes.isEmpty {
                manifestBytes = try RecordCodec.encode(current)
                manifest = current
            }
            bytes = try RecordCodec.encode(record(window, flags))
        } catch {
            log.error("a window was lost: its record cannot be written: \(error)")
            return
        }
        try spool.use(manifest: manifestBytes)
        // First the baseline, then the record: a kill between the two leaves the one before it.
        if let baseline = window.energy.baseline { keepBaseline(baseline) }
        _ = try spool.append(bytes)
        idle.observe(window, flags: flags)
    }

    /// Goes over to the settings of a window; those of generations before it are of no more use.
    private func useSettings(of generation: Int) {
        guard generation != settings.generation else { return }
        while let next = later.first, next.settings.generation <= generation {
            settings = next.settings
            manifest = next.manifest
            manifestBytes = []
            later.removeFirst()
        }
    }

    /// Keeps what was learned, before the agent ends.
    func finish() { idle.store() }

    private func keepBaseline(_ baseline: MeterBaseline) {
        guard baselines.boundaries.first != baseline else { return }
        baselines.add(baseline)
        do throws(StateFileError) {
            try baselinesFile.write(baselines.message)
            baselinesFailure = nil
        } catch {
            if baselinesFailure != error {
                log.warning(
                    "where the counters stand cannot be kept, and a restart will lose energy: \(error)"
                )
            }
            baselinesFailure = error
        }
    }

    private func manifest(for window: MeteredWindow) -> Manifest {
        var current = manifest
        current.zones = window.energy.zones
        current.source = window.energy.source
        current.scope = window.energy.scope
        current.idle = idle.power
        return current
    }

    private func flags(of window: MeteredWindow) -> RecordFlags {
        var flags = window.energy.closed.flags
        if settings.isSimulated { flags.insert(.simulated) }
        let loss = CountLoss(of: window.tally, over: window.energy.closed.window.duration)
        if loss > .doubtful { flags.insert(.countsDoubtful) }
        if window.tally.losses.isOverloaded { flags.insert(.degraded) }
        return flags
    }

    private func record(_ window: MeteredWindow, _ windowFlags: RecordFlags) -> Record {
        let closed = window.energy.closed
        let energies = window.energy.energies
        var flags = windowFlags
        let division = energies.host.value.map { divide($0, window) }
        if division?.busyTimeRaised == true { flags.insert(.busyTimeRaised) }
        return Record(
            run: spool.run, sequence: spool.nextSequence,
            manifest: RecordCodec.digest(ofManifest: manifestBytes), window: closed.window,
            flags: flags, zones: energies.zones, energy: energies.host,
            carried: energies.carried, partition: division?.partition,
            processor: window.energy.processor,
            tally: window.tally, spoolDropped: spool.dropped, clockError: window.energy.clockError)
    }

    private func divide(_ energy: Microjoules, _ window: MeteredWindow) -> EnergyDivision {
        let areKnown = window.tally.isKnown
        return EnergyDivision(
            of: energy, carried: window.energy.energies.carried != nil,
            over: window.energy.closed.window.duration,
            idleMilliwatts: idle.power?.milliwatts, processor: window.energy.processor,
            counts: window.tally.services.map {
                ServiceCounts(flows: $0.flows, areKnown: areKnown)
            },
            weights: settings.counter.scenarios.map(StandardWeights.weight(of:)))
    }
}

extension Spool {
    /// Where the window of the latest record ends; `nil` where there is no record that can be read.
    fileprivate var latestWindowEnd: Timestamp? {
        get throws(SpoolError) {
            guard nextSequence > 1 else { return nil }
            let batch = try batch(
                from: nextSequence - 1, maximumRecords: 1, maximumBytes: SpoolLimits.record)
            let header = batch?.records.last.flatMap { try? RecordCodec.header(of: $0) }
            return header?.window.end
        }
    }
}

extension Tally {
    /// Whether the counts of every scenario with a rule are known.
    var isKnown: Bool {
        scenarios.allSatisfy { $0.observation.isKnown || $0.observation == .noRule }
    }
}
