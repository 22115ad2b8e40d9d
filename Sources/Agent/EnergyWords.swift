package import Metering

extension EnergyReason {
    /// The reason in words, as part of a sentence.
    package var sentence: String {
        switch self {
        case .firstReading: "it was read for the first time"
        case .permissionDenied: "permission denied"
        case .missing: "it is gone"
        case .readFailed: "the kernel reports an error"
        case .malformed: "it holds no number that it can have"
        case .discontinuity: "it shows what it cannot have reached: it restarted"
        case .noSource: "there is no counter"
        case .gapTooLong: "it was not read for so long that it may have wrapped more than once"
        case .suspended: "the host was suspended"
        case .agentStopped: "the agent did not run"
        case .rangeUnknown: "it wrapped, and its range is not known"
        case .sampled: "an instantaneous power was sampled"
        case .modelled: "computed from the host's CPU time and the configured watts"
        case .loadUnknown: "the host's CPU time is not known"
        }
    }

    /// What a person can do about it.
    package func remedy(sysfs: String) -> String {
        switch self {
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
        default:
            "look at \(sysfs)/class/powercap and \(sysfs)/class/hwmon; it is tried again every 10 s"
        }
    }
}
