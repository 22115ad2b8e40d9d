/// A counter as the hardware has it, with the energy that was truly used.
struct SimulatedZone {
    let name: String
    let parent: String
    /// Nanojoules per step of the register.
    let unit: UInt64
    /// The most that it draws, in microwatts: what the tree's constraints say, else the default.
    let limit: UInt64
    var hasRange = true

    /// Steps since the beginning, whatever the register shows.
    private(set) var steps: UInt64 = 0
    /// 32 bits.
    private(set) var register: UInt64
    /// Counts the times when the register became what energy does not explain.
    private(set) var epoch = 0
    private(set) var wraps: UInt64 = 0
    /// Microwatts, while awake.
    var power: UInt64 = 0
    /// What is left of a step, in microwatt nanoseconds.
    private var remainder: UInt128 = 0

    init(
        _ name: String, in parent: String = "", unit: UInt64, limit: UInt64 = 1_000_000_000,
        hasRange: Bool = true, register: UInt64
    ) {
        self.name = name
        self.parent = parent
        self.unit = unit
        self.limit = limit
        self.hasRange = hasRange
        self.register = register & 0xFFFF_FFFF
    }

    var label: String { parent.isEmpty ? name : parent + "/" + name }
    var isCounted: Bool { name != "psys" }
    /// `max_energy_range_uj`.
    var range: UInt64 { 0xFFFF_FFFF * unit / 1000 }
    /// What the register shows, in microjoules.
    var shown: UInt64 { register * unit / 1000 }
    /// Energy since the beginning, in microjoules.
    var truth: UInt64 { UInt64(UInt128(steps) * UInt128(unit) / 1000) }

    /// Uses energy for a while.
    mutating func run(_ nanoseconds: UInt64, at microwatts: UInt64? = nil) {
        remainder += UInt128(min(limit, microwatts ?? power)) * UInt128(nanoseconds)
        let (more, rest) = remainder.quotientAndRemainder(dividingBy: UInt128(unit) * 1_000_000)
        remainder = rest
        steps += UInt64(more)
        register += UInt64(more)
        wraps += register >> 32
        register &= 0xFFFF_FFFF
    }

    /// The register restarts; it uses no energy to get there.
    mutating func restart(at value: UInt64) {
        register = value & 0xFFFF_FFFF
        epoch += 1
    }
}

/// What stands in place of a counter's text.
enum SimulatedFault: Hashable {
    /// A text that is no energy, in the file.
    case text(String)
    /// No file.
    case missing
    /// A folder, a FIFO without a writer, a link to itself in place of the file.
    case folder, fifo, loop
    /// A file that only root may open; the reader is not root meanwhile.
    case forbidden

    static let texts: [SimulatedFault] = [
        "", "\n", "abc\n", "-1\n", "18446744073709551616\n", "18446744073709551615\n", "1 2\n",
        "12x", " ", "0x10\n",
    ].map(SimulatedFault.text)
    /// The one of these texts that is a number, though no counter of 32 bits reaches it.
    static func number(in text: String) -> UInt64? { text == "\(UInt64.max)\n" ? .max : nil }

    static let others: [SimulatedFault] = [.missing, .folder, .fifo, .loop, .forbidden]
}

/// The text that a reader found.
struct Presented {
    /// The number in it; `nil` where the file is not the counter's, or holds none.
    var value: UInt64?
    /// Whether the number is none that the register showed.
    var isTorn = false
}
