import Metering

extension PlanReportContent {
    /// The file `report.yaml` that the SCI specification asks for; `nil` where there is no result.
    ///
    /// Its `guid` is made of the plan's hash, so that the same plan has the same.
    ///
    /// Source: Green Software Foundation, SCI v1.0, Appendix A.
    package func sciReportYAML() -> String? {
        guard let mean = result.mean.value, let hash = plan.hash.value,
            let guid = Self.guid(of: hash)
        else { return nil }
        let boundary = ([plan.boundary] + plan.exclusions.map { "excluded: " + $0 })
            .joined(separator: "; ")
        let lines = [
            "sci:",
            "  software-boundary: " + YAML.quoted(boundary),
            "  sci: " + YAML.number(mean),
            "  r: 1",
            "  r-source: "
                + YAML.quoted(
                    "unit of business: 24 credit + 7 drawdown + 3 repayment + 1 "
                        + "query (T/CQJR 032.2-2025, Table 2)"
                ),
            "metadata:",
            "  name: " + YAML.quoted(plan.title),
            "  contact-name: " + YAML.quoted(plan.contact),
            "  contact-email: " + (Self.address(in: plan.contact).map(YAML.quoted) ?? "null"),
            "  organization: " + YAML.quoted(plan.organization),
            "  guid: " + guid,
            "  entity-version: " + YAML.quoted(hash),
            "  sci-version: 1.0",
            "  calculation-date: '\(Notation.utc(generated).prefix(10))'",
            "  workload-start-time: '\(Notation.utc(plan.period.from))'",
            "  calculation-information: " + YAML.quoted(calculation),
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private var calculation: String {
        let parts = [
            "\(figureName.en) by T/CQJR 032.2-2025 Annex A: the arithmetic mean of "
                + "(O+M)/R over \(result.validRounds) rounds, in \(result.unit.rawValue) "
                + "per unit of business",
            scopeLabels.map(\.en).joined(separator: ", "),
            result.unitsSum.value.map { "sum of R \($0)" },
            plan.embodied.isIncluded
                ? nil : "M is omitted, which the SCI specification does not allow",
            isSimulated ? "SIMULATED: not the result of an assessment" : nil,
            standing == .assessment ? nil : "not an assessment",
            Self.isoDeviation.en, "software \(software.name) \(software.version)",
        ]
        return parts.compactMap { $0 }.joined(separator: ". ")
    }

    /// Version 8 of 128 bits of the hash.
    ///
    /// Source: RFC 9562, 5.8, in the form of RFC 4122.
    static func guid(of hash: String) -> String? {
        var digits = Array(hash.lowercased())
        guard digits.count >= 32, digits.allSatisfy(\.isHexDigit) else { return nil }
        digits = Array(digits.prefix(32))
        digits[12] = "8"
        let variant = (digits[16].hexDigitValue ?? 0) & 0x3 | 0x8
        digits[16] = Character(String(variant, radix: 16))
        let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return parts.map { String(digits[$0]) }.joined(separator: "-")
    }

    /// The first word of a contact that is an address of electronic mail.
    static func address(in contact: String) -> String? {
        contact.split { " <>(),;，；（）".contains($0) }.map(String.init).first { word in
            let sides = word.split(separator: "@", omittingEmptySubsequences: false)
            return sides.count == 2 && !sides[0].isEmpty && sides[1].contains(".")
        }
    }
}
