import Metering
import Settings

/// Looks whether other programs use the processors of a host whose services are said to have them to
/// themselves: there exchanges wait for one, and time in flight is no measure of their work.
struct ProcessorUseCheck {
    /// Windows that are enough to tell a habit from an upgrade of the system.
    private static let least = Nanoseconds.seconds(300)
    /// The part of all processors from which on others have them too: `ProcessorUse.shared`.
    private static let shared = 0.1

    let attribution: AttributionSettings
    let use: KeptWindows.ProcessorUse
    /// Those that are online.
    let processors: Int
    let language: SentenceLanguage

    /// Nothing where the energy is not divided by time in flight, or the settings know of the others.
    func findings() -> [DoctorFinding] {
        guard attribution.model == .concurrency, attribution.processors == .own else { return [] }
        guard use.length >= Self.least, processors > 0 else {
            return [
                DoctorFinding(
                    .processors, .unknown,
                    language.say(
                        "too few windows are kept to tell who uses them", "保留的窗口太少，无法判断由谁使用"))
            ]
        }
        let capacity = Double(use.length.rawValue) * Double(processors)
        let busy = Double(use.host.rawValue) - Double(use.services.rawValue)
        let others = min(max(busy / capacity, 0), 1)
        let percent = Int((others * 100).rounded())
        let time = language.length(.seconds(use.length.rawValue / 1_000_000_000))
        let found = language.say(
            "programs that are none of services used \(percent) % of them in the windows kept "
                + "(\(time))",
            "保留的窗口（\(time)）中，services 以外的程序使用了 \(percent) %")
        guard others >= Self.shared else {
            return [DoctorFinding(.processors, .ok, found)]
        }
        return [
            DoctorFinding(
                .processors, .warning,
                found
                    + language.say(
                        ": exchanges wait for one, and short ones are told too dear",
                        "：请求须等待处理器，短请求的能耗会偏高"),
                fix: language.say(
                    "write model: auto and processors: shared under attribution, or give the services "
                        + "a host of their own (\(Manual.path(of: "attribution")))",
                    "在 attribution 下填写 model: auto 和 processors: shared，或让这些服务独占主机"
                        + "（\(Manual.path(of: "attribution"))）"))
        ]
    }
}
