import CLinux
import Metering

@testable import EnergySources

/// A run of the agent's energy part over a simulated host, and over its own restarts: the source
/// reads real files, the meter cuts windows every ten seconds, and the laws are held at each step.
final class History {
    private static let length: UInt64 = 10_000_000_000

    /// What is kept where a window ends.
    private struct Kept {
        let boundary: Nanoseconds
        let baselines: [ZoneBaseline]
        let pending: CarriedEnergy?
        let laws: [ZoneLaws]
        let hostLaws: HostLaws
    }

    let host: SimulatedHost
    /// The latest run of the agent.
    private var source: PowercapSource
    private var meter: EnergyMeter
    private var sample: EnergySample
    private var boundary: Nanoseconds
    private var kept: [Kept] = []
    private(set) var laws: [ZoneLaws]
    private(set) var hostLaws: HostLaws
    private(set) var steps = 0
    private(set) var restarts = 0
    /// The first law that was broken.
    private(set) var fault: String?

    init(seed: UInt64) {
        host = SimulatedHost(seed: seed)
        let start = host.clock.boottime
        laws = host.zones.map { _ in ZoneLaws() }
        hostLaws = HostLaws(from: start)
        source = PowercapSource(sysfs: host.tree.root)
        meter = EnergyMeter(from: start)
        sample = EnergySample(takenAt: start, zones: [])
        boundary = start
        read()
    }

    var nextBoundary: UInt64 { (boundary.rawValue / Self.length + 1) * Self.length }

    /// Reads everything once and closes the windows that have ended.
    func tick() {
        read()
        var windows: [Kept] = []
        while fault == nil, nextBoundary <= host.clock.boottime.rawValue {
            close(at: Nanoseconds(nextBoundary))
            windows.append(keep())
        }
        kept = (kept + windows).suffix(2)
    }

    /// The agent ends without a word, and another one begins.
    ///
    /// - Parameter newestIsLost: whether the record of its newest window was not stored.
    func restart(newestIsLost: Bool) {
        restarts += 1
        if newestIsLost, kept.count > 1 { kept.removeLast() }
        let start = host.clock.boottime
        guard let last = kept.last else {
            laws = host.zones.map { _ in ZoneLaws() }
            hostLaws = HostLaws(from: start)
            source = open([])
            meter = EnergyMeter(from: start)
            sample = EnergySample(takenAt: start, zones: [])
            boundary = start
            return read()
        }
        source = open(last.baselines)
        source.copy(into: &sample, start)
        meter = EnergyMeter(resumingAt: last.boundary, with: sample, pending: last.pending)
        boundary = last.boundary
        resume(last)
        read()
        var windows: [Kept] = []
        while fault == nil, boundary < host.clock.boottime {
            close(at: min(Nanoseconds(nextBoundary), host.clock.boottime))
            windows.append(keep())
        }
        kept = (kept + windows).suffix(2)
    }

    private func resume(_ last: Kept) {
        laws = last.laws
        hostLaws = last.hostLaws
        let places = self.places
        for zone in laws.indices {
            let baseline = last.baselines.first { $0.label == host.zones[zone].label }
            let isCertain = laws[zone].isCertain(at: last.boundary)
            check((baseline != nil) == isCertain, zone, "a baseline is kept where it is certain")
            guard baseline != nil else {
                laws[zone].resume(with: ZoneSample(), isKept: false)
                continue
            }
            guard let place = places[zone] else { return check(false, zone, "it is forgotten") }
            let sample = sample.zones[place]
            check(sample.failure == .agentStopped, zone, "it goes on")
            laws[zone].resume(with: sample, isKept: true)
        }
        let isBehind = laws.indices.contains { zone in
            host.zones[zone].isCounted
                && laws[zone].latest.map { $0.time < last.boundary } ?? false
        }
        hostLaws.resume(at: last.boundary, pending: last.pending, isBehind: isBehind)
    }

    // MARK: Steps

    private func open(_ baselines: [ZoneBaseline]) -> PowercapSource {
        asReader { PowercapSource(sysfs: host.tree.root, resuming: baselines) }
    }

    /// As the user that reads: no file of root's alone can be opened.
    private func asReader<Result: ~Copyable>(_ body: () -> Result) -> Result {
        // The file system's identity belongs to this thread alone.
        if host.isForeign { setfsuid(65_534) }
        defer { if host.isForeign { setfsuid(0) } }
        return body()
    }

    private func read() {
        steps += 1
        host.show()
        let now = host.clock
        asReader { source.read(into: &sample, at: now) }
        meter.add(sample)
        for (zone, place) in places {
            let fault = laws[zone].read(
                sample.zones[place], of: host.zones[zone], host.presented[zone],
                touched: host.touchedAt[zone], at: now)
            if let fault { check(false, zone, fault) }
        }
    }

    private func close(at end: Nanoseconds) {
        let zones = source.zones
        let window = meter.close(at: end, zones: zones, primary: .rapl)
        let places = self.places
        var counted: [ZoneEnergy] = []
        var countedLaws: [ZoneLaws] = []
        for zone in laws.indices {
            guard let place = places[zone] else { continue }
            let energy = window.zones[place]
            if let fault = laws[zone].close(from: boundary, to: end, energy) {
                check(false, zone, fault)
            }
            check(zones[place].counted == host.zones[zone].isCounted, zone, "its role changed")
            guard zones[place].counted else { continue }
            counted.append(energy)
            countedLaws.append(laws[zone])
        }
        let fault = hostLaws.close(
            from: boundary, to: end, window, counted: counted, laws: countedLaws)
        if let fault, self.fault == nil { self.fault = "step \(steps): \(fault)" }
        boundary = end
    }

    private func keep() -> Kept {
        var baselines: [ZoneBaseline] = []
        for (baseline, beyond) in zip(source.baselines, meter.beyondBoundary) {
            guard var baseline, let beyond else { continue }
            baseline.beyond = beyond
            baselines.append(baseline)
        }
        return Kept(
            boundary: boundary, baselines: baselines, pending: meter.pending, laws: laws,
            hostLaws: hostLaws)
    }

    /// Where the zones of the host are among those of the source.
    private var places: [Int: Int] {
        let labels = source.zones.map(\.label)
        var places: [Int: Int] = [:]
        for zone in host.zones.indices {
            places[zone] = labels.firstIndex(of: host.zones[zone].label)
        }
        return places
    }

    private func check(_ isTrue: Bool, _ zone: Int, _ law: String) {
        guard !isTrue, fault == nil else { return }
        fault = "step \(steps), \(host.zones[zone].label): \(law)"
    }
}

extension ZoneBaseline {
    fileprivate var label: String { parent.isEmpty ? name : parent + "/" + name }
}
