package import Metering

/// A window of one host: how busy it was, what it drew, and what idle power says that it draws by itself.
package struct IdleWindow: Sendable, Hashable {
    let start: Timestamp
    let seconds: Double
    let busySeconds: Double
    let joules: Double
    let idleJoules: Double

    package init(
        start: Timestamp, seconds: Double, busySeconds: Double, joules: Double, idleJoules: Double
    ) {
        self.start = start
        self.seconds = seconds
        self.busySeconds = busySeconds
        self.joules = joules
        self.idleJoules = idleJoules
    }
}

/// How windows contradict an idle power, from which all that is drawn above it is reckoned.
package enum IdlePowerDoubt: Sendable, Hashable, CustomStringConvertible {
    /// Windows that draw less, of all, and what they lack as a part of what the others draw above it.
    case below(windows: Int, of: Int, part: Double)
    /// Watts with nothing busy by a straight line through the windows, and the idle power.
    case background(Bounds, idle: Double)

    /// What windows lack may be this part of what is drawn above idle: as the error of what is held out.
    package static let mostBelow = 0.1
    /// How far the line's watts may lie from idle power, as a part of the mean power above idle: below by
    /// as much as a CPU second's price may differ from part to part, above by as much as √u bends.
    package static let reach = (below: 0.25, above: 0.5)

    /// `nil` where windows do not contradict it, or do not tell.
    package init?(_ windows: [IdleWindow], block: Int) {
        let above = windows.map { $0.joules - $0.idleJoules }
        let dynamic = above.reduce(0) { $0 + max(0, $1) }
        let lacking = above.reduce(0) { $0 + max(0, -$1) }
        if lacking > Self.mostBelow * dynamic {
            self = .below(
                windows: above.count { $0 < 0 }, of: windows.count,
                part: dynamic > 0 ? lacking / dynamic : .infinity)
            return
        }
        let seconds = windows.reduce(0) { $0 + $1.seconds }
        guard seconds > 0, let line = Self.background(windows, block: block) else { return nil }
        let idle = windows.reduce(0) { $0 + $1.idleJoules } / seconds
        let mean = dynamic / seconds
        guard
            line.high < idle - Self.reach.below * mean || line.low > idle + Self.reach.above * mean
        else { return nil }
        self = .background(line, idle: idle)
    }

    /// Watts with nothing busy, as far as windows tell.
    private static func background(_ windows: [IdleWindow], block: Int) -> Bounds? {
        var settings = RegressionSettings(
            reference: 0, weights: [nil], block: block, gates: .production)
        settings.replicates = 199
        let found = try? Regression(
            windows.map {
                RegressionWindow(
                    start: $0.start, seconds: $0.seconds, used: $0.joules, counts: [$0.busySeconds])
            }, scenarios: 1, alone: settings)
        return found?.background.interval
    }

    package var description: String {
        switch self {
        case .below(let windows, let all, let part):
            "\(windows) of \(all) windows draw less than its idle power"
                + (part.isFinite
                    ? ", and lack \((part * 100).tenths) % of what is drawn above it, at most "
                        + "\(Int(Self.mostBelow * 100)) %" : ", and none more")
                + ": it is too high"
        case .background(let line, let idle):
            "with nothing busy it draws \(line.low.tenths) to \(line.high.tenths) W by a line through its "
                + "windows, and its idle power is \(idle.tenths) W: "
                + (line.low > idle
                    ? "it is too low, or something else than CPU time draws much"
                    : "it is too high")
        }
    }
}
