package import Metering

/// What one stretch of time used, and how often each scenario took place in it.
package struct RegressionWindow: Sendable, Hashable {
    package let start: Timestamp
    /// Its length in seconds, above 0.
    package let seconds: Double
    /// What was used: CPU seconds or joules, 0 or more.
    package let used: Double
    /// Exchanges or flows by scenario, 0 or more.
    package let counts: [Double]

    package init(start: Timestamp, seconds: Double, used: Double, counts: [Double]) {
        self.start = start
        self.seconds = seconds
        self.used = used
        self.counts = counts
    }
}

/// Why windows cannot be evaluated at all.
package enum RegressionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// More windows than ``Regression/maximumWindows``.
    case tooManyWindows(Int)
    /// Not enough windows to tell as many things apart.
    case tooFewWindows(Int, needed: Int)
    case tooManyScenarios(Int)
    /// A window has counts of another number of scenarios.
    case counts(Int, expected: Int)
    /// A window with a length, a use or a count that is negative, infinite or no number.
    case notANumber(Timestamp)
    /// Two windows begin at the same time.
    case repeated(Timestamp)
    /// In no window did a scenario take place.
    case nothingTookPlace
    /// In no window was anything used.
    case nothingUsed
    /// These always come in the same proportion: their columns cannot be told apart. `nil` stands for
    /// the background.
    case inseparable([Int?])

    package var description: String {
        switch self {
        case .tooManyWindows(let count):
            "\(count) windows are more than \(Regression.maximumWindows)"
        case .tooFewWindows(let count, let needed):
            "\(count) windows are fewer than the \(needed) that are needed at all"
        case .tooManyScenarios(let count):
            "\(count) scenarios are more than \(Regression.maximumScenarios)"
        case .counts(let count, let expected):
            "a window has \(count) counts in place of \(expected)"
        case .notANumber(let start):
            "the window at \(start.rawValue) ns holds a value that is no number of 0 or more"
        case .repeated(let start): "two windows begin at \(start.rawValue) ns"
        case .nothingTookPlace: "no scenario took place in any window"
        case .nothingUsed: "nothing was used in any window"
        case .inseparable(let columns):
            "always in the same proportion, so that no window tells them apart: "
                + columns.map { $0.map { "scenario \($0 + 1)" } ?? "the background" }
                .joined(separator: ", ")
        }
    }
}

/// Windows in the order of time, as columns of one size: the first is time, the others the scenarios
/// that took place.
struct RegressionRows: Sendable {
    let rows: [[Double]]
    let used: [Double]
    let starts: [Timestamp]
    /// Which scenario each column but the first is.
    let present: [Int]
    /// What a column's coefficient is multiplied with to be in the unit that was given.
    let units: [Double]

    var order: Int { present.count + 1 }

    init(_ windows: [RegressionWindow], scenarios: Int) throws(RegressionError) {
        let windows = try Self.checked(windows, scenarios)
        let present = (0..<scenarios).filter { index in windows.contains { $0.counts[index] > 0 } }
        guard !present.isEmpty else { throw .nothingTookPlace }
        guard windows.count >= 2 * (present.count + 1) else {
            throw .tooFewWindows(windows.count, needed: 2 * (present.count + 1))
        }
        let unit = Self.powerOfTwo(windows.map(\.used).max() ?? 0)
        guard unit > 0 else { throw .nothingUsed }
        let columns =
            [windows.map(\.seconds)] + present.map { index in windows.map { $0.counts[index] } }
        // Powers of two first, so that no square leaves the range and other units change no digit.
        let scales = columns.map { column in
            let largest = Self.powerOfTwo(column.max() ?? 0)
            let squares = column.reduce(0) { $0 + ($1 / largest) * ($1 / largest) }
            return (largest, (squares / Double(column.count)).squareRoot())
        }
        rows = windows.indices.map { row in
            zip(columns, scales).map { $0[row] / $1.0 / $1.1 }
        }
        used = windows.map { $0.used / unit }
        starts = windows.map(\.start)
        self.present = present
        units = scales.map { unit / $0.0 / $0.1 }
    }

    private static func checked(
        _ windows: [RegressionWindow], _ scenarios: Int
    ) throws(RegressionError) -> [RegressionWindow] {
        guard windows.count <= Regression.maximumWindows else {
            throw .tooManyWindows(windows.count)
        }
        guard scenarios <= Regression.maximumScenarios else { throw .tooManyScenarios(scenarios) }
        for window in windows {
            guard window.counts.count == scenarios else {
                throw .counts(window.counts.count, expected: scenarios)
            }
            let all = window.counts + [window.used, window.seconds]
            guard all.allSatisfy({ $0.isFinite && $0 >= 0 }), window.seconds > 0 else {
                throw .notANumber(window.start)
            }
        }
        let sorted = windows.sorted { $0.start < $1.start }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.start == next.start {
            throw .repeated(one.start)
        }
        return sorted
    }

    /// The power of two at or below a number above 0; 0 for 0.
    private static func powerOfTwo(_ value: Double) -> Double { value > 0 ? value.binade : 0 }
}

extension Double {
    fileprivate var binade: Double {
        // Subnormal numbers have a power of their own, which is at least the smallest there is.
        Double(sign: .plus, exponent: exponent, significand: 1)
    }
}
