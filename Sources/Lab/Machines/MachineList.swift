extension Machine {
    /// Every machine the laboratory can play: the one place that knows them by name.
    package static let all: [Machine] = [
        xeon("xeon-2s", "2-socket Xeon: packages and dram"),
        sapphireRapids, client, epyc, mirroredEpyc, withPowerZone,
        xeon(
            "unreadable", "xeon-2s where reading package-1's energy_uj fails",
            flaws: ["package-1": .unreadableCounter]),
        xeon(
            "no-range", "xeon-2s where package-1's dram has no max_energy_range_uj",
            flaws: ["package-1/dram": .noRange]),
        Machine(
            "hwmon", "no powercap; an ACPI power meter at the wall", processor: .iceLake,
            wallMeter: true),
        xeon("hwmon-and-xeon", "xeon-2s with an ACPI power meter at the wall", wallMeter: true),
        Machine("none", "no counters at all, like many virtual machines", processor: .iceLake),
    ]

    /// The machine of that name.
    package static func named(_ name: String) -> Machine? { all.first { $0.name == name } }

    /// The one that is played where none is asked for.
    package static var usual: Machine { all[0] }

    private static func xeon(
        _ name: String, _ summary: String, wallMeter: Bool = false,
        flaws: [String: Flaw] = [:]
    ) -> Machine {
        var machine = Machine(name, summary, processor: .iceLake, wallMeter: wallMeter)
        for socket in 0..<machine.sockets {
            machine.addIntelPackage(socket, memoryUnit: EnergyUnit.serverMemory, flaws)
        }
        return machine
    }

    private static var withPowerZone: Machine {
        var machine = xeon("dtpm", "xeon-2s with a dtpm zone, which has power_uw and no energy_uj")
        machine.addPowerZone(
            PowerZone(
                control: "dtpm", name: "soc", microwatts: 1_000_000, maximumMicrowatts: 5_000_000))
        return machine
    }

    /// Newer kernels register psys with the first package, so that package-1 stands behind it, and
    /// take the memory's unit from the processor.
    private static var sapphireRapids: Machine {
        var machine = Machine(
            "spr-2s", "2-socket Sapphire Rapids: psys at index 1, in steps of 1 J",
            processor: ProcessorModel(vendor: .intel, family: 6, model: 0x8F))
        machine.addIntelPackage(0, memoryUnit: EnergyUnit.intel)
        machine.addZone(
            "psys", shows: machine.addRegister(.platform, unit: EnergyUnit.serverPlatform))
        machine.addIntelPackage(1, memoryUnit: EnergyUnit.intel)
        return machine
    }

    /// The zone of intel-rapl-mmio reads the same energy through another door.
    private static var client: Machine {
        var machine = Machine(
            "client", "Intel client: core, uncore, psys, and package-0 a second time over MMIO",
            processor: ProcessorModel(vendor: .intel, family: 6, model: 0x9A), sockets: 1)
        let register = machine.addRegister(.package(0), unit: EnergyUnit.intel)
        let package = machine.addZone("package-0", shows: register)
        for (name, part) in [("core", Part.core(0)), ("uncore", .uncore(0))] {
            machine.addZone(
                name, under: package, shows: machine.addRegister(part, unit: EnergyUnit.intel))
        }
        machine.addZone("psys", shows: machine.addRegister(.platform, unit: EnergyUnit.intel))
        machine.addZone("package-0", control: "intel-rapl-mmio", shows: register)
        return machine
    }

    private static var epyc: Machine {
        var machine = Machine(
            "epyc-2s", "2-socket EPYC: packages and core", processor: .milan)
        for socket in 0..<machine.sockets {
            let register = machine.addRegister(.package(socket), unit: EnergyUnit.amd)
            let package = machine.addZone("package-\(socket)", shows: register)
            machine.addZone(
                "core", under: package,
                shows: machine.addRegister(.core(socket), unit: EnergyUnit.amd))
        }
        return machine
    }

    /// Kernels that do not know yet that AMD's registers are of the package give each die a zone.
    ///
    /// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_msrs_are_pkg_scope`.
    private static var mirroredEpyc: Machine {
        var machine = Machine(
            "epyc-mirrored", "2-socket EPYC whose two dies show one counter each twice",
            processor: ProcessorModel(vendor: .amd, family: 0x17, model: 1))
        for socket in 0..<machine.sockets {
            let register = machine.addRegister(.package(socket), unit: EnergyUnit.amd)
            for die in 0..<2 {
                machine.addZone("package-\(socket)-die-\(die)", shows: register)
            }
        }
        return machine
    }

    private mutating func addIntelPackage(
        _ socket: Int, memoryUnit: UInt64, _ flaws: [String: Flaw] = [:]
    ) {
        let name = "package-\(socket)"
        let package = addZone(
            name, shows: addRegister(.package(socket), unit: EnergyUnit.intel), flaw: flaws[name])
        addZone(
            "dram", under: package, shows: addRegister(.dram(socket), unit: memoryUnit),
            flaw: flaws[name + "/dram"])
    }
}

extension ProcessorModel {
    fileprivate static let iceLake = ProcessorModel(vendor: .intel, family: 6, model: 0x6A)
    fileprivate static let milan = ProcessorModel(vendor: .amd, family: 0x19, model: 1)
}

/// What one step of an energy register is worth, in nanojoules.
package enum EnergyUnit {
    /// 2^-14 J. Source: Intel SDM, MSR_RAPL_POWER_UNIT with ESU 14.
    package static let intel: UInt64 = 61_035
    /// 2^-16 J. Source: AMD PPR, RAPL_PWR_UNIT with ESU 16.
    package static let amd: UInt64 = 15_258
    /// Haswell to Ice Lake servers.
    /// Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_defaults_hsw_server`.
    package static let serverMemory: UInt64 = 15_300
    /// 1 J. Source: Linux drivers/powercap/intel_rapl_common.c, `rapl_defaults_spr_server`.
    package static let serverPlatform: UInt64 = 1_000_000_000
}
