import Metering
import Records
import Rounds
import Store

/// What records add to hourly roll-ups, with the arithmetic of rounds: a window that reaches over the end
/// of an hour gives each side its share of the energy by time, in whole microjoules that sum to the window's;
/// its counts belong to the hour of its last nanosecond.
enum RecordParts {
    /// Hours that a window may touch with the time its energy was carried over; of a longer one only the
    /// counts are kept, and that there was one.
    static let hours: UInt64 = 1_024

    /// What a batch adds. `manifest` gives the one that an entry names; it was found before.
    static func of(
        _ records: [IncomingRecord],
        manifest: @escaping @Sendable (ManifestDigest) throws -> Manifest
    ) -> BatchParts {
        var parts = HourParts()
        var latest: (digest: ManifestDigest, manifest: Manifest?)?
        for record in records {
            if latest?.digest != record.manifest {
                latest = (record.manifest, try? manifest(record.manifest))
            }
            let known = latest?.manifest
            for part in of(record, { _ in known }) { parts.add(part) }
        }
        return BatchParts(all: parts.finish()) { of($0, manifest) }
    }

    private static func of(
        _ record: IncomingRecord, _ manifest: (ManifestDigest) throws -> Manifest?
    ) -> [HourPart] {
        guard record.kind == .window else { return [] }
        return of(record.bytes, record.window, (try? manifest(record.manifest)) ?? nil)
    }

    /// What the bytes of a window's record add; `window` is what stands in them.
    static func of(_ bytes: [UInt8], _ window: Window, _ manifest: Manifest?) -> [HourPart] {
        let last = lastNanosecond(of: window)
        guard let manifest, let record = try? RecordCodec.decode(bytes),
            record.zones.count == manifest.zones.count,
            record.tally.scenarios.count == manifest.scenarios.count
        else {
            var sums = Rollup()
            sums[.records] = 1
            sums[.unreadable] = 1
            return [HourPart(hour: hour(of: last), sums: sums)]
        }
        return of(record, manifest)
    }

    /// What a window's record adds.
    static func of(_ record: Record, _ manifest: Manifest) -> [HourPart] {
        let last = lastNanosecond(of: record.window)
        let start = record.window.start.rawValue
        let carried = record.carried?.time.rawValue ?? 0
        let states = record.energy.value.flatMap { _ in RecordReading.states(of: record, manifest) }
        let energyStart = states == nil ? start : start - min(start, carried)
        let (first, counting) = (hour(of: energyStart), hour(of: last))
        var counts = Rollup()
        count(record, manifest, isInconsistent: states == nil, &counts)
        guard UInt64(clamping: counting - first) < hours else {
            counts[.unplaced] = 1
            return [HourPart(hour: counting, sums: counts)]
        }
        if first == counting {
            cover(record, energyStart...last, states != nil, &counts)
            if let states, let partition = record.partition {
                add(states, partition, manifest, &counts)
            }
            return [HourPart(hour: counting, sums: counts)]
        }
        let energy = states.flatMap { RecordReading.energy(of: record, manifest, $0) }
        let span = Interval(start: energyStart, end: last + 1)
        return divided(energy, over: span, first...counting).map { hour, energy, within in
            var sums = hour == counting ? counts : Rollup()
            note(record, manifest, &sums)
            cover(record, within, states != nil, &sums)
            if let energy { add(energy, manifest, &sums) }
            return HourPart(hour: hour, sums: sums)
        }
    }

    private struct Interval {
        let start: UInt64
        let end: UInt64
    }

    /// A window whose end is not after its start is an instant at its start.
    private static func lastNanosecond(of window: Window) -> UInt64 {
        max(window.end.rawValue, window.start.rawValue.addingClamped(1)) - 1
    }

    private static func hour(of nanosecond: UInt64) -> Int64 {
        Int64(nanosecond / HourPart.length)
    }

    /// The energy of each hour that a span touches, and the nanoseconds of the span within it.
    private static func divided(
        _ energy: RoundRecord.Energy?, over span: Interval, _ hours: ClosedRange<Int64>
    ) -> [(Int64, RoundRecord.Energy?, ClosedRange<UInt64>)] {
        let within = hours.map { hour in
            let start = UInt64(hour) * HourPart.length
            return max(start, span.start)...min(start + HourPart.length, span.end) - 1
        }
        let shares = energy?.divided(by: within.map { $0.upperBound - $0.lowerBound + 1 })
        return zip(hours, within).enumerated().map { index, one in
            (one.0, shares?[index], one.1)
        }
    }

    private static func note(_ record: Record, _ manifest: Manifest, _ sums: inout Rollup) {
        sums.flags.formUnion(record.flags)
        if manifest.simulated { sums.flags.insert(.simulated) }
        sums.note(manifest.source, manifest.scope)
    }

    private static func count(
        _ record: Record, _ manifest: Manifest, isInconsistent: Bool, _ sums: inout Rollup
    ) {
        note(record, manifest, &sums)
        sums[.records] = 1
        if record.energy.value == nil {
            sums[.energyUnknown] = 1
        } else if isInconsistent {
            sums[.inconsistent] = 1
        }
        let counted: [(RecordFlags, Rollup.Figure)] = [
            (.partial, .partial), (.clockStepped, .clockStepped), (.suspended, .suspended),
            (.agentStopped, .agentStopped), (.countsDoubtful, .doubtful), (.degraded, .degraded),
        ]
        if !record.flags.isSubset(of: .simulated) {
            for (flag, figure) in counted where record.flags.contains(flag) { sums[figure] = 1 }
        }
        if record.clockError == nil { sums[.unsynchronised] = 1 }
        sums.clockError = record.clockError
        sums[.packets] = record.tally.packets
        sums[.exchanges] = record.tally.exchanges
        sums[.losses] = record.tally.losses.countable
        let ran = !record.flags.contains(.agentStopped)
        for (index, tally) in record.tally.scenarios.enumerated() {
            let place = sums.place(of: manifest.scenarios[index], hint: index)
            sums.count(tally, at: place, ran: ran)
        }
    }

    /// How much of `within`, which begins where the energy does, the window covers, and for how much of it
    /// energy and counts are known.
    private static func cover(
        _ record: Record, _ within: ClosedRange<UInt64>, _ hasEnergy: Bool, _ sums: inout Rollup
    ) {
        let window = record.window
        // An instant has no extent and covers nothing.
        guard window.end > window.start else { return }
        let start = max(window.start.rawValue, within.lowerBound)
        let inWindow = start > within.upperBound ? 0 : within.upperBound - start + 1
        sums[.recordTime] = inWindow
        if hasEnergy { sums[.energyTime] = within.upperBound - within.lowerBound + 1 }
        let tallies = record.tally.scenarios
        let ruled = tallies.contains { $0.observation != .noRule }
        let known = tallies.allSatisfy { $0.observation == .noRule || $0.observation.isKnown }
        if !record.flags.contains(.agentStopped), ruled, known { sums[.countTime] = inWindow }
    }

    private static func add(
        _ states: EnergyByState, _ partition: EnergyPartition, _ manifest: Manifest,
        _ sums: inout Rollup
    ) {
        sums.add(states)
        sums[.other] = partition.other.rawValue
        sums[.background] = partition.background.rawValue
        sums[.unmonitored] = partition.unmonitored.rawValue
        sums[.idle] = partition.idle.rawValue
        sums[.undivided] = partition.undivided.rawValue
        for (index, energy) in partition.scenarios.enumerated() where energy > .zero {
            guard index < manifest.scenarios.count else { break }
            let place = sums.place(of: manifest.scenarios[index], hint: index)
            sums[place, .energy] = sums[place, .energy].addingClamped(energy.rawValue)
        }
    }

    private static func add(
        _ energy: RoundRecord.Energy, _ manifest: Manifest, _ sums: inout Rollup
    ) {
        sums.add(energy.byState)
        let use = energy.byUse
        sums[.other] = use.other.rawValue
        sums[.background] = use.background.rawValue
        sums[.unmonitored] = use.unmonitored.rawValue
        sums[.idle] = use.idle.rawValue
        sums[.undivided] = use.undivided.rawValue
        for (index, scenario) in manifest.scenarios.enumerated() {
            guard let share = use.scenarios[scenario], share > .zero else { continue }
            sums[sums.place(of: scenario, hint: index), .energy] = share.rawValue
        }
    }
}

extension Rollup {
    fileprivate mutating func add(_ states: EnergyByState) {
        self[.measured] = states.measured.rawValue
        self[.bridged] = states.bridged.rawValue
        self[.estimated] = states.estimated.rawValue
    }

    fileprivate mutating func count(_ tally: ScenarioTally, at place: Int, ran: Bool) {
        let counts: [(ScenarioFigure, UInt64)] = [
            (.requests, tally.requests), (.flows, tally.flows), (.completed, tally.completed),
            (.refused, tally.refused), (.failed, tally.failed), (.incomplete, tally.incomplete),
            (.duplicates, tally.duplicates),
        ]
        for (figure, count) in counts where count > 0 {
            self[place, figure] = self[place, figure].addingClamped(count)
        }
        let observed: ScenarioFigure =
            switch tally.observation {
            case .seen: .seen
            case .quiet: .quiet
            case .encrypted: .encrypted
            case .notCaptured: .notCaptured
            case .noRule: .noRule
            }
        // What an agent that did not run could not see is told by the time that is covered.
        if ran || tally.observation.isKnown { self[place, observed] &+= 1 }
    }
}

extension TrafficLosses {
    /// What may each hide one exchange or have one counted twice: as `CountLoss` counts it.
    fileprivate var countable: UInt64 {
        max(kernelDrops, undatedDrops).addingClamped(interfaceDrops).addingClamped(gaps)
            .addingClamped(evicted).addingClamped(unread).addingClamped(shed)
            .addingClamped(keyless).addingClamped(forgottenKeys).addingClamped(unjoined)
    }
}
