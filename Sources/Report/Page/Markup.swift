/// A piece of HTML or SVG, made of elements, attributes and text alone.
///
/// Names of elements and attributes are literals of this program, and all text is escaped where it
/// is written, so that no host name, title or reason from outside can become markup.
enum Markup: ExpressibleByStringInterpolation {
    case text(String)
    case element(StaticString, [Attribute], [Markup])
    /// Rules of a `style` element: literals and digits of the program alone.
    case style([StaticString])

    init(stringLiteral value: String) { self = .text(value) }

    /// Elements that have no end tag.
    ///
    /// Source: HTML Living Standard, 13.1.2, "Void elements".
    private static let void: Set<String> = ["br", "meta", "col"]

    /// Writes it as UTF-8 text at the end of `out`.
    func write(to out: inout String) {
        switch self {
        case .text(let text): Escaping.append(text, to: &out)
        case .style(let rules):
            out += "<style>"
            for rule in rules { out += rule.description }
            out += "</style>"
        case .element(let name, let attributes, let children):
            out += "<\(name)"
            for attribute in attributes {
                out += " \(attribute.name)=\""
                Escaping.append(attribute.value, to: &out)
                out += "\""
            }
            out += ">"
            for child in children { child.write(to: &out) }
            if !Self.void.contains(name.description) { out += "</\(name)>" }
        }
    }
}

/// An attribute: its name is a literal, its value is escaped.
struct Attribute {
    let name: StaticString
    let value: String

    /// Any attribute whose value is no address and no program.
    static func set(_ name: StaticString, _ value: String) -> Self {
        Self(name: name, value: value)
    }

    static func style(_ name: StaticString) -> Self { Self(name: "class", value: "\(name)") }

    static func id(_ anchor: Anchor) -> Self { Self(name: "id", value: anchor.name) }

    /// A link: inside the document alone, so that none can lead out of it.
    static func link(_ anchor: Anchor) -> Self { Self(name: "href", value: "#" + anchor.name) }

    /// A length of a drawing, to a hundredth.
    static func at(_ name: StaticString, _ value: Double) -> Self {
        Self(name: name, value: Decimal.plain(value))
    }
}

/// A place in the document that can be linked to. It is made of words of the program and numbers.
struct Anchor: Hashable {
    let name: String

    init(_ word: StaticString, _ numbers: Int...) {
        name = (["\(word)"] + numbers.map(String.init)).joined(separator: "-")
    }
}

/// How text is kept from being read as markup, in HTML and in SVG inside HTML.
enum Escaping {
    /// Appends text as character data or as a value in double quotes.
    ///
    /// Controls, which could not be seen, and marks that turn the direction of writing, which
    /// could make one name look like another, become U+FFFD.
    static func append(_ text: String, to out: inout String) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\n", "\t": out.unicodeScalars.append(scalar)
            case let hidden where isHidden(hidden): out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
    }

    /// Source: Unicode 15, Bidirectional Algorithm (UAX #9), 2, and categories Cc and Zl, Zp.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        default: false
        }
    }
}

/// An element with its attributes and what is in it.
func tag(_ name: StaticString, _ attributes: Attribute..., content: [Markup]) -> Markup {
    .element(name, attributes, content)
}

/// An element around its parts.
func tag(_ name: StaticString, _ attributes: Attribute..., parts: Markup...) -> Markup {
    .element(name, attributes, parts)
}
