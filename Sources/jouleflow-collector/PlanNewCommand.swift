import ArgumentParser
import Collector
import CommandLines
import Metering
import Settings
import Store

/// `jouleflow-collector plan new`.
struct PlanNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Prints a plan to fill in, with every key explained.",
        discussion: """
            Every "" is to be filled in: `plan check` names each that is not. Lines that begin with \
            # may stay as they are. With --hosts-from-store, the hosts are the agents that the store \
            knows, and the rule sets those that they ever counted by; take out what is not meant.

              jouleflow-collector plan new --hosts-from-store --config collector.yaml > plan.yaml
            """)

    @Flag(help: "Fill in the agents that the store knows as hosts, and their rule sets.")
    var hostsFromStore = false
    @Option(help: "The collector's settings, which name the store.")
    var config: String?
    @Option(help: "The store itself, in place of --config.")
    var store: String?

    func validate() throws {
        guard (config != nil) != (store != nil) || !hostsFromStore else {
            throw ValidationError("Say where the agents are: --config FILE or --store DB.")
        }
        guard hostsFromStore || config == nil && store == nil else {
            throw ValidationError("A store is read with --hosts-from-store alone.")
        }
    }

    func run() throws {
        guard hostsFromStore else {
            let text = PlanTemplate.text(hosts: [], ruleSets: [], now: .now)
            return try write(Array(text.utf8))
        }
        let path =
            try store
            ?? Failure.reading { () throws(SettingsErrors) in
                try CollectorSettings.load(path: config ?? "").sqlite
            }
        let (agents, ruleSets) = try Failure.opening { () throws(StoreError) in
            let records = try SQLiteRecordStore(reading: path)
            return (try records.agents(), try Pipeline.ruleSets(in: records))
        }
        let hosts = agents.filter(PlanTemplate.isHostID)
        guard !hosts.isEmpty else {
            throw Failure(.answerIsNo, "\(path) knows no agent yet that a plan can name")
        }
        try write(Array(PlanTemplate.text(hosts: hosts, ruleSets: ruleSets, now: .now).utf8))
    }
}

/// A plan to fill in.
enum PlanTemplate {
    /// Whether it is an id that agents may have, and no other bytes that somebody sent.
    static func isHostID(_ id: String) -> Bool { id.wholeMatch(of: /[A-Za-z0-9._-]{1,64}/) != nil }

    /// The text; the first round begins two weeks after now, where there is time to lodge the hash.
    static func text(hosts: [String], ruleSets: [RuleSet], now: Timestamp) -> String {
        let start = (now + .seconds(14 * 86_400)).rfc3339InShanghai.prefix(10)
        let lines =
            hosts.isEmpty
            ? ["  - {id: \"\", role: \"\", site: site-1}"]
            : hosts.map { "  - {id: \"\($0)\", role: \"\", site: site-1}" }
        return head(start: String(start)) + lines.joined(separator: "\n") + "\n" + middle
            + rules(ruleSets) + end
    }

    private static func rules(_ sets: [RuleSet]) -> String {
        let keys = "# ledger_keys: [\"\"]       # public keys of who signs the ledger's totals\n"
        guard !sets.isEmpty else {
            return keys
                + "# rules: [\"\"]             # digests of the rule sets that hosts may count by\n"
        }
        let lines = sets.map { set in
            let agents = set.agents.filter(isHostID).joined(separator: ", ")
            return "  - \"\(set.digest)\"  # \(agents)\n"
        }
        return keys
            + "rules:                    # digests of the rule sets that hosts may count by\n"
            + lines.joined()
    }

    private static func head(start: String) -> String {
        """
        # An evaluation plan after T/CQJR 032.2-2025, Annex A a). Fill in every "".
        # `jouleflow-collector plan check FILE` says what it means; the manual plan.md explains every key.
        version: 1
        title: ""                 # what is assessed and when
        organization: ""          # whose systems
        contact: ""               # who answers questions about the plan
        boundary: ""              # what belongs to the assessed system, in words: hosts, databases, network, standby
        exclusions: []            # what does not, each with the reason: ["end users' devices: not operated by us"]

        schedule:
          start: \(start)       # 00:00 in Asia/Shanghai; or a time with its zone, 2026-12-01T00:00:00+08:00
          rounds: 7               # the result is their mean
          length: 24h
          reserve: 2              # rounds after these that may replace invalid ones
          grace: 1h               # how long a round waits for late records before it closes
          # justification: ""     # why the period stands for the business, where it is not whole weeks

        scenarios:                # each flow counts at one layer: name its hosts with counted_by
          - {id: credit}          # 授信: {id: credit, counted_by: [gateway-1, gateway-2], reconciled: true}
          - {id: drawdown}        # 支用
          - {id: repayment}       # 还款: {id: repayment, volume: ledger, reason: "results come by file"}
          - {id: query}           # 查询

        sites:
          - id: site-1
            name: ""
            supplies:             # `jouleflow-collector factors 重庆` lists factors
              - {source: grid, factor: ""}
              # - {from: 2026-12-04T02:00:00+08:00, source: diesel, factor: my-diesel}
            # market_supplies: [{source: green certificates, factor: my-certificates}]
            # pue: {value: 1.35, source: "meters of the building", period: "2025"}

        hosts:                    # every host of the boundary that has an agent; id is agent.id

        """
    }

    private static let middle = """
          # A host that moves, is shared, or whose CPUs and memory alone are metered:
          # - id: loan-07
          #   role: application
          #   assignments: [{site: site-1, to: 2026-12-03}, {site: site-2, from: 2026-12-03}]
          #   share: {value: 0.4, reason: "16 of 40 reserved CPUs"}
          #   wall_ratio: {value: 1.62, source: "PDU", period: "November 2026"}

        devices: []               # what has no agent, by a meter whose readings are imported:
          # [{id: switch-1, role: switch, site: site-1, meter: pdu-3/outlet-7}]

        embodied:                 # M for all hosts and devices, or for none
          omitted: ""             # why M is left out; or, in its place:
          # models:
          #   - {id: r740, low_kg: 900, typical_kg: 1280, high_kg: 4283, lifetime_hours: 35040, source: "the maker's sheet"}
          # and for each host and device: model: r740, installed: 2023-05-01

        scope: it                 # it: hosts and devices alone; facility: times the site's PUE

        validity:
          full_coverage: 0.99     # from this share of a round on, nothing is imputed
          minimum_coverage: 0.95  # below this share, the round is invalid
          clock_error: 1s         # above this bound of its clock's error, a host is doubtful


        """

    private static let end = """
        # assets: assets.csv      # the company's list of machines: id,site,role,planned_as

        """
}
