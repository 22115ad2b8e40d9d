import Foundation

/// What one scenario's exchanges and flows came to.
struct FlowCounts: Equatable, Decodable, CustomStringConvertible {
    var requests = 0
    var completed = 0
    var refused = 0
    var failed = 0
    var incomplete = 0
    var duplicates = 0
    /// TA.
    var flows = 0

    var description: String {
        """
        \(requests) requests: \(completed) completed, \(refused) refused, \(failed) failed, \
        \(incomplete) incomplete, \(duplicates) duplicates; \(flows) flows
        """
    }
}

/// What `jouleflow-lab flows-load` says is to be counted of its load.
struct LoanTruth: Decodable {
    /// What an agent counts.
    struct Counted: Decodable {
        let scenarios: [String: Scenario]
    }

    struct Scenario: Decodable {
        let requests: Int
        let completed: Int
        let refused: Int
        let failed: Int
        let incomplete: Int
        let duplicates: Int
        let flows: Int
        /// Exchanges that completed flows; one may complete a batch of them.
        let completing: Int
        /// Flows that are neither counted nor incomplete; each is one incomplete more when it
        /// expires.
        let open: Int
        let hits: [String: Int]

        var counts: FlowCounts {
            FlowCounts(
                requests: requests, completed: completed, refused: refused, failed: failed,
                incomplete: incomplete, duplicates: duplicates, flows: flows)
        }
    }

    /// TA over all hosts.
    struct Fleet: Decodable, Equatable {
        let flows: Int
        let duplicatesAcrossHosts: Int
    }

    let finished: Bool
    let errors: Int
    /// Of one agent that sees all hosts.
    let all: Counted
    /// Of an agent on each host, by its address.
    let hosts: [String: Counted]
    let fleet: [String: Fleet]

    init(_ file: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Self.self, from: Data(contentsOf: URL(filePath: file)))
    }

    var counts: [String: FlowCounts] { all.scenarios.mapValues(\.counts) }

    /// Once every open flow has expired.
    var expiredCounts: [String: FlowCounts] {
        all.scenarios.mapValues { scenario in
            var counts = scenario.counts
            counts.incomplete += scenario.open
            return counts
        }
    }

    func counts(of host: LoanHost) throws -> [String: FlowCounts] {
        guard let counted = hosts[host.address] else {
            throw Trouble("no host \(host.address): \(hosts.keys)")
        }
        return counted.scenarios.mapValues(\.counts)
    }

    /// Exchanges by scenario and rule.
    var hits: [String: [String: Int]] { all.scenarios.mapValues(\.hits) }
}

extension Report {
    /// Every count of each scenario; -1 stands for one that is not known.
    var counts: [String: FlowCounts] { scenarios.mapValues { FlowCounts($0, ta: "counted_flows") } }

    /// TA over all hosts, and what was not counted twice.
    var fleet: [String: LoanTruth.Fleet] {
        scenarios.mapValues { figures in
            LoanTruth.Fleet(
                flows: figures["ta"] as? Int ?? -1,
                duplicatesAcrossHosts: figures["duplicates_across_hosts"] as? Int ?? -1)
        }
    }

    var ruleHits: [String: [String: Int]] { RuleList.ruleHits(json) }
}

/// What `jouleflow-agent replay --format json` counted.
struct ReplaySummary {
    let json: [String: Any]

    init(_ text: String) throws { json = try dictionary(text) }

    var counts: [String: FlowCounts] {
        (json["scenarios"] as? [String: [String: Any]] ?? [:])
            .mapValues { FlowCounts($0, ta: "flows") }
    }

    var ruleHits: [String: [String: Int]] { RuleList.ruleHits(json) }
}

extension FlowCounts {
    fileprivate init(_ figures: [String: Any], ta: String) {
        func count(_ key: String) -> Int { figures[key] as? Int ?? -1 }
        self.init(
            requests: count("requests"), completed: count("completed"),
            refused: count("refused"), failed: count("failed"), incomplete: count("incomplete"),
            duplicates: count("duplicates"), flows: count(ta))
    }
}

/// The list `rules` in JSON.
private enum RuleList {
    /// Of a report, or of a replay, which has rules as the steps of its file.
    static func ruleHits(_ json: [String: Any]) -> [String: [String: Int]] {
        (json["rules"] as? [[String: Any]] ?? []).reduce(into: [:]) { found, rule in
            let scenario = rule["scenario"] as? String ?? ""
            let name = rule["rule"] as? String ?? rule["step"] as? String ?? ""
            found[scenario, default: [:]][name] = rule["hits"] as? Int
        }
    }
}

/// The counts of each agent, read by Python from the records of a store.
enum StoredFlows {
    static func byAgent(in store: String) throws -> [String: [String: FlowCounts]] {
        let outcome = try Host.run(
            ["python3", "-c", script, "\(Host.sources)/scripts", store], within: 30)
        guard outcome.status == 0 else { throw Trouble("reading \(store): \(outcome.said)") }
        return try JSONDecoder().decode(
            [String: [String: FlowCounts]].self, from: Data(outcome.printed.utf8))
    }

    private static let script = """
        import json, sqlite3, sys
        sys.path.insert(0, sys.argv[1])
        sys.dont_write_bytecode = True
        from recompute import column, fields, number
        store = sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
        names = {digest: [name.decode() for name in fields(data).get(11, [])] for digest, data
                 in store.execute("SELECT digest, bytes FROM manifests")}
        parts = {"completed": 12, "refused": 13, "failed": 14, "incomplete": 30, "duplicates": 40}
        signed = lambda n: n >> 1 ^ -(n & 1)
        agents = {}
        for agent, manifest, frame in store.execute(
                "SELECT name, manifest, bytes FROM records JOIN agents ON agents.id = agent_id "
                "WHERE kind = 0"):
            record = fields(frame[8:])
            count = number(record, 11)
            columns = {key: column(record, field, count) for key, field in parts.items()}
            columns["requests"] = [
                sum(one) + signed(beyond)
                for *one, beyond in zip(*columns.values(), column(record, 31, count))]
            columns["flows"] = [
                whole + signed(beyond)
                for whole, beyond in zip(columns["completed"], column(record, 37, count))]
            for key, values in columns.items():
                for name, value in zip(names[manifest], values):
                    sums = agents.setdefault(agent, {}).setdefault(name, {})
                    sums[key] = sums.get(key, 0) + value
        print(json.dumps(agents))
        """
}
