package import Metering

/// Names the energy source that idle power was learned with: a digest of all that decides what
/// its joules cover (kind, zones or sensors, root). Another source starts anew.
package struct SourceDigest: Sendable, Hashable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What is kept of the quiet windows: the learner's whole state, for the caller to store.
package struct IdlePowerHistory: Sendable, Hashable {
    package var source: SourceDigest
    /// Mean powers of the latest quiet windows in milliwatts, oldest first; each 1 to 100,000,000,
    /// at most `IdlePowerLearner.capacity` of them.
    package var powers: [UInt32]
    /// What was published last; `nil` before the first time.
    package var adopted: IdlePower?
    /// The end of the latest quiet window, to tell how old the knowledge is.
    package var latest: Timestamp?

    package init(
        source: SourceDigest, powers: [UInt32] = [], adopted: IdlePower? = nil,
        latest: Timestamp? = nil
    ) {
        self.source = source
        self.powers = powers
        self.adopted = adopted
        self.latest = latest
    }
}

/// Learns the host's idle power from quiet windows. See docs/attribution.md, "Idle power".
///
/// The estimate is the median of the mean powers of the latest quiet windows: half of them may be
/// disturbed without moving it out of the others' range. It is never inferred from use: a host's
/// power need not fall to its idle power on the line that its busy windows lie on.
///
/// What is published, ``adopted``, changes only where the estimate has moved by more than 1 %, or
/// rests on twice as many windows, so that it does not change with every window.
package struct IdlePowerLearner: Sendable {
    /// Quiet windows remembered; the oldest gives way. An hour of quiet in windows of 10 s, so that
    /// a lasting change of idle power is followed after half an hour of it.
    package static let capacity = 360
    /// Quiet windows before anything is published: of 30, the interval lies between the 10th and
    /// the 21st, so that nine disturbed ones at either end do not widen it.
    package static let fewestWindows = 30
    /// How long it must have been quiet before a window counts: fans, and meters that show an
    /// average of the past, take their time to come to rest.
    package static let settling = Nanoseconds.seconds(10)

    /// What a window did to the knowledge of idle power.
    package enum Outcome: Sendable, Hashable {
        case refused(IdlePowerRefusal)
        /// Taken into the history.
        case learned
        /// Taken, and ``IdlePowerLearner/adopted`` is new.
        case adopted(IdlePower)
    }

    /// The state to store; storing it after each outcome `adopted`, and at the end, is enough.
    package private(set) var history: IdlePowerHistory
    /// How long it has been quiet without a break.
    private var quiet = Nanoseconds.zero

    /// A learner that knows nothing yet.
    package init(source: SourceDigest) { history = IdlePowerHistory(source: source) }

    /// Goes on from `stored`, or starts anew where it was learned with another source or holds a
    /// power that no learner would have stored.
    package init(restoring stored: IdlePowerHistory, source: SourceDigest) {
        self.init(source: source)
        let powers = Array(stored.powers.suffix(Self.capacity))
        guard stored.source == source, powers.allSatisfy(Self.isPlausible) else { return }
        history.powers = powers
        history.latest = stored.latest
        if let adopted = stored.adopted, isPlausible(adopted) { history.adopted = adopted }
        adoptIfDue()
    }

    /// The idle power to attribute by; `nil` where it is not known.
    package var adopted: IdlePower? { history.adopted }

    /// The estimate from all quiet windows remembered; `nil` where they are too few.
    package var estimate: IdlePower? {
        guard history.powers.count >= Self.fewestWindows,
            let interval = MedianInterval(of: history.powers)
        else { return nil }
        let windows = UInt64(history.powers.count)
        return IdlePower(
            milliwatts: interval.median,
            origin: .learned(windows: windows, low: interval.low, high: interval.high))
    }

    /// Takes the next finished window, in the order of time and without leaving one out.
    package mutating func observe(_ window: FinishedWindow) -> Outcome {
        let power: UInt32
        do throws(IdlePowerRefusal) { power = try QuietWindow.power(of: window) } catch {
            quiet = .zero
            return .refused(error)
        }
        let before = quiet
        quiet += window.duration
        guard before >= Self.settling else { return .refused(.settling) }
        if history.powers.count >= Self.capacity { history.powers.removeFirst() }
        history.powers.append(power)
        history.latest = window.end
        return adoptIfDue() ? adopted.map(Outcome.adopted) ?? .learned : .learned
    }

    /// Publishes the estimate where it says something new; whether it did.
    @discardableResult private mutating func adoptIfDue() -> Bool {
        guard let estimate, isNews(estimate) else { return false }
        history.adopted = estimate
        return true
    }

    private func isNews(_ estimate: IdlePower) -> Bool {
        guard let adopted, case .learned(let before, _, _) = adopted.origin,
            case .learned(let now, _, _) = estimate.origin
        else { return true }
        let (a, b) = (adopted.milliwatts, estimate.milliwatts)
        return (max(a, b) - min(a, b)) * 100 > a || now >= before.addingClamped(before)
    }

    private static func isPlausible(_ power: UInt32) -> Bool {
        (1...QuietWindow.highestPower).contains(UInt64(power))
    }

    /// Whether `adopted` can have been published from the present history or an earlier one.
    private func isPlausible(_ adopted: IdlePower) -> Bool {
        guard case .learned(let windows, let low, let high) = adopted.origin else { return false }
        return windows >= Self.fewestWindows && windows <= history.powers.count
            && 1 <= low && low <= adopted.milliwatts && adopted.milliwatts <= high
            && high <= QuietWindow.highestPower
    }
}
