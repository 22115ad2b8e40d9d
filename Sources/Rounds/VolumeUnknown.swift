package import Assessment

/// Why the business volume of a scenario in a round is not known. Never a zero in its place.
package enum VolumeUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    /// No record of the round speaks of the scenario.
    case noRecords
    /// No host has a rule for the scenario.
    case noRule
    /// No window saw readable traffic of the scenario: zero would need the ledger's word.
    case nothingSeen
    /// All traffic of a window was encrypted, on these hosts.
    case encrypted(hosts: [String])
    /// Capture did not run for a window, on these hosts.
    case notCaptured(hosts: [String])
    /// These hosts had a rule for the scenario, but not all the time.
    case withoutRule(hosts: [String])
    /// All was seen and nothing completed: zero needs the ledger's word.
    case zeroUnconfirmed
    /// The imported ledger does not tell this time of the round.
    case ledgerMissing(Interval)
    /// Totals of the ledger speak of the same time.
    case ledgerContradiction(Interval)

    package var description: String {
        switch self {
        case .noRecords: "no record"
        case .noRule: "no host has a rule for it"
        case .nothingSeen: "no readable traffic of it was seen"
        case .encrypted(let hosts):
            "traffic was encrypted on \(hosts.joined(separator: ", "))"
        case .notCaptured(let hosts):
            "capture did not run all the time on \(hosts.joined(separator: ", "))"
        case .withoutRule(let hosts):
            "a rule for it was missing for some time on \(hosts.joined(separator: ", "))"
        case .zeroUnconfirmed: "nothing was completed, and no ledger says so"
        case .ledgerMissing(let time):
            "the ledger does not tell \(time.length.seconds) s of the round"
        case .ledgerContradiction(let time):
            "totals of the ledger overlap for \(time.length.seconds) s"
        }
    }
}
