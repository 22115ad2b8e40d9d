import ArgumentParser
import Assessment
import Bundle
import CommandLines
import Crypto
import Foundation
import Metering
import SCI
import Settings
import Store

/// `jouleflow-collector plan`.
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Writes, checks and seals evaluation plans, and lists all that were sealed.",
        discussion: """
            A plan says what is assessed and how, before the first round: rounds, hosts, sites, \
            emission factors, where each scenario is counted (T/CQJR 032.2-2025, Annex A a). \
            Only a report under a sealed plan is an assessment. In this order:

              1. jouleflow-collector plan new > plan.yaml
                 a file with every key explained; --hosts-from-store fills in the agents that the \
            store knows
              2. jouleflow-collector plan check plan.yaml --language zh
                 says in plain sentences what the plan means, and what an assessor will ask about
              3. jouleflow-collector plan seal plan.yaml --config collector.yaml
                 keeps it for ever under its hash, and writes plan-HASH.json and plan-HASH.tsq
              4. before the first round, tell somebody outside the hash: the assessor, or a \
            time-stamp authority, which answers the .tsq with a .tsr
              5. jouleflow-collector plan lodge HASH --response plan-HASH.tsr --config collector.yaml

            A sealed plan never changes and is never deleted. A changed plan is a new plan; mark the \
            old one with `plan abandon`. Reports list all of them. The manual plan.md explains every key.

            Exit status: 0 done, 1 the answer is no, 2 usage, 3 the plan or the settings are wrong, \
            4 permission, 5 a file or the store cannot be read.
            """,
        subcommands: [
            PlanNewCommand.self, PlanCheckCommand.self, PlanSealCommand.self, PlanListCommand.self,
            PlanShowCommand.self, PlanLodgeCommand.self, PlanAbandonCommand.self,
        ])
}

/// How a plan's file is read.
struct PlanFileArguments: ParsableArguments {
    @Argument(help: "The plan's file.")
    var file: String
    @Option(
        help: """
            Your own emission factors beside those that come with the program, CSV with the columns \
            that `factors --csv-header` prints.
            """)
    var factors: String?

    /// The plan, or the end of the program with everything that is wrong with the file.
    func read() throws -> PlanFile {
        let surroundings = try PlanSurroundings(factors: factors)
        do throws(SettingsErrors) { return try PlanFile.load(path: file, surroundings) } catch {
            switch error.fileFailure {
            case .permissionDenied?: throw Failure(.permission, "\(error)")
            case _?: throw Failure(.unreadable, "\(error)")
            case nil: throw Failure(.configuration, "\(error)")
            }
        }
    }
}

extension PlanSurroundings {
    /// The factors of the program, and before them those of the user's file.
    init(factors path: String?) throws {
        let table = try FactorTable.find(beside: path)
        self.init(
            factorIDs: table.factors.map(\.id), now: .now, factor: { table[$0] },
            digest: { bytes in
                SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                    .joined()
            })
    }
}

/// The language in which a plan is explained.
struct PlanLanguage: ParsableArguments {
    enum Language: String, ExpressibleByArgument, CaseIterable { case en, zh }

    @Option(
        help: """
            The language of the sentences: en or zh. Left out, zh where LC_ALL, LC_MESSAGES or LANG \
            begins with zh.
            """)
    var language: Language?

    var chosen: SentenceLanguage {
        language.flatMap { SentenceLanguage(rawValue: $0.rawValue) }
            ?? SentenceLanguage { ProcessInfo.processInfo.environment[$0] }
    }
}

extension StoreArguments {
    /// The store, to write to.
    func writing() throws -> SQLiteRecordStore {
        let path = try path()
        return try Failure.opening { () throws(StoreError) in try SQLiteRecordStore(path: path) }
    }

    /// The store, to read from. An error is told in this language.
    func reading(in language: SentenceLanguage = .english) throws -> SQLiteRecordStore {
        let path = try path()
        return try Failure.opening(in: language) { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
    }
}

extension SQLiteRecordStore {
    /// The sealed plan whose hash begins so, or the end of the program, told in this language.
    func sealed(
        _ prefix: String, in language: SentenceLanguage = .english
    ) throws -> SealedPlan {
        do throws(StoreError) { return try plan(prefix) } catch {
            let told = error.told(in: language)
            switch error {
            case .noPlanHash, .planUnknown, .planAmbiguous:
                let list = language.say(
                    ": `jouleflow-collector plan list` lists them",
                    "；`jouleflow-collector plan list` 列出全部计划")
                throw Failure(.answerIsNo, told + list)
            default: throw Failure(.unreadable, told)
            }
        }
    }
}

extension Timestamp {
    /// The system's clock.
    static var now: Timestamp {
        Timestamp(UInt64(max(0, Date().timeIntervalSince1970) * 1000) * 1_000_000)
    }
}

extension PlanSentences {
    /// The sentences of a sealed plan's document.
    static func lines(of plan: SealedPlan, in language: SentenceLanguage) throws -> [String] {
        do throws(DocumentError) {
            return PlanSentences(try PlanDocument.decode(plan.document), in: language).lines
        } catch {
            throw Failure(.unreadable, "plan \(plan.hash): \(error)")
        }
    }
}
