/// What collector.yaml says, checked and with its defaults filled in.
///
/// docs/configuration.md is the manual of its keys.
package struct CollectorSettings: Sendable, Hashable {
    /// Where agents connect, without encryption.
    package let agents: NetworkAddress
    /// The SQLite file of the store.
    package let sqlite: String

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
        let standardAddress = NetworkAddress(host: "127.0.0.1", port: 7443)
        let agents = top.value(CollectorKeys.listen, default: standardAddress) { field in
            field.section(CollectorKeys.Listen.all)?
                .value(CollectorKeys.Listen.agents, default: standardAddress) {
                    $0.networkAddress()
                }
        }
        let plaintext: Void? = top.plaintext(CollectorKeys.plaintext)
        let standardStore = "/var/lib/jouleflow-collector/jouleflow.db"
        let sqlite = top.value(CollectorKeys.store, default: standardStore) { field in
            field.section(CollectorKeys.Store.all)?
                .value(CollectorKeys.Store.sqlite, default: standardStore) {
                    $0.filePath(besideFile: file)
                }
        }
        guard version != nil, let agents, plaintext != nil, let sqlite else { return nil }
        self.agents = agents
        self.sqlite = sqlite
    }
}

/// The keys of collector.yaml.
enum CollectorKeys {
    static let version = AgentKeys.version
    static let listen = Key(
        "listen", "the addresses the collector listens on",
        write: "listen: {agents: \"127.0.0.1:7443\"}")
    static let plaintext = Key(
        "plaintext",
        "the consent to receive without encryption, on a network you trust, as this version has "
            + "no TLS",
        write: "plaintext: true")
    static let tls = Key(
        "tls", "encryption with certificates",
        later: "this version has no TLS: write plaintext: true to receive without encryption on "
            + "a network you trust")
    static let store = Key(
        "store", "where records are stored", write: "store: {sqlite: jouleflow.db}")
    static let top = [version, listen, plaintext, tls, store]

    enum Listen {
        static let agents = Key(
            "agents", "the address agents connect to", write: "agents: \"127.0.0.1:7443\"")
        static let pages = Key(
            "pages", "the address of the web pages",
            later: "leave it out: reports are made by jouleflow-collector report")
        static let all = [agents, pages]
    }

    enum Store {
        static let sqlite = Key(
            "sqlite", "the path of the SQLite file",
            write: "sqlite: /var/lib/jouleflow-collector/jouleflow.db")
        static let all = [sqlite]
    }
}
