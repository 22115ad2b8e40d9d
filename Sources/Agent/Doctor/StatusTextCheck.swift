import Metering
import Settings
import Wire

/// Reads what the running agent says of itself to systemd: whether it knows the energy, and which
/// collectors do not take its records.
///
/// The doctor's own look at counters is made without the unit's limits, and so is that at a collector,
/// which ends with the handshake; the agent's word is that of who meters and delivers.
struct StatusTextCheck {
    /// Source: org.freedesktop.systemd1(5), StatusText; sd_notify(3), STATUS=.
    static let shown = ["ActiveState", "StatusText"]
    /// Characters of a reason that are told: a part of it may be the collector's.
    private static let mostCharacters = 300

    /// What `systemctl show` says of the unit.
    let unit: [String: String]
    let unitName: String
    /// The names of the settings' destinations.
    let destinations: [String]
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard unit["ActiveState"] == "active", let text = unit["StatusText"] else { return [] }
        let parts = text.split(separator: StatusLine.waiting)
        let energy = parts.first.flatMap(Self.unknownEnergy).map(noEnergy)
        return (energy.map { [$0] } ?? [])
            + parts.dropFirst().compactMap { part in
                destinations.first { part.hasPrefix($0 + ": ") }.map { name in
                    refused(name, Self.tame(part.dropFirst(name.count + 2)))
                }
            }
    }

    /// Why the energy is unknown, where the status says that it is.
    private static func unknownEnergy(_ text: Substring) -> EnergyReason? {
        let told =
            text.hasPrefix(StatusLine.unconfigured)
            ? text.dropFirst(StatusLine.unconfigured.count) : text
        return (0...UInt8.max).lazy.compactMap(EnergyReason.init).first { reason in
            // The first letter is a capital where the sentence begins with it.
            told.dropFirst().hasPrefix(EnergyStatus.unknown(reason).words.dropFirst() + ",")
        }
    }

    private func noEnergy(_ reason: EnergyReason) -> DoctorFinding {
        DoctorFinding(
            .energy, "agent", .fault,
            language.say(
                "the running agent says that it is unknown: \(reason.sentence)",
                "运行中的代理表示电能未知：\(reason.sentence(in: language))"),
            fix: language.say(
                "where the lines above are well, a drop-in keeps the counters from the agent: "
                    + "`systemctl cat \(unitName)`; take that line out with `systemctl edit \(unitName)`, "
                    + "then `systemctl restart \(unitName)`. What was mended a moment ago shows after the "
                    + "next window",
                "若以上各行正常，则是附加配置对代理隐藏了计数器：`systemctl cat \(unitName)`；"
                    + "用 `systemctl edit \(unitName)` 删除该行，然后 `systemctl restart \(unitName)`。"
                    + "刚排除的问题在下一窗口后显示"))
    }

    private func refused(_ name: String, _ reason: String) -> DoctorFinding {
        DoctorFinding(
            .collector, name, Self.passes(reason) ? .warning : .fault,
            language.say(
                "the running agent's records wait for it: \(reason)",
                "运行中的代理的记录尚未被其接收：\(reason)"), fix: fix(reason))
    }

    /// Whether it may be over by now, without anybody's doing: the status is of the latest window, and the
    /// agent tries again. Where it stays, the spool's line says so.
    private static func passes(_ reason: String) -> Bool {
        if reason.hasPrefix("cannot read ") { return false }
        let passing: [RefusalCode] = [.connectedAlready, .overloaded, .storeFailed, .shuttingDown]
        return !reason.hasPrefix("refused (")
            || passing.contains { reason.hasPrefix("refused (\($0))") }
    }

    private func fix(_ reason: String) -> String {
        if reason.hasPrefix("cannot read ") {
            return language.say(
                "where the lines certificates say that the files can be used, a drop-in keeps them from "
                    + "the agent: `systemctl cat \(unitName)`; take that line out with "
                    + "`systemctl edit \(unitName)`, then `systemctl restart \(unitName)`",
                "若 certificates 各行表示文件可用，则是附加配置对代理隐藏了文件：`systemctl cat \(unitName)`；"
                    + "用 `systemctl edit \(unitName)` 删除该行，然后 `systemctl restart \(unitName)`")
        }
        if reason.hasPrefix("refused (\(RefusalCode.identity))") {
            return language.say(
                "give each host its own agent.id and the certificate of that id; "
                    + "`journalctl -u jouleflow-collector` on the collector's host, and the report's "
                    + "alerts, say whether it is another certificate or another key",
                "每台主机使用自己的 agent.id 及其证书；采集端主机上的 "
                    + "`journalctl -u jouleflow-collector` 和报告的 alerts 会说明是证书不符还是密钥不符")
        }
        return language.say(
            "`journalctl -u \(unitName) -p warning` says since when; if the lines certificates and "
                + "collector are well, `journalctl -u jouleflow-collector` on its host",
            "`journalctl -u \(unitName) -p warning` 说明起始时间；若 certificates 和 collector 各行正常，"
                + "请查看其主机上的 `journalctl -u jouleflow-collector`")
    }

    /// Nothing of it moves a cursor, turns the direction of a line, or begins a command.
    static func tame(_ text: some StringProtocol) -> String {
        let scalars = text.unicodeScalars.prefix(mostCharacters + 1).map {
            (scalar: Unicode.Scalar) -> Unicode.Scalar in
            return switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: " "
            default: scalar == "`" ? "'" : scalar
            }
        }
        let cut = String(String.UnicodeScalarView(scalars.prefix(mostCharacters)))
        return scalars.count > mostCharacters ? cut + " …" : cut
    }
}
