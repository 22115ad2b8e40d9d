package import Settings
import Synchronization

/// What the agent says of itself in one line, as `systemctl status` shows it: told anew where it
/// changes.
package final class StatusLine: Sendable {
    private struct State {
        var settings: AgentSettings
        var energy: EnergyStatus
        /// Why destinations do not take records, by name.
        var refusals: [String: String] = [:]
        var told = ""
    }

    /// What stands before the name of each destination that does not take records. doctor reads it.
    static let waiting = ". Records wait for "

    /// What the line begins with where nothing is configured. doctor reads it.
    static let unconfigured = "Not configured: "

    private let file: String
    private let state: Mutex<State>
    private let tell: @Sendable (String) -> Void

    /// Looks once where energy can be read.
    ///
    /// - Parameters:
    ///   - file: where the settings are, or are looked for.
    ///   - tell: is given the line, and each other one that takes its place.
    package init(
        _ settings: AgentSettings, file: String, tell: @escaping @Sendable (String) -> Void
    ) {
        self.file = file
        self.tell = tell
        state = Mutex(State(settings: settings, energy: .now(settings.energy)))
        update { _ in }
    }

    /// The line that was told last.
    package var text: String { state.withLock { $0.told } }

    /// Other settings hold.
    package func hold(_ settings: AgentSettings) { update { $0.settings = settings } }

    /// A window told something of the energy.
    func note(_ energy: EnergyStatus) {
        update { if $0.energy != .off { $0.energy = energy } }
    }

    /// How a destination stands: `reason` is why it does not take records, `nil` where it does.
    func note(_ destination: String, refuses reason: String?) {
        update { $0.refusals[destination] = reason }
    }

    private func update(_ change: (inout State) -> Void) {
        let news = state.withLock { state -> String? in
            change(&state)
            var text = Self.text(of: state.settings, file: file, energy: state.energy)
            for (name, reason) in state.refusals.sorted(by: { $0.key < $1.key }) {
                text += Self.waiting + "\(name): \(reason)"
            }
            guard text != state.told else { return nil }
            state.told = text
            return text
        }
        if let news { tell(news) }
    }

    /// What the agent does with these settings, and, where nothing is configured yet, what to do
    /// next.
    static func text(of settings: AgentSettings, file: String, energy: EnergyStatus) -> String {
        guard !settings.isUnconfigured else {
            return """
                \(unconfigured)\(energy.words), \(work(of: settings)). Write services and \
                collectors in \(file), then restart; jouleflow-agent doctor says what is missing
                """
        }
        let words = energy.words
        return "\(words.prefix(1).uppercased())\(words.dropFirst()), \(work(of: settings))"
    }

    /// What it counts and where it sends to: `counts … on …, sends to …`. doctor reads it.
    static func work(of settings: AgentSettings) -> String {
        guard !settings.isUnconfigured else { return "counts nothing, sends nothing" }
        let services = settings.services.map(\.name).joined(separator: ", ")
        let scenarios = settings.scenarios.map(\.id.name).joined(separator: ", ")
        let collectors = settings.collectors.map(\.address.description).joined(separator: ", ")
        return """
            counts \(scenarios.isEmpty ? "requests" : scenarios) on \(services), \
            \(collectors.isEmpty ? "sends nothing" : "sends to \(collectors)")
            """
    }
}
