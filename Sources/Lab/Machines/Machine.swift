/// What a host shows of its energy below `/sys`: powercap zones, a wall meter, its processor.
///
/// A value made once, in the list of all machines; whatever keeps the counters knows registers
/// and zones only.
package struct Machine: Sendable {
    /// As `--machine` takes it.
    package let name: String
    /// What it stands for, in one line.
    package let summary: String
    package let processor: ProcessorModel
    /// Packages of the host, whether a zone shows their energy or not.
    package let sockets: Int
    package private(set) var registers: [Register] = []
    /// In the kernel's order of registration.
    package private(set) var zones: [Zone] = []
    package private(set) var powerZones: [PowerZone] = []
    package let wallMeter: Bool

    init(
        _ name: String, _ summary: String, processor: ProcessorModel, sockets: Int = 2,
        wallMeter: Bool = false
    ) {
        self.name = name
        self.summary = summary
        self.processor = processor
        self.sockets = sockets
        self.wallMeter = wallMeter
    }
}

extension Machine {
    /// What a register counts. Sockets are numbered from 0.
    package enum Part: Hashable, Sendable {
        case package(Int)
        case dram(Int)
        case core(Int)
        case uncore(Int)
        case platform

        /// Whether the host's energy has it as a term: packages and dram, and no part of them.
        package var isTerm: Bool {
            switch self {
            case .package, .dram: true
            case .core, .uncore, .platform: false
            }
        }
    }

    /// An energy register of the hardware. Several zones may show one.
    package struct Register: Sendable {
        package let part: Part
        /// One step in nanojoules.
        package let unit: UInt64
    }

    /// A zone of powercap with an energy counter.
    package struct Zone: Sendable {
        /// The control type, e.g. `intel-rapl`.
        package let control: String
        /// The folder below the control type, e.g. `intel-rapl:0/intel-rapl:0:0`.
        package let folder: String
        package let name: String
        /// The parent zone's name, empty at the top.
        package let parent: String
        /// The index of the register that it shows.
        package let register: Int
        package let flaw: Flaw?

        /// The zone's own folder name, e.g. `intel-rapl:0:0`: its link in `class/powercap`.
        package var id: String { String(folder.split(separator: "/").last ?? "") }
    }

    /// What is wrong with a zone for as long as the machine runs.
    package enum Flaw: Sendable {
        /// A folder stands in place of `energy_uj`: it opens, and read(2) fails for everybody,
        /// root included, as it does where the kernel cannot read the register. An empty file
        /// would not do: a read of it succeeds.
        case unreadableCounter
        /// There is no `max_energy_range_uj`.
        case noRange
    }

    /// A zone without an energy counter, as of the control types dtpm and arm-scmi.
    package struct PowerZone: Sendable {
        package let control: String
        package let name: String
        package let microwatts: UInt64
        package let maximumMicrowatts: UInt64

        /// The zone's folder name.
        package var id: String { "\(control):0" }
    }

    /// The indices of the zones whose sum is the host's energy of processor and memory: packages
    /// and dram, each register once.
    package var countedZones: [Int] {
        zones.indices.filter { index in
            let register = zones[index].register
            return registers[register].part.isTerm
                && zones.firstIndex { $0.register == register } == index
        }
    }

    /// Adds a register and gives its index.
    mutating func addRegister(_ part: Part, unit: UInt64) -> Int {
        registers.append(Register(part: part, unit: unit))
        return registers.count - 1
    }

    /// Adds a zone under a parent, at the lowest free id, and gives its index.
    ///
    /// Source: Linux drivers/powercap/powercap_sys.c, `powercap_register_zone`: the ids are
    /// hexadecimal and counted for each parent.
    @discardableResult
    mutating func addZone(
        _ name: String, under parent: Int? = nil, control: String = "intel-rapl",
        shows register: Int,
        flaw: Flaw? = nil
    ) -> Int {
        let above = parent.map { zones[$0] }
        let depth = above.map { $0.folder.split(separator: "/").count } ?? 0
        let siblings = zones.count {
            let path = $0.folder.split(separator: "/")
            guard $0.control == control, path.count == depth + 1 else { return false }
            return above.map { path.dropLast().joined(separator: "/") == $0.folder } ?? true
        }
        let id = (above?.id ?? control) + ":" + String(siblings, radix: 16)
        zones.append(
            Zone(
                control: control, folder: above.map { "\($0.folder)/\(id)" } ?? id, name: name,
                parent: above?.name ?? "", register: register, flaw: flaw))
        return zones.count - 1
    }

    /// Adds a zone that shows power only, the one of its control type.
    mutating func addPowerZone(_ zone: PowerZone) { powerZones.append(zone) }
}

/// A processor as `devices/system/cpu/modalias` names it.
package struct ProcessorModel: Sendable {
    /// The kernel's number of the vendor.
    ///
    /// Source: Linux arch/x86/include/asm/processor.h, `X86_VENDOR_INTEL` and the others.
    package enum Vendor: UInt16, Sendable {
        case intel = 0
        case amd = 2
        case hygon = 9
    }

    package let vendor: Vendor
    package let family: UInt16
    package let model: UInt16

    package init(vendor: Vendor, family: UInt16, model: UInt16) {
        self.vendor = vendor
        self.family = family
        self.model = model
    }

    /// The text of `modalias`: vendor, family, model, and the numbers of the processor's features,
    /// of which these are the first.
    ///
    /// Source: Linux drivers/base/cpu.c, `print_cpu_modalias`; arch/x86/include/asm/cpufeature.h,
    /// `CPU_FEATURE_TYPEFMT`.
    package var modalias: String {
        let features = (0..<10).map { "," + Self.hexadecimal($0) }.joined()
        return "cpu:type:x86,ven\(Self.hexadecimal(vendor.rawValue))"
            + "fam\(Self.hexadecimal(family))mod\(Self.hexadecimal(model)):feature:\(features)"
    }

    private static func hexadecimal(_ number: UInt16) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
