import ArgumentParser
import CommandLines
import Settings
import Store

/// Which store a command works on.
struct StoreArguments: ParsableArguments {
    @Option(help: "The collector's settings, which name the store.")
    var config: String?
    @Option(help: "The store itself, in place of --config.")
    var store: String?

    func validate() throws {
        guard config != nil || store != nil else {
            throw ValidationError("Say where the records are: --config FILE or --store DB.")
        }
        guard config == nil || store == nil else {
            throw ValidationError("Give --config or --store: each says where the records are.")
        }
    }

    /// The store's file.
    func path() throws -> String {
        let path = try named()
        guard !InputFile.isNoFile(path) else {
            throw Failure(.unreadable, "\(path) is no file, and so no store")
        }
        return path
    }

    private func named() throws -> String {
        if let store {
            guard !InputFile.isFolder(store) else {
                throw Failure(
                    .unreadable, "\(store) is a folder: --store names the store's file in it")
            }
            return store
        }
        let config = config ?? ""
        let path = try Failure.reading { () throws(SettingsErrors) in
            try CollectorSettings.load(path: config).sqlite
        }
        guard !InputFile.isFolder(path) else {
            throw Failure(
                .unreadable,
                "\(path) is a folder: store.sqlite in \(config) names the store's file in it")
        }
        return path
    }
}
