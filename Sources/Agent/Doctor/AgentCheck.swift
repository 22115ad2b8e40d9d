import Glibc
import KernelFiles
import Metering
import Settings
import Spool

/// Looks whether an agent runs on this state, and whether it writes records.
struct AgentCheck {
    let settings: AgentSettings
    /// Where the settings are.
    let file: String
    /// Whether an agent has the spool open; `nil` where that cannot be seen.
    let isInUse: Bool?
    /// What systemd says of the unit, where it tells of an agent that does not run.
    let unit: [DoctorFinding]
    /// The running agent, where it can be found.
    let pid: Int?
    /// How long it has run, where that is known.
    var age: Nanoseconds?
    let kept: KeptWindows
    let now: Timestamp
    let language: SentenceLanguage

    /// The process that holds a lock on the file, as /proc/locks tells; `nil` where none does, or it
    /// is in another pid namespace.
    ///
    /// Source: proc(5), /proc/locks; flock(2).
    static func holder(ofLock path: String, procfs: String) -> Int? {
        // Where it is a link, the lock is another program's.
        var status = stat()
        guard lstat(path, &status) == 0,
            let text = try? readText(of: procfs + "/locks", limit: 1 << 20)
        else { return nil }
        return holder(inode: UInt64(status.st_ino), locks: text)
    }

    /// `1: FLOCK  ADVISORY  WRITE 4711 08:01:1835021 0 EOF`
    static func holder(inode: UInt64, locks: String) -> Int? {
        for line in locks.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", let pid = Int(words[4]), pid > 0,
                let last = words[5].split(separator: ":").last, UInt64(last) == inode
            else { continue }
            return pid
        }
        return nil
    }

    func findings() -> [DoctorFinding] {
        guard let isInUse else { return pid != nil || unit.isEmpty ? [unseen] + unit : unit }
        guard isInUse else { return unit.isEmpty ? [absent] : unit }
        return [running] + unit
    }

    private var absent: DoctorFinding {
        DoctorFinding(
            .agent, .warning,
            language.say(
                "no agent runs on \(settings.state): time without one has no counts",
                "\(settings.state) 上没有代理运行：期间没有统计"),
            fix: language.say(
                "`systemctl enable --now jouleflow-agent`, or without systemd "
                    + "`jouleflow-agent run --config \(shellWord(file))`",
                "`systemctl enable --now jouleflow-agent`；没有 systemd 时 "
                    + "`jouleflow-agent run --config \(shellWord(file))`"))
    }

    private var unseen: DoctorFinding {
        let process = pid.map { language.say(" (process \($0))", "（进程 \($0)）") } ?? ""
        guard pid == nil else {
            return DoctorFinding(
                .agent, .ok,
                language.say(
                    "runs\(process), as systemd says; its records were not looked at",
                    "systemd 表示正在运行\(process)；未查看其记录"))
        }
        return DoctorFinding(
            .agent, .unknown,
            language.say(
                "whether one runs cannot be seen: the spool cannot be looked at",
                "无法查看待发区，不知是否有代理运行"),
            fix: language.say("see the lines state and spool", "参见 state 和 spool 各行"))
    }

    /// What passes before the first window's record is there, beside the window.
    private static let firstRecord = Nanoseconds.seconds(30)

    /// Whether the first window is long over, and there is no record at all.
    private var hasNeverWritten: Bool {
        guard let age, kept.end == nil else { return false }
        let (latest, isOver) = settings.window.rawValue.addingReportingOverflow(
            Self.firstRecord.rawValue)
        return !isOver && age.rawValue > latest
    }

    private func mute(_ process: String) -> DoctorFinding {
        DoctorFinding(
            .agent, .fault,
            language.say(
                "runs\(process), and has not written a record yet, though its first window is over",
                "正在运行\(process)，但首个窗口已过仍未写过记录"),
            fix: language.say(
                "mend what the lines state and spool say, and see why: "
                    + "`journalctl -u jouleflow-agent -p warning`",
                "先处理 state 和 spool 各行所述，并查看原因：`journalctl -u jouleflow-agent -p warning`")
                + ofClock)
    }

    /// Windows of a clock that was ahead are no sign of life; the next one is.
    private var ofClock: String {
        guard kept.ahead > 0 else { return "" }
        return language.say(
            "; \(kept.ahead) windows kept end in the future: if the clock was set back just now "
                + "(`date -u`), ask again after a window",
            "；保留的 \(kept.ahead) 个窗口结束于未来：若时钟刚被调回（`date -u`），请在一个窗口后再次检查")
    }

    private var running: DoctorFinding {
        let process = pid.map { language.say(" (process \($0))", "（进程 \($0)）") } ?? ""
        guard !hasNeverWritten else { return mute(process) }
        let length = settings.window.rawValue
        let late = Nanoseconds(max(60_000_000_000, length.multipliedReportingOverflow(by: 3).0))
        if let end = kept.end, now.since(end) > late {
            let time = language.length(.seconds(now.since(end).rawValue / 1_000_000_000))
            return DoctorFinding(
                .agent, .fault,
                language.say(
                    "runs\(process), and wrote no record for \(time)",
                    "正在运行\(process)，但已有 \(time)未写记录"),
                fix: language.say(
                    "see why: `journalctl -u jouleflow-agent -p warning`",
                    "查看原因：`journalctl -u jouleflow-agent -p warning`") + ofClock)
        }
        return DoctorFinding(.agent, .ok, language.say("runs\(process)", "正在运行\(process)"))
    }
}
