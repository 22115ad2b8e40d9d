import Attribution
import EnergySources
import Logging
import Metering
import Records
import Scenarios
import Spool
import Wire

/// Makes each window's record and keeps it in the spool until it is acknowledged.
///
/// Where the spool cannot be written (disk full, read-only, permission lost), records wait in
/// memory and the spool is tried again with each window.
actor RecordKeeper {
    /// Windows that wait in memory at most; at the limit the oldest is dropped and said so.
    static let maximumWaiting = 4096
    /// Changes of flows that wait in memory at most, which is 10 MiB; beyond, the oldest are lost,
    /// and the next start says so.
    private static let maximumUnkept = 262_144
    /// A run that began because a collector holds other records is not left so soon: no collector makes an
    /// agent throw its records away again and again.
    private static let shortestRun: Duration = .seconds(3600)

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
    private var journal: FlowJournal
    /// Completions of the first waiting window that are in the spool.
    private var completionsKept = 0
    private var journalFailure: StateFileError?
    /// What became of flows and is not on disk yet.
    private var unkept: [(end: Timestamp, changes: FlowChanges)] = []
    private var counted = KeepingCounts()
    /// When the run began, where it did under way.
    private var beganAnew: ContinuousClock.Instant?
    /// How this run of the agent begins.
    nonisolated let resumption: Resumption
    /// The flows that it goes on with: whoever takes them has them alone.
    nonisolated let flows = Handover<RestoredFlows>()

    /// Opens the spool in the state directory, and what was kept beside it.
    ///
    /// - Parameter isKeyNew: whether the key that signs the records was made a moment ago: then none is
    ///   left that another has signed.
    init(
        _ settings: MeterSettings, manifest: Manifest, secret: FlowSecret, state: StateDirectory,
        destinations: [String], limits: SpoolLimits, isKeyNew: Bool = false, log: Logger
    ) throws {
        self.settings = settings
        self.manifest = manifest
        self.log = log
        spool = try Spool(
            directory: state.spool, identity: state.identity, destinations: destinations,
            limits: limits)
        idle = IdlePowerState(
            configured: settings.idleMilliwatts, sysfs: settings.energy.sysfs,
            file: StateFile(path: state.idlePower, synchronizes: true), log: log)
        baselines = Baselines(
            bootID: manifest.bootID, sysfs: settings.energy.sysfs, boundaries: [])
        baselinesFile = StateFile(path: state.baselines, synchronizes: false)
        let stored = Baselines(in: baselinesFile, log: log)
        // Windows, counters and flows are the host's, and go on also where its id has changed.
        let latest = try spool.latestRecord
        let end = latest?.end
        spool.relinquishRecords(ofOthersThan: manifest.agent, log: log)
        if isKeyNew { try spool.relinquishRunOfOtherKey(log: log) }
        journal = FlowJournal(path: state.flows, secret: secret.identity)
        var kept: StoredFlows
        do throws(StateFileError) { kept = try journal.read(upTo: end) } catch {
            throw FlowJournalError(cause: error)
        }
        if kept.isOfOtherSecret {
            log.warning(
                "the secret of flow keys has changed: flows that were counted may count once more")
        }
        // An agent without scenarios, as before its first settings, keeps no flows.
        let keptFlows = latest.map { $0.manifest?.scenarios.isEmpty != true } ?? false
        kept.isIncomplete = kept.isIncomplete && settings.counter.hasKeys && keptFlows
        if kept.isIncomplete {
            log.warning(
                """
                flows that were kept are missing: those that were counted may count once more, and the \
                next record says so
                """)
        }
        flows.give(
            RestoredFlows(secret: secret, limits: settings.flowLimits, stored: kept))
        resumption = Resumption(
            after: end, stored: stored, bootID: manifest.bootID,
            sysfs: settings.energy.sysfs)
        if !spool.recovery.isNone { Self.tell(spool.recovery, log) }
    }

    private static func tell(_ recovery: SpoolRecovery, _ log: Logger) {
        log.warning(
            recovery.isRunLost
                ? "the spool was lost: records that were not sent are missing, and a new run begins"
                : "the spool was damaged and repaired",
            metadata: [
                "torn_bytes": "\(recovery.tornBytes)",
                "corrupt_entries": "\(recovery.corruptEntries)",
                "damaged_files": "\(recovery.damagedFiles)",
            ])
    }

    /// What a connection to a destination begins with.
    func holding(for destination: String) -> Holding {
        Holding(
            run: spool.run.rawValue,
            predecessor: spool.predecessor.map { RunEnd(run: $0.run, last: $0.last) },
            first: spool.firstSequence(for: destination), next: spool.nextSequence)
    }

    /// Records that a destination does not have yet.
    func backlog(of destination: String) -> UInt64 {
        spool.nextSequence - spool.firstSequence(for: destination)
    }

    /// What was done so far, and how the spool stands.
    var counts: KeepingCounts {
        var counts = counted
        counts.waiting = waiting.count
        counts.spoolBytes = spool.bytes
        counts.dropped = spool.dropped
        counts.isFailing = failure != nil
        return counts
    }

    /// When the oldest window began that a destination does not have; `nil` where it has all, or the
    /// spool cannot be read.
    func oldestStart(for destination: String) -> Timestamp? {
        let first = spool.firstSequence(for: destination)
        guard first < spool.nextSequence else { return nil }
        let batch = try? spool.batch(
            from: first, maximumRecords: 1, maximumBytes: SpoolLimits.record)
        return batch?.records.first.flatMap { try? RecordCodec.header(of: $0) }?.window.start
    }

    /// Makes ready for windows in which other settings hold.
    func expect(_ settings: MeterSettings, manifest: Manifest) {
        later.append((settings, manifest))
    }

    /// Keeps a window. True where a record can be sent.
    func keep(_ window: MeteredWindow) -> Bool {
        waiting.append(window)
        counted.add(window)
        if waiting.count > Self.maximumWaiting {
            waiting.removeFirst()
            completionsKept = 0
            spool.noteLost(1)
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

    /// Records of `run`. Throws where another has begun.
    func batch(
        of run: UInt64, from sequence: UInt64, maximumRecords: Int, maximumBytes: Int
    ) throws -> SpoolBatch? {
        guard run == spool.run.rawValue else { throw ShippingError.otherRun }
        return try spool.batch(
            from: sequence, maximumRecords: maximumRecords, maximumBytes: maximumBytes)
    }

    /// Frees records of `run`. Throws where another has begun.
    func acknowledge(of run: UInt64, through sequence: UInt64, by destination: String) throws {
        guard run == spool.run.rawValue else { throw ShippingError.otherRun }
        try spool.acknowledge(through: sequence, by: destination)
    }

    /// Leaves `run`, of which a collector says that it holds other records. False where the run began
    /// for that reason already, a moment ago.
    func leave(_ run: UInt64, because reason: String) -> Bool {
        guard run == spool.run.rawValue else { return true }
        if let beganAnew, .now - beganAnew < Self.shortestRun { return false }
        spool.relinquishRun(because: reason, log: log)
        guard run != spool.run.rawValue else { return false }
        beganAnew = .now
        completionsKept = 0
        return true
    }

    private func write(_ window: MeteredWindow) throws(SpoolError) {
        useSettings(of: window.energy.generation)
        idle.use(window.energy)
        let flags = flags(of: window)
        do throws(RecordError) {
            let current = manifest(for: window)
            if current != manifest || manifestBytes.isEmpty {
                manifestBytes = try RecordCodec.encode(current)
                manifest = current
            }
        } catch {
            spool.noteLost(1)
            log.error("a window was lost: its manifest cannot be written: \(error)")
            return
        }
        try spool.use(manifest: manifestBytes)
        // First the baseline and the flows, then the record: a kill between them leaves the state
        // before it.
        if let baseline = window.energy.baseline { keepBaseline(baseline) }
        keepFlows(of: window)
        try keepRecords(of: window, flags)
        idle.observe(window, flags: flags)
    }

    /// Puts a window's completions into the spool, and then its record, which makes them count.
    private func keepRecords(of window: MeteredWindow, _ flags: RecordFlags) throws(SpoolError) {
        let completions = window.tally.completions
        // Where the spool fails between them, those that are in it are not put there again.
        while completionsKept < completions.count {
            let part = completions[completionsKept...].prefix(RecordCodec.maximumCompletions)
            let entry = Completions(
                run: spool.run, sequence: spool.nextSequence,
                manifest: RecordCodec.digest(ofManifest: manifestBytes),
                window: window.energy.closed.window, flows: Array(part))
            if let bytes = encoded({ () throws(RecordError) in try RecordCodec.encode(entry) }) {
                _ = try spool.append(bytes)
                counted.spooled += 1
            }
            completionsKept += part.count
        }
        let record = record(window, flags)
        if let bytes = encoded({ () throws(RecordError) in try RecordCodec.encode(record) }) {
            _ = try spool.append(bytes)
            counted.spooled += 1
        }
        completionsKept = 0
    }

    private func encoded(_ encode: () throws(RecordError) -> [UInt8]) -> [UInt8]? {
        do throws(RecordError) { return try encode() } catch {
            spool.noteLost(1)
            log.error("a window was lost: its record cannot be written: \(error)")
            return nil
        }
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

    /// Keeps what was learned, before the agent ends, and counts the windows that end with it.
    func finish() {
        idle.store()
        if !waiting.isEmpty { spool.noteLost(UInt64(waiting.count)) }
    }

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

    /// Adds what became of a window's flows to the file, and of those before it that could not be
    /// added. What cannot be now waits, within a limit.
    private func keepFlows(of window: MeteredWindow) {
        let end = window.energy.closed.window.end
        guard settings.counter.hasKeys || !window.flows.states.isEmpty || !unkept.isEmpty else {
            // Where it cannot, a later start with keys says that flows may be missing.
            try? journal.rest()
            return
        }
        // A window whose record cannot be stored comes again; the file takes it once.
        if unkept.last?.end != end { unkept.append((end, window.flows)) }
        do throws(StateFileError) {
            while let next = unkept.first {
                try journal.append(next.changes, end: next.end)
                unkept.removeFirst()
            }
            if journalFailure != nil { log.notice("flows can be kept again") }
            journalFailure = nil
        } catch {
            if journalFailure != error {
                log.error(
                    "flows wait in memory: if the agent ends now, some may be counted twice: \(error)"
                )
            }
            journalFailure = error
            limitUnkept()
        }
    }

    private func limitUnkept() {
        while unkept.reduce(0, { $0 + $1.changes.states.count }) > Self.maximumUnkept {
            unkept.removeFirst()
            log.error("flows are lost: they could not be kept for too long")
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
                ServiceCounts(flows: $0.flows, areKnown: areKnown, busy: $0.busy)
            },
            weights: settings.counter.scenarios.map(StandardWeights.weight(of:)),
            rule: settings.division)
    }
}

extension Tally {
    /// Whether the counts of every scenario with a rule are known.
    var isKnown: Bool {
        scenarios.allSatisfy { $0.observation.isKnown || $0.observation == .noRule }
    }
}
