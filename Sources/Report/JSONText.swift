/// A JSON value whose members keep their order.
indirect enum JSON {
    case null
    case bool(Bool)
    case integer(UInt64)
    case negative(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    init(_ value: UInt64?) { self = value.map(JSON.integer) ?? .null }
    init(_ value: Double?) { self = value.map(JSON.number) ?? .null }
    init(_ value: String?) { self = value.map(JSON.string) ?? .null }

    /// The text, indented by two spaces.
    var text: String {
        var out = ""
        write(to: &out, indent: 0)
        return out + "\n"
    }

    /// The text on one line, as JSON lines want it.
    var line: String {
        switch self {
        case .array(let items): return "[" + items.map(\.line).joined(separator: ",") + "]"
        case .object(let members):
            let texts = members.map { Self.quoted($0.0) + ":" + $0.1.line }
            return "{" + texts.joined(separator: ",") + "}"
        default:
            var out = ""
            write(to: &out, indent: 0)
            return out
        }
    }

    /// A string in quotes.
    static func quoted(_ text: String) -> String {
        var out = ""
        quote(text, to: &out)
        return out
    }

    private func write(to out: inout String, indent: Int) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .integer(let value): out += "\(value)"
        case .negative(let value): out += "\(value)"
        // The shortest text that reads back as the same number; JSON has no infinity.
        case .number(let value): out += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.quote(value, to: &out)
        case .array(let items):
            Self.block("[", "]", items, to: &out, indent) { item, out in
                item.write(to: &out, indent: indent + 1)
            }
        case .object(let members):
            Self.block("{", "}", members, to: &out, indent) { member, out in
                Self.quote(member.0, to: &out)
                out += ": "
                member.1.write(to: &out, indent: indent + 1)
            }
        }
    }

    private static func block<T>(
        _ open: String, _ close: String, _ items: [T], to out: inout String, _ indent: Int,
        _ write: (T, inout String) -> Void
    ) {
        out += open
        for (index, item) in items.enumerated() {
            out += (index == 0 ? "\n" : ",\n") + String(repeating: "  ", count: indent + 1)
            write(item, &out)
        }
        if !items.isEmpty { out += "\n" + String(repeating: "  ", count: indent) }
        out += close
    }

    /// Source: RFC 8259, section 7.
    private static func quote(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case let control where control.value < 0x20:
                let hex = String(control.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
