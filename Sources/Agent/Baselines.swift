import EnergySources
import Logging
import Metering

/// Where a window ended and the counters stood then: what a later run of the agent goes on from.
struct MeterBaseline: Sendable, Hashable {
    let boundary: WindowBoundary
    let zones: [ZoneBaseline]
    /// The energy meter's.
    let pending: CarriedEnergy?
}

/// What is kept of the counters between two runs.
struct Baselines: Sendable, Hashable {
    /// The kernel's boot id.
    var bootID: String
    var sysfs: String
    /// The newest window's and the one's before it.
    var boundaries: [MeterBaseline]

    /// Boundaries kept: the newest, whose record may not have been kept, and the one before it.
    static let depth = 2

    /// Puts a newer boundary in front.
    mutating func add(_ baseline: MeterBaseline) {
        boundaries.insert(baseline, at: 0)
        if boundaries.count > Self.depth { boundaries.removeLast(boundaries.count - Self.depth) }
    }
}

/// How a run of the agent begins after another one ended.
enum Resumption: Sendable {
    /// Nothing is known of another run.
    case none
    /// The latest record ends here; nothing else is known: another boot, another root of the
    /// counters, or no baselines.
    case afterRecord(Timestamp)
    /// The latest record ends where these counters stood, in this boot.
    case from(MeterBaseline)

    /// - Parameters:
    ///   - end: where the window of the spool's latest record ends; `nil` where the spool holds no
    ///     record.
    ///   - stored: what was kept beside it.
    init(after end: Timestamp?, stored: Baselines?, bootID: String, sysfs: String) {
        let boundaries = stored?.boundaries ?? []
        let isSame = !bootID.isEmpty && stored?.bootID == bootID && stored?.sysfs == sysfs
        let latest = end ?? boundaries.first?.boundary.label
        guard let latest else {
            self = .none
            return
        }
        let match = boundaries.first { $0.boundary.label == latest }
        self = isSame ? match.map { .from($0) } ?? .afterRecord(latest) : .afterRecord(latest)
    }
}

extension Resumption {
    /// The windows from `start` on, and those in which no agent ran.
    func windows(
        from start: ClockReading, length: Nanoseconds
    ) -> (open: WindowSequence, missed: [ClosedWindow]) {
        let fresh = WindowSequence(from: start, length: length)
        switch self {
        case .none: return (fresh, [])
        case .afterRecord(let end):
            return (fresh, WindowSequence.missed(from: end, to: start.realtime, length: length))
        case .from(let baseline):
            var windows = WindowSequence(resumingAt: baseline.boundary, length: length)
            let missed = windows.miss(upTo: start)
            return (windows, missed)
        }
    }

    /// The same where this much may have been missed; a baseline so old is none.
    func limited(to start: ClockReading, length: Nanoseconds) -> Resumption {
        guard case .from(let baseline) = self else { return self }
        let label = baseline.boundary.label
        let missing = UInt128(start.realtime.since(label).rawValue)
        let isUsable =
            missing <= UInt128(length.rawValue) * UInt128(WindowSequence.maximumMissed)
            && baseline.boundary.boottime <= start.boottime
            && baseline.boundary.clock.boottime <= start.boottime
            && baseline.zones.allSatisfy { $0.readAt <= start.boottime }
        return isUsable ? self : .afterRecord(label)
    }
}

extension Baselines {
    /// What the file holds; `nil` where there is none, or it cannot be read, which is told.
    init?(in file: StateFile, log: Logger) {
        do throws(StateFileError) {
            guard let message = try file.readOrFail(as: Jouleflow_State_V1_Baselines.self) else {
                return nil
            }
            self.init(message)
        } catch {
            log.warning(
                """
                where the counters stood cannot be read, and the energy of the time without an agent \
                is lost: \(error)
                """)
            return nil
        }
    }

    init(_ message: Jouleflow_State_V1_Baselines) {
        bootID = message.bootID
        sysfs = message.sysfs
        boundaries = message.boundaries.prefix(Self.depth).map(MeterBaseline.init)
    }

    var message: Jouleflow_State_V1_Baselines {
        var message = Jouleflow_State_V1_Baselines()
        message.bootID = bootID
        message.sysfs = sysfs
        message.boundaries = boundaries.map(\.message)
        return message
    }
}

extension MeterBaseline {
    fileprivate init(_ message: Jouleflow_State_V1_Boundary) {
        boundary = WindowBoundary(
            label: Timestamp(message.label), boottime: Nanoseconds(message.boottime),
            clock: ClockReading(
                realtime: Timestamp(message.clockRealtime),
                boottime: Nanoseconds(message.clockBoottime),
                monotonic: Nanoseconds(message.clockMonotonic)))
        zones = message.zones.map {
            ZoneBaseline(
                control: $0.control, name: $0.name, parent: $0.parent, ordinal: Int($0.ordinal),
                value: $0.value, readAt: Nanoseconds($0.boottime),
                awakeAt: Nanoseconds($0.monotonic), beyond: $0.beyond)
        }
        pending =
            message.pendingTime == 0
            ? nil
            : CarriedEnergy(
                energy: Microjoules(message.pendingEnergy), time: Nanoseconds(message.pendingTime))
    }

    fileprivate var message: Jouleflow_State_V1_Boundary {
        var message = Jouleflow_State_V1_Boundary()
        message.label = boundary.label.rawValue
        message.boottime = boundary.boottime.rawValue
        message.clockRealtime = boundary.clock.realtime.rawValue
        message.clockBoottime = boundary.clock.boottime.rawValue
        message.clockMonotonic = boundary.clock.monotonic.rawValue
        message.zones = zones.map(\.message)
        message.pendingEnergy = pending?.energy.rawValue ?? 0
        message.pendingTime = pending?.time.rawValue ?? 0
        return message
    }
}

extension ZoneBaseline {
    fileprivate var message: Jouleflow_State_V1_ZoneBaseline {
        var message = Jouleflow_State_V1_ZoneBaseline()
        message.control = control
        message.name = name
        message.parent = parent
        message.ordinal = UInt32(clamping: ordinal)
        message.value = value
        message.boottime = readAt.rawValue
        message.monotonic = awakeAt.rawValue
        message.beyond = beyond
        return message
    }
}
