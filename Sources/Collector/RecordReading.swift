import Assessment
import Metering
import Records
import Rounds
import Store

/// Turns stored bytes into what rounds are made of, and counts what it cannot read.
struct RecordReading {
    private let store: any RecordSource
    private var manifests: [ManifestDigest: Manifest?] = [:]
    private(set) var records: UInt64 = 0
    /// Records that do not decode, do not fit the manifest they name, or are kept as of another time than they
    /// tell.
    private(set) var unreadable: UInt64 = 0
    /// Where the first few of them are.
    private(set) var unreadablePlaces: [String] = []
    /// Records whose energy is not the sum of its zones or of its parts, or contradicts its zones'
    /// states or its source: their energy is left out.
    private(set) var inconsistent: UInt64 = 0
    /// The period's exchanges by rule.
    private(set) var rules: RuleTotals
    /// Whether the store's rows of completions, by which flows that several hosts completed are found, are
    /// not those of the entries' bytes, or the record of such a window is not what its row says.
    private(set) var hasAlteredCompletions = false
    /// What the completions told of the window whose record is to come.
    private var told: ToldFlows?
    private var completions = CompletionSum()
    private var read = ReadEntries()
    private static let places = 4

    init(_ store: any RecordSource, of period: Interval) {
        self.store = store
        rules = RuleTotals(of: period)
    }

    /// What rounds need of a window's record, given in the store's order; `nil` for completions and
    /// for what cannot be read.
    mutating func roundRecord(_ stored: StoredRecord) throws -> RoundRecord? {
        read.add(stored)
        guard stored.kind == .window else {
            try take(completions: stored)
            return nil
        }
        let told = told.flatMap { $0.window == ToldFlows.Window(stored) ? $0 : nil }
        self.told = nil
        records += 1
        guard let manifest = try manifest(stored.manifest),
            let record = Self.record(in: stored, under: manifest)
        else {
            leaveOut(stored)
            return nil
        }
        // Completions of a window that no agent counted were cut off.
        let counted = record.flags.contains(.agentStopped) ? nil : told
        rules.add(record, of: stored.agent, manifest)
        let energy = Self.energy(of: record, manifest)
        if record.energy.value != nil, energy.value == nil { inconsistent += 1 }
        return RoundRecord(
            host: stored.agent, run: record.run, sequence: record.sequence, window: record.window,
            energy: energy, carriedTime: record.carried?.time ?? .zero, source: manifest.source,
            others: record.carried == nil ? others(in: record, manifest) : [:],
            scope: manifest.scope,
            scenarios: manifest.scenarios, tally: record.tally,
            flows: Self.flows(manifest, counted),
            flags: manifest.simulated ? record.flags.union(.simulated) : record.flags,
            spoolDropped: record.spoolDropped, clockError: record.clockError,
            origin: RecordOrigin(
                bootID: manifest.bootID, softwareVersion: manifest.softwareVersion,
                rulesDigest: manifest.rulesDigest,
                attribution: AttributionRule(model: manifest.model, idle: manifest.idleRule)))
    }

    /// A window's record; `nil` where its bytes are none, do not fit its manifest, or tell another time, place or
    /// host than it is kept as.
    static func record(in stored: StoredRecord, under manifest: Manifest) -> Record? {
        guard manifest.agent == stored.agent,
            let record = try? RecordCodec.decode(stored.bytes),
            record.run == stored.run, record.sequence == stored.sequence,
            record.window.start == stored.start, record.window.end == stored.end,
            record.manifest == stored.manifest, record.zones.count == manifest.zones.count,
            record.tally.scenarios.count == manifest.scenarios.count
        else { return nil }
        return record
    }

    private mutating func take(completions stored: StoredRecord) throws {
        let window = ToldFlows.Window(stored)
        if told?.window != window { told = ToldFlows(window) }
        guard let manifest = try manifest(stored.manifest), manifest.agent == stored.agent,
            let completions = Completions.told(in: stored.bytes, under: manifest)
        else { return leaveOut(stored) }
        told?.add(completions)
        self.completions.add(completions.incoming(manifest), of: stored)
    }

    /// A place of a flow that has several; `nil` where no agent counted its window, or the bytes of its
    /// window's record are not of it. The bytes say so: columns of the store's rows are not signed.
    mutating func occurrence(_ place: RepeatedCompletion) -> FlowOccurrence? {
        switch place.isCounted {
        case true?: return FlowOccurrence(place)
        case false?: return nil
        case nil:
            hasAlteredCompletions = true
            return nil
        }
    }

    /// Holds what was read against the bytes: the rows of completions, and the times of entries. To be called
    /// within the reading of the same entries.
    mutating func compareCompletions(
        over span: Interval, receivedBy: Timestamp = Timestamp(.max)
    ) throws {
        let rows = try store.completionRows(
            from: span.start, to: span.end, receivedBy: receivedBy)
        if let rows, rows != completions { hasAlteredCompletions = true }
        var misplaced: [String] = []
        var count: UInt64 = 0
        try store.forEachMisplaced(
            from: span.start, to: span.end, receivedBy: receivedBy, read: read,
            window: { try? RecordCodec.header(of: $0).window }
        ) { stored in
            count += 1
            if misplaced.count < Self.places {
                misplaced.append("\(stored.place), kept as of another time or host")
            }
        }
        unreadable += count
        unreadablePlaces += misplaced.prefix(max(0, Self.places - unreadablePlaces.count))
    }

    /// ``unreadablePlaces`` as a text.
    var unreadableList: String {
        unreadablePlaces.joined(separator: "; ")
            + (unreadable > UInt64(unreadablePlaces.count) ? "; …" : "")
    }

    private mutating func leaveOut(_ stored: StoredRecord) {
        unreadable += 1
        if unreadablePlaces.count < Self.places { unreadablePlaces.append(stored.place) }
    }

    private static func flows(_ manifest: Manifest, _ told: ToldFlows?) -> [FlowCounting]? {
        guard !manifest.scenarioFlows.isEmpty else { return nil }
        return manifest.scenarioFlows.enumerated().map { index, flows in
            flows.deduplication == .fleet
                ? .fleet(secret: manifest.flowSecretID, told: told?.flows[index] ?? 0)
                : .alone(flows.deduplication)
        }
    }

    private mutating func manifest(_ digest: ManifestDigest) throws -> Manifest? {
        if let known = manifests[digest] { return known }
        let bytes = try store.manifest(digest)
        let manifest = bytes.flatMap {
            RecordCodec.digest(ofManifest: $0) == digest ? try? RecordCodec.decodeManifest($0) : nil
        }
        manifests[digest] = .some(manifest)
        return manifest
    }

    /// What each source but the primary tells, where all of its counted zones do.
    private func others(
        in record: Record, _ manifest: Manifest
    ) -> [EnergySourceKind: Microjoules] {
        var sums: [EnergySourceKind: Microjoules?] = [:]
        for (zone, description) in zip(record.zones, manifest.zones)
        where description.counted && description.source != manifest.source {
            let sum = sums[description.source, default: .zero]
            sums[description.source] = .some(
                sum.flatMap { sum in zone.energy.value.map { sum + $0 } })
        }
        return sums.compactMapValues { $0 }
    }

    /// The host's energy by state and use; malformed where the record contradicts itself.
    static func energy(
        of record: Record, _ manifest: Manifest
    ) -> Known<RoundRecord.Energy, EnergyReason> {
        if case .unknown(let reason) = record.energy { return .unknown(reason) }
        let energy = states(of: record, manifest).flatMap { self.energy(of: record, manifest, $0) }
        return energy.map { .known($0) } ?? .unknown(.malformed)
    }

    /// The same of a record whose states are those.
    static func energy(
        of record: Record, _ manifest: Manifest, _ states: EnergyByState
    ) -> RoundRecord.Energy? {
        record.partition.flatMap {
            RoundRecord.Energy(
                byState: states, byUse: EnergyByUse($0, scenarios: manifest.scenarios))
        }
    }

    /// The host's energy by state; `nil` where it is not known, or the record contradicts itself.
    static func states(of record: Record, _ manifest: Manifest) -> EnergyByState? {
        guard let total = record.energy.value, isConsistent(record, manifest) else { return nil }
        var states = EnergyByState()
        if let carried = record.carried { states.add(carried.energy, .bridged) }
        for (zone, description) in zip(record.zones, manifest.zones)
        where description.counted && description.source == manifest.source {
            if let energy = zone.energy.value { states.add(energy, zone.state) }
        }
        // A sum at the clamp tells nothing: no host has used 18 TJ.
        guard states.total == total, total < Microjoules(.max),
            let partition = record.partition, partition.total == total,
            partition.scenarios.count <= manifest.scenarios.count
        else { return nil }
        return states
    }

    /// Whether the host's energy may be known, as its zones and its source are.
    private static func isConsistent(_ record: Record, _ manifest: Manifest) -> Bool {
        let counted = zip(record.zones, manifest.zones).filter { _, description in
            description.counted && description.source == manifest.source
        }
        // A window in which no agent ran, and a model's, is never plainly measured.
        let canBeMeasured = !record.flags.contains(.agentStopped) && manifest.source != .model
        return manifest.source != .none && manifest.scope == manifest.source.scope
            && !counted.isEmpty
            && counted.allSatisfy { zone, _ in
                zone.energy.value != nil && (canBeMeasured || zone.state != .measured)
                    && (manifest.source != .model || zone.state == .estimated)
            }
    }
}
