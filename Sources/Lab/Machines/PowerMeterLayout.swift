internal import Metering

/// The part of `/sys` that an ACPI power meter makes.
///
/// The attributes lie in the ACPI device and not in the folder of class hwmon, whose `device` link
/// leads to them.
///
/// Source: Linux drivers/hwmon/acpi_power_meter.c, `meter_attrs`, `misc_attrs` and its use of
/// `hwmon_device_register`.
struct PowerMeterLayout {
    private let interval: Nanoseconds
    private static let device = "devices/LNXSYSTM:00/LNXSYBUS:00/ACPI000D:00"
    private static let hwmon = device + "/hwmon/hwmon0"

    init(_ interval: Nanoseconds) { self.interval = interval }

    /// Gives the file of the power, in microwatts.
    func build(in sysfs: SysfsFolder) throws(SystemFailure) -> CounterFile {
        let milliseconds = { (time: Nanoseconds) in "\(time.rawValue / 1_000_000)" }
        let attributes = [
            ("name", "power_meter"), ("hid", "ACPI000D"), ("path", "\\_SB_.PMI0"),
            ("power1_accuracy", "95.0%"), ("power1_is_battery", "0"),
            ("power1_average_interval_min", milliseconds(WallMeter.intervals.lowerBound)),
            ("power1_average_interval_max", milliseconds(WallMeter.intervals.upperBound)),
            ("power1_model_number", "simulated meter"), ("power1_serial_number", "none"),
            ("power1_oem_info", "jouleflow-lab"),
        ]
        for (name, line) in attributes {
            try sysfs.file("\(Self.device)/\(name)", line, mode: 0o444)
        }
        try sysfs.file(Self.device + "/power1_average_interval", milliseconds(interval))
        try sysfs.file(Self.device + "/uevent", "MODALIAS=acpi:ACPI000D:")
        try sysfs.file(Self.hwmon + "/uevent", "")
        try sysfs.folder("class/hwmon")
        try sysfs.link(Self.hwmon + "/device", to: Self.device)
        try sysfs.link(Self.hwmon + "/subsystem", to: "class/hwmon")
        try sysfs.link("class/hwmon/hwmon0", to: Self.hwmon)
        return try sysfs.counter(Self.device + "/power1_average", mode: 0o444)
    }
}
