import Foundation
import Testing

@testable import Report

/// As much of JSON Schema as the documented schema uses; a word that it does not know is an error,
/// so that no part of the schema is passed over.
struct SchemaCheck {
    let root: [String: Any]
    private static let known: Set<String> = [
        "$schema", "$id", "$defs", "$ref", "title", "description", "type", "properties", "required",
        "additionalProperties", "items", "enum", "const", "pattern", "minimum", "maximum",
    ]

    func problems(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        let strange = Set(schema.keys).subtracting(Self.known)
        guard strange.isEmpty else { return ["\(path): the schema says \(strange)"] }
        if let reference = schema["$ref"] as? String {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            let found = (root["$defs"] as? [String: Any])?[name] as? [String: Any]
            return found.map { problems(value, $0, path) } ?? ["\(path): no \(reference)"]
        }
        let types = schema["type"] as? [String] ?? (schema["type"] as? String).map { [$0] } ?? []
        guard types.contains(where: { Self.isOf($0, value) }) else {
            return ["\(path): \(value) is none of \(types)"]
        }
        return words(value, schema, path) + members(value, schema, path)
            + ((value as? [Any]) ?? []).enumerated().flatMap { index, item in
                (schema["items"] as? [String: Any]).map {
                    problems(item, $0, "\(path)[\(index)]")
                } ?? ["\(path): items without a schema"]
            }
    }

    private static func isOf(_ type: String, _ value: Any) -> Bool {
        let isNumber = value is NSNumber && !(value is NSNull)
        let isBool = (value as? NSNumber).map { isBoolean($0) } ?? false
        switch type {
        case "null": return value is NSNull
        case "boolean": return isBool
        case "string": return value is String
        case "array": return value is [Any]
        case "object": return value is [String: Any]
        case "number": return isNumber && !isBool
        case "integer":
            return isNumber && !isBool
                && (value as? NSNumber).map { $0.doubleValue == $0.doubleValue.rounded() } == true
        default: return false
        }
    }

    private static func isBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
    }

    private func words(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        var out: [String] = []
        if let wanted = schema["const"] as? NSObject, wanted != value as? NSObject {
            out.append("\(path): \(value) is not \(wanted)")
        }
        if let wanted = schema["enum"] as? [NSObject], let value = value as? NSObject,
            !wanted.contains(value)
        {
            out.append("\(path): \(value) is none of \(wanted)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            out.append("\(path): \(text) is not \(pattern)")
        }
        if let number = value as? NSNumber {
            if let least = schema["minimum"] as? Double, number.doubleValue < least {
                out.append("\(path): \(number) < \(least)")
            }
            if let most = schema["maximum"] as? Double, number.doubleValue > most {
                out.append("\(path): \(number) > \(most)")
            }
        }
        return out
    }

    private func members(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        guard let value = value as? [String: Any] else { return [] }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        let missing = Set(schema["required"] as? [String] ?? []).subtracting(value.keys)
        let strange = Set(value.keys).subtracting(properties.keys)
        return missing.sorted().map { "\(path).\($0) is missing" }
            + strange.sorted().map { "\(path).\($0) is not in the schema" }
            + value.flatMap { key, item in
                properties[key].map { problems(item, $0, "\(path).\(key)") } ?? []
            }
    }
}

@Suite("The JSON of a plan's report")
struct SchemaTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../docs/plan-report.schema.json").standardized

    private func check(_ json: String) throws -> [String] {
        let schema = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: Self.file)) as? [String: Any])
        let value = try JSONSerialization.jsonObject(with: Data(json.utf8))
        return SchemaCheck(root: schema).problems(value, schema, "report")
    }

    static let samples: [PlanReportContent] =
        [
            Sample().full(), Sample(hosts: 3).unsealed(), Sample(hosts: 3).incomplete(),
            Sample(hosts: 3, includesM: false).full(), empty,
        ] + hostileTexts.map { Sample(hosts: 2, hostile: $0).full() }

    /// As little as a content can have.
    static let empty = PlanReportContent(
        standing: .notAssessment(.notGiven), generated: Sample.time(0),
        software: .init(name: "", version: ""),
        plan: .init(
            title: "", organization: "", contact: "", boundary: "",
            period: .init(from: Sample.time(0), to: Sample.time(0))))

    @Test("is what its schema says", arguments: samples.indices)
    func valid(sample: Int) throws {
        #expect(try check(Self.samples[sample].json()) == [])
    }

    @Test("is not what its schema says once a key is taken, added or of another kind")
    func invalid() throws {
        let json = Sample(hosts: 1).full().json()
        let changes = [
            ("\"schema_version\": 1,", "\"schema_version\": \"1\","),
            ("\"standing\": \"assessment\"", "\"standing\": \"good\""),
            ("\"means_differ\"", "\"means_different\""),
            ("\"counted\": true", "\"counted\": 1.5"),
        ]
        for (old, new) in changes {
            let changed = json.replacingOccurrences(of: old, with: new)
            #expect(changed != json)
            #expect(try check(changed) != [])
        }
    }

    @Test("has numbers in full precision, and for each unknown a null with its reason")
    func figures() throws {
        let content = Sample().incomplete()
        let json = content.json()
        let written = json.matches(of: /"sci_grams_per_unit": ([^,]+),/).map { String($0.1) }
        #expect(written == content.rounds.map { $0.intensity.value.map { "\($0)" } ?? "null" })
        let value = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let result = try #require(value["result"] as? [String: Any])
        #expect(result["mean_grams_per_unit"] is NSNull)
        #expect(
            (result["mean_grams_per_unit_unknown"] as? [String: String])?["en"]
                == "6 of 7 rounds are valid, and no reserve is left")
    }
}
