/// Metrics as text for Prometheus and whatever else reads its format.
///
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
package struct MetricsText {
    /// The media type of ``text``.
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    /// How a number moves.
    package enum Kind: String, Sendable {
        /// Only grows, and begins at 0 with the process.
        case counter
        case gauge
    }

    /// One line: what tells it from others of its metric, and its value.
    package struct Sample: Sendable {
        let labels: [(name: String, value: String)]
        let value: String

        /// `nil`, an unknown value, gives no sample: it is never 0.
        package init?(_ value: (some BinaryInteger)?, _ labels: (name: String, value: String)...) {
            guard let value else { return nil }
            self.value = "\(value)"
            self.labels = labels
        }

        /// Not a number and what is infinite give no sample.
        package init?(_ value: Double?, _ labels: (name: String, value: String)...) {
            guard let value, value.isFinite else { return nil }
            self.value = "\(value)"
            self.labels = labels
        }
    }

    /// What was added so far.
    package private(set) var text = ""

    package init() {}

    /// Adds a metric with its samples; without any, nothing. `name` ends with its unit, and with
    /// `_total` where it is a counter.
    package mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [Sample?]
    ) {
        let samples = samples.compactMap { $0 }
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            text += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
            text += " \(sample.value)\n"
        }
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
