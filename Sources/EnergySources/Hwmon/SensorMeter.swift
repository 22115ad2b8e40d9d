// Hot path: `note` runs every second for every sensor and does not allocate.
internal import Metering

/// What a sensor of hwmon shows.
enum SensorQuantity: Sendable, Hashable {
    /// Microwatts.
    case power(PowerKind)
    /// Microjoules since some beginning.
    case energy
}

/// Turns one sensor's readings into energy.
enum SensorMeter: Sendable, Hashable {
    case power(PowerIntegrator)
    case counter(EnergyCounter)

    /// The most that a sensor is believed to show: 100 kW, more than a rack draws. Above it lies what
    /// older kernels make of a meter that knows no value: 2³² − 1 mW, shown as 4.3 MW.
    static let maximumMicrowatts: UInt64 = 100_000_000_000

    init(_ quantity: SensorQuantity) {
        switch quantity {
        case .power(let kind): self = .power(PowerIntegrator(kind))
        case .energy:
            // 64 bits of microjoules do not wrap within the life of a host: a fall is a restart.
            self = .counter(
                EnergyCounter(range: .max, maximumPower: Self.maximumMicrowatts))
        }
    }

    var sample: ZoneSample {
        switch self {
        case .power(let power): power.sample
        case .counter(let counter): counter.sample
        }
    }

    /// Takes a reading. A power above `maximumMicrowatts` is malformed.
    ///
    /// - Parameter wholeHost: whether 0 W is malformed too: a host that runs this draws more, but
    ///   meters show it while they are switched off or have no value.
    mutating func note(_ value: UInt64, at now: ClockReading, wholeHost: Bool) {
        switch self {
        case .power(var power):
            if value > Self.maximumMicrowatts || (wholeHost && value == 0) {
                power.fail(.malformed)
            } else {
                power.note(value, at: now)
            }
            self = .power(power)
        case .counter(var counter):
            counter.note(value, at: now)
            self = .counter(counter)
        }
    }

    /// Takes a failed reading.
    mutating func fail(_ reason: EnergyReason) {
        switch self {
        case .power(var power):
            power.fail(reason)
            self = .power(power)
        case .counter(var counter):
            counter.fail(reason)
            self = .counter(counter)
        }
    }

    /// Goes on with what the sensor is found to show now: another averaging interval.
    mutating func update(_ quantity: SensorQuantity) {
        guard case .power(var power) = self, case .power(let kind) = quantity else { return }
        power.kind = kind
        self = .power(power)
    }
}
