import Settings

/// Compares the rights that the running agent has, and the properties of its unit, with those that it
/// comes with: what somebody has widened is named.
struct SandboxCheck {
    /// Source: org.freedesktop.systemd1(5).
    static let shown =
        UnitRule.all(seesProcesses: false).map(\.property)
        + ["LoadState", "NeedDaemonReload", "DropInPaths", "ReadWritePaths"]

    /// Of the running agent.
    let process: ProcessStatus?
    /// What `systemctl show` says of the unit; `nil` where systemd does not run.
    let unit: [String: String]?
    let unitName: String
    /// Whom the rest was looked at as.
    let user: UInt32
    /// The state folder.
    let state: String
    /// Whether the settings ask for the CPU time of other users' processes.
    let seesProcesses: Bool
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        ofProcess + (unit.map(properties) ?? [noSystemd])
    }

    /// What is found of the running agent alone.
    var ofProcess: [DoctorFinding] { process.map(rights) ?? [notRunning] }

    private func finding(
        _ subject: String, _ state: DoctorFinding.State, _ found: String, _ fix: String = ""
    ) -> DoctorFinding { DoctorFinding(.sandbox, subject, state, found, fix: fix) }

    private var notRunning: DoctorFinding {
        finding(
            "process", .unknown,
            language.say("no running agent was found", "没有找到运行中的代理"),
            language.say("the lines agent say more", "参见 agent 各行"))
    }

    private var noSystemd: DoctorFinding {
        finding(
            "unit", .unknown,
            language.say(
                "systemd does not run here, or does not answer this user",
                "此处没有运行 systemd，或不应答此用户"),
            language.say(
                "where it runs, run doctor as root; in a container its own limits hold",
                "若有 systemd，请以 root 运行 doctor；容器中以容器自身的限制为准"))
    }

    private var unitFix: String { "`systemctl cat \(unitName)`" }

    private func rights(_ process: ProcessStatus) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        if process.user == 0 {
            findings.append(
                finding(
                    "process", .warning,
                    language.say("the agent runs as root", "代理以 root 运行"),
                    language.say(
                        "run it as its unit does: `systemctl restart \(unitName)`",
                        "请按其单元运行：`systemctl restart \(unitName)`")))
        } else if process.user != user {
            let name = ProcessIdentity.name(ofUser: process.user)
            findings.append(
                finding(
                    "process", .warning,
                    language.say(
                        "the agent runs as \(name), and this was looked at as another user",
                        "代理以 \(name) 运行，而本次检查的用户不同"),
                    language.say("as root: ", "以 root 运行：")
                        + "`jouleflow-agent doctor --user \(name)`"))
        }
        let meant = ProcessStatus.netRaw | (seesProcesses ? ProcessStatus.ptrace : 0)
        let more = (process.effective | process.bounding) & ~meant
        if more != 0 {
            findings.append(
                finding(
                    "process", .warning,
                    language.say(
                        "it has, or may get, capabilities beyond CAP_NET_RAW (\(String(more, radix: 16)))",
                        "除 CAP_NET_RAW 外还有或可获得其他权能（\(String(more, radix: 16))）"),
                    language.say(
                        "CapabilityBoundingSet=CAP_NET_RAW in the unit: ",
                        "在单元中设置 CapabilityBoundingSet=CAP_NET_RAW：") + unitFix))
        }
        if process.effective & ProcessStatus.netRaw == 0 {
            findings.append(
                finding(
                    "process", .fault,
                    language.say(
                        "it lacks CAP_NET_RAW: flows are not counted",
                        "缺少 CAP_NET_RAW：不统计流程"),
                    language.say(
                        "AmbientCapabilities=CAP_NET_RAW in the unit: ",
                        "在单元中设置 AmbientCapabilities=CAP_NET_RAW：") + unitFix))
        }
        if !process.hasNoNewPrivileges || !process.isFiltered {
            findings.append(
                finding(
                    "process", .warning,
                    language.say(
                        "it runs without no-new-privileges or without a filter of system calls",
                        "未启用 no-new-privileges 或系统调用过滤"),
                    language.say("run it as its unit does: ", "请按其单元运行：") + unitFix))
        }
        guard findings.isEmpty else { return findings }
        return [
            finding(
                "process", .ok,
                language.say(
                    "runs as \(ProcessIdentity.name(ofUser: process.user)) with CAP_NET_RAW alone, "
                        + "filtered",
                    "以 \(ProcessIdentity.name(ofUser: process.user)) 运行，仅有 CAP_NET_RAW，系统调用受限"))
        ]
    }

    private func properties(_ unit: [String: String]) -> [DoctorFinding] {
        guard unit["LoadState"] == "loaded" else {
            // Of one that is masked or broken the line agent tells.
            guard unit["LoadState"] == "not-found" else { return [] }
            return [
                finding(
                    "unit", .unknown,
                    language.say(
                        "there is no unit \(unitName)", "没有单元 \(unitName)"),
                    language.say("install the package", "请安装软件包"))
            ]
        }
        var findings = weaknesses(unit)
        if unit["NeedDaemonReload"] == "yes" {
            findings.append(
                finding(
                    "unit", .warning,
                    language.say(
                        "its file changed and systemd has not read it", "单元文件已变更，systemd 尚未读取"),
                    "`systemctl daemon-reload && systemctl restart \(unitName)`"))
        }
        return findings.isEmpty
            ? [finding("unit", .ok, language.say("as it comes", "与出厂设置一致"))] : findings
    }

    /// One for each property that is weaker than it comes. What this systemd does not know is left out.
    private func weaknesses(_ unit: [String: String]) -> [DoctorFinding] {
        let files = unit["DropInPaths"] ?? ""
        let known = UnitRule.all(seesProcesses: seesProcesses).compactMap { rule in
            unit[rule.property].flatMap(rule.weakness).map { weakness(rule, $0, files) }
        }
        let writable = UnitViewCheck.writable(unit).filter {
            $0 != state && !$0.hasPrefix(state + "/")
        }
        guard !writable.isEmpty else { return known }
        let rule = UnitRule("ReadWritePaths", "", .within([]))
        return known + [weakness(rule, writable.joined(separator: " "), files)]
    }

    private func weakness(_ rule: UnitRule, _ value: String, _ files: String) -> DoctorFinding {
        let name = rule.property
        if ["User", "Group"].contains(name), ProcessIdentity.nobodies.contains(value) {
            return ofNobody(name, value)
        }
        let comes =
            rule.comes.isEmpty
            ? language.say("comes without it", "出厂时没有此项")
            : language.say("comes with \(rule.comes)", "出厂设置为 \(rule.comes)")
        let places = files.isEmpty ? "" : language.say("; set in \(files)", "；设于 \(files)")
        return finding(
            name, .warning,
            language.say(
                "weaker than it comes: \(name)=\(short(value)); the unit \(comes)\(places)",
                "弱于出厂设置：\(name)=\(short(value))；\(comes)\(places)"),
            language.say(
                "`systemctl revert \(unitName) && systemctl restart \(unitName)` takes back all "
                    + "changes; to keep others take out this one alone with "
                    + "`systemctl edit \(unitName)`, and restart",
                "`systemctl revert \(unitName) && systemctl restart \(unitName)` 撤销全部改动；"
                    + "若要保留其他改动，用 `systemctl edit \(unitName)` 仅删除此项并重启"))
    }

    /// What is given to a user or a group that other programs have too, they have too.
    private func ofNobody(_ property: String, _ name: String) -> DoctorFinding {
        finding(
            property, .fault,
            language.say(
                "the unit runs the agent with \(property)=\(name), which other programs have too: they "
                    + "can read what it may read, and change its records",
                "单元以 \(property)=\(name) 运行代理，其他程序也使用它：它们可读取代理可读的内容，并更改其记录"),
            language.say(
                "take User= and Group= out of the drop-ins: `systemctl edit \(unitName)`, then "
                    + "`systemctl restart \(unitName)`; the package makes the user jouleflow",
                "从附加配置中删除 User= 和 Group=：`systemctl edit \(unitName)`，然后 "
                    + "`systemctl restart \(unitName)`；软件包会创建用户 jouleflow"))
    }

    /// A filter that refuses some calls and allows the rest is long.
    private func short(_ value: String) -> String {
        value.count > 120 ? String(value.prefix(120)) + " …" : value
    }
}
