package import Settings

/// What the agent says of itself in one line, as `systemctl status` shows it.
package enum StatusLine {
    /// What the agent does with these settings, and, where nothing is configured yet, what to do
    /// next. `file` is where the settings are, or are looked for.
    package static func text(of settings: AgentSettings, file: String) -> String {
        guard !settings.isUnconfigured else {
            return """
                Not configured: meters energy, counts nothing, sends nothing. Write services and \
                collectors in \(file), then restart; jouleflow-agent doctor says what is missing
                """
        }
        let services = settings.services.map(\.name).joined(separator: ", ")
        let scenarios = settings.scenarios.map(\.id.name).joined(separator: ", ")
        let collectors = settings.collectors.map(\.address.description).joined(separator: ", ")
        return """
            Meters energy\(settings.energy.source == .none ? " not" : ""), counts \
            \(scenarios.isEmpty ? "requests" : scenarios) on \(services), \
            \(collectors.isEmpty ? "sends nothing" : "sends to \(collectors)")
            """
    }
}
