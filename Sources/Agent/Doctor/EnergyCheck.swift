import EnergySources
import Metering
import Settings

/// Reads the counters for a second: which there are, whether they can be read, and whether they move.
struct EnergyCheck {
    /// How long they are read: a package that is awake uses more than a step of its counter.
    static let length = Nanoseconds.seconds(1)

    let reading: EnergyReading
    let settings: EnergySettings
    /// The group that is to read the counters.
    let group: String
    let language: SentenceLanguage

    /// What is said where the settings are wrong: which source is meant is not known then.
    static func unjudged(_ language: SentenceLanguage) -> DoctorFinding {
        DoctorFinding(
            .energy, .unknown,
            language.say(
                "not looked at: the settings, which say where energy is read, are wrong",
                "未检查：设置有误，无法得知从何处读取电能"),
            fix: language.say(
                "mend what configuration says above, then ask again: `jouleflow-agent doctor`",
                "先改正上文 configuration 所述，再次运行 `jouleflow-agent doctor`"))
    }

    func findings() -> [DoctorFinding] {
        guard settings.source != .none else {
            return [
                DoctorFinding(
                    .energy, .ok,
                    language.say(
                        "not metered, as energy.source says", "按 energy.source 的设置不计量"))
            ]
        }
        let zones = reading.zones.filter { $0.description.counted }
        let primary = zones.filter { $0.description.source == reading.source }
        guard !primary.isEmpty else { return [noSource] + simulated }
        let others = zones.filter { $0.description.source != reading.source }
        return primary.map(finding) + others.compactMap(comparison) + simulated
    }

    private var simulated: [DoctorFinding] {
        guard settings.isSimulated else { return [] }
        return [
            DoctorFinding(
                .energy, "sysfs", .warning,
                language.say(
                    "counters are SIMULATED: every record says so",
                    "计数器为模拟（SIMULATED）：每条记录均会注明"),
                fix: language.say(
                    "leave out energy.sysfs and energy.procfs", "去掉 energy.sysfs 和 energy.procfs"))
        ]
    }

    private var noSource: DoctorFinding {
        let sysfs = settings.sysfs
        return DoctorFinding(
            .energy, .fault,
            language.say(
                "no counter under \(sysfs)/class/powercap and no wall meter: energy is unknown in "
                    + "every record",
                "\(sysfs)/class/powercap 下没有计数器，也没有功率计：所有记录中的电能均未知"),
            fix: language.say(
                "on hardware: `modprobe intel_rapl_msr`, or acpi_power_meter; a virtual machine has "
                    + "neither: give its measured watts as energy.idle_watts and "
                    + "energy.maximum_watts for an estimate, or `source: none`",
                "物理机：`modprobe intel_rapl_msr`，或 acpi_power_meter；虚拟机两者皆无：用 "
                    + "energy.idle_watts 和 energy.maximum_watts 填写实测功率以估算，或设 `source: none`"))
    }

    private func label(_ zone: EnergyReading.Zone) -> String { zone.description.label }

    private func finding(_ zone: EnergyReading.Zone) -> DoctorFinding {
        if let reason = zone.energy.energy.reason {
            return DoctorFinding(
                .energy, label(zone), .fault,
                "\(reason.sentence(in: language)) (\(zone.path))", fix: fix(reason, zone),
                isOfRights: reason == .permissionDenied)
        }
        guard let energy = zone.energy.energy.value, energy > .zero else {
            guard zone.description.source == .rapl else {
                return DoctorFinding(.energy, label(zone), .ok, "0 W")
            }
            return DoctorFinding(
                .energy, label(zone), .warning,
                language.say(
                    "it stood still for \(tenths(reading.seconds)) s (\(zone.path))",
                    "在 \(tenths(reading.seconds)) 秒内没有变化（\(zone.path)）"),
                fix: language.say(
                    "see whether it moves: `cat \(shellWord(zone.path))/energy_uj`; hypervisors show "
                        + "counters that do not: then meter the machine below",
                    "查看是否变化：`cat \(shellWord(zone.path))/energy_uj`；有些虚拟机的计数器不变，应计量其宿主机"))
        }
        let watts = energy.joules / max(reading.seconds, 0.001)
        return DoctorFinding(.energy, label(zone), .ok, "\(tenths(watts)) W")
    }

    private func comparison(_ zone: EnergyReading.Zone) -> DoctorFinding? {
        guard let reason = zone.energy.energy.reason else { return nil }
        return DoctorFinding(
            .energy, label(zone), .warning,
            language.say(
                "for comparison only, and \(reason.sentence)",
                "仅供比较，且\(reason.sentence(in: language))"), fix: fix(reason, zone),
            isOfRights: reason == .permissionDenied)
    }

    private func fix(_ reason: EnergyReason, _ zone: EnergyReading.Zone) -> String {
        guard reason == .permissionDenied, !zone.path.isEmpty else {
            let explanation = ZoneExplanation(
                zone: zone.description, folder: zone.path, role: zone.role)
            return reason.remedy(for: explanation, sysfs: settings.sysfs)
        }
        guard !ProcessIdentity.nobodies.contains(group) else {
            return ProcessIdentity.refusal(group, language)
        }
        // chgrp follows links, which others than root could put there.
        guard FileWay.foreignFolder(to: zone.path + "/energy_uj", user: 0) == nil else {
            return language.say(
                "others than root may change what lies there: let energy.sysfs name a tree of root's",
                "root 以外的用户可更改该处内容：energy.sysfs 应指向属于 root 的目录")
        }
        let file = shellWord(
            zone.description.source == .wall
                ? zone.path + "/" + zone.description.name + "_*" : zone.path + "/energy_uj")
        return language.say(
            "`chgrp \(group) \(file) && chmod g+r \(file)`; the package's rule does it at every boot "
                + "and for every driver loaded later",
            "`chgrp \(group) \(file) && chmod g+r \(file)`；软件包的规则在每次启动和加载驱动时自动执行")
    }

    private func tenths(_ value: Double) -> String {
        guard value.magnitude < 1e12 else { return "\(value)" }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\((tenths % 10).magnitude)"
    }
}

extension EnergyReason {
    /// The reason in words of a language.
    func sentence(in language: SentenceLanguage) -> String {
        guard language == .chinese else { return sentence }
        return switch self {
        case .firstReading: "首次读取"
        case .permissionDenied: "无权读取"
        case .missing: "已不存在"
        case .readFailed: "读取失败"
        case .malformed: "内容不是有效数值"
        case .discontinuity: "数值不连续：计数器已重启"
        case .noSource: "没有计数器"
        case .gapTooLong: "间隔过长，期间电能无法确定"
        case .suspended: "主机曾挂起"
        case .agentStopped: "代理未运行"
        case .rangeUnknown: "已回绕，且量程未知"
        case .sampled: "由瞬时功率采样得出"
        case .modelled: "由 CPU 时间和配置的功率计算"
        case .loadUnknown: "主机的 CPU 时间未知"
        }
    }
}
