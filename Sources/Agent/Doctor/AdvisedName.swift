import Settings

/// A name that another than root may have chosen, in advice that root follows.
///
/// It is part of a command only where it can neither end the command nor look like another.
struct AdvisedName {
    /// Characters that are told of one that is in no command.
    private static let mostCharacters = 200

    let path: String
    let language: SentenceLanguage

    init(_ path: String, _ language: SentenceLanguage) {
        self.path = path
        self.language = language
    }

    /// Whether every byte is a letter, a digit, a space, or one of `._/-@:+,=%`.
    static func isPlain(_ path: String) -> Bool {
        path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._/-@:+,=% ".utf8.contains(byte)
            }
        }
    }

    /// As it is, or between quotes where something in it was replaced.
    static func quoted(_ path: String) -> String {
        guard !isPlain(path) else { return path }
        let scalars = path.unicodeScalars.prefix(mostCharacters).map {
            (scalar: Unicode.Scalar) -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "?"
            default: scalar == "`" || scalar == "\"" ? "?" : scalar
            }
        }
        return "\"" + String(String.UnicodeScalarView(scalars)) + "\""
    }

    /// How it is removed: the command, which is given the name as a shell takes it, or by hand.
    func removal(_ command: (String) -> String) -> String {
        guard !Self.isPlain(path) else { return "`\(command(shellWord(path)))`" }
        let folder = StateCheck.folder(above: path)
        guard Self.isPlain(folder) else {
            return language.say(
                "remove it by hand, with `rm -i` in its folder", "在其目录中用 `rm -i` 手动删除")
        }
        let word = shellWord(folder)
        return language.say(
            "its name is no plain one: look at the folder with `ls -lab \(word)`, and remove that entry "
                + "by hand, with `rm -i` in it",
            "其名称含特殊字符：用 `ls -lab \(word)` 查看该目录，并在其中用 `rm -i` 手动删除该项")
    }
}
