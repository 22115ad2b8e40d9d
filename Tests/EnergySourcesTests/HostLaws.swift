import Metering

@testable import EnergySources

/// What must be true of the host's windows, given what its zones' windows are.
struct HostLaws {
    /// Where the host's energy was last known, or lost.
    private var from: Nanoseconds
    /// The zones' marks there; `nil` where not all had one.
    private var marks: [ZoneLaws.Mark]?
    /// What windows since then gave, without all zones.
    private var carried = Microjoules.zero
    /// Why the next window that all zones know cannot be the host's: energy of lost windows is in
    /// it.
    private var isStraddled = false
    private(set) var known = 0
    private(set) var unknown = 0

    init(from start: Nanoseconds) { from = start }

    /// Goes on in another run of the agent.
    mutating func resume(at boundary: Nanoseconds, pending: CarriedEnergy?, isBehind: Bool) {
        // Of an unknown window only what is carried is kept. Without it a counter that was last
        // read before the boundary was so when it or another was lost.
        if pending == nil && isBehind { isStraddled = true }
    }

    /// - Returns: what is wrong, or `nil`.
    mutating func close(
        from start: Nanoseconds, to end: Nanoseconds, _ window: WindowEnergies,
        counted: [ZoneEnergy], laws: [ZoneLaws]
    ) -> String? {
        let sum = counted.reduce(Microjoules.zero) { $0 + ($1.energy.value ?? .zero) }
        let ends = laws.compactMap(\.mark)
        let allEnds = ends.count == laws.count ? ends : nil
        func begin(isStraddled: Bool) {
            from = end
            marks = allEnds
            carried = .zero
            self.isStraddled = isStraddled
        }
        if counted.contains(where: { $0.state == .lost }) {
            unknown += 1
            begin(isStraddled: laws.contains(where: \.isBehind))
            if window.carried != nil { return "energy is carried over a loss" }
            return window.host.value == nil ? nil : "the host is known where a zone is lost"
        }
        if counted.contains(where: { $0.state == .deferred }) {
            unknown += 1
            carried += sum
            if window.carried != nil { return "energy is carried to where it is not known" }
            return window.host.value == nil ? nil : "the host is known where a zone is deferred"
        }
        if isStraddled {
            unknown += 1
            begin(isStraddled: false)
            return window.host.value == nil ? nil : "energy of lost windows is taken for the host's"
        }
        known += 1
        defer { begin(isStraddled: false) }
        guard let energy = window.host.value else { return "the host is unknown without a cause" }
        let time = start.subtractingClamped(from)
        let expected = time > .zero ? CarriedEnergy(energy: carried, time: time) : nil
        guard window.carried == expected else {
            return
                "\(String(describing: window.carried)) instead of \(String(describing: expected))"
        }
        guard energy == sum + carried else { return "the host is not the sum of its zones" }
        guard let marks, let allEnds else { return nil }
        return difference(energy.rawValue, from: marks, to: allEnds)
    }

    private func difference(
        _ energy: UInt64, from starts: [ZoneLaws.Mark], to ends: [ZoneLaws.Mark]
    ) -> String? {
        guard starts.count == ends.count else { return nil }
        var slack: UInt128 = 0
        var least: UInt128 = 0
        var most: UInt128 = 0
        for (start, end) in zip(starts, ends) {
            slack += tolerance(from: start.before, to: end.after)
            least += UInt128(end.before.truth - min(end.before.truth, start.after.truth))
            most += UInt128(end.after.truth - start.before.truth)
        }
        if UInt128(energy) + slack < least { return "the host used \(least) µJ, not \(energy)" }
        if UInt128(energy) > most + slack { return "the host used \(most) µJ, not \(energy)" }
        return nil
    }
}
