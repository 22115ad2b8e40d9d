package import EnergySources
package import Metering

extension EnergyReason {
    /// The reason in words, as part of a sentence.
    package var sentence: String {
        switch self {
        case .firstReading: "it was read for the first time"
        case .permissionDenied: "permission denied"
        case .missing: "it is gone"
        case .readFailed: "a read of it fails"
        case .malformed: "it holds no number that it can have"
        case .discontinuity: "it shows what it cannot have reached: it restarted"
        case .noSource: "there is no counter"
        case .gapTooLong: "it was not read for so long that the energy in between cannot be told"
        case .suspended: "the host was suspended"
        case .agentStopped: "the agent did not run"
        case .rangeUnknown: "it wrapped, and its range is not known"
        case .sampled: "an instantaneous power was sampled"
        case .modelled: "computed from the host's CPU time and the configured watts"
        case .loadUnknown: "the host's CPU time is not known"
        }
    }

    /// The zone, why its energy is not known, and what a person can do about it.
    package func account(of zone: ZoneExplanation?, sysfs: String) -> String {
        let place = zone.map { "\($0.zone.label)\($0.folder.isEmpty ? "" : " (\($0.folder))"): " }
        return (place ?? "") + sentence + ": " + remedy(for: zone, sysfs: sysfs)
    }

    /// What a person can do about it.
    ///
    /// - Parameter zone: the zone that it is about, where it is one.
    package func remedy(for zone: ZoneExplanation? = nil, sysfs: String) -> String {
        let counter = zone?.counterFile ?? "its file"
        return switch self {
        case .permissionDenied:
            """
            give the agent's group the right to read energy_uj: a udev rule SUBSYSTEM=="powercap", \
            ACTION=="add", RUN+="/bin/chgrp -R jouleflow /sys%p", RUN+="/bin/chmod -R g+r /sys%p", or \
            CAP_DAC_READ_SEARCH; it is tried again every 10 s
            """
        case .noSource:
            """
            on the host itself, see whether \(sysfs)/class/powercap or an ACPI power meter under \
            \(sysfs)/class/hwmon is there (modprobe intel_rapl_msr, acpi_power_meter); a virtual machine \
            has neither: give idle_watts and maximum_watts for an estimate
            """
        case .loadUnknown: "see that the agent can read stat under its procfs root"
        case .missing:
            """
            see whether \(counter) is there, and load its driver where it is not; it is looked for \
            every 10 s
            """
        case .readFailed:
            """
            run cat \(counter) as root: where that fails too, the kernel cannot read the counter \
            (dmesg may say why), or a folder stands in the file's place; it is tried again every 10 s
            """
        case .malformed:
            "run cat \(counter): it must show one number, and one that this counter can have"
        case .rangeUnknown:
            """
            make max_energy_range_uj in \(zone?.folder ?? "its folder") readable, from which the \
            energy of a wrap is taken; every RAPL driver has it
            """
        case .gapTooLong: "see why it was not read; it is measured again from the next reading on"
        case .firstReading, .discontinuity, .suspended, .agentStopped, .sampled, .modelled:
            "nothing needs to be done: it is measured again from the next reading on"
        }
    }
}

extension ZoneExplanation {
    /// The file that shows the zone's energy or power.
    fileprivate var counterFile: String? {
        guard !folder.isEmpty else { return nil }
        return zone.source == .wall ? "\(folder)/\(zone.name)_*" : folder + "/energy_uj"
    }
}
