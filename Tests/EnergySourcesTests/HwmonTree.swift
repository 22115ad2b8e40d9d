import Glibc
import Metering

@testable import EnergySources

/// A hwmon tree in a temporary folder that plays `/sys`, as the kernel lays it out: a link per chip
/// in `class/hwmon`, to a folder below the chip's device. Gone with the object.
final class HwmonTree {
    private let tree = PowercapTree()
    private var files: [Int: [String]] = [:]
    var root: String { tree.root }

    init() { tree.folder("/class/hwmon") }

    /// Adds `hwmon<number>`; where `isOld`, its files lie in the device, as older drivers make them.
    func add(
        _ number: Int, _ chip: String, device: String? = "ACPI000D:00", isOld: Bool = false,
        _ values: [String: String]
    ) {
        let home = "/devices/" + (device ?? "virtual")
        let folder = home + "/hwmon/hwmon\(number)"
        tree.folder(folder)
        if let device { symlink("../../../" + device, root + folder + "/device") }
        symlink(root + folder, root + "/class/hwmon/hwmon\(number)")
        let place = root + (isOld ? home : folder) + "/"
        files[number] = [place]
        set(number, "name", chip)
        for (file, value) in values { set(number, file, value) }
    }

    /// An ACPI power meter with a mean power.
    func addMeter(
        _ number: Int = 0, device: String = "ACPI000D:00", isOld: Bool = false,
        watts: UInt64 = 200, interval: String = "1000", battery: Bool = false
    ) {
        add(
            number, "power_meter", device: device, isOld: isOld,
            [
                "power1_average": "\(watts * 1_000_000)", "power1_average_interval": interval,
                "power1_is_battery": battery ? "1" : "0", "power1_alarm": "0",
            ])
    }

    func path(_ number: Int, _ file: String) -> String { (files[number]?.first ?? "") + file }

    func set(_ number: Int, _ file: String, _ value: String) { setText(number, file, value + "\n") }

    func setText(_ number: Int, _ file: String, _ text: String) {
        tree.write(path(number, file), text)
        files[number, default: []].append(path(number, file))
    }

    func set(_ number: Int, watts: UInt64) { set(number, "power1_average", "\(watts * 1_000_000)") }

    func remove(_ number: Int) {
        for file in files[number, default: []].dropFirst() { unlink(file) }
        unlink(root + "/class/hwmon/hwmon\(number)")
        files[number] = nil
    }
}

/// The clocks of a host that was suspended for `asleep` in all.
func clock(_ time: Nanoseconds, asleep: Nanoseconds = .zero) -> ClockReading {
    ClockReading(
        realtime: Timestamp(1_700_000_000_000_000_000) + time, boottime: time,
        monotonic: time.subtractingClamped(asleep))
}

func clock(seconds: UInt64, asleep: UInt64 = 0) -> ClockReading {
    clock(.seconds(seconds), asleep: .seconds(asleep))
}
