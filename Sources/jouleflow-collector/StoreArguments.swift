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
        guard (config == nil) != (store == nil) else {
            throw ValidationError("Say where the records are: --config FILE or --store DB.")
        }
    }

    /// The store's file.
    func path() throws -> String {
        if let store {
            guard !InputFile.isFolder(store) else {
                throw Failure(
                    .unreadable, "\(store) is a folder: --store names the store's file in it")
            }
            return store
        }
        return try Failure.reading { () throws(SettingsErrors) in
            try CollectorSettings.load(path: config ?? "").sqlite
        }
    }
}
