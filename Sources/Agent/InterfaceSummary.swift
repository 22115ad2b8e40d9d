import Capture
package import Settings

/// Which interfaces settings mean on this host now, for people.
package enum InterfaceSummary {
    /// One sentence a line.
    package static func lines(
        _ settings: AgentSettings, in language: SentenceLanguage = .english
    ) -> [String] {
        guard !settings.isUnconfigured else { return [] }
        let wanted = WantedInterfaces(settings)
        let links: [Link]
        do throws(LinkError) {
            links = try LinkMonitor.current()
        } catch {
            return [
                language.say(
                    "Interfaces of this host: unknown, \(error).", "本机网络接口：未知（\(error)）。")
            ]
        }
        return lines(
            wanted.select(from: links, addressed: Set(Interfaces.addressed()), open: []),
            ringMebibytes: settings.capture.ringMebibytes, in: language)
    }

    static func lines(
        _ selection: WantedInterfaces.Selection, ringMebibytes: Int,
        in language: SentenceLanguage = .english
    ) -> [String] {
        let up = selection.links.filter(\.isUp)
        let room = max(1, CaptureSet.maximumRingMebibytes / ringMebibytes)
        let captured = up.prefix(room).map(\.name)
        let size = captured.count * ringMebibytes
        var lines = [
            captured.isEmpty
                ? language.say("On this host now: no interface.", "本机目前：没有网络接口。")
                : language.say(
                    "On this host now: \(captured.joined(separator: ", ")); rings of \(size) MiB in all.",
                    "本机目前采集：\(captured.joined(separator: "、"))；环形缓冲区共 \(size) MiB。")
        ]
        let down = selection.links.filter { !$0.isUp }.map {
            language.say("\($0.name) is down", "\($0.name) 未启用")
        }
        let absent = selection.absent.map { language.say("there is no \($0)", "没有 \($0)") }
        let most = WantedInterfaces.maximum
        let crowded = selection.leftOut.map {
            language.say("\($0) is beyond the limit of \(most)", "\($0) 超出 \(most) 个的上限")
        }
        let limit = CaptureSet.maximumRingMebibytes
        let roomless = up.dropFirst(room).map {
            language.say(
                "no ring for \($0.name) within \(limit) MiB",
                "\($0.name) 的缓冲区超出 \(limit) MiB 的上限")
        }
        let missing = absent + down + crowded + roomless
        if !missing.isEmpty {
            lines.append(
                language.say(
                    "Not captured now: \(missing.joined(separator: ", ")).",
                    "目前不采集：\(missing.joined(separator: "、"))。"))
        }
        return lines
    }
}
