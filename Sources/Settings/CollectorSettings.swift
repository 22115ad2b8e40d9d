package import Metering

/// What collector.yaml says, checked and with its defaults filled in.
///
/// docs/configuration.md is the manual of its keys.
package struct CollectorSettings: Sendable, Hashable {
    /// Where agents connect.
    package let agents: NetworkAddress
    /// How agents connect.
    package let transport: TransportSettings
    /// The SQLite file of the store.
    package let sqlite: String
    /// How long raw windows are kept; `nil` for ever.
    package let keepWindows: Nanoseconds?
    /// Where metrics are shown; `nil` for nowhere.
    package let metrics: NetworkAddress?

    /// Reads the settings at `path`.
    package static func load(path: String) throws(SettingsErrors) -> CollectorSettings {
        try parse(try SettingsFile.read(path), name: path)
    }

    /// Reads settings from the bytes of the file `name`, in whose folder relative paths begin.
    package static func parse(
        _ text: [UInt8], name: String
    ) throws(SettingsErrors) -> CollectorSettings {
        try SettingsFile.decode(text, name: name, keys: CollectorKeys.top) { section in
            CollectorSettings(section, file: name)
        }
    }

    init?(_ top: Section, file: String) {
        let version = top.formatVersion(CollectorKeys.version)
        let listen = top.value(CollectorKeys.listen, default: Listening.standard) {
            $0.listening()
        }
        let transport = top.transport(
            tls: CollectorKeys.tls, plaintext: CollectorKeys.plaintext, keys: .collector,
            file: file)
        let standardStore = "/var/lib/jouleflow-collector/jouleflow.db"
        let store = top.value(
            CollectorKeys.store, default: Storing(sqlite: standardStore, keepWindows: nil)
        ) { $0.storing(standardStore, file) }
        guard version != nil, let listen, let transport, let store else { return nil }
        agents = listen.agents
        metrics = listen.metrics
        self.transport = transport
        sqlite = store.sqlite
        keepWindows = store.keepWindows
    }
}

/// Where the collector stores, and for how long.
private struct Storing {
    let sqlite: String
    let keepWindows: Nanoseconds?
}

extension Field {
    fileprivate func storing(_ standard: String, _ file: String) -> Storing? {
        typealias Keys = CollectorKeys.Store
        guard let section = section(Keys.all) else { return nil }
        let sqlite = section.value(Keys.sqlite, default: standard) {
            $0.filePath(besideFile: file)
        }
        let keepWindows = section.value(Keys.keepWindows, default: nil as Nanoseconds?) {
            $0.retentionAge()
        }
        guard let sqlite, let keepWindows else { return nil }
        return Storing(sqlite: sqlite, keepWindows: keepWindows)
    }
}

/// Where the collector listens.
private struct Listening {
    static let standard = Listening(
        agents: NetworkAddress(host: "127.0.0.1", port: 7443),
        metrics: NetworkAddress(host: "127.0.0.1", port: 7481))

    let agents: NetworkAddress
    let metrics: NetworkAddress?
}

extension Field {
    fileprivate func listening() -> Listening? {
        typealias Keys = CollectorKeys.Listen
        let standard = Listening.standard
        guard let section = section(Keys.all) else { return nil }
        let agents = section.value(Keys.agents, default: standard.agents) { $0.networkAddress() }
        let metrics = section.value(Keys.metrics, default: standard.metrics) { field in
            let metrics = field.networkAddressOrNone()
            guard case .some(.some(let address)) = metrics, address == agents else {
                return metrics
            }
            return field.reject(
                "\(address)", "is listen.agents too", "name another port for metrics, or none")
        }
        guard let agents, let metrics else { return nil }
        return Listening(agents: agents, metrics: metrics)
    }
}

/// The keys of collector.yaml.
enum CollectorKeys {
    static let version = AgentKeys.version
    static let listen = Key(
        "listen", "the addresses the collector listens on",
        write: "listen: {agents: \"127.0.0.1:7443\"}")
    static let plaintext = Key(
        "plaintext", "the consent to receive without encryption, on a network you trust",
        write: "plaintext: true")
    static let tls = Key(
        "tls",
        "the files for TLS 1.3 with certificates on both sides; on a network you trust, "
            + "plaintext: true in its place receives without encryption",
        write: "tls: {ca: ca.pem, certificate: collector-collector.example.pem, "
            + "key: collector-collector.example.key}")
    static let store = Key(
        "store", "where records are stored", write: "store: {sqlite: jouleflow.db}")
    static let top = [version, listen, tls, plaintext, store]

    enum Listen {
        static let agents = Key(
            "agents", "the address agents connect to", write: "agents: \"127.0.0.1:7443\"")
        static let pages = Key(
            "pages", "the address of the web pages",
            later: "leave it out: reports are made by jouleflow-collector report")
        static let metrics = Key(
            "metrics",
            "the address of the metrics for Prometheus, path /metrics, or none; 127.0.0.1:7481 if "
                + "left out",
            write: "metrics: \"127.0.0.1:7481\"")
        static let all = [agents, metrics, pages]
    }

    enum Store {
        static let sqlite = Key(
            "sqlite", "the path of the SQLite file",
            write: "sqlite: /var/lib/jouleflow-collector/jouleflow.db")
        static let keepWindows = Key(
            "keep_windows",
            "the age after which raw windows are deleted, 1d to 36500d, or all to keep them; "
                + "roll-ups, plans and what a sealed plan needs stay",
            write: "keep_windows: 400d")
        static let all = [sqlite, keepWindows]
    }
}
