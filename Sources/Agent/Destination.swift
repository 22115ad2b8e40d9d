import Settings
import Wire

/// Who must have every record, and the collectors at which it can be reached.
struct Destination: Sendable {
    /// As the spool knows it.
    let name: String
    /// At least one. The first is preferred; each other is used while those before it cannot be.
    let collectors: [CollectorEndpoint]

    /// One for each collector, or one for all where they stand in for each other.
    static func all(of settings: AgentSettings) -> [Destination] {
        switch settings.delivery {
        case _ where settings.collectors.isEmpty: []
        case .all:
            settings.collectors.map { Destination(name: $0.address.description, collectors: [$0]) }
        case .failover: [Destination(name: "failover", collectors: settings.collectors)]
        }
    }
}

/// What an agent holds for a destination.
struct Holding: Sendable {
    let run: UInt64
    let predecessor: RunEnd?
    /// The oldest record that the destination does not have; `next` where it has all.
    let first: UInt64
    /// The number of the record to be made next.
    let next: UInt64
}
