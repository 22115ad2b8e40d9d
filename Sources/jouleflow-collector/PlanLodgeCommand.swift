import ArgumentParser
import Assessment
import Bundle
import CommandLines
import Foundation
import Metering
import Store

/// `jouleflow-collector plan lodge`.
struct PlanLodgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lodge",
        abstract: "Keeps the proof that somebody outside knew a plan's hash.",
        discussion: """
            With --response, the answer of a time-stamp authority to the plan's .tsq: it must be of \
            this plan's hash, and its time is told. Its signature is for you to verify, with the \
            certificates that you trust:
              openssl ts -verify -data plan-HASH8.json -in plan-HASH8.tsr -CAfile AUTHORITY.pem
            With --note, in words, to whom the hash was given and how. Both are kept for ever, and \
            reports show them.
            """)

    @Argument(help: "The first digits of the plan's hash.")
    var hash: String
    @OptionGroup var source: StoreArguments
    @Option(help: "The authority's answer, a file (.tsr).")
    var response: String?
    @Option(help: "To whom the hash was given and how, in words.")
    var note: String?

    func validate() throws {
        guard (response == nil) != (note == nil) else {
            throw ValidationError("Give the proof: --response FILE or --note TEXT.")
        }
        if let note, note.allSatisfy(\.isWhitespace) {
            throw ValidationError("--note says nothing.")
        }
    }

    func run() throws {
        let store = try source.writing()
        let plan = try store.sealed(hash)
        let lodging =
            if let response { try Self.timeStamp(response, of: plan) } else {
                Lodging(kind: .note, proof: Array((note ?? "").utf8), at: .now)
            }
        try Failure.opening { () throws(StoreError) in try store.lodge(lodging, of: plan.hash) }
        print("Plan \(plan.hash)")
        print(lodging.sentence)
        let told = (try? TimeStampResponse(lodging.proof))?.time ?? lodging.at
        if told >= plan.start {
            print("That was after its first round began at \(plan.start.rfc3339InShanghai).")
        }
    }

    private static func timeStamp(_ path: String, of plan: SealedPlan) throws -> Lodging {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw Failure(.unreadable, "cannot read \(path)")
        }
        let stamp: TimeStampResponse
        do throws(TimeStampError) { stamp = try TimeStampResponse(Array(bytes)) } catch {
            throw Failure(.unreadable, "\(path) is no time stamp: \(error)")
        }
        guard stamp.hash == plan.hash else {
            throw Failure(
                .answerIsNo, "\(path) is a time stamp of \(stamp.hash), not of plan \(plan.hash)")
        }
        return Lodging(kind: .timeStamp, proof: Array(bytes), at: .now)
    }
}

/// `jouleflow-collector plan abandon`.
struct PlanAbandonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abandon",
        abstract: "Marks a plan as one that will not be followed. It stays listed.",
        discussion: """
            Nothing is deleted: the plan, the time and the reason stay in the store and in every \
            report. There is no way back; seal a new plan instead.
            """)

    @Argument(help: "The first digits of the plan's hash.")
    var hash: String
    @OptionGroup var source: StoreArguments
    @Option(help: "Why it will not be followed.")
    var reason: String

    func validate() throws {
        guard !reason.allSatisfy(\.isWhitespace) else {
            throw ValidationError("--reason says nothing.")
        }
    }

    func run() throws {
        let store = try source.writing()
        let plan = try store.sealed(hash)
        do throws(StoreError) {
            try store.abandon(plan.hash, Abandonment(reason: reason, at: .now))
        } catch {
            if case .planAbandoned = error { throw Failure(.answerIsNo, "\(error)") }
            throw Failure(.unreadable, "\(error)")
        }
        print("Plan \(plan.hash)")
        print("abandoned: \(reason)")
    }
}
