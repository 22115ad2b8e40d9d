import Attribution
import Crypto
import Logging
import Metering

/// The idle power that energy is divided with: configured, or learned and kept over restarts.
struct IdlePowerState: Sendable {
    /// Quiet windows after which the history is stored though nothing new was published: ten
    /// minutes of 10 s windows are lost at most.
    private static let storingInterval = 60

    private let configured: IdlePower?
    private let sysfs: String
    private let file: StateFile
    private let log: Logger
    private var learner: IdlePowerLearner?
    private var source: SourceDigest?
    private var unstored = 0
    private var failure: StateFileError?

    /// - Parameter milliwatts: the configured idle power; `nil`: learn it.
    init(configured milliwatts: UInt64?, sysfs: String, file: StateFile, log: Logger) {
        configured = milliwatts.map { IdlePower(milliwatts: $0, origin: .configured) }
        self.sysfs = sysfs
        self.file = file
        self.log = log
    }

    /// `nil` where it is not known.
    var power: IdlePower? { configured ?? learner?.adopted }

    /// Gets ready for a window's energy source: what was learned with another one is set aside.
    mutating func use(_ window: WindowEnergy) {
        guard configured == nil else { return }
        let digest = digest(of: window)
        guard digest != source else { return }
        source = digest
        let stored = file.read(as: Jouleflow_State_V1_IdlePowerHistory.self)
        learner =
            stored.map { IdlePowerLearner(restoring: IdlePowerHistory($0), source: digest) }
            ?? IdlePowerLearner(source: digest)
        if let power = learner?.adopted { say("idle power is known from earlier", power) }
    }

    /// Learns from a finished window.
    mutating func observe(_ window: MeteredWindow, flags: RecordFlags) {
        guard configured == nil, let outcome = learner?.observe(window.finished(flags)) else {
            return
        }
        switch outcome {
        case .refused: return
        case .adopted(let power):
            say("idle power was learned", power)
            store()
        case .learned:
            unstored += 1
            if unstored >= Self.storingInterval { store() }
        }
    }

    /// Stores what was learned since the latest time.
    mutating func store() {
        guard let history = learner?.history, !history.powers.isEmpty else { return }
        do throws(StateFileError) {
            try file.write(history.message)
            unstored = 0
            failure = nil
        } catch {
            if failure != error { log.warning("learned idle power cannot be kept: \(error)") }
            failure = error
        }
    }

    private func say(_ news: Logger.Message, _ power: IdlePower) {
        guard case .learned(let windows, let low, let high) = power.origin else { return }
        log.notice(
            news,
            metadata: [
                "watts": "\(Double(power.milliwatts) / 1000)", "quiet_windows": "\(windows)",
                "interval_watts": "\(Double(low) / 1000) to \(Double(high) / 1000)",
            ])
    }

    private func digest(of window: WindowEnergy) -> SourceDigest {
        var hash = SHA256()
        let zones = window.zones.filter { $0.counted && $0.source == window.source }
        let names = zones.flatMap { [$0.control, $0.parent, $0.name] }
        for text in [sysfs, window.source.label] + names {
            hash.update(data: Array(text.utf8) + [0])
        }
        return SourceDigest(hash.finalize().prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension MeteredWindow {
    /// What the learner needs of a window.
    fileprivate func finished(_ flags: RecordFlags) -> FinishedWindow {
        let duration = energy.closed.window.duration
        let capacity = duration.rawValue.multipliedReportingOverflow(by: energy.processors)
        return FinishedWindow(
            end: energy.closed.window.end, duration: duration, flags: flags,
            energy: energy.isSteady ? energy.energies.host.value : nil,
            busy: energy.processor.hostBusy.value,
            capacity: capacity.overflow || energy.processors == 0
                ? nil : Nanoseconds(capacity.partialValue),
            exchanges: tally.isKnown ? tally.exchanges : nil)
    }
}

extension WindowEnergy {
    /// Whether all of the host's energy was metered in this window and belongs to it. Samples of an
    /// instantaneous power will do: the power of a host at rest changes little.
    fileprivate var isSteady: Bool {
        energies.carried == nil
            && zip(zones, energies.zones).allSatisfy { zone, energy in
                guard zone.counted && zone.source == source else { return true }
                switch energy {
                case .measured, .estimated(_, .sampled): return true
                case .estimated, .bridged, .lost, .deferred: return false
                }
            }
    }
}

extension IdlePowerHistory {
    init(_ message: Jouleflow_State_V1_IdlePowerHistory) {
        self.init(
            source: SourceDigest(message.source), powers: message.powers,
            adopted: message.windows == 0
                ? nil
                : IdlePower(
                    milliwatts: message.milliwatts,
                    origin: .learned(
                        windows: message.windows, low: message.low, high: message.high)),
            latest: message.latest == 0 ? nil : Timestamp(message.latest))
    }

    var message: Jouleflow_State_V1_IdlePowerHistory {
        var message = Jouleflow_State_V1_IdlePowerHistory()
        message.source = source.rawValue
        message.powers = powers
        if let adopted, case .learned(let windows, let low, let high) = adopted.origin {
            message.milliwatts = adopted.milliwatts
            message.windows = windows
            message.low = low
            message.high = high
        }
        message.latest = latest?.rawValue ?? 0
        return message
    }
}
