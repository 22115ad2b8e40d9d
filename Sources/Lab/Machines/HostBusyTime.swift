import Glibc
package import Metering

/// The CPU time this machine was busy since the first reading.
///
/// busy = CPUs × elapsed − Δ(idle + iowait + steal). Idle time comes in ticks of 10 ms and iowait
/// may fall, so single differences may be negative: the total is kept and never falls.
///
/// Source: Linux Documentation/filesystems/proc.rst, 1.7 "Miscellaneous kernel statistics".
package struct HostBusyTime: Sendable {
    private let path: String
    private let tick: UInt64
    private let start: (at: Nanoseconds, unused: UInt64)
    private var total = Nanoseconds.zero

    /// Takes the first reading of `path`, normally `/proc/stat`.
    package init(path: String, at now: Nanoseconds) throws {
        self.path = path
        tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        start = (now, try Self.read(path).unused)
    }

    /// Busy CPU time of all CPUs together from the first reading until `now`.
    package mutating func busy(at now: Nanoseconds) throws -> Nanoseconds {
        let (unused, cpus) = try Self.read(path)
        let capacity = now.subtractingClamped(start.at).rawValue.multipliedClamped(by: cpus)
        let idle = unused.subtractingClamped(start.unused).multipliedClamped(by: tick)
        total = max(total, Nanoseconds(capacity).subtractingClamped(Nanoseconds(idle)))
        return total
    }

    private static func read(_ path: String) throws -> (unused: UInt64, cpus: UInt64) {
        guard let stat = parse(try SmallFile.text(path)) else {
            throw SimulationFailure.notStat(path)
        }
        return stat
    }

    /// The ticks of idle + iowait + steal and the number of CPUs in the text of `/proc/stat`.
    package static func parse(_ text: String) -> (unused: UInt64, cpus: UInt64)? {
        var unused: UInt64?
        var cpus: UInt64 = 0
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let name = fields.first, name.hasPrefix("cpu") else { continue }
            if name != "cpu" {
                cpus += 1
            } else if fields.count > 8, let idle = UInt64(fields[4]), let wait = UInt64(fields[5]),
                let steal = UInt64(fields[8])
            {
                unused = idle.addingClamped(wait).addingClamped(steal)
            }
        }
        guard let unused, cpus > 0 else { return nil }
        return (unused, cpus)
    }
}

extension UInt64 {
    /// The product, or `max` where it would overflow.
    func multipliedClamped(by other: UInt64) -> UInt64 {
        let (value, over) = multipliedReportingOverflow(by: other)
        return over ? .max : value
    }

    /// The difference, or 0 where `other` is larger.
    func subtractingClamped(_ other: UInt64) -> UInt64 { other > self ? 0 : self - other }
}
