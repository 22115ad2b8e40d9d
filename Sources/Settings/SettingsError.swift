/// One error of a settings file: the place, what is wrong there, and what to write instead.
///
/// Prints like a compiler's:
///
///     agent.yaml:12:5: unknown key "prots" in services[0]; did you mean "ports"?
///        12 |     prots: [8080]
///           |     ^
///       services[0] takes name, ports, direction, protocol, cpu, counts_flows
package struct SettingsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file as the caller named it.
    package let file: String
    /// `nil` where the error is about the file as a whole.
    package let place: SourcePlace?
    package let problem: SettingsProblem
    /// What the setting means and what to write. May be empty.
    package let hint: String
    /// The line of the file with a caret below the place.
    package let excerpt: String?

    package var description: String { described(as: "") }

    fileprivate func described(as kind: String) -> String {
        described(as: kind, problem.description, hint)
    }

    /// With another sentence and advice than its own.
    func described(as kind: String, _ sentence: String, _ advice: String) -> String {
        var text = file.quotablePath
        if let place { text += ":\(place.line):\(place.column)" }
        text += ": \(kind)\(sentence)"
        if let excerpt { text += "\n\(excerpt)" }
        if !advice.isEmpty { text += "\n  \(advice)" }
        return text
    }
}

/// Something in a settings file that can be followed but is probably not meant.
///
/// Prints like an error, with `warning: ` behind the place.
package struct SettingsWarning: Sendable, Hashable, CustomStringConvertible {
    /// The place, what is unusual there, and what to write instead.
    package let finding: SettingsError

    package var description: String { finding.described(as: "warning: ") }

    /// Place, problem and advice on one line, without the text of the file: for a log.
    package var line: String {
        let place = finding.place.map { ":\($0.line):\($0.column)" } ?? ""
        let advice = finding.hint.isEmpty ? "" : "; \(finding.hint)"
        return "\(finding.file.quotablePath)\(place): \(finding.problem)\(advice)"
    }
}

/// All errors of one settings file, in the order of their places.
package struct SettingsErrors: Error, Sendable, Hashable, CustomStringConvertible {
    /// Errors listed at most; further ones are counted in `omitted`.
    package static let limit = 20

    /// At least one error, at most `limit`.
    package let errors: [SettingsError]
    /// Errors found beyond those listed.
    package let omitted: Int

    /// Why the file could not be read, or `nil` where it was read and its content is at fault.
    package var fileFailure: FileFailure? {
        if case .unreadable(let failure) = errors.first?.problem { failure } else { nil }
    }

    package var description: String {
        let text = errors.map(\.description).joined(separator: "\n")
        return omitted == 0 ? text : text + "\n… and \(omitted) more"
    }
}

/// Collects what is wrong with one file while it is being read.
final class Findings {
    /// Findings kept, to sort by place; beyond it they are only counted.
    private static let limit = 200

    private struct Finding {
        let problem: SettingsProblem
        let place: SourcePlace?
        let hint: String

        init(problem: SettingsProblem, place: SourcePlace?, hint: String) {
            self.problem = problem
            self.place = place
            self.hint = hint
        }

        /// So many more were found.
        init(_ more: Int) {
            self.init(problem: .furtherWarnings(more), place: nil, hint: "")
        }

        func error(file: String, source: SourceText) -> SettingsError {
            SettingsError(
                file: file, place: place, problem: problem, hint: hint,
                excerpt: place.flatMap(source.excerpt))
        }
    }

    private var kept: [Finding] = []
    private var uncounted = 0
    private var warned: [Finding] = []
    private var unkeptWarnings = 0

    var isEmpty: Bool { kept.isEmpty }

    /// How much was found, warnings too: the same before and after something that is right.
    var count: Int { kept.count &+ uncounted &+ warned.count &+ unkeptWarnings }

    /// Whether a further finding would be kept: where not, its parts need not be worked out. A
    /// hostile file may have hundreds of thousands.
    var isKeeping: Bool { kept.count < Self.limit }

    func add(_ problem: SettingsProblem, at place: SourcePlace?, hint: String) {
        if isKeeping {
            kept.append(Finding(problem: problem, place: place, hint: hint))
        } else {
            addUnkept()
        }
    }

    func addUnkept() { uncounted += 1 }

    /// Adds what does not keep the file from being used.
    func warn(_ problem: SettingsProblem, at place: SourcePlace?, hint: String) {
        if warned.count < SettingsErrors.limit {
            warned.append(Finding(problem: problem, place: place, hint: hint))
        } else {
            unkeptWarnings += 1
        }
    }

    /// The warnings about `file`, whose bytes are `text`; at most ``SettingsErrors/limit``, and one
    /// more that counts those left out.
    func warnings(file: String, text: [UInt8]) -> [SettingsWarning] {
        guard !warned.isEmpty else { return [] }
        let rest = unkeptWarnings > 0 ? [Finding(unkeptWarnings)] : []
        let source = SourceText(text)
        return (Self.sorted(warned) + rest).map {
            SettingsWarning(finding: $0.error(file: file, source: source))
        }
    }

    /// The findings as errors of `file`, whose bytes are `text`.
    func errors(file: String, text: [UInt8]) -> SettingsErrors {
        let source = SourceText(text)
        let errors = Self.sorted(kept).prefix(SettingsErrors.limit).map {
            $0.error(file: file, source: source)
        }
        return SettingsErrors(errors: errors, omitted: kept.count - errors.count + uncounted)
    }

    private static func sorted(_ findings: [Finding]) -> [Finding] {
        let first = SourcePlace(line: 0, column: 0)
        return findings.enumerated().sorted {
            ($0.element.place ?? first, $0.offset) < ($1.element.place ?? first, $1.offset)
        }.map(\.element)
    }
}

extension String {
    /// A path as it is, but for characters that would move a terminal's cursor.
    fileprivate var quotablePath: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 ? "?" : $0 }))
    }
}
