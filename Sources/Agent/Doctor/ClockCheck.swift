import Metering
import Settings

/// Looks whether the wall clock is kept right, as the kernel knows it.
struct ClockCheck {
    /// Errors of the clock beyond this move exchanges into other windows than on other hosts, in
    /// microseconds.
    static let largestError: UInt64 = 1_000_000
    /// No clock that is right is before this: 2026-01-01T00:00:00Z.
    static let earliest = Timestamp(1_767_225_600 * 1_000_000_000)

    let now: Timestamp
    /// The kernel's bound in microseconds, or `nil` where nothing keeps the clock.
    ///
    /// Source: adjtimex(2), `maxerror`, `STA_UNSYNC`.
    let errorBound: UInt64?
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard now >= Self.earliest else {
            return [
                DoctorFinding(
                    .clock, .fault,
                    language.say(
                        "the clock is years behind: windows get wrong times, certificates do not "
                            + "hold yet",
                        "时钟落后数年：窗口时间错误，证书尚未生效"), fix: keep)
            ]
        }
        guard let errorBound else {
            return [
                DoctorFinding(
                    .clock, .warning,
                    language.say(
                        "nothing keeps the clock right (STA_UNSYNC): records say so, and windows may "
                            + "differ from those of other hosts",
                        "时钟未与时间源同步（STA_UNSYNC）：记录会注明，窗口可能与其他主机不一致"),
                    fix: keep)
            ]
        }
        guard errorBound <= Self.largestError else {
            return [
                DoctorFinding(
                    .clock, .warning,
                    language.say(
                        "the clock may be wrong by \(errorBound / 1000) ms",
                        "时钟误差可能达 \(errorBound / 1000) 毫秒"), fix: keep)
            ]
        }
        return [
            DoctorFinding(
                .clock, .ok,
                language.say(
                    "kept right, to \(errorBound / 1000) ms", "已同步，误差不超过 \(errorBound / 1000) 毫秒"))
        ]
    }

    private var keep: String {
        language.say(
            "let chrony or systemd-timesyncd keep it: `timedatectl set-ntp true`; in a container "
                + "that is the host's matter",
            "由 chrony 或 systemd-timesyncd 同步：`timedatectl set-ntp true`；容器中由宿主机负责")
    }
}
