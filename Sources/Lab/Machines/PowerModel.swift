package import Metering

/// How much power the simulated host takes, part by part.
///
/// All arithmetic is in integers: a milliwatt for a nanosecond is a picojoule.
package struct PowerModel: Sendable, Equatable {
    /// The power of packages and memory.
    package enum Source: Sendable, Equatable {
        /// Follows this machine's CPU time.
        case curve(PowerCurve)
        case steady(SteadyPower)
    }

    package let source: Source
    /// What psys counts.
    package let platform: PlatformPower
    /// What the wall meter measures.
    package let wall: PlatformPower

    package init(
        _ source: Source, platform: PlatformPower = .platform, wall: PlatformPower = .wall
    ) {
        self.source = source
        self.platform = platform
        self.wall = wall
    }

    /// Whether `energy` depends on `busy`.
    package var followsLoad: Bool {
        if case .curve = source { true } else { false }
    }

    /// The energy of each part over `elapsed`, at most a second, with `busy` CPU time.
    package func energy(elapsed: Nanoseconds, busy: Nanoseconds, sockets: Int) -> PartEnergy {
        let each =
            switch source {
            case .curve(let curve):
                curve.split(curve.energy(elapsed: elapsed, busy: busy), sockets: sockets)
                    .map(PartEnergy.Socket.init(typicalOf:))
            case .steady(let steady):
                Array(repeating: steady.energy(elapsed: elapsed), count: sockets)
            }
        let sum = each.reduce(0) { $0 + $1.package + $1.dram }
        return PartEnergy(
            sockets: each, platform: platform.energy(of: sum, elapsed: elapsed),
            wall: wall.energy(of: sum, elapsed: elapsed))
    }
}

/// Energy by what took it, in picojoules.
package struct PartEnergy: Sendable, Equatable {
    /// Core and uncore are parts of package; dram is not.
    package struct Socket: Sendable, Equatable {
        package let package: UInt64
        package let dram: UInt64
        package let core: UInt64
        package let uncore: UInt64
    }

    package let sockets: [Socket]
    package let platform: UInt64
    package let wall: UInt64

    /// The energy that a register of `part` counts; 0 for a socket the host does not have.
    package subscript(part: Machine.Part) -> UInt64 {
        switch part {
        case .package(let socket): of(socket, \.package)
        case .dram(let socket): of(socket, \.dram)
        case .core(let socket): of(socket, \.core)
        case .uncore(let socket): of(socket, \.uncore)
        case .platform: platform
        }
    }

    private func of(_ socket: Int, _ part: KeyPath<Socket, UInt64>) -> UInt64 {
        sockets.indices.contains(socket) ? sockets[socket][keyPath: part] : 0
    }
}

extension PartEnergy.Socket {
    /// A package whose cores take 60 % of its energy and whose uncore takes 8 %.
    init(typicalOf parts: (package: UInt64, dram: UInt64)) {
        self.init(
            package: parts.package, dram: parts.dram, core: parts.package / 100 * 60,
            uncore: parts.package / 100 * 8)
    }
}

/// The same power at all times, for each socket alike.
package struct SteadyPower: Sendable, Equatable {
    private let package: UInt64
    private let dram: UInt64
    private let core: UInt64
    private let uncore: UInt64

    /// Watts of one zone of each kind; `nil` where one is negative, no number, or above
    /// `PowerCurve.maximumWatts`.
    package init?(package: Double, dram: Double, core: Double, uncore: Double) {
        let limit = PowerCurve.maximumWatts
        guard let package = wholeMilliwatts(package, limit: limit),
            let dram = wholeMilliwatts(dram, limit: limit),
            let core = wholeMilliwatts(core, limit: limit),
            let uncore = wholeMilliwatts(uncore, limit: limit)
        else { return nil }
        self.package = package
        self.dram = dram
        self.core = core
        self.uncore = uncore
    }

    func energy(elapsed: Nanoseconds) -> PartEnergy.Socket {
        let time = elapsed.rawValue
        return PartEnergy.Socket(
            package: package * time, dram: dram * time, core: core * time, uncore: uncore * time)
    }
}

/// The power of more than the processors: of a platform or at the wall.
package struct PlatformPower: Sendable, Equatable {
    /// The part of packages and dram that is added, in thousandths.
    private let permille: UInt64
    private let milliwatts: UInt64

    /// 105 % of packages and dram, and 20 W.
    package static let platform = PlatformPower(permille: 1_050, milliwatts: 20_000)
    /// 115 % of packages and dram, and 45 W: losses of the supply, fans, disks.
    package static let wall = PlatformPower(permille: 1_150, milliwatts: 45_000)

    /// The most watts taken.
    package static let maximumWatts: Double = 10_000

    private init(permille: UInt64, milliwatts: UInt64) {
        self.permille = permille
        self.milliwatts = milliwatts
    }

    /// A power that does not follow the processors'; `nil` where it is negative, no number, or
    /// above `maximumWatts`.
    package init?(watts: Double) {
        guard let power = wholeMilliwatts(watts, limit: Self.maximumWatts) else { return nil }
        self.init(permille: 0, milliwatts: power)
    }

    func energy(of processors: UInt64, elapsed: Nanoseconds) -> UInt64 {
        processors / 1000 * permille + processors % 1000 * permille / 1000
            + milliwatts * elapsed.rawValue
    }
}

/// The watts in milliwatts, or `nil` outside of 0 to `limit`.
private func wholeMilliwatts(_ watts: Double, limit: Double) -> UInt64? {
    (0...limit).contains(watts) ? UInt64((watts * 1000).rounded()) : nil
}
