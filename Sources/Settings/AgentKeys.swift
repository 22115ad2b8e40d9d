/// The keys of agent.yaml. `docs/configuration.md` explains each; a test compares.
enum AgentKeys {
    static let version = Key(
        "version", "the version of this file's format, always 1 so far", write: "version: 1")
    static let agent = Key(
        "agent", "who this agent is and where it keeps its state",
        write: "agent: {id: loan-07, state: /var/lib/jouleflow}")
    static let window = Key(
        "window",
        "the time one record covers, 1s to 1h, with a day being a whole number of windows",
        write: "window: 10s")
    static let energy = Key(
        "energy", "where the host's energy is read", write: "energy: {source: auto}")
    static let capture = Key(
        "capture", "how traffic is captured", write: "capture: {interfaces: [eth0], ring_mib: 16}")
    static let services = Key(
        "services", "the list of servers on this host whose traffic is counted, at least one",
        write: "services: [{name: loan, ports: [8080]}]")
    static let scenarios = Key(
        "scenarios", "the list of business scenarios to count; it may be empty",
        write: "scenarios: [{id: query, steps: [{when: {path: /q}, completes: true}]}]")
    static let flowKeys = Key(
        "flow_keys", "how many keys of flows are kept in memory, and for how long",
        write: "flow_keys: {limit: 200000, remember: 7d}")
    static let flowSecret = Key(
        "flow_secret",
        "the file with the secret that flow keys are hashed with, the same on all hosts that "
            + "share flows; left out, this host makes one of its own",
        write: "flow_secret: /etc/jouleflow/flow.secret")
    static let attribution = Key(
        "attribution", "how energy is divided among the scenarios",
        write: "attribution: {model: auto}")
    static let collectors = Key(
        "collectors",
        "where records are sent; with [] they stay in the spool",
        write: "collectors: [{address: \"collector.example:7443\", tls: {ca: ca.pem, "
            + "certificate: agent-loan-07.pem, key: agent-loan-07.key}}]")
    static let delivery = Key(
        "delivery",
        "whether every collector gets every record (all), or one gets them and the next stands in "
            + "while it cannot be reached (failover)",
        write: "delivery: all")
    static let spool = Key(
        "spool", "how much is kept for collectors that cannot be reached",
        write: "spool: {max_mib: 64, max_age: 45d}")
    static let listen = Key(
        "listen", "the addresses the agent listens on; none if left out",
        write: "listen: {metrics: \"127.0.0.1:7482\"}")
    static let top = [
        version, agent, window, energy, capture, services, flowKeys, flowSecret, scenarios,
        attribution, collectors, delivery, spool, listen,
    ]
    /// What a file says first of all; one without any of them configures nothing yet.
    static let purpose = [services, scenarios, collectors]

    enum Agent {
        static let id = Key(
            "id", "the name of this host in records and reports, its host name if left out",
            write: "id: loan-07")
        static let state = Key(
            "state", "the folder of the spool and of what must outlive a restart",
            write: "state: /var/lib/jouleflow")
        static let all = [id, state]
    }

    enum Energy {
        static let sysfs = Key(
            "sysfs", "the root of sysfs; any other than /sys marks every record simulated",
            write: "sysfs: /sys")
        static let procfs = Key(
            "procfs", "the root of procfs; any other than /proc marks every record simulated",
            write: "procfs: /proc")
        static let source = Key(
            "source",
            "what gives the host's energy: auto takes the wall meter where the host has exactly "
                + "one ACPI power meter or wall_sensors are named, else RAPL, else the model where "
                + "both watts are given, else none",
            write: "source: auto")
        static let idleWatts = Key(
            "idle_watts",
            "the power the idle host draws, in watts, or learn, the default: it is learned in "
                + "windows without work, and until then energy is reported undivided",
            write: "idle_watts: 85.5")
        static let maximumWatts = Key(
            "maximum_watts",
            "the power the host draws at full load, in watts; the model needs it with idle_watts",
            write: "maximum_watts: 240")
        static let wallSensors = Key(
            "wall_sensors",
            "the list of 1 to 8 hwmon sensors that together measure the whole host, as CHIP/SENSOR "
                + "or CHIP@DEVICE/SENSOR; left out, the host's one ACPI power meter is taken",
            write: "wall_sensors: [power_meter/power1]")
        static let all = [sysfs, procfs, source, idleWatts, maximumWatts, wallSensors]
    }

    enum Capture {
        static let interfaces = Key(
            "interfaces",
            "the list of network interfaces to capture on; empty, they are chosen by the "
                + "services' addresses",
            write: "interfaces: [eth0, lo]")
        static let ringMiB = Key(
            "ring_mib", "the size of the kernel's packet ring in MiB", write: "ring_mib: 16")
        static let tunnels = Key(
            "tunnels",
            "the list of tunnel protocols to look inside, those in UDP with a port where it is not "
                + "the standard one",
            write: "tunnels: [vxlan:8472, gre]")
        static let cpuLimit = Key(
            "cpu_limit",
            "the share of one processor that capture may use; above it whole connections are left "
                + "out, and the records say how much; left out, there is no limit",
            write: "cpu_limit: 5%")
        static let all = [interfaces, ringMiB, tunnels, cpuLimit]
    }

    enum Service {
        static let name = Key(
            "name", "the name of the service in records and reports", write: "name: loan-gateway")
        static let ports = Key(
            "ports", "the list of TCP ports the service listens on", write: "ports: [8080]")
        static let direction = Key(
            "direction",
            "whether this host receives the requests (in) or makes them as a client (out)",
            write: "direction: in")
        static let `protocol` = Key(
            "protocol", "the protocol spoken on the ports", write: "protocol: http1")
        static let cpu = Key(
            "cpu",
            "where the service's CPU time is read: cgroup finds its cgroup from the listening "
                + "socket, a path names it, process adds up the processes behind the socket",
            write: "cpu: cgroup")
        static let countsFlows = Key(
            "counts_flows",
            "whether flows are counted on this service; one layer per scenario counts them",
            write: "counts_flows: true")
        static let all = [name, ports, direction, `protocol`, cpu, countsFlows]
    }

    enum FlowKeys {
        static let limit = Key(
            "limit", "the most keys of flows kept in memory", write: "limit: 200000")
        static let remember = Key(
            "remember",
            "how long the key of a counted flow is remembered, to know it again when it is "
                + "completed twice",
            write: "remember: 7d")
        static let all = [limit, remember]
    }

    enum Attribution {
        static let model = Key(
            "model",
            "what a service's energy is divided by: standard, the weights of the standard; "
                + "concurrency, the time of the exchanges in flight; auto takes concurrency where "
                + "each service on this host has workers, two or more, and processors is own, else "
                + "standard",
            write: "model: auto")
        static let idle = Key(
            "idle",
            "who bears the energy of the idle host: unallocated, nobody; proportional, whoever used "
                + "energy beyond it; reserved, each service its reserved share",
            write: "idle: unallocated")
        static let processors = Key(
            "processors",
            "whose the processors of this host are: own, those of services; shared, where other "
                + "programs keep a tenth of them busy, or more",
            write: "processors: shared")
        static let services = Key(
            "services", "the list of what is known of services beforehand",
            write: "services: [{name: loan-gateway, workers: 16}]")
        static let all = [model, idle, processors, services]
    }

    enum ServiceShare {
        static let name = Key(
            "name", "the name of one of services", write: "name: loan-gateway")
        static let workers = Key(
            "workers",
            "how many exchanges the service works on at once without letting one wait: its threads "
                + "or processes; to be written only where that is more than are ever in flight",
            write: "workers: 16")
        static let reserved = Key(
            "reserved",
            "the share of this host that is reserved for the service, with idle: reserved",
            write: "reserved: 40%")
        static let all = [name, workers, reserved]
    }

    enum Spool {
        static let maximumMiB = Key(
            "max_mib",
            "the size of the spool on disk in MiB; beyond it the oldest records are dropped, and "
                + "that is reported",
            write: "max_mib: 64")
        static let maximumAge = Key(
            "max_age",
            "how long a record is kept; older ones are dropped, and that is reported",
            write: "max_age: 45d")
        static let all = [maximumMiB, maximumAge]
    }

    enum Listen {
        static let metrics = Key(
            "metrics", "the address of the metrics for Prometheus, path /metrics",
            write: "metrics: \"127.0.0.1:7482\"")
        static let all = [metrics]
    }

    enum Collector {
        static let address = Key(
            "address", "the collector's host and port", write: "address: \"10.0.0.5:7443\"")
        static let plaintext = Key(
            "plaintext",
            "the consent to send without encryption, on a network you trust",
            write: "plaintext: true")
        static let tls = Key(
            "tls",
            "the files for TLS 1.3 with certificates on both sides; on a network you trust, "
                + "plaintext: true in its place sends without encryption",
            write: "tls: {ca: ca.pem, certificate: agent-loan-07.pem, key: agent-loan-07.key}")
        static let all = [address, tls, plaintext]
    }
}
