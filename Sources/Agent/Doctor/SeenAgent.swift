import Metering
import Settings
import Spool

/// The agent that runs on the settings' state, and what it left there, as far as this process may
/// look at it.
struct SeenAgent {
    let survey: Result<SpoolSurvey, SpoolError>
    /// Whether an agent has the spool open; `nil` where that cannot be seen.
    let isInUse: Bool?
    /// The running agent, where it can be found.
    let pid: Int?
    let process: ProcessStatus?
    private let procfs: String
    /// Nothing where the spool cannot be looked at.
    let kept: KeptWindows

    /// - Parameter unit: what systemd says of the agent's unit; asked where the spool tells nothing.
    init(_ settings: AgentSettings, unit: [String: String]?, procfs: String) {
        let state = StateDirectory(at: settings.state)
        survey = Self.survey(settings, state)
        let found = try? survey.get()
        let now = ClockReading.now().realtime
        kept = found.map { KeptWindows($0.parts, now: now) } ?? KeptWindows()
        if case .failure(let error) = survey, error.isPermission {
            isInUse = nil
            let main = unit?["ActiveState"] == "active" ? unit?["MainPID"].flatMap(Int.init) : nil
            pid = main.flatMap { $0 > 0 ? $0 : nil }
        } else {
            isInUse = found?.isInUse ?? false
            pid = isInUse == true ? AgentCheck.holder(ofLock: state.lock, procfs: procfs) : nil
        }
        self.procfs = procfs
        process = pid.flatMap { ProcessStatus.of($0, procfs: procfs) }
    }

    /// How long it has run by now.
    var age: Nanoseconds? { pid.flatMap { ProcessStatus.age(of: $0, procfs: procfs) } }

    /// Whether it runs; `nil` where that cannot be seen.
    var isRunning: Bool? { isInUse ?? (pid == nil ? nil : true) }

    private static func survey(
        _ settings: AgentSettings, _ state: StateDirectory
    ) -> Result<SpoolSurvey, SpoolError> {
        do throws(SpoolError) {
            return .success(
                try SpoolSurvey(
                    directory: state.spool, identity: state.identity,
                    destinations: Destination.all(of: settings).map(\.name)))
        } catch {
            return .failure(error)
        }
    }
}
