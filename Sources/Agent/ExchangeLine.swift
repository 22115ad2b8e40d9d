import Metering
import Scenarios
import Traffic

/// Exchanges as lines of JSON, for those who look into a capture.
///
/// A line tells the template of the rule that matched, else the path without the values of its
/// query and its parameters; never a header or a body. The bytes of a target that are no
/// printable ASCII stand as `%XX`.
struct ExchangeLine {
    private let services: [[UInt8]]
    private let scenarios: [[UInt8]]
    /// By rule.
    private let paths: [[UInt8]]
    private let showsTarget: Bool

    init(_ plan: ReplayPlan, showsTarget: Bool) {
        services = plan.serviceNames.map(Self.quoted)
        scenarios = plan.counter.scenarios.map { Self.quoted($0.name) }
        paths = plan.counter.paths.map(Self.quoted)
        self.showsTarget = showsTarget
    }

    /// Adds the line of one exchange, which `match` tells what it is to the rules.
    func append(_ exchange: Exchange, _ counted: CountedMatch?, to bytes: inout [UInt8]) {
        let match = counted?.match
        bytes += #"{"time":""#.utf8
        bytes += rfc3339(exchange.start).utf8
        bytes += #"","seconds":\#(exchange.end.since(exchange.start).seconds)"#.utf8
        bytes += #","client":"\#(exchange.client)","server":"\#(exchange.server)""#.utf8
        bytes += #","service":"#.utf8
        bytes += services[exchange.service]
        bytes += #","method":""#.utf8
        for byte in exchange.method { Self.append(byte, to: &bytes) }
        bytes += #"","path":"#.utf8
        if let match {
            bytes += paths[match.rule]
        } else {
            bytes.append(UInt8(ascii: "\""))
            appendPath(of: exchange, to: &bytes)
            bytes.append(UInt8(ascii: "\""))
        }
        if showsTarget {
            bytes += #","target":""#.utf8
            for byte in exchange.target { Self.append(byte, to: &bytes) }
            bytes.append(UInt8(ascii: "\""))
        }
        if exchange.isTargetCut { bytes += #","path_cut":true"#.utf8 }
        bytes += #","status":\#(exchange.status),"complete":\#(exchange.isComplete)"#.utf8
        bytes += #","request_body_bytes":\#(exchange.requestBodyLength)"#.utf8
        bytes += #","response_body_bytes":\#(exchange.responseBodyLength)"#.utf8
        bytes += #","scenario":"#.utf8
        bytes += match.map { scenarios[$0.scenario] } ?? Array("null".utf8)
        bytes += #","outcome":"#.utf8
        bytes += (match.map { "\"\($0.outcome.rawValue)\"" } ?? "null").utf8
        bytes += #","counted":"#.utf8
        bytes += (counted?.count.map { "\"\($0.rawValue)\"" } ?? "null").utf8
        bytes += "}\n".utf8
    }

    /// The path, and the names of the query's parameters: what stands behind `=` is left out, and
    /// a part without one, which may be a value.
    private func appendPath(of exchange: Exchange, to bytes: inout [UInt8]) {
        var isValue = false
        for byte in path(ofTarget: exchange.target) {
            if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { break }
            // Parameters of a segment, such as ;jsessionid=…, are named alone as well.
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: ";") { isValue = false }
            let isParameter = byte == UInt8(ascii: "=")
            if isParameter { isValue = true }
            if !isValue || isParameter { Self.append(byte, to: &bytes) }
        }
        let end = exchange.target.firstIndex(of: UInt8(ascii: "#")) ?? exchange.target.count
        let target = exchange.target[..<end]
        guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return }
        bytes.append(UInt8(ascii: "?"))
        var name = bytes.count
        isValue = false
        for byte in target[(mark + 1)...] {
            switch byte {
            case UInt8(ascii: "&"):
                if !isValue { bytes.removeLast(bytes.count - name) }
                if isValue { bytes.append(byte) }
                name = bytes.count
                isValue = false
            case UInt8(ascii: "="):
                if !isValue { bytes.append(byte) }
                isValue = true
            default:
                if !isValue { Self.append(byte, to: &bytes) }
            }
        }
        if !isValue { bytes.removeLast(bytes.count - name) }
    }

    // MARK: JSON

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    private static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x20..<0x7f: bytes.append(byte)
        default:
            bytes.append(UInt8(ascii: "%"))
            bytes.append(hexDigits[Int(byte >> 4)])
            bytes.append(hexDigits[Int(byte & 0x0f)])
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendJSON(text)
        return bytes
    }
}

/// A string of JSON.
package func jsonString(_ text: String) -> String {
    var bytes: [UInt8] = []
    bytes.appendJSON(text)
    return String(decoding: bytes, as: UTF8.self)
}

extension [UInt8] {
    /// Appends a string of JSON.
    package mutating func appendJSON(_ text: String) {
        append(UInt8(ascii: "\""))
        var text = text
        // Most texts are written as they are.
        let isPlain = text.withUTF8 { utf8 in
            let isPlain = utf8.allSatisfy {
                $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            if isPlain { append(contentsOf: utf8) }
            return isPlain
        }
        if !isPlain { appendEscaped(text) }
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                self += (byte < 0x10 ? "\\u000" : "\\u00").utf8
                self += String(byte, radix: 16).utf8
            default: append(byte)
            }
        }
    }
}

/// A time in UTC with nanoseconds: `2026-11-21T07:40:55.000000000Z`.
func rfc3339(_ time: Timestamp) -> String {
    func pad(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let seconds = time.rawValue / 1_000_000_000
    // Days since 0000-03-01, so that a leap day is the last of its year.
    let days = seconds / 86_400 + 719_468
    let era = days / 146_097
    let ofEra = days % 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * ofYear + 2) / 153
    let day = ofYear - (153 * month + 2) / 5 + 1
    let year = era * 400 + yearOfEra + (month >= 10 ? 1 : 0)
    let date = "\(pad(year, 4))-\(pad(month < 10 ? month + 3 : month - 9, 2))-\(pad(day, 2))"
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { pad($0, 2) }
    return "\(date)T\(clock.joined(separator: ":")).\(pad(time.rawValue % 1_000_000_000, 9))Z"
}
