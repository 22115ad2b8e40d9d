/// The keys of an evaluation plan's file.
enum PlanKeys {
    static let version = Key("version", "the format of this file", write: "version: 1")
    static let title = Key(
        "title", "what is assessed and when, for the report's first line",
        write: "title: \"Carbon efficiency of consumer finance, December 2026\"")
    static let organization = Key(
        "organization", "whose systems are assessed", write: "organization: \"Example Finance\"")
    static let contact = Key(
        "contact", "who answers questions about the plan",
        write: "contact: \"Operations, ops@example.com\"")
    static let boundary = Key(
        "boundary", "what belongs to the assessed system, in words",
        write: "boundary: \"all hosts, arrays and switches that serve the four scenarios\"")
    static let exclusions = Key(
        "exclusions", "a list of what does not belong to it, each with the reason",
        write: "exclusions: [\"the credit bureau's systems: another company's\"]")
    static let schedule = Key(
        "schedule", "when the rounds are", write: "schedule: {start: 2026-12-01}")
    static let scenarios = Key(
        "scenarios",
        "where each scenario's flows are counted; left out, the four of the standard, from traffic",
        write: "scenarios: [{id: credit, counted_by: [gateway-1]}]")
    static let sites = Key(
        "sites", "the places where hosts stand, with their electricity",
        write: "sites: [{id: cq-a, name: Chongqing A, "
            + "supplies: [{source: grid, factor: 重庆-2022-average}]}]")
    static let hosts = Key(
        "hosts", "every host with an agent that belongs to the boundary",
        write: "hosts: [{id: gateway-1, role: gateway, site: cq-a}]")
    static let devices = Key(
        "devices", "what has no agent and is metered: switches, arrays, standby machines",
        write: "devices: [{id: switch-1, role: switch, site: cq-a, meter: pdu-3/outlet-7}]")
    static let embodied = Key(
        "embodied", "whether M is part of the result: for all hosts and devices or for none",
        write: "embodied: {omitted: \"no figures of the makers yet\"}")
    static let scope = Key(
        "scope",
        "which electricity O speaks of: it (hosts and devices) or facility (times the site's PUE); "
            + "it if left out", write: "scope: it")
    static let validity = Key(
        "validity", "what makes a round invalid", write: "validity: {minimum_coverage: 0.95}")
    static let rules = Key(
        "rules",
        "the digests of the rule sets that hosts may count by, as their manifests name them; "
            + "`plan new --hosts-from-store` prints them",
        write: "rules: [\"\(String(repeating: "0", count: 64))\"]")
    static let assets = Key(
        "assets",
        "the company's list of machines, a CSV file with the columns id,site,role,planned_as",
        write: "assets: assets.csv")
    static let ledgerKeys = Key(
        "ledger_keys",
        "Ed25519 public keys, 64 hexadecimal digits each, of who signs the ledger's totals",
        write: "ledger_keys: [\"\(String(repeating: "0", count: 64))\"]")
    static let top = [
        version, title, organization, contact, boundary, exclusions, schedule, scenarios, sites,
        hosts, devices, embodied, scope, validity, rules, assets, ledgerKeys,
    ]

    enum Schedule {
        static let start = Key(
            "start",
            "when the first round begins: a day, from 00:00 in Asia/Shanghai, or a time "
                + "with its zone", write: "start: 2026-12-01")
        static let rounds = Key(
            "rounds", "how many rounds the result is the mean of; 7 if left out",
            write: "rounds: 7")
        static let length = Key(
            "length", "how long a round is; 24h if left out", write: "length: 24h")
        static let anyLength = Key(
            "any_length", "the consent to rounds that do not fit into days, as in a laboratory",
            write: "any_length: true")
        static let reserve = Key(
            "reserve", "how many rounds after the others may replace invalid ones; 2 if left out",
            write: "reserve: 2")
        static let grace = Key(
            "grace", "how long a round waits for late records before it closes; 1h if left out",
            write: "grace: 1h")
        static let justification = Key(
            "justification",
            "why the period stands for the business, where it is not whole weeks",
            write: "justification: \"covers both repayment days of the month\"")
        static let all = [start, rounds, length, anyLength, reserve, grace, justification]
    }

    enum Scenario {
        static let id = Key(
            "id", "the scenario's name in the agents' settings", write: "id: credit")
        static let volume = Key(
            "volume", "where TA comes from: traffic or ledger; traffic if left out",
            write: "volume: traffic")
        static let reason = Key(
            "reason", "why completion cannot be read from traffic, where volume is ledger",
            write: "reason: \"results come by file from the funding bank\"")
        static let countedBy = Key(
            "counted_by", "the hosts that count it: its one counting layer",
            write: "counted_by: [gateway-1, gateway-2]")
        static let reconciled = Key(
            "reconciled", "whether the imported ledger must agree with TA, day by day",
            write: "reconciled: true")
        static let all = [id, volume, reason, countedBy, reconciled]
    }

    enum Validity {
        static let full = Key(
            "full_coverage",
            "the covered share of a round from which nothing is imputed; 0.99 if "
                + "left out", write: "full_coverage: 0.99")
        static let minimum = Key(
            "minimum_coverage",
            "the covered share of a round below which it is invalid; 0.95 if "
                + "left out", write: "minimum_coverage: 0.95")
        static let clockError = Key(
            "clock_error",
            "the bound of a wall clock's error above which a host is doubtful; 1s "
                + "if left out", write: "clock_error: 1s")
        static let all = [full, minimum, clockError]
    }
}

/// The keys of sites, hosts, devices and hardware in a plan's file.
enum PlannedKeys {
    enum Site {
        static let id = Key("id", "the site's name in this plan", write: "id: cq-a")
        static let name = Key("name", "the site's name for people", write: "name: Chongqing A")
        static let supplies = Key(
            "supplies", "the site's electricity, in the order of time, the first without `from`",
            write: "supplies: [{source: grid, factor: 重庆-2022-average}]")
        static let marketSupplies = Key(
            "market_supplies",
            "the same under contracts and certificates: a second line, never the headline",
            write: "market_supplies: [{source: green certificates, factor: my-ppa-2026}]")
        static let pue = Key(
            "pue", "the measured ratio of the building's electricity to that of its hosts",
            write: "pue: {value: 1.35, source: \"meters of the building\", period: \"2025\"}")
        static let all = [id, name, supplies, marketSupplies, pue]
    }

    enum Supply {
        static let from = Key(
            "from", "when this supply takes over from the one before",
            write: "from: 2026-12-04T02:00:00+08:00")
        static let source = Key("source", "where the electricity comes from", write: "source: grid")
        static let factor = Key(
            "factor", "the id of its emission factor: see jouleflow-collector factors",
            write: "factor: 重庆-2022-average")
        static let all = [from, source, factor]
    }

    enum Ratio {
        static let value = Key(
            "value", "the ratio, with at most six digits behind the point", write: "value: 1.35")
        static let source = Key(
            "source", "who measured it and how", write: "source: \"meters of the building\"")
        static let period = Key(
            "period", "when it was measured, in words", write: "period: \"2025\"")
        static let all = [value, source, period]
    }

    enum Share {
        static let value = Key(
            "value", "the part that is reserved for the boundary, idle time included",
            write: "value: 0.4")
        static let reason = Key(
            "reason", "how the part was determined", write: "reason: \"16 of 40 reserved CPUs\"")
        static let all = [value, reason]
    }

    enum Assignment {
        static let site = Key("site", "the id of the site", write: "site: cq-a")
        static let from = Key(
            "from", "since when the host serves there; from the beginning if left out",
            write: "from: 2026-12-03")
        static let to = Key(
            "to", "until when the host serves there; to the end if left out",
            write: "to: 2026-12-05T18:00:00+08:00")
        static let all = [site, from, to]
    }

    enum Host {
        static let id = Key("id", "the agent's id: agent.id in its settings", write: "id: loan-07")
        static let role = Key("role", "what the host does", write: "role: gateway")
        static let site = Key(
            "site", "the id of the site where the host serves all the time", write: "site: cq-a")
        static let assignments = Key(
            "assignments", "where and when the host serves, in place of `site`",
            write: "assignments: [{site: cq-a, to: 2026-12-03}, {site: cq-b, from: 2026-12-03}]")
        static let share = Key(
            "share", "what part of it belongs to the boundary; all of it if left out",
            write: "share: {value: 0.4, reason: \"16 of 40 reserved CPUs\"}")
        static let wallRatio = Key(
            "wall_ratio", "the measured ratio of the host's energy to that of its CPUs and memory",
            write: "wall_ratio: {value: 1.62, source: \"PDU\", period: \"November 2026\"}")
        static let model = Key(
            "model", "the id of its hardware model, where M is included", write: "model: r740")
        static let installed = Key(
            "installed", "when its life began, where M is included", write: "installed: 2023-05-01")
        static let all = [id, role, site, assignments, share, wallRatio, model, installed]
    }

    enum Device {
        static let id = Key("id", "the device's name in this plan", write: "id: switch-1")
        static let role = Key("role", "what the device does", write: "role: switch")
        static let site = Key("site", "the id of the site where it stands", write: "site: cq-a")
        static let meter = Key(
            "meter", "the meter whose imported readings tell its energy",
            write: "meter: pdu-3/outlet-7")
        static let all = [id, role, site, meter, Host.share, Host.model, Host.installed]
    }

    enum Embodied {
        static let omitted = Key(
            "omitted", "why M is left out", write: "omitted: \"no figures of the makers yet\"")
        static let models = Key(
            "models", "the embodied carbon of each kind of hardware",
            write: "models: [{id: r740, low_kg: 900, typical_kg: 1280, high_kg: 4283, "
                + "lifetime_hours: 35040, source: \"the maker's sheet\"}]")
        static let all = [omitted, models]
    }

    enum Model {
        static let id = Key("id", "the model's name in this plan", write: "id: r740")
        static let low = Key(
            "low_kg", "the least TE that is likely, in kg of CO2 equivalent", write: "low_kg: 900")
        static let typical = Key(
            "typical_kg", "TE as the result uses it, in kg of CO2 equivalent",
            write: "typical_kg: 1280")
        static let high = Key(
            "high_kg", "the most TE that is likely, in kg of CO2 equivalent",
            write: "high_kg: 4283")
        static let lifetime = Key(
            "lifetime_hours", "EL: four years are 35040 hours", write: "lifetime_hours: 35040")
        static let source = Key(
            "source", "where the figures come from", write: "source: \"the maker's sheet\"")
        static let all = [id, low, typical, high, lifetime, source]
    }
}
