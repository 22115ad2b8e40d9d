/// One line of `jouleflow-agent doctor`: what was looked at, how it is, and what to do.
package struct DoctorFinding: Sendable, Hashable {
    /// How something is.
    package enum State: String, Sendable, Hashable, CaseIterable {
        case ok
        /// Metering goes on and is right; somebody should look all the same.
        case warning
        /// Energy or counts are missing or wrong, or records do not arrive.
        case fault
        /// It could not be looked at, or there is nothing to look at yet.
        case unknown
    }

    /// What is looked at. The raw values are the keys of the JSON, and stay.
    package enum Topic: String, Sendable, Hashable, CaseIterable {
        case configuration, user, kernel, clock, energy, capture, ring, services, processors, rules
        case state, spool, certificates, collector, metrics, agent, sandbox
    }

    package let topic: Topic
    /// Which of them, such as an interface's name; empty where there is one only.
    package let subject: String
    package let state: State
    /// What was found.
    package let found: String
    /// What to do about it; commands are between backquotes. Empty where nothing is to be done.
    package let fix: String
    /// Whether a right that this process lacks is all that was found: of an agent that runs as
    /// another user it says nothing.
    let isOfRights: Bool

    init(
        _ topic: Topic, _ state: State, _ found: String, fix: String = "", isOfRights: Bool = false
    ) {
        self.init(topic, "", state, found, fix: fix, isOfRights: isOfRights)
    }

    init(
        _ topic: Topic, _ subject: String, _ state: State, _ found: String, fix: String = "",
        isOfRights: Bool = false
    ) {
        self.topic = topic
        self.subject = subject
        self.state = state
        self.found = found
        self.fix = fix
        self.isOfRights = isOfRights
    }
}
