import ArgumentParser
import Lab
import Metering

/// A length of time on the command line, e.g. `20ms`.
struct LengthArgument: ExpressibleByArgument, CustomStringConvertible {
    let length: Nanoseconds
    let description: String

    init?(argument: String) {
        guard let length = Nanoseconds(length: argument) else { return nil }
        self.length = length
        description = argument
    }

    var defaultValueDescription: String { description }
}

/// Four shares on the command line, e.g. `10,20,20,50`.
struct SharesArgument: ExpressibleByArgument, CustomStringConvertible {
    let shares: [Double]

    init(shares: [Double]) { self.shares = shares }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        shares = parts.compactMap { Double($0) }
        guard shares.count == parts.count, parts.count == LoanScenario.allCases.count else {
            return nil
        }
    }

    var description: String { shares.map { "\($0)" }.joined(separator: ",") }
}

/// A port on the command line, 1 to 65535.
struct PortArgument: ExpressibleByArgument {
    let number: Int

    init?(argument: String) {
        guard let number = UInt16(argument), number > 0 else { return nil }
        self.number = Int(number)
    }
}

/// How a result is printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
}
