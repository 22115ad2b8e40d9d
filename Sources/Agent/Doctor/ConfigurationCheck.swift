import Settings

/// Reads the settings and says what is wrong with them.
struct ConfigurationCheck {
    let file: String
    let hostName: String
    let language: SentenceLanguage

    /// The settings, also where there is no file yet; nothing where it cannot be used.
    func run() -> (settings: AgentSettings?, findings: [DoctorFinding]) {
        do throws(SettingsErrors) {
            let settings = try AgentSettings.load(path: file, hostName: hostName)
            return (settings, findings(of: settings))
        } catch {
            guard let failure = error.fileFailure else {
                return (nil, error.errors.map(finding))
            }
            let unconfigured = try? AgentSettings.unconfigured(name: file, hostName: hostName)
            return (failure == .missing ? unconfigured : nil, [unreadable(failure)])
        }
    }

    private func findings(of settings: AgentSettings) -> [DoctorFinding] {
        guard !settings.isUnconfigured else { return [unconfigured] }
        let ok = DoctorFinding(
            .configuration, .ok,
            language.say(
                "\(file) is right; the agent is \(settings.id)",
                "\(file) 无误；本代理为 \(settings.id)"))
        return [ok]
            + settings.warnings.map { warning in
                let told = warning.told(in: language)
                return DoctorFinding(
                    .configuration, place(of: warning.finding), .warning, told.sentence,
                    fix: told.advice)
            } + (settings.collectors.isEmpty ? [noCollector(settings)] : [])
    }

    private func finding(_ error: SettingsError) -> DoctorFinding {
        DoctorFinding(
            .configuration, place(of: error), .fault, "\(error.problem)",
            fix: error.hint.isEmpty
                ? language.say(
                    "correct the line; `jouleflow-agent check \(file)` shows it",
                    "改正该行；`jouleflow-agent check \(file)` 会显示它") : error.hint)
    }

    private func place(of error: SettingsError) -> String {
        error.place.map { "\($0.line):\($0.column)" } ?? ""
    }

    private var next: String {
        language.say(
            "write services, scenarios and collectors in \(file) (\(Manual.path(of: "configuration"))), "
                + "see `jouleflow-agent check \(file)`, then `systemctl restart jouleflow-agent`",
            "在 \(file) 中填写 services、scenarios 和 collectors（\(Manual.path(of: "configuration"))），"
                + "用 `jouleflow-agent check \(file)` 检查，然后 `systemctl restart jouleflow-agent`")
    }

    private var unconfigured: DoctorFinding {
        DoctorFinding(
            .configuration, .fault,
            language.say(
                "\(file) names no services and no collectors: nothing is counted, nothing is sent",
                "\(file) 未指定服务和采集端：不统计，不发送"), fix: next)
    }

    private func unreadable(_ failure: FileFailure) -> DoctorFinding {
        switch failure {
        case .missing:
            DoctorFinding(
                .configuration, .fault,
                language.say(
                    "there is no \(file): nothing is counted, nothing is sent",
                    "没有 \(file)：不统计，不发送"), fix: next)
        case .permissionDenied:
            DoctorFinding(
                .configuration, .fault,
                language.say(
                    "no right to read \(file): the agent does not start",
                    "无权读取 \(file)：代理无法启动"),
                fix: readable, isOfRights: true)
        case .other, .notAFile:
            DoctorFinding(
                .configuration, .fault,
                language.say("\(file) cannot be read: \(failure)", "\(file) 无法读取：\(failure)"),
                fix: language.say("put a file there", "请在该处放置文件"))
        }
    }

    private var readable: String {
        let identity = ProcessIdentity.current
        if identity.isNobody { return identity.refusal(language) }
        // chgrp follows links, which others than root could put there.
        guard FileWay.changeableLink(to: file) == nil,
            FileWay.foreignFolder(to: file, user: 0) == nil
        else { return copy }
        if let blocked = BlockedWay.to(file) {
            let isOwn = BlockedWay.packages.contains(blocked.folder)
            return blocked.fix(for: identity)
                ?? (isOwn ? blocked.apart(for: identity, language) : copy)
        }
        let word = shellWord(file)
        return "`chgrp \(identity.group) \(word) && chmod g+r \(word)`"
    }

    private var copy: String {
        language.say(
            "put the settings to /etc/jouleflow/agent.yaml: a home is not laid open, and the unit hides it; "
                + "a folder of another group's stays closed; one that others than root may change is no "
                + "place for them",
            "将配置放到 /etc/jouleflow/agent.yaml：用户主目录不应开放，单元也会隐藏它；"
                + "属于其他组的目录保持关闭；root 以外的用户可更改的目录不宜存放配置")
    }

    private func noCollector(_ settings: AgentSettings) -> DoctorFinding {
        DoctorFinding(
            .configuration, "collectors", .warning,
            language.say(
                "no collector: records stay in the spool and the oldest are dropped when it is full",
                "没有采集端：记录留在待发区，满后丢弃最旧的记录"),
            fix: language.say(
                "name one in collectors, or fetch the spool with its host",
                "在 collectors 中指定采集端"))
    }
}

/// A word as a shell takes it.
func shellWord(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
        switch UInt8(byte) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "/._-:,+@".utf8.contains(byte)
        }
    }
    guard !isPlain || text.isEmpty else { return text }
    return "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: "'\\''") + "'"
}
