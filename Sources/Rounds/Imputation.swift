import Assessment
import Metering

/// Why the second reading of the records does not serve.
package enum ImputationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The windows of a host's round are not those of the first reading: so many are missing, or, below
    /// zero, too many.
    case otherRecords(host: String, round: Int, missing: Int)

    package var description: String {
        switch self {
        case .otherRecords(let host, let round, let missing):
            """
            the records of \(host) in round \(round + 1) changed between two readings (\(missing) missing): \
            read them again
            """
        }
    }
}

/// Finds the energy for gaps in a second reading of records.
///
/// Exact in bounded memory: the first reading has told how many windows each hour holds, so that of
/// the powers of an hour with a gap a twentieth is kept. Records come in any order, and any number of
/// times; those of hosts that are not named change nothing.
package struct Imputation: Sendable {
    private var hosts: MachineGaps
    private var devices: MachineGaps
    private var seen = SeenRecords()
    private let calendars: Calendars

    init(hosts: MachineGaps, devices: MachineGaps, calendars: Calendars) {
        self.hosts = hosts
        self.devices = devices
        self.calendars = calendars
    }

    /// Hosts whose records of the whole period must be added, in order of their names.
    package var hostsToRead: [String] { hosts.machines }

    /// Adds a record.
    package mutating func add(_ record: RoundRecord) {
        guard hosts.has(record.host), let known = KnownEnergy(record),
            let calendar = calendars.calendar(of: record.host), seen.insert(record),
            let window = PowerWindow(known, calendar)
        else { return }
        hosts.add(window, of: record.host)
    }

    /// Throws where the records added are not all those of the first reading.
    func check() throws(ImputationError) { try hosts.check() }

    /// The energy imputed to each segment of a machine's round.
    func energies(of machine: Machine, in round: Int, parts: Int) -> [Microjoules] {
        let gaps =
            switch machine {
            case .host(let id): hosts.gaps(of: id, in: round)
            case .device(let id): devices.gaps(of: id, in: round)
            }
        return gaps?.energies(parts: parts) ?? Array(repeating: .zero, count: parts)
    }
}

/// The gaps of many machines, by round.
struct MachineGaps: Sendable {
    private var gaps: [String: [Int: GapFilling]] = [:]

    var machines: [String] { gaps.keys.sorted() }

    func has(_ machine: String) -> Bool { gaps[machine] != nil }

    func gaps(of machine: String, in round: Int) -> GapFilling? { gaps[machine]?[round] }

    /// Notes the gaps of a round whose coverage allows to fill them.
    mutating func note(_ rounds: [HostRound], _ counts: PowerCounts, _ rules: ValidityRules) {
        for (index, round) in rounds.enumerated()
        where round.expected > .zero
            && round.energyCovered.isAtLeast(rules.minimumCoverage, of: round.expected)
        {
            let hours = counts.hours(of: round.host, in: index)
            guard let filling = GapFilling(round, hours: hours) else { continue }
            gaps[round.host, default: [:]][index] = filling
        }
    }

    mutating func add(_ window: PowerWindow, of machine: String) {
        gaps[machine]?[window.round]?.add(window)
    }

    func check() throws(ImputationError) {
        for machine in machines {
            for (round, filling) in (gaps[machine] ?? [:]).sorted(by: { $0.key < $1.key })
            where filling.awaited != 0 {
                throw .otherRecords(host: machine, round: round, missing: filling.awaited)
            }
        }
    }
}
