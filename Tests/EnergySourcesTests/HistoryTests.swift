import Glibc
import Metering
import Testing

@testable import EnergySources

/// What happens to the hosts of a group of histories.
enum Fate: UInt64, CaseIterable {
    /// Ticks with jitter, and wraps: nothing is lost but where a range is not known.
    case calm
    /// Ticks late, and gaps up to where a counter may wrap twice.
    case late
    /// Files that fail in every way.
    case failing
    /// Texts torn, counters restarted.
    case restarting
    /// Packages unplugged and renumbered.
    case plugged
    /// Suspensions.
    case suspended
    /// The agent killed.
    case killed
    /// All of it.
    case everything
}

extension History {
    /// Lets a step of the host's life happen, and reads it.
    func live(_ fate: Fate) {
        func happens(_ kind: Fate, oneIn: UInt64) -> Bool {
            (fate == kind || fate == .everything) && host.chance(oneIn)
        }
        if host.chance(20) { host.changePower() }
        if happens(.failing, oneIn: 12) {
            let faults = SimulatedFault.texts + SimulatedFault.others
            let fault = faults[host.pick(faults.count)]
            if fault != .forbidden || geteuid() == 0 {
                host.breakFile(host.pick(host.zones.count), fault, steps: 1 + host.pick(25))
            }
        }
        if happens(.plugged, oneIn: 25) { host.plugAll() }
        if happens(.plugged, oneIn: 40) { unplug() }
        var time = self.time(isLate: happens(.late, oneIn: 15))
        if happens(.restarting, oneIn: 25) {
            let part = host.random.next() % time
            host.run(part)
            time -= part
            restartCounter(host.pick(host.zones.count))
        }
        if happens(.restarting, oneIn: 20) { host.tear(host.pick(host.zones.count)) }
        if happens(.suspended, oneIn: 40) { suspend() }
        host.run(time)
        if happens(.killed, oneIn: 30) { return die() }
        tick()
    }

    private func time(isLate: Bool) -> UInt64 {
        let millisecond: UInt64 = 1_000_000
        if isLate { return (2 + host.random.next() % (host.chance(6) ? 400 : 40)) * 1_000_000_000 }
        let now = host.clock.boottime.rawValue
        let rest = nextBoundary - min(nextBoundary, now)
        // At the boundary itself, or soon after it.
        if rest < 1000 * millisecond {
            return rest + (host.chance(2) ? 0 : host.random.next() % (20 * millisecond)) + 1
        }
        if host.chance(12) { return 1 + host.random.next() % (50 * millisecond) }
        return 900 * millisecond + host.random.next() % (200 * millisecond)
    }

    private func restartCounter(_ zone: Int) {
        let now = host.zones[zone].register
        let values: [UInt64] = [
            0, 0, host.random.next() % 1000, host.random.next(), now + 5_000_000,
        ]
        host.restart(zone, at: values[host.pick(values.count)])
    }

    private func unplug() {
        let group = host.pick(host.groupCount)
        host.unplug(group)
        if host.chance(3) { host.zonesOf(group: group).forEach(restartCounter) }
        // Another one goes too, and takes its number when they come back.
        if host.chance(3) { host.unplug(host.pick(host.groupCount)) }
        if host.chance(2) { host.plugAll() }
    }

    private func suspend() {
        let time = (host.chance(4) ? 20 : 1000) * (1 + host.random.next() % 900) * 1_000_000
        switch host.pick(3) {
        case 0: host.run(time, asleep: host.random.next() % 20_000_000)
        case 1: host.run(time, asleep: 0)
        default:
            host.run(time, asleep: 0)
            for zone in host.zones.indices { host.restart(zone, at: 0) }
        }
    }

    private func die() {
        host.run((1 + host.random.next() % (host.chance(5) ? 300_000 : 15_000)) * 1_000_000)
        restart(newestIsLost: host.chance(4))
    }
}

@Suite("Over random histories of a host") struct HistoryTests {
    private static let steps = 120
    private static let seeds: ClosedRange<UInt64> = 1...24

    /// What the histories of one fate showed.
    private struct Sum {
        var zones = ZoneLaws.Count()
        /// Of the zones whose range is known.
        var rangedLosses = 0
        /// A wrap of a zone without range is doubtful until the next reading, so that a window may
        /// end in doubt without a failure.
        var rangedDeferred = 0
        var known = 0
        var counterRestarts = 0
        var agentRestarts = 0
        var wraps: UInt64 = 0

        mutating func add(_ history: History) {
            for (zone, law) in zip(history.host.zones, history.laws) {
                zones += law.count
                if zone.hasRange {
                    rangedLosses += law.count.losses
                    rangedDeferred += law.count.deferred
                }
                counterRestarts += zone.epoch
                wraps += zone.wraps
            }
            known += history.hostLaws.known
            agentRestarts += history.restarts
        }
    }

    @Test(
        "no energy is made up, none is lost without a cause, and windows add up to the truth",
        arguments: Fate.allCases)
    func laws(fate: Fate) {
        var sum = Sum()
        for seed in Self.seeds {
            let history = History(seed: seed &* 1000 &+ fate.rawValue)
            while history.fault == nil, history.steps < Self.steps { history.live(fate) }
            if let fault = history.fault { Issue.record("\(fate), seed \(seed): \(fault)") }
            sum.add(history)
        }
        expectVariety(of: sum, fate)
    }

    /// The histories held what they were made for.
    private func expectVariety(of sum: Sum, _ fate: Fate) {
        #expect(sum.known > 0 && sum.wraps > 0)
        switch fate {
        case .calm:
            #expect(sum.rangedLosses == 0 && sum.zones.refused == 0 && sum.rangedDeferred == 0)
        case .late: #expect(sum.rangedLosses > 0)
        case .failing:
            #expect(sum.rangedLosses == 0 && sum.zones.refused > 0 && sum.zones.deferred > 0)
        case .restarting:
            // A fifth of them show what power explains; of the others few do.
            #expect(sum.zones.swallowed > 0 && sum.rangedLosses > 0)
            #expect(sum.zones.swallowed * 3 < sum.counterRestarts)
        case .plugged: #expect(sum.zones.deferred > 0 && sum.zones.refused > 0)
        case .suspended:
            // What a suspension hides is never taken for energy.
            #expect(sum.zones.swallowed == 0 && sum.counterRestarts > 0)
        case .killed: #expect(sum.agentRestarts > 0)
        case .everything: #expect(sum.zones.deferred > 0 && sum.zones.lostWindows > 0)
        }
    }
}

extension ZoneLaws.Count {
    static func += (a: inout Self, b: Self) {
        a.suspects += b.suspects
        a.losses += b.losses
        a.swallowed += b.swallowed
        a.refused += b.refused
        a.windows += b.windows
        a.deferred += b.deferred
        a.lostWindows += b.lostWindows
    }
}
