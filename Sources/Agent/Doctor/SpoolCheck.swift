import Glibc
import Metering
import Records
import Settings
import Spool

/// Looks whether the spool can be read by this version, has room, and empties.
struct SpoolCheck {
    /// Room on the disk in bytes and in files.
    struct Room {
        let bytes: UInt64
        /// `nil` where the file system does not count files.
        let files: UInt64?
    }

    /// A disk with less cannot take a segment.
    static let leastBytes: UInt64 = 2 << 20
    static let leastFiles: UInt64 = 16
    /// What a spool should last for without a collector: a long weekend.
    static let leastSpan = Nanoseconds.seconds(4 * 86_400)

    /// A record that has waited for longer is not on its way.
    static let longestWait = Nanoseconds.seconds(900)

    let settings: AgentSettings
    let now: Timestamp
    let survey: Result<SpoolSurvey, SpoolError>
    let kept: KeptWindows
    /// `nil` where the disk does not tell.
    let room: Room?
    /// The agent's user.
    let identity: ProcessIdentity
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        switch survey {
        case .failure(let error): [unreadable(error)]
        case .success(let survey):
            damaged(survey) + [space(survey)] + waiting(survey) + energy
        }
    }

    private var path: String { StateDirectory(at: settings.state).spool }

    private func unreadable(_ error: SpoolError) -> DoctorFinding {
        let word = shellWord(path)
        let fix =
            switch error {
            case .unknownFormat(let file, _): older(instead: file)
            case .permission:
                StateOwnership(folder: settings.state, owner: identity, language: language).fix
            case .notAFolder:
                language.say(
                    "`mv -nT \(word) \(word).aside`; the agent makes the folder when it starts: "
                        + "`systemctl restart jouleflow-agent`",
                    "`mv -nT \(word) \(word).aside`；代理启动时会创建该目录："
                        + "`systemctl restart jouleflow-agent`")
            case .io(_, _, ENOTDIR), .notAFile:
                language.say(
                    "mend what the lines state say, and ask again", "先处理 state 各行所述，再次检查")
            default:
                language.say("see `dmesg`, and repair the disk", "查看 `dmesg` 并修复磁盘")
            }
        let found =
            switch error {
            case .notAFolder:
                language.say(
                    "it is no folder: records cannot be kept, and the agent does not start",
                    "不是目录：无法保存记录，代理无法启动")
            default: "\(error)"
            }
        return DoctorFinding(
            .spool, path, .fault, found, fix: fix, isOfRights: error.isPermission)
    }

    /// What lets this version go on: one segment goes with all of them, another file alone. What was
    /// moved there before stays.
    private func older(instead file: String) -> String {
        let word = shellWord(file.hasPrefix(path + "/") ? path : file)
        let command = "`mv -T --backup=numbered \(word) \(word).newer`"
        return language.say(
            "install the newer version again; to go on with this one and lose what is not sent: "
                + command, "重新安装较新版本；若要用此版本并放弃未发送的记录：" + command)
    }

    private func damaged(_ survey: SpoolSurvey) -> [DoctorFinding] {
        guard let first = survey.unreadable.first else { return [] }
        let count = survey.unreadable.count
        return [
            DoctorFinding(
                .spool, first, .fault,
                language.say(
                    "\(count) files of the spool cannot be read, or are of another run: the next start "
                        + "moves them aside, and their records are lost, which is told",
                    "\(count) 个待发区文件无法读取或属于另一轮次：下次启动时将移走，其记录丢失并会注明"),
                fix: language.say(
                    "put them back from where they came, or let the agent start: "
                        + "`systemctl restart jouleflow-agent`",
                    "恢复这些文件，或让代理启动：`systemctl restart jouleflow-agent`"))
        ]
    }

    private func space(_ survey: SpoolSurvey) -> DoctorFinding {
        guard let room else {
            return DoctorFinding(
                .spool, .unknown,
                language.say("the disk does not tell its room", "磁盘未提供剩余空间"))
        }
        let most = UInt64(settings.spool.maximumMebibytes) << 20
        let need = most > UInt64(survey.bytes) ? most - UInt64(survey.bytes) : 0
        let free = "\(room.bytes >> 20) MiB"
        let makeRoom = language.say(
            "`df -h \(shellWord(settings.state))`: make room on the disk, or move the state with "
                + "agent.state, or lower spool.max_mib",
            "`df -h \(shellWord(settings.state))`：清理磁盘，或用 agent.state 移动状态目录，或调低 spool.max_mib")
        if room.bytes < Self.leastBytes || (room.files ?? .max) < Self.leastFiles {
            return DoctorFinding(
                .spool, settings.state, .fault,
                language.say(
                    "the disk is full (\(free) free): records cannot be stored and are lost",
                    "磁盘已满（剩余 \(free)）：记录无法保存并会丢失"), fix: makeRoom)
        }
        if room.bytes < need {
            return DoctorFinding(
                .spool, settings.state, .warning,
                language.say(
                    "\(free) are free, and the spool may grow by \(need >> 20) MiB",
                    "剩余 \(free)，而待发区可能再增长 \(need >> 20) MiB"), fix: makeRoom)
        }
        return DoctorFinding(
            .spool, settings.state, .ok,
            language.say(
                "\(survey.bytes >> 10) KiB of at most \(most >> 20) MiB used, \(free) free",
                "已用 \(survey.bytes >> 10) KiB，上限 \(most >> 20) MiB，磁盘剩余 \(free)")
                + lasting(most))
    }

    /// How long the spool lasts without a collector, as its records tell.
    private func lasting(_ most: UInt64) -> String {
        guard kept.count >= 10, kept.span > .zero, kept.bytes > 0 else { return "" }
        let perDay = Double(kept.bytes) * 86_400 / kept.span.seconds
        let days = min(
            Double(most) / perDay, settings.spool.maximumAge.seconds / 86_400)
        let whole = Int64(max(0, min(days, 1e6)))
        return language.say(
            "; lasts about \(whole) days without a collector", "；没有采集端时约可保存 \(whole) 天")
    }

    private func waiting(_ survey: SpoolSurvey) -> [DoctorFinding] {
        zip(Destination.all(of: settings), survey.waiting).map { destination, waiting in
            guard let waiting else {
                return DoctorFinding(
                    .spool, destination.name, .unknown,
                    language.say("nothing was acknowledged yet", "尚未有任何确认"))
            }
            if let wait = wait(of: waiting, survey), wait > Self.longestWait {
                let time = language.length(.seconds(wait.rawValue / 1_000_000_000))
                return DoctorFinding(
                    .spool, destination.name, .fault,
                    language.say(
                        "\(waiting) records wait for it, the oldest for \(time): it does not take them",
                        "有 \(waiting) 条记录待发，最早的已等待 \(time)：对方未接收"),
                    fix: language.say(
                        "see why: `systemctl status jouleflow-agent`, and `journalctl -u jouleflow-collector` "
                            + "on its host",
                        "查看原因：`systemctl status jouleflow-agent`，以及其主机上的 "
                            + "`journalctl -u jouleflow-collector`"))
            }
            return DoctorFinding(
                .spool, destination.name, .ok,
                language.say("\(waiting) records wait for it", "有 \(waiting) 条记录待发"))
        }
    }

    /// For how long the oldest of so many records has waited, or the oldest that could be read; `nil`
    /// where none could.
    private func wait(of waiting: UInt64, _ survey: SpoolSurvey) -> Nanoseconds? {
        let count = survey.parts.reduce(0) { $0 + $1.records.count }
        guard waiting > 0, count > 0 else { return nil }
        let oldest = survey.parts.flatMap(\.records)[max(0, count - Int(clamping: waiting))]
        guard let end = try? RecordCodec.header(of: oldest).window.end, end < now else {
            return nil
        }
        return now.since(end)
    }

    private var energy: [DoctorFinding] {
        guard kept.unknownEnergy > 0, settings.energy.source != .none else { return [] }
        return [
            DoctorFinding(
                .spool, "energy", .warning,
                language.say(
                    "the energy of \(kept.unknownEnergy) of the \(kept.count) windows kept is not known",
                    "保留的 \(kept.count) 个窗口中有 \(kept.unknownEnergy) 个电能未知"),
                fix: language.say(
                    "where energy is well above, that is past; the agent's log says when it was so",
                    "若上文电能正常，则已过去；代理日志记有时间"))
        ]
    }
}

extension SpoolError {
    /// Whether a right is missing.
    var isPermission: Bool {
        if case .permission = self { true } else { false }
    }
}
