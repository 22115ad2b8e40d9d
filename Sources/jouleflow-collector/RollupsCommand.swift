import ArgumentParser
import Collector
import CommandLines
import Store

/// `jouleflow-collector rollups`.
struct RollupsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollups", abstract: "Makes roll-ups anew from the records.",
        subcommands: [Rebuild.self])

    struct Rebuild: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rebuild",
            abstract: "Makes hourly, daily and monthly roll-ups anew from the stored records.",
            discussion: """
                Needed where one is damaged, or for days of another zone; else they are kept as records \
                arrive. Hours whose records retention deleted stay as they are. A collector may go on \
                writing; while the old ones are cleared its agents may have to send again. Where it is \
                interrupted, the collector finishes it.
                """)

        @OptionGroup var source: StoreArguments
        @Option(
            parsing: .unconditional,
            help: "Days and months begin at midnight of this many hours ahead of UTC, -12 to 14.")
        var dayOffset: Int?

        func validate() throws {
            guard (-12...14).contains(dayOffset ?? 0) else {
                throw ValidationError("--day-offset is -12 to 14 whole hours.")
            }
        }

        func run() throws {
            let path = try source.path()
            let store = try Failure.opening { () throws(StoreError) in
                try SQLiteRecordStore(path: path)
            }
            do {
                let calendar =
                    try dayOffset.map { RollupCalendar(offset: Int64($0)) }
                    ?? store.rollupState().calendar
                try store.beginRebuild(calendar)
                while try Pipeline.continueRebuild(store) {}
                try store.close()
            } catch { throw Failure(.unreadable, "\(path): \(error)") }
            print("the roll-ups are made anew")
        }
    }
}
