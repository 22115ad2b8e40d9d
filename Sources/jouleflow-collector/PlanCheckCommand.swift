import ArgumentParser
import Assessment
import CommandLines
import Settings

/// `jouleflow-collector plan check`.
struct PlanCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says in plain sentences what a plan means, and what of it is doubtful.",
        discussion: """
            Seals nothing and keeps nothing. What is wrong is named with its line and what to write, \
            and ends with status 3. What can be followed but will be asked about comes after the \
            sentences as warnings: a factor that is not from the official announcement, a scenario \
            that no counting layer is named for, machines of the asset list that are not planned.

              jouleflow-collector plan check plan.yaml --language zh
            """)

    @OptionGroup var plan: PlanFileArguments
    @OptionGroup var language: PlanLanguage

    func run() throws {
        let file = try plan.read()
        for line in PlanSentences(file.plan, in: language.chosen).lines { print(line) }
        for warning in file.warnings { print(warning.text(in: language.chosen)) }
    }
}
