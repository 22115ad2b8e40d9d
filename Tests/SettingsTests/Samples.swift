import Foundation

@testable import Settings

enum Samples {
    /// Settings that use every key this version takes.
    static let agent = """
        version: 1                      # agent.yaml
        agent: {id: cq-a-loan-07, state: /var/lib/jouleflow}
        window: 10s
        energy:
          sysfs: /sys
          procfs: /proc
          source: auto                  # auto | rapl | wall | model | none
          idle_watts: 85.5
          maximum_watts: 240
          wall_sensors: [power_meter/power1, "pfe1100@3-0058/power1"]
        capture: {interfaces: [eth0, lo], ring_mib: 16, tunnels: []}
        services:
          - {name: loan-gateway, ports: [8080], direction: in, protocol: http1, cpu: cgroup, \
        counts_flows: true}
          - {name: risk, ports: [8081, 9000], cpu: /sys/fs/cgroup/risk.slice}
        scenarios:
          - id: credit
            steps:
              - name: decision
                when: {method: POST, path: "/api/credit/{applyNo}/decision"}
                completes: true
                outcome:
                  completed: {status: 2xx, body: {result.code: ["0000", 1]}}
                  refused: {status: [2xx, 409], body: {result.code: "E1001"}}
                  failed: {status: 5xx}
          - id: query   # 查询
            steps: [{when: {path: /api/query}, completes: true}]
        collectors:
          - {address: "collector.example:7443", plaintext: true}

        """

    /// Uses every key of `scenarios`.
    static let flows = """
        version: 1
        services:
          - {name: loan-gateway, ports: [8080], counts_flows: true}
          - {name: bank, ports: [443], direction: out, counts_flows: true}
        flow_keys: {limit: 1000, remember: 2h}
        flow_secret: flow.secret
        scenarios:
          - id: credit
            refusal_counts: false
            expires: 36h
            dedupe: fleet
            outcome: {completed: {status: [200, 204]}, failed: {status: 5xx}}
            steps:
              - name: decide
                when:
                  service: [bank, loan-gateway]
                  method: [POST, PUT]
                  path: "/gw/{v}/**"
                  host: [Loan.Example.com, "[::1]"]
                  query: {txnCode: [CR01, "any"]}
                  header: {X-Channel: any}
                  body: {txn.code: 7}
                flow_key: response.body.data.applyNo
                requires: notice
                completes: true
                count: response.header.X-Count
                outcome:
                  completed: {status: 200, header: {X-Result: ok}, xml: {Reply.Code: ["0"]}}
                  pending: {status: 2xx, body: {status: [PROCESSING], code: any}}
                  refused: {header: {X-Result: no}}
                  failed: {status: [5xx, 409]}
              - name: precheck
                when: {form: {txnCode: PC}}
                flow_key: form.applyNo
              - {name: notice, when: {xml: {Envelope.Body.Code: any}}, flow_key: xml.Envelope.No}
        collectors:
          - {address: "collector.example:7443", plaintext: true}

        """

    static let collector = """
        version: 1                      # collector.yaml
        listen: {agents: "[::]:7443"}
        plaintext: true
        store: {sqlite: jouleflow.db}

        """

    static func agent(_ text: String) throws(SettingsErrors) -> AgentSettings {
        try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "host")
    }

    static func collector(_ text: String) throws(SettingsErrors) -> CollectorSettings {
        try CollectorSettings.parse(Array(text.utf8), name: "collector.yaml")
    }

    /// The message of a refused file, or "accepted".
    static func message(_ text: String, isCollector: Bool = false) -> String {
        do throws(SettingsErrors) {
            if isCollector { _ = try collector(text) } else { _ = try agent(text) }
            return "accepted"
        } catch { return error.description }
    }

    /// The repository's folder.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
