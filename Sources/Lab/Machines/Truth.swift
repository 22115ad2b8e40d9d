/// What the simulated counters were advanced by: the truth to compare a reader with.
package struct Truth: Sendable, Codable {
    /// One zone's part.
    package struct Zone: Sendable, Codable {
        /// The zone's folder name, e.g. `intel-rapl:0:0`.
        package let zone: String
        package let name: String
        /// The parent zone's name, empty at the top.
        package let parent: String
        /// Whether it is a term of the host's energy: packages and dram, each register once.
        package let counted: Bool
        /// The sum of the differences visible in `energy_uj`, in microjoules, wraps corrected.
        package let advancedMicrojoules: UInt64
        package let wraps: UInt64
        /// One step of the counter.
        package let stepNanojoules: UInt64
        /// The sum at each time of the history.
        package let historyMicrojoules: [UInt64]

        enum CodingKeys: String, CodingKey {
            case zone, name, parent, counted, wraps
            case advancedMicrojoules = "advanced_microjoules"
            case stepNanojoules = "step_nanojoules"
            case historyMicrojoules = "history_microjoules"
        }
    }

    /// The energy at the wall.
    package struct Wall: Sendable, Codable {
        /// The sensor's path below class/hwmon.
        package let sensor: String
        package let intervalMilliseconds: UInt64
        package let advancedMicrojoules: UInt64
        /// The sum at each time of the history.
        package let historyMicrojoules: [UInt64]

        enum CodingKeys: String, CodingKey {
            case sensor
            case intervalMilliseconds = "interval_milliseconds"
            case advancedMicrojoules = "advanced_microjoules"
            case historyMicrojoules = "history_microjoules"
        }
    }

    /// What one use had of the energy above idle.
    package struct Use: Sendable, Codable {
        package let joules: Double
        package let cpuSeconds: Double

        enum CodingKeys: String, CodingKey {
            case joules
            case cpuSeconds = "cpu_seconds"
        }
    }

    /// The energy above idle by what it was used for.
    package struct Split: Sendable, Codable {
        /// One element per ledger: by scenario, and `other`.
        package let ledgers: [[String: Use]]
        /// Of whoever tells nothing.
        package let othersJoules: Double

        enum CodingKeys: String, CodingKey {
            case ledgers
            case othersJoules = "others_joules"
        }
    }

    /// Always true: no hardware was read.
    package let simulated: Bool
    package let machine: String
    package let seconds: Double
    /// CPU seconds this machine was busy in that time; 0 where the power is steady.
    package let busySeconds: Double
    /// The longest time for which a counter was not written: what a reader sees is that old.
    package let longestStepNanoseconds: UInt64
    /// CLOCK_BOOTTIME of each entry of every history, ascending: the start first, the end last,
    /// 100 ms apart or more.
    package let historyNanoseconds: [UInt64]
    package let zones: [Zone]
    /// `nil` where the machine has no wall meter.
    package let wall: Wall?
    package let split: Split

    enum CodingKeys: String, CodingKey {
        case simulated, machine, seconds, zones, wall, split
        case busySeconds = "busy_seconds"
        case longestStepNanoseconds = "longest_step_nanoseconds"
        case historyNanoseconds = "history_boottime_nanoseconds"
    }
}
