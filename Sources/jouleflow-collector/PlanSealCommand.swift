import ArgumentParser
import Assessment
import Bundle
import CommandLines
import Foundation
import Metering
import Settings
import Store

/// `jouleflow-collector plan seal`.
struct PlanSealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Keeps a plan for ever under its hash, and writes what is to be lodged.",
        discussion: """
            Prints the hash and writes two files to --out:
              plan-HASH8.json  the plan's canonical text; its SHA-256 is the hash
              plan-HASH8.tsq   a request (RFC 3161) for a time stamp of the hash
            Send the request to a time-stamp authority before the first round begins:
              curl -H 'Content-Type: application/timestamp-query' --data-binary @plan-HASH8.tsq \\
                https://AUTHORITY -o plan-HASH8.tsr
            and keep the answer with `plan lodge`.

            The same plan again changes nothing. A plan whose first round has begun is refused with \
            status 1; --late seals it all the same, and every report of it is headed \
            非评估结果 / not an assessment, for ever.
            """)

    @OptionGroup var plan: PlanFileArguments
    @OptionGroup var language: PlanLanguage
    @OptionGroup var source: StoreArguments
    @Option(help: "The folder to write to.")
    var out = "."
    @Flag(help: "Seal a plan whose first round has begun, though no report of it is an assessment.")
    var late = false

    func run() throws {
        let file = try plan.read()
        for warning in file.warnings { complain(warning.text(in: language.chosen) + "\n") }
        let (document, hash) = try Self.document(of: file.plan)
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: out, isDirectory: &isFolder)
        guard isFolder.boolValue else {
            throw Failure(
                .unreadable, "--out \(out) is no folder: nothing was sealed; make it first")
        }
        let store = try source.writing()
        let start = file.plan.schedule.start
        let now = Timestamp.now
        if now >= start, !late, (try? store.plan(hash.description)) == nil {
            throw Failure(
                .answerIsNo,
                "the first round began at \(start.rfc3339InShanghai): a plan is sealed before it. "
                    + "Correct schedule.start, or seal it with --late, and no report of it will be "
                    + "an assessment")
        }
        let sealed = try Failure.opening { () throws(StoreError) in
            try store.seal(
                NewPlan(
                    hash: hash, document: document, yaml: file.text, start: start, sealedAt: now))
        }
        print("Plan \(hash)")
        print(sealed.sentence)
        try write(document, hash)
    }

    private static func document(of plan: Plan) throws -> ([UInt8], PlanHash) {
        do throws(DocumentError) {
            let document = try PlanDocument.encode(plan)
            guard let hash = PlanDocument.hash(of: document),
                try PlanDocument.decode(document) == plan
            else {
                throw DocumentError.badValue(path: "the plan", reason: "does not read back")
            }
            return (document, hash)
        } catch {
            throw Failure(.configuration, "the plan cannot be sealed: \(error)")
        }
    }

    private func write(_ document: [UInt8], _ hash: PlanHash) throws {
        let name = "\(out)/plan-\(hash.short)"
        let request = TimeStampRequest.bytes(of: hash, nonce: .random(in: 1 ... .max))
        if try !NewPlanFile.write(document, to: "\(name).json") {
            print("\(name).json is there already")
        } else {
            print("Wrote \(name).json, whose SHA-256 is the hash")
        }
        if FileManager.default.fileExists(atPath: "\(name).tsq") {
            print("\(name).tsq is there already: each request is good once")
        } else {
            _ = try NewPlanFile.write(request, to: "\(name).tsq")
            print("Wrote \(name).tsq, to send to a time-stamp authority before the first round")
        }
        print(
            "Keep the answer with: jouleflow-collector plan lodge \(hash.short) --response "
                + "\(name).tsr")
    }
}

extension SealedPlan {
    /// When it was sealed, and whether that was in time.
    var sentence: String {
        let times =
            "sealed at \(sealedAt.rfc3339InShanghai); its first round begins at "
            + start.rfc3339InShanghai
        return isLate
            ? "LATE, \(times): no report of it is an assessment" : times
    }
}

/// A file that is made and never overwritten.
enum NewPlanFile {
    /// Writes the file; gives `false` where it is there with the same bytes.
    static func write(_ bytes: [UInt8], to path: String) throws(Failure) -> Bool {
        if let old = FileManager.default.contents(atPath: path) {
            if old.elementsEqual(bytes) { return false }
            throw Failure(.usage, "\(path) exists with other bytes: name another folder with --out")
        }
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .withoutOverwriting)
        } catch let error as CocoaError where error.code == .fileWriteNoPermission {
            throw Failure(.permission, "cannot write \(path): permission denied")
        } catch {
            throw Failure(.unreadable, "cannot write \(path): \(error.localizedDescription)")
        }
        return true
    }
}
