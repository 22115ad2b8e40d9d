/// Where energy is read, and the powers the administrator knows.
package struct EnergySettings: Sendable, Hashable {
    /// The root of sysfs.
    package let sysfs: String
    /// The root of procfs.
    package let procfs: String
    package let source: EnergySourceChoice
    package let idlePower: IdlePowerChoice
    /// The power of the host at full load in milliwatts, not below the idle power; `nil` where it
    /// is not given, and always given where the source is `model`.
    package let maximumMilliwatts: UInt64?
    /// The sensors that together measure the whole host, at most 8; empty where the one ACPI power
    /// meter is to be taken.
    package let wallSensors: [WallSensorName]

    /// Whether a root is another than the system's own, so that records are marked simulated.
    package var isSimulated: Bool { sysfs != "/sys" || procfs != "/proc" }

    /// The configured idle power in milliwatts; `nil` where it is to be learned.
    package var idleMilliwatts: UInt64? {
        if case .configured(let milliwatts) = idlePower { milliwatts } else { nil }
    }

    /// The two powers of the model in milliwatts, idle not above maximum; `nil` without both.
    package var model: (idle: UInt64, maximum: UInt64)? {
        guard let idle = idleMilliwatts, let maximum = maximumMilliwatts else { return nil }
        return (idle, maximum)
    }

    static let standard = EnergySettings(
        sysfs: "/sys", procfs: "/proc", source: .auto, idlePower: .learn, maximumMilliwatts: nil,
        wallSensors: [])
}

/// What gives the host's energy.
package enum EnergySourceChoice: String, Sendable, Hashable {
    /// The wall meter where its sensors are named or the host has exactly one ACPI power meter,
    /// else RAPL where it is there, else the model where both watts are given, else none.
    case auto
    /// Packages and memory, through powercap.
    case rapl
    /// The wall meter: sensors of hwmon that measure the whole host.
    case wall
    /// The host's CPU time between idle and maximum power.
    case model
    case none
}

/// How the power of the idle host is known.
package enum IdlePowerChoice: Sendable, Hashable {
    /// Learned from quiet windows, and unknown until then.
    case learn
    /// Milliwatts, 0 to 100,000,000.
    case configured(UInt64)
}

/// A sensor of hwmon as the settings name it, `chip/sensor` or `chip@device/sensor`; nothing says
/// yet that it exists.
package struct WallSensorName: Sendable, Hashable, CustomStringConvertible {
    /// What the file `name` of the hwmon folder holds, e.g. `power_meter` or `pfe1100`.
    package let chip: String
    /// The last part of where the folder's link `device` leads, e.g. `ACPI000D:00` or `3-0058`;
    /// `nil` where the host is to have one chip of the name only.
    package let device: String?
    /// The beginning of the names of the sensor's files, e.g. `power1` or `energy2`.
    ///
    /// Source: Linux Documentation/hwmon/sysfs-interface.rst, "Power" and "Energy".
    package let sensor: String
    /// Where the settings name it.
    package let place: SourcePlace

    /// As it is written in the settings.
    package var description: String {
        chip + (device.map { "@" + $0 } ?? "") + "/" + sensor
    }
}
