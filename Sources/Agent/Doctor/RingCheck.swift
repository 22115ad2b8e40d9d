import Settings

/// Looks in the kept windows whether the kernel had to drop packets because the ring was full.
struct RingCheck {
    let kept: KeptWindows
    let ringMebibytes: Int
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard kept.count > 0 else {
            return [
                DoctorFinding(
                    .ring, .unknown,
                    language.say("no window is kept in the spool yet", "待发区中还没有窗口"))
            ]
        }
        let time = language.length(.seconds(kept.span.rawValue / 1_000_000_000))
        guard kept.kernelDrops > 0 else {
            return [
                DoctorFinding(
                    .ring, .ok,
                    language.say(
                        "no packet of \(kept.packets) was dropped in the \(kept.count) windows kept "
                            + "(\(time))",
                        "保留的 \(kept.count) 个窗口（\(time)）中，\(kept.packets) 个数据包无一丢弃"))
            ]
        }
        let most = CaptureSet.maximumRingMebibytes
        return [
            DoctorFinding(
                .ring, .warning,
                language.say(
                    "the kernel dropped \(kept.kernelDrops) packets beside \(kept.packets) in the "
                        + "\(kept.count) windows kept (\(time)): their counts are doubtful, and say so",
                    "保留的 \(kept.count) 个窗口（\(time)）中，内核丢弃 \(kept.kernelDrops) 个数据包，"
                        + "收到 \(kept.packets) 个：其计数存疑并已注明"),
                fix: language.say(
                    "raise capture.ring_mib to \(min(most, ringMebibytes * 2)) and restart; see that "
                        + "the unit's CPUQuota leaves the agent a processor",
                    "将 capture.ring_mib 提高到 \(min(most, ringMebibytes * 2)) 并重启；"
                        + "确认单元的 CPUQuota 足够"))
        ]
    }
}
