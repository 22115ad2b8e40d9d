import Foundation

/// Keys of the objects in a JSON text, of which readers take the first or the last where one is there twice.
enum JSONKeys {
    /// A key that an object has twice, or a mark of a text that is not UTF-8; `nil` where each key is there
    /// once. The text is JSON otherwise.
    static func repeated(in json: [UInt8]) -> String? {
        guard String(validating: json, as: UTF8.self) != nil, !json.contains(0) else {
            return "(not UTF-8)"
        }
        // The keys of each open object; an array has none.
        var open: [Set<String>?] = []
        var isKey = false
        var at = 0
        while at < json.count {
            switch json[at] {
            case UInt8(ascii: "{"):
                open.append([])
                isKey = true
            case UInt8(ascii: "["):
                open.append(nil)
                isKey = false
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
            case UInt8(ascii: ","): if case .some(.some) = open.last { isKey = true }
            case UInt8(ascii: "\""):
                let start = at
                at += 1
                while at < json.count, json[at] != UInt8(ascii: "\"") {
                    at += json[at] == UInt8(ascii: "\\") ? 2 : 1
                }
                guard isKey, let key = text(json[start...min(at, json.count - 1)]) else { break }
                isKey = false
                if open[open.count - 1]?.insert(key).inserted == false { return key }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// What a text in quotes says.
    private static func text(_ quoted: ArraySlice<UInt8>) -> String? {
        guard quoted.contains(UInt8(ascii: "\\")) else {
            return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        }
        let value = try? JSONSerialization.jsonObject(
            with: Data(quoted), options: .fragmentsAllowed)
        return value as? String
    }
}
