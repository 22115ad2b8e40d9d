import ArgumentParser
import Collector
import CommandLines
import Report
import Store

/// `jouleflow-collector verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Says whether a bundle or a store holds what agents signed: all of it, unaltered.",
        discussion: """
            Of an evidence bundle, without a store or anything else: its bytes, every record's place in its \
            agent's chain, every signature, plans and imports, and each figure of its report, which is \
            computed anew from the records.

              jouleflow-collector verify 3fa9c1d2.jfb

            Of a store, also while the collector runs: every record's place in its agent's chain, every \
            signature, every hole against what is known to be lost, every plan, import and revision of a round \
            against its digest, and every roll-up against its records.

              jouleflow-collector verify --config collector.yaml

            Names each finding with its place. Exit status: 0 there is none, 1 there is one, 5 the file or \
            the store cannot be read.
            """)

    /// Factors of a bundle's own that are named; beyond them there is their number.
    private static let otherFactorsShown = 10

    @Argument(help: "An evidence bundle, in place of a store.")
    var file: String?
    @Option(help: "The collector's settings, which name the store.")
    var config: String?
    @Option(help: "The store itself, in place of --config.")
    var store: String?

    func validate() throws {
        let named = [file, config, store].compactMap { $0 }
        guard !named.isEmpty else {
            throw ValidationError("Say what to verify: FILE, --config FILE or --store DB.")
        }
        guard named.count == 1 else {
            throw ValidationError("Give one of FILE, --config FILE and --store DB.")
        }
    }

    func run() throws {
        if let file { try verify(bundle: file) } else { try verifyStore() }
    }

    private func verify(bundle path: String) throws {
        let verdict: EvidenceVerdict
        do {
            verdict = try Pipeline.verify(
                {
                    let file = try ImportFile(path)
                    guard !file.isStore else {
                        throw Failure(
                            .unreadable,
                            "\(path) is no bundle but a store: jouleflow-collector verify --store \(path)"
                        )
                    }
                    return { try file.read($0) }
                }, program: ProgramVersion.text)
        } catch { throw error as? Failure ?? Failure(.unreadable, "\(path): \(error)") }
        guard verdict.isBundle else {
            throw Failure(
                .unreadable,
                "\(path), byte 0: this is no bundle of jouleflow-collector: `export` writes them, and "
                    + "`verify --store` is for stores")
        }
        if let digest = verdict.digest { print("SHA-256 of the bundle: \(digest)") }
        if let content = verdict.content {
            print(
                "plan \(content.plan.hash.value ?? ""), report of \(Notation.utc(content.generated)): "
                    + content.headline)
        }
        if let other = verdict.otherProgram {
            print(
                "made by \(other), which is another version than this (\(ProgramVersion.text)): figures were "
                    + "compared, sentences were not")
        }
        if !verdict.otherFactors.isEmpty {
            let names = verdict.otherFactors.prefix(Self.otherFactorsShown)
            print(
                "factors of the CSV that neither the plan nor the program has: "
                    + "\(verdict.otherFactors.count), "
                    + TerminalText.tamed(names.joined(separator: ", ")))
        }
        print(
            "\(verdict.runs) runs, \(verdict.batches) signed batches, \(verdict.records) records: "
                + "\(verdict.findings.count + verdict.more) findings")
        for finding in verdict.findings { print(finding) }
        guard verdict.findings.isEmpty else {
            throw Failure(.answerIsNo, "\(path) is not what its agents signed and its report says")
        }
    }

    private func verifyStore() throws {
        var source = StoreArguments()
        source.config = config
        source.store = store
        let path = try source.path()
        let store = try source.reading()
        let found = try Failure.opening { () throws(StoreError) in try Pipeline.verify(store) }
        print(
            "\(found.runs) runs, \(found.statements) signed batches, \(found.records) records, "
                + "\(found.plans) plans, \(found.imports) imports, \(found.revisions) revisions: "
                + "\(found.findings.count + found.more) findings")
        if found.deleted > 0 {
            print(
                "\(found.deleted) records were deleted by retention, their chain verified by what "
                    + "it kept:")
            for stretch in found.deletions { print(stretch) }
        }
        if let reason = found.uncomparedRollups { print("roll-ups were not compared: \(reason)") }
        for finding in found.findings { print(finding) }
        guard found.findings.isEmpty else { throw Failure(.answerIsNo, "\(path) is not sound") }
    }
}

extension PlanReportContent {
    /// What came out, in a line.
    fileprivate var headline: String {
        guard let mean = result.mean.value else { return standing.title }
        return "\(standing.title), \(mean) \(result.unit.rawValue) per unit"
    }
}
