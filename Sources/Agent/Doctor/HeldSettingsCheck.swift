import Glibc
import Metering
import Settings

/// Looks whether the running agent holds the settings that the file has: it reads them when it starts
/// and at a reload, and at no other time.
struct HeldSettingsCheck {
    /// When the unit came into its state: a start or a reload ended then.
    /// Source: org.freedesktop.systemd1(5), StateChangeTimestampMonotonic.
    static let shown = ["StateChangeTimestampMonotonic"]
    /// Bytes of a status from which on its end may have been cut off.
    private static let longestWhole = 496

    let settings: AgentSettings
    let file: String
    /// What `systemctl show` says of the agent's unit; empty where none runs on this file.
    let unit: [String: String]
    let unitName: String
    /// When the file was written; `nil` where it cannot be seen.
    let changed: Timestamp?
    let kept: KeptWindows
    let now: Timestamp
    /// For how long the running agent has held what it holds; `nil` where that is not known.
    let sinceRead: Nanoseconds?
    let language: SentenceLanguage

    /// When a file was written.
    static func change(of file: String) -> Timestamp? {
        var status = stat()
        guard stat(file, &status) == 0, let seconds = UInt64(exactly: status.st_mtim.tv_sec) else {
            return nil
        }
        let (whole, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isOver ? nil : Timestamp(whole) + Nanoseconds(UInt64(status.st_mtim.tv_nsec))
    }

    /// For how long the unit has been running since its start or its latest reload.
    static func sinceRead(_ unit: [String: String], now: Nanoseconds) -> Nanoseconds? {
        guard unit["ActiveState"] == "active",
            let text = unit[shown[0]], let at = UInt64(text), at > 0
        else { return nil }
        let (read, isOver) = at.multipliedReportingOverflow(by: 1000)
        return isOver || read > now.rawValue ? nil : Nanoseconds(now.rawValue - read)
    }

    func findings() -> [DoctorFinding] {
        if let other = otherWork ?? otherManifest {
            return [
                DoctorFinding(
                    .agent, "settings", .fault,
                    language.say(
                        "the running agent holds other settings than \(file): \(other)",
                        "运行中的代理使用的设置与 \(file) 不同：\(other)"), fix: fix)
            ]
        }
        guard isFileNewer else { return [] }
        return [
            DoctorFinding(
                .agent, "settings", .warning,
                language.say(
                    "\(file) was written after the running agent read it: what changed there does not "
                        + "hold yet",
                    "\(file) 在运行中的代理读取之后被写入：其中的更改尚未生效"), fix: fix)
        ]
    }

    /// A reload would not do for all keys.
    private var fix: String {
        language.say(
            "`systemctl restart \(unitName)`, or without systemd end the agent and start it again",
            "`systemctl restart \(unitName)`；没有 systemd 时结束代理并重新启动")
    }

    /// What the agent says that it does, where that is not what the file asks for.
    private var otherWork: String? {
        guard unit["ActiveState"] == "active", let text = unit["StatusText"],
            let line = text.split(separator: StatusLine.waiting).first
        else { return nil }
        // Before it stands what is known of the energy.
        let parts = line.split(separator: ", counts ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let (told, asked) = ("counts \(parts[1])", StatusLine.work(of: settings))
        let isSame =
            told == asked || settings.isUnconfigured && told.hasPrefix(asked)
            || text.utf8.count > Self.longestWhole && (asked + StatusLine.waiting).hasPrefix(told)
        return isSame
            ? nil
            : language.say(
                "it says that it \(StatusTextCheck.tame(told))",
                "它表示：\(StatusTextCheck.tame(told))")
    }

    /// What the latest window was metered by, where that is not what the file asks for.
    private var otherManifest: String? {
        guard let sinceRead, let latest = kept.latest else { return nil }
        // A window that began before the reading tells nothing of it. A reload ends a window first.
        let wait = latest.manifest.windowLength
        guard now.since(latest.start).rawValue.addingClamped(wait.rawValue) <= sinceRead.rawValue
        else { return nil }
        let areOtherServices = latest.manifest.services != settings.describedServices
        // The digest is of services and scenarios.
        let areOtherRules = latest.manifest.rulesDigest != settings.rulesDigest
        let differs = [
            ("services", areOtherServices), ("scenarios", areOtherRules && !areOtherServices),
            ("window", latest.manifest.windowLength != settings.window),
        ].filter(\.1).map(\.0).joined(separator: ", ")
        return differs.isEmpty
            ? nil
            : language.say(
                "its latest record is of other \(differs)", "其最新记录的 \(differs) 不同")
    }

    /// Where nothing tells when the agent read them last, nothing is said.
    private var isFileNewer: Bool {
        guard let changed, changed <= now, let sinceRead, unit["ActiveState"] == "active" else {
            return false
        }
        return now.since(changed) < sinceRead
    }
}
