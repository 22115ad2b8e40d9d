package import Metering

/// The documented power of the simulated host: idle watts + watts per core × busy cores, split
/// evenly over its sockets and, within a socket, between package and dram by a fixed share.
///
/// Bent, the busy cores add less the more there are: watts per core × busy × (1 − bend × busy / cores).
///
/// All arithmetic is in integers: a milliwatt for a nanosecond is a picojoule.
package struct PowerCurve: Sendable, Equatable {
    /// Milliwatts of the idle host.
    package let idle: UInt64
    /// Milliwatts added by one busy core.
    package let perCore: UInt64
    /// The dram's part of the energy in millionths.
    package let dramShare: UInt64
    /// What is missing at full load, in thousandths.
    private let bend: UInt64
    /// Cores of the host, at least 1.
    private let cores: UInt64

    /// The most watts taken for either figure: above any server, and below what could wrap a
    /// counter twice in one step of the simulation.
    package static let maximumWatts: Double = 1_000

    /// `nil` where a figure is negative, no number, above `maximumWatts`, or a share or the bend above 1.
    package init?(
        idleWatts: Double, wattsPerCore: Double, dramShare: Double, bend: Double = 0, cores: Int = 1
    ) {
        let watts = 0...Self.maximumWatts
        guard watts.contains(idleWatts), watts.contains(wattsPerCore), (0...1).contains(dramShare),
            (0...1).contains(bend)
        else { return nil }
        idle = UInt64((idleWatts * 1000).rounded())
        perCore = UInt64((wattsPerCore * 1000).rounded())
        self.dramShare = UInt64((dramShare * 1_000_000).rounded())
        self.bend = UInt64((bend * 1_000).rounded())
        self.cores = UInt64(max(1, cores))
    }

    /// Energy of the host in picojoules over `elapsed` with `busy` CPU time.
    package func energy(elapsed: Nanoseconds, busy: Nanoseconds) -> UInt64 {
        idle * elapsed.rawValue + dynamicEnergy(elapsed: elapsed, busy: busy)
    }

    /// What of it is above that of the idle host.
    package func dynamicEnergy(elapsed: Nanoseconds, busy: Nanoseconds) -> UInt64 {
        let straight = perCore * busy.rawValue
        guard bend > 0 else { return straight }
        let capacity = max(1, elapsed.rawValue * cores)
        let load = min(1_000_000, busy.rawValue.multipliedClamped(by: 1_000_000) / capacity)
        return straight - straight / 1_000_000 * (load * bend / 1_000)
    }

    /// The energy of each socket's package and dram. The parts sum to `picojoules`.
    package func split(_ picojoules: UInt64, sockets: Int) -> [(package: UInt64, dram: UInt64)] {
        let count = UInt64(sockets)
        return (0..<count).map { socket in
            let part = picojoules / count + (socket < picojoules % count ? 1 : 0)
            // Divided first, so that the product fits: the rest is below a million.
            let dram =
                part / 1_000_000 * dramShare + part % 1_000_000 * dramShare / 1_000_000
            return (package: part - dram, dram: dram)
        }
    }
}
