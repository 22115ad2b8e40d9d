import ArgumentParser
import CommandLines
import Foundation
import SCI

/// `jouleflow-collector factors`.
struct FactorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "factors",
        abstract: "Lists emission factors: id, kg CO₂ per kWh, level, grade, source.",
        discussion: """
            Words filter the list: a factor is shown when each of them is in its line, for example
            `factors 重庆` or `factors province 2022`. Grade A: named news text quoting the official
            announcement; B: one public code table, cross-checked; C: not cross-checked.
            """)

    @Argument(help: "Words that must be in the line.")
    var words: [String] = []
    @Option(help: "Your own factors in place of those that come with the program.")
    var factors: String?
    @Flag(help: "Print the first line that a file of your own must have, and end.")
    var csvHeader = false

    func run() throws {
        if csvHeader {
            print(FactorTable.header)
            return
        }
        let lines = try FactorTable.find(file: factors).factors.map { factor in
            "\(factor.id)\t\(factor.kilogramsPerKilowattHour)\t\(factor.level)\t\(factor.grade)\t"
                + factor.source
        }.filter { line in words.allSatisfy { line.contains($0) } }
        guard !lines.isEmpty else { throw Failure(.answerIsNo, "no factor has these words") }
        print(lines.joined(separator: "\n"))
    }
}

extension FactorTable {
    /// Those that come with the program, and behind them the user's. Refuses a file that gives one of them
    /// another value.
    static func find(beside file: String?) throws -> FactorTable {
        let builtIn = try find(file: nil)
        guard let file else { return builtIn }
        let own = try find(file: file)
        for factor in own.factors {
            guard let known = builtIn[factor.id], known != factor else { continue }
            let what =
                known.kilogramsPerKilowattHour != factor.kilogramsPerKilowattHour
                ? "another value" : "other words beside its value"
            throw Failure(
                .configuration,
                "\(file): \(factor.id) comes with the program, with \(what): give yours another "
                    + "id")
        }
        do { return try builtIn.followed(by: own, file: file) } catch {
            throw Failure(.configuration, "\(error)")
        }
    }

    /// The user's factors, or those that come with the program.
    static func find(file: String?) throws -> FactorTable {
        do {
            guard let file else { return try builtIn() }
            let bytes: Data
            do { bytes = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
                throw Failure(.unreadable, "cannot read \(file): \(error.localizedDescription)")
            }
            return try FactorTable(csv: Array(bytes), file: file)
        } catch let error as FactorFileError {
            throw Failure(.configuration, "\(error)")
        }
    }
}
