import Glibc
import Settings

/// Looks at what systemd makes of the agent's unit: whether it runs, could run, and will after a boot.
///
/// Metering would be wrong where the unit cannot run: a fault. One that somebody stopped would meter
/// right if it ran: a warning.
struct UnitCheck {
    /// Source: org.freedesktop.systemd1(5), "Unit Objects" and "Service Unit Objects".
    static let shown = [
        "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus",
        "NRestarts", "MainPID", "User", "Group",
    ]
    /// States of the unit's file in which a boot does not start it.
    private static let notAtBoot: Set<String> = [
        "disabled", "enabled-runtime", "linked", "linked-runtime", "indirect",
    ]

    /// Starts by systemd from which on one that starts is not asked for again in a moment.
    private static let fewRestarts = 3

    /// What `systemctl show` says of the unit; `nil` where systemd does not run.
    let unit: [String: String]?
    let unitName: String
    /// Whether an agent has the spool open; `nil` where that cannot be seen.
    let isInUse: Bool?
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard let unit else { return [] }
        return switch unit["LoadState"] {
        case "masked": [masked]
        case "loaded": life(unit)
        case "bad-setting", "error": [unusable]
        default: []
        }
    }

    private func finding(
        _ state: DoctorFinding.State, _ found: String, _ fix: String
    ) -> DoctorFinding {
        DoctorFinding(.agent, unitName, state, found, fix: fix)
    }

    private var masked: DoctorFinding {
        let runtime = unit?["UnitFileState"] == "masked-runtime" ? "--runtime " : ""
        return finding(
            .fault,
            language.say(
                "the unit is masked: systemd does not start it", "单元已被屏蔽（masked）：systemd 不会启动它"),
            "`systemctl unmask \(runtime)\(unitName) && systemctl enable --now \(unitName)`")
    }

    private var unusable: DoctorFinding {
        finding(
            .fault,
            language.say(
                "systemd cannot load the unit: a line of it or of its drop-ins is wrong",
                "systemd 无法加载该单元：其文件或附加配置有误"),
            language.say(
                "`systemctl status \(unitName)` names the line: correct it, then "
                    + "`systemctl daemon-reload && systemctl restart \(unitName)`",
                "`systemctl status \(unitName)` 会指出该行：改正后 "
                    + "`systemctl daemon-reload && systemctl restart \(unitName)`"))
    }

    private func life(_ unit: [String: String]) -> [DoctorFinding] {
        let isTried = ["failed", "activating"].contains(unit["ActiveState"] ?? "")
        if isTried, let absent = absentAccount(unit) { return [absent] }
        let startsAtBoot = !Self.notAtBoot.contains(unit["UnitFileState"] ?? "")
        switch (unit["ActiveState"], unit["SubState"]) {
        case ("failed", _): return [failed(unit)]
        case ("activating", "auto-restart"): return [looping(unit)]
        case ("activating", _) where Int(unit["NRestarts"] ?? "") ?? 0 >= Self.fewRestarts:
            return [looping(unit)]
        case ("activating", _):
            return [
                finding(
                    .unknown, language.say("the unit is starting", "单元正在启动"),
                    language.say("ask again in a moment", "请稍后再次检查"))
            ]
        case ("inactive", _), ("deactivating", _):
            return [isInUse == true ? besideUnit : stopped(startsAtBoot: startsAtBoot)]
        default:
            guard !startsAtBoot else { return [] }
            return [
                finding(
                    .warning,
                    language.say(
                        "the unit runs, and does not start at the next boot",
                        "单元正在运行，但下次开机不会启动"), "`systemctl enable \(unitName)`")
            ]
        }
    }

    /// The user or group of the unit that is not there, where systemd could not take it.
    ///
    /// Source: systemd.exec(5), "Process Exit Codes": 216 and 217.
    private func absentAccount(_ unit: [String: String]) -> DoctorFinding? {
        let property: String
        switch unit["ExecMainStatus"] {
        case "216": property = "Group"
        case "217": property = "User"
        default: return nil
        }
        guard let name = unit[property], !name.isEmpty, uid_t(name) == nil,
            property == "User" ? getpwnam(name) == nil : getgrnam(name) == nil
        else { return nil }
        let restart = "systemctl restart \(unitName)"
        return finding(
            .fault,
            language.say(
                "there is no \(property.lowercased()) \(name), which the unit names (\(property)=): systemd "
                    + "cannot start the agent",
                "没有单元指定的 \(property)=\(name)：systemd 无法启动代理"),
            name == "jouleflow"
                ? "`systemd-sysusers jouleflow-agent.conf && \(restart)`"
                : language.say(
                    "make it, or correct \(property)=: `systemctl edit \(unitName)`, then `\(restart)`",
                    "创建它，或改正 \(property)=：`systemctl edit \(unitName)`，然后 `\(restart)`"))
    }

    private func failed(_ unit: [String: String]) -> DoctorFinding {
        var reason = unit["Result"] ?? "?"
        if reason == "exit-code", let status = unit["ExecMainStatus"] {
            reason = language.say("exit status \(status)", "退出状态 \(status)")
        }
        return finding(
            .fault,
            language.say(
                "the unit failed (\(reason)): systemd does not start it again by itself",
                "单元失败（\(reason)）：systemd 不会自动再次启动"),
            language.say(
                "`journalctl -u \(unitName) -n 30` says why; mend that, then "
                    + "`systemctl reset-failed \(unitName) && systemctl start \(unitName)`",
                "`journalctl -u \(unitName) -n 30` 说明原因；排除后 "
                    + "`systemctl reset-failed \(unitName) && systemctl start \(unitName)`"))
    }

    private func looping(_ unit: [String: String]) -> DoctorFinding {
        let count = unit["NRestarts"].flatMap(Int.init) ?? 0
        let times = count > 0 ? language.say(" (\(count) times)", "（\(count) 次）") : ""
        return finding(
            .fault,
            language.say(
                "the agent ends, and systemd starts it again and again\(times)",
                "代理不断退出，systemd 反复重启\(times)"),
            language.say(
                "`journalctl -u \(unitName) -n 30` says why",
                "`journalctl -u \(unitName) -n 30` 说明原因"))
    }

    private var besideUnit: DoctorFinding {
        finding(
            .warning,
            language.say(
                "an agent runs on this state, and not as its unit: without the unit's limits, and not "
                    + "after a boot",
                "有代理在此状态目录上运行，但不由单元启动：没有单元的限制，重启后也不会运行"),
            language.say(
                "end that one, then `systemctl enable --now \(unitName)`",
                "先结束该进程，然后 `systemctl enable --now \(unitName)`"))
    }

    private func stopped(startsAtBoot: Bool) -> DoctorFinding {
        startsAtBoot
            ? finding(
                .warning,
                language.say(
                    "the unit is stopped: nothing is metered until it is started",
                    "单元已停止：启动之前不计量"), "`systemctl start \(unitName)`")
            : finding(
                .warning,
                language.say(
                    "the unit is stopped, and does not start at boot: nothing is metered",
                    "单元已停止，且开机不会启动：不计量"), "`systemctl enable --now \(unitName)`")
    }
}
