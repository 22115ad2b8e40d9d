import ArgumentParser
import Chain
import Collector
import CommandLines
import Foundation
import Imports
import Store

/// `jouleflow-collector import`.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Takes what `export` wrote into a store, or readings, totals and lists in CSV.",
        discussion: """
            Of an export each record is there once after. Each batch is verified as if its agent had \
            delivered it. What the store has stays: other bytes for the same record are kept as evidence, and named. The same file can be taken \
            again, and one that is cut short leaves a sound store.

            CSV files begin with one of these lines, and times have a zone:
              --meter   \(Imports.ImportFile.meterHeader)
              --ledger  \(Imports.ImportFile.ledgerHeader)
              --assets  \(Imports.ImportFile.assetsHeader)
            They are kept as canonical bytes with their SHA-256, for ever: a later import of the same \
            meter or scenario and time is a new revision, and both stay. The manual store.md tells more; \
            `imports` lists them.
            """)

    @OptionGroup var target: StoreArguments
    @Argument(help: "The file that `export` wrote.")
    var file: String?
    @Option(help: "Readings of meters, CSV.")
    var meter: String?
    @Option(help: "Totals of the business ledger, CSV.")
    var ledger: String?
    @Option(help: "The company's list of machines, CSV.")
    var assets: String?
    @Option(help: "Who vouches for the CSV: kept with it.")
    var signedBy: String?
    @Option(
        help: """
            A file with an Ed25519 signature, 64 bytes, of the canonical bytes that `imports canonical` \
            prints: kept with them.
            """)
    var signature: String?
    @Option(
        help:
            "The key that the signature must be of, in 64 hexadecimal digits; else nothing is kept.",
        transform: LedgerKey.parse)
    var key: VerifyingKey?

    func validate() throws {
        let files = [file, meter, ledger, assets].compactMap { $0 }
        guard files.count == 1 else {
            throw ValidationError("Name one file: an export, or --meter, --ledger or --assets.")
        }
        guard file == nil || (signedBy == nil && signature == nil) else {
            throw ValidationError("An export carries its signatures itself.")
        }
        guard key == nil || signature != nil else {
            throw ValidationError("--key verifies a signature: give --signature FILE.")
        }
    }

    func run() throws {
        if let file { return try takeExport(file) }
        let (content, source) = try Self.content(meter: meter, ledger: ledger, assets: assets)
        try keep(content, source)
    }

    /// What the one file says that is named.
    static func content(
        meter: String?, ledger: String?, assets: String?
    ) throws -> (content: ImportContent, file: String) {
        let source = meter ?? ledger ?? assets ?? ""
        let text = try InputFile.bytes(source, limit: Imports.ImportFile.maximumBytes)
        do throws(ImportFileError) {
            if meter != nil { return (try Imports.ImportFile.meter(text, file: source), source) }
            if ledger != nil { return (try Imports.ImportFile.ledger(text, file: source), source) }
            return (try Imports.ImportFile.assets(text, file: source), source)
        } catch { throw Failure(.configuration, "\(error)") }
    }

    private func keep(_ content: ImportContent, _ source: String) throws {
        let signature = try signature.map {
            try InputFile.bytes($0, limit: StoreLimits.importSignature)
        }
        if let key, !key.verifies(signature ?? [], ofBytes: content.canonical) {
            throw Failure(
                .answerIsNo,
                "the signature is not of the canonical bytes of \(source) with the key "
                    + "\(key.fingerprint): nothing was kept")
        }
        let path = try target.path()
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: path)
        }
        do {
            let kept = try Pipeline.keep(
                content, file: String(source.split(separator: "/").last ?? ""),
                signedBy: signedBy, signature: signature, at: .now, in: store)
            try store.close()
            guard let kept else { return print("the latest import is the same: nothing changed") }
            print("import \(kept.id): \(content.count) lines, SHA-256 \(kept.digest.hexadecimal)")
        } catch let error as RevisionConflict {
            throw Failure(.answerIsNo, "\(error)")
        } catch {
            throw Failure(.unreadable, "\(path): \(error)")
        }
    }

    private func takeExport(_ file: String) throws {
        let path = try target.path()
        let source = try ImportFile(file)
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: path)
        }
        var summary = ImportSummary()
        var failure: Failure?
        do {
            try StoreImport.run(into: store, &summary) { try source.read($0) }
        } catch let error as ImportError {
            failure = Failure(.unreadable, "\(file) \(error)")
        } catch {
            failure = error as? Failure ?? Failure(.unreadable, "\(path): \(error)")
        }
        // What came before it went wrong was verified, and stays.
        print("\(summary.stored) records taken, \(summary.duplicates) were there already")
        if !summary.refused.isEmpty {
            let rest = summary.more > 0 ? "\nand \(summary.more) more" : ""
            let sentence = "refused:\n" + summary.refused.joined(separator: "\n") + rest
            failure = Failure(
                failure?.status ?? .answerIsNo,
                failure.map { "\($0.message)\n\(sentence)" } ?? sentence)
        }
        if let failure {
            try? store.close()
            throw failure
        }
        try Failure.opening { () throws(StoreError) in try store.close() }
    }
}
