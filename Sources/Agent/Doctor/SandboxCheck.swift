import Settings

/// Compares the rights that the running agent has, and the properties of its unit, with those that it
/// comes with: what somebody has widened is named.
struct SandboxCheck {
    /// What the unit is to have at least, as `systemctl show` prints it.
    ///
    /// Source: systemd.exec(5), systemd.service(5), systemd.resource-control(5).
    static let wanted: [(property: String, value: String)] = [
        ("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"), ("ProtectKernelModules", "yes"), ("ProtectControlGroups", "yes"),
        ("MemoryDenyWriteExecute", "yes"), ("LockPersonality", "yes"),
        ("RestrictRealtime", "yes"), ("RestrictSUIDSGID", "yes"),
    ]
    /// Limits that the unit is to have, whatever they are.
    static let limits = ["MemoryMax", "CPUQuotaPerSecUSec"]
    static let shown = wanted.map(\.property) + limits + ["LoadState", "NeedDaemonReload"]

    /// Of the running agent.
    let process: ProcessStatus?
    /// What `systemctl show` says of the unit; `nil` where systemd does not run.
    let unit: [String: String]?
    let unitName: String
    /// Whom the rest was looked at as.
    let user: UInt32
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        let all = (process.map(rights) ?? [notRunning]) + (unit.map(properties) ?? [noSystemd])
        return all
    }

    private func finding(
        _ subject: String, _ state: DoctorFinding.State, _ found: String, _ fix: String = ""
    ) -> DoctorFinding { DoctorFinding(.sandbox, subject, state, found, fix: fix) }

    private var notRunning: DoctorFinding {
        finding(
            "process", .unknown,
            language.say("no running agent was found", "没有找到运行中的代理"),
            "`systemctl start jouleflow-agent`")
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
                    "`jouleflow-agent doctor --user \(name)`"))
        }
        let more = (process.effective | process.bounding) & ~ProcessStatus.netRaw
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
            return [
                finding(
                    "unit", .unknown,
                    language.say(
                        "there is no unit \(unitName)", "没有单元 \(unitName)"),
                    language.say("install the package", "请安装软件包"))
            ]
        }
        var weak = Self.wanted.filter { unit[$0.property] != $0.value }.map {
            "\($0.property)=\(unit[$0.property] ?? "")"
        }
        weak += Self.limits.filter { [nil, "", "infinity"].contains(unit[$0]) }.map {
            "\($0)=\(unit[$0] ?? "")"
        }
        var findings: [DoctorFinding] = []
        if !weak.isEmpty {
            findings.append(
                finding(
                    "unit", .warning,
                    language.say(
                        "weaker than it comes: \(weak.joined(separator: ", "))",
                        "弱于出厂设置：\(weak.joined(separator: "、"))"),
                    language.say(
                        "take the drop-in back: ", "请撤销附加配置：") + "`systemctl revert \(unitName)`"))
        }
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
}
