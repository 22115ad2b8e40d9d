import ArgumentParser
import Collector
import CommandLines
import Metering

/// `jouleflow-collector alpha`.
struct AlphaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alpha",
        abstract: "What a flow of each scenario uses, measured, beside the weights of Table 2.",
        discussion: """
            CPU seconds and joules per flow by scenario with 95 % intervals, from how use rises and falls \
            with what took place in a period's windows; the ratios to a query, each consistent with the \
            standard's 24 : 7 : 3 : 1, different from it, or undetermined; and what SCI_CF would be with \
            them. For information: an assessment always uses Table 2.

              jouleflow-collector alpha --config collector.yaml --from 2026-11-01T00:00+08:00 \\
                --to 2026-11-08T00:00+08:00

            Where the mix of scenarios hardly varies nothing can be told apart, and the answer says so: \
            see `jouleflow-collector experiment`. The manual weights.md tells every formula and every key.
            """)

    @OptionGroup var weights: WeightsArguments
    @Option(help: "Start of the period, with its zone.", transform: PointInTime.parse)
    var from: Timestamp
    @Option(help: "End of the period, not part of it.", transform: PointInTime.parse)
    var to: Timestamp
    @Option(
        help: "Length of a window: the agents' own, or a multiple of it.",
        transform: LengthOfTime.parse)
    var window: Nanoseconds = .seconds(60)
    @Option(
        help: "How long windows resemble each other: drawn together.", transform: LengthOfTime.parse
    )
    var block: Nanoseconds = .seconds(1_800)

    func validate() throws {
        do {
            _ = try WeightsRequest(
                from: from, to: to, window: window, block: block, hosts: .all, counting: .exchanges)
        } catch { throw ValidationError("\(error).") }
    }

    func run() throws {
        try weights.answer { hosts, counting in
            try WeightsRequest(
                from: from, to: to, window: window, block: block, hosts: hosts, counting: counting)
        }
    }
}
