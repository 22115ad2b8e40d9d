import ArgumentParser
import Chain
import Collector
import CommandLines
import Report
import Store

/// `jouleflow-collector imports`.
struct ImportsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imports",
        abstract: "Lists and shows the readings, totals and lists that were imported.",
        subcommands: [List.self, Show.self, Canonical.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Every import: number, kind, time, lines, SHA-256, who vouches, file.")

        @OptionGroup var source: StoreArguments

        func run() throws {
            for one in try ImportsCommand.all(source) {
                // A header, and as many line feeds as lines.
                let lines = max(1, one.bytes.lazy.filter { $0 == 0x0A }.count) - 1
                print(
                    "\(one.id)\t\(one.kind.rawValue)\t\(Notation.utc(one.at))\t\(lines)\t"
                        + "\(one.digest.hexadecimal)\t\(one.signedBy ?? "—")\t\(one.file)"
                        + (one.isIntact ? "" : "\tALTERED"))
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Prints the canonical bytes of an import.",
            discussion: """
                Times are nanoseconds since 1970 in UTC, energies microjoules. Their SHA-256 is that \
                of `list`: `jouleflow-collector imports show 3 --store DB | sha256sum`.
                """)

        @OptionGroup var source: StoreArguments
        @Argument(help: "The import's number.")
        var number: Int64

        func run() throws {
            guard let one = try ImportsCommand.all(source).first(where: { $0.id == number }) else {
                throw Failure(.answerIsNo, "there is no import \(number)")
            }
            try write(one.bytes)
            guard one.isIntact else {
                throw Failure(.answerIsNo, "import \(number) was altered: it has another SHA-256")
            }
        }
    }

    struct Canonical: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "canonical",
            abstract:
                "Prints the canonical bytes that a file would be kept as: those to be signed.",
            discussion: """
                Keeps nothing and needs no store. With a key of OpenSSL's:

                  jouleflow-collector imports canonical --ledger ledger.csv > ledger.canonical
                  openssl pkeyutl -sign -rawin -inkey ledger.key -in ledger.canonical -out ledger.sig
                  jouleflow-collector import --ledger ledger.csv --signature ledger.sig \\
                    --signed-by "Li Hua" --config collector.yaml
                """)

        @Option(help: "Readings of meters, CSV.")
        var meter: String?
        @Option(help: "Totals of the business ledger, CSV.")
        var ledger: String?
        @Option(help: "The company's list of machines, CSV.")
        var assets: String?

        func validate() throws {
            guard [meter, ledger, assets].compactMap({ $0 }).count == 1 else {
                throw ValidationError("Name one file: --meter, --ledger or --assets.")
            }
        }

        func run() throws {
            let (content, _) = try ImportCommand.content(
                meter: meter, ledger: ledger, assets: assets)
            try write(content.canonical)
        }
    }

    private static func all(_ source: StoreArguments) throws -> [StoredImport] {
        let path = try source.path()
        return try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path).imports(nil)
        }
    }
}
