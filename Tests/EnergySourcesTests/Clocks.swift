import Metering

@testable import EnergySources

extension ClockReading {
    /// The clocks of a host that was never suspended, `boottime` after it was started.
    static func awake(_ boottime: Nanoseconds) -> ClockReading {
        ClockReading(
            realtime: Timestamp(1_800_000_000_000_000_000) + boottime, boottime: boottime,
            monotonic: boottime)
    }
}

extension EnergyCounter {
    mutating func note(_ value: UInt64, at now: Nanoseconds) { note(value, at: .awake(now)) }
}

extension EnergySource where Self: ~Copyable {
    var zones: [ZoneDescription] { explanations.map(\.zone) }

    mutating func read(into sample: inout EnergySample, now: Nanoseconds) {
        read(into: &sample, at: .awake(now))
    }
}

extension ZoneExplanation {
    /// The role of a powercap zone; `nil` for another source's.
    var powercapRole: ZoneRole? { Self.roles.first { $0.description == role } }

    private static let roles: [ZoneRole] =
        [
            .package, .dram, .insidePackage, .platform, .twin, .mirroredDie, .duplicate,
            .unknownName, .otherControl, .identified,
        ]
        + [
            ZoneRefusal.nameMalformed, .tooMany, .nameUnreadable(.notRegular),
            .nameUnreadable(.missing),
        ].map { .unidentified($0.description) }
}
