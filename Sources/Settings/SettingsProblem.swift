/// Why a settings file could not be read from disk.
package enum FileFailure: Sendable, Hashable {
    /// ENOENT or ENOTDIR.
    case missing
    /// EACCES or EPERM.
    case permissionDenied
    /// Anything else, as its errno.
    case other(Int32)
    /// A directory, a pipe or a device.
    case notAFile
}

/// YAML this program does not accept in a settings file.
package enum RefusedYAML: Sendable, Hashable {
    case anchor
    case alias
    case tag
    case severalDocuments
    case keyThatIsNoText
    case controlCharacter
}

/// What is wrong at one place of a settings file.
///
/// `in` and `path` name the setting by its keys from the top (`services[0].ports`); lists count
/// from 0. `written` is what the file says.
package enum SettingsProblem: Sendable, Hashable {
    case unreadable(FileFailure)
    case tooLarge(limitBytes: Int)
    case outOfMemory
    case empty
    case syntax(String)
    /// Bytes that are no text.
    case notText(String)
    case refusedYAML(RefusedYAML)
    case tooDeep(limit: Int)
    case tooManyNodes(limit: Int)
    case duplicateKey(String, firstLine: Int)
    case unknownKey(String, in: String, suggestion: String?)
    case missingKey(String, in: String)
    case wrongType(path: String, expected: String, found: String)
    /// `unit` is empty where the number has none.
    case badUnit(path: String, written: String, unit: String)
    case outOfRange(path: String, written: String, range: String)
    case badValue(path: String, written: String, reason: String)
    case duplicate(path: String, written: String, firstLine: Int)
    /// A rule that earlier ones hide: they take every request that this one would.
    case unreachableRule(path: String, written: WrittenRule, by: HidingRules)
    /// A rule that shares requests with an earlier one of another scenario.
    case overlappingRule(
        path: String, written: WrittenRule, earlier: WrittenRule, scenario: String, firstLine: Int)
    /// Rules from this one on were not compared with all earlier ones.
    case comparisonCut(path: String, limit: Int)
    /// Values that are right alone, and wrong together.
    case contradiction(path: String, String)
    /// What can be followed and is probably not meant, or will be asked about.
    case doubt(path: String, Doubt)
    case furtherWarnings(Int)
    /// `written` is empty where the key itself is meant.
    case notAvailable(path: String, written: String)

    /// What to do about a problem that no single setting explains.
    var remedy: String {
        switch self {
        case .unreadable(.missing): "check the path of the file"
        case .unreadable(.permissionDenied):
            "let the account that runs this program read it and search its folders"
        case .unreadable(.notAFile): "give the path of the file itself"
        case .refusedYAML(.anchor), .refusedYAML(.alias):
            "write the value out at each place; quote text that begins with & or *"
        case .refusedYAML(.tag): "write the plain value; quote text that begins with !"
        case .refusedYAML(.severalDocuments): "keep one document: no further line of --- or ..."
        case .refusedYAML(.keyThatIsNoText):
            "a key is a word; quote a value that begins with {, [ or ?"
        case .refusedYAML(.controlCharacter): "write the text on one line, without escapes"
        case .syntax:
            "write \"key: value\" with spaces, not tabs, before it, and quote text that has "
                + "any of : # { } [ ] , & * ! | > % @"
        case .notText: "save the file as text in UTF-8, without control characters"
        case .tooDeep, .tooManyNodes, .tooLarge: "no settings of this program need that much"
        case .empty: "write the settings, beginning with \"version: 1\""
        default: ""
        }
    }
}

extension SettingsProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let failure): "cannot read the file: \(failure)"
        case .tooLarge(let limit): "the file is larger than \(limit) bytes"
        case .outOfMemory: "not enough memory to read the file"
        case .empty: "the file holds no settings"
        case .syntax(let problem), .notText(let problem): "not valid YAML: \(problem)"
        case .refusedYAML(let what): what.description
        case .tooDeep(let limit): "values are nested deeper than \(limit) levels"
        case .tooManyNodes(let limit): "the file holds more than \(limit) values"
        case .duplicateKey(let key, let line):
            "duplicate key \(key.quoted), first written on line \(line)"
        case .unknownKey(let key, let path, let suggestion):
            "unknown key \(key.quoted)\(Self.place(path))"
                + (suggestion.map { "; did you mean \"\($0)\"?" } ?? "")
        case .missingKey(let key, let path): "missing key \"\(key)\"\(Self.place(path))"
        case .wrongType(let path, let expected, let found):
            "\(path): expected \(expected), found \(found)"
        case .badUnit(let path, let written, let unit):
            unit.isEmpty
                ? "\(path): \(written.quoted) has no unit"
                : "\(path): unknown unit \(unit.quoted) in \(written.quoted)"
        case .outOfRange(let path, let written, let range):
            "\(path): \(written.quotable) is out of range, \(range)"
        case .badValue(let path, let written, let reason): "\(path): \(written.quoted) \(reason)"
        case .duplicate(let path, let written, let line):
            "\(path): \(written.quoted) is already used on line \(line)"
        case .unreachableRule(let path, let written, let earlier):
            "\(path): unreachable rule, as all of \(written.english.quotedRule) is taken "
                + "by \(earlier)"
        case .overlappingRule(let path, let written, let earlier, let scenario, let line):
            "\(path): \(written.english.quotedRule) may be the same request as "
                + "\(earlier.english.quotedRule) of scenario \(scenario.quoted) on line \(line), which takes it"
        case .comparisonCut(let path, let limit):
            "\(path): the rules are too many and too alike to compare them all; from here on a "
                + "rule that can never match, or that shares requests with one of another "
                + "scenario, may go unseen (limit: \(limit) comparisons)"
        case .contradiction(let path, let sentence): "\(path): \(sentence)"
        case .doubt(let path, let doubt): "\(path): \(doubt.sentence)"
        case .furtherWarnings(let count): "\(count) more warnings"
        case .notAvailable(let path, let written):
            written.isEmpty
                ? "\(path): not available in this version"
                : "\(path): \(written.quoted) is not available in this version"
        }
    }

    private static func place(_ path: String) -> String {
        path.isEmpty ? " at the top level" : " in \(path)"
    }
}

extension RefusedYAML: CustomStringConvertible {
    package var description: String {
        switch self {
        case .anchor: "YAML anchors (&name) are not accepted"
        case .alias: "YAML aliases (*name) are not accepted"
        case .tag: "YAML tags (!name) are not accepted"
        case .severalDocuments: "a second YAML document is not accepted"
        case .keyThatIsNoText: "a list or mapping is not accepted as a key"
        case .controlCharacter: "line breaks and control characters are not accepted in a value"
        }
    }
}

extension String {
    /// How much of a file's text is repeated in a message.
    private static let quotableCharacters = 64

    /// Text from a file made safe for a terminal: control characters as `?`, cut where long.
    var quotable: String { quotable(upTo: Self.quotableCharacters) }

    func quotable(upTo most: Int) -> String {
        let start = String(String.UnicodeScalarView(unicodeScalars.prefix(most)))
        return unicodeScalars.count > most ? start.harmless + "…" : start.harmless
    }

    /// Text from a file made safe for a terminal: control characters as `?`.
    var harmless: String {
        var plain = self
        if plain.withUTF8({ $0.allSatisfy { (0x20...0x7E).contains($0) } }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
                .paragraphSeparator:
                text.append("?")
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    var quoted: String { "\"\(quotable)\"" }
}
