import Metering
import Traffic

/// Warnings of what is written as other programs have it: it is taken as it stands here, and then
/// mostly matches nothing.
extension Field {
    /// Warns of a JSON field that is named as in JSONPath: `$.code`, `items[0].code`.
    func warnOfJSONPath(_ field: MessageField, written: String) {
        let keys: [String]
        switch field {
        case .message(.requestJSON(let path)), .message(.responseJSON(let path)): keys = path
        default: return
        }
        let bracket = UInt8(ascii: "[")
        guard keys.first == "$" || keys.contains(where: { $0.utf8.contains(bracket) }) else {
            return
        }
        doubt(
            "\(written.quoted) looks like JSONPath, and is compared key by key as it is written",
            "write the keys from the top of the body on, joined with dots: result.code; an element "
                + "of an array by its number from 0: items.0.code; no name stands for all elements",
            zh: "\(written.quoted) 形如 JSONPath，而这里按所写的键逐个比对",
            "从消息体顶层起写出各级键，以点连接：result.code；数组元素写从 0 起的序号：items.0.code；"
                + "不能表示所有元素")
    }

    /// Warns of a segment of a path that is written as a pattern or as other programs' parameters.
    func warnOfPattern(_ template: PathTemplate) {
        for case .literal(let segment) in template.segments where segment.isLikePattern {
            return doubt(
                "\(segment.quoted) looks like a pattern, and is compared as it is written",
                "write {name} for one segment that varies, and a last ** for any rest",
                zh: "\(segment.quoted) 形如模式，而这里按原样比对",
                "会变化的一段写 {name}，任意的其余部分写末尾的 **")
        }
    }

    /// Warns of a scenario whose name is that of one of the standard but for case or a plural.
    func warnOfScenario(_ id: String) {
        let names = StandardWeights.scenarios.map(\.name)
        let folded = id.lowercased()
        let near = names.first { [$0, "\($0)s", "\($0.dropLast())ies"].contains(folded) }
        guard let near, !names.contains(id) else { return }
        doubt(
            "\(id.quoted) is none of the standard's scenarios, so that no SCI_CF is reported; "
                + "did you mean \(near.quoted)?",
            "the standard's are \(names.conjunction), compared with case",
            zh: "\(id.quoted) 不是标准的场景，配置它时不输出 SCI_CF；是否应为 \(near.quoted)？",
            "标准的场景为 \(SentenceLanguage.chinese.conjunction(names))，区分大小写")
    }

    private static let commonMethods = [
        "GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS",
    ]

    /// Warns of a method that is one letter, or two that are swapped, from a common one. Others
    /// are methods of their own: a method is any token.
    ///
    /// Source: RFC 9110, 9.1 and 9.3; RFC 5789, 2.
    func warnOfMethod(_ method: String) {
        guard !Self.commonMethods.contains(method),
            // With another first letter it may be meant, such as READ or SET.
            let near = Self.commonMethods.first(where: {
                $0.first == method.first && edits(from: method, to: $0) == 1
            })
        else { return }
        doubt(
            "\(method.quoted) is no registered method; did you mean \(near.quoted)?",
            "correct it, or leave it where clients send this very word",
            zh: "\(method.quoted) 不是已注册的方法；是否应为 \(near.quoted)？", "改正它；若客户端确实发送该词，则保留")
    }
}

extension String {
    /// Whether it has the shape of a regular expression, or of a parameter as other programs write
    /// it. `$`, `(`, `+` and `:` alone are characters of paths.
    fileprivate var isLikePattern: Bool {
        let isGroup = contains("(") && contains("|") && contains(")")
        let isClass = contains("[") && contains("]") || contains("\\")
        let isAnchored = hasPrefix("^") || utf8.count > 1 && hasSuffix("$")
        let isParameter = hasPrefix(":") && Field.isIdentifier(String(dropFirst()))
        return isGroup || isClass || isAnchored || isParameter || contains(".+")
            || hasPrefix("<") && hasSuffix(">")
    }
}
