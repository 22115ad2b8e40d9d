import Settings

/// What a unit lets its processes do with paths.
///
/// Of several properties the one with the longest path holds, and of one path the first in `precedence`;
/// below what is inaccessible there is nothing.
///
/// Source: systemd.exec(5), ReadWritePaths=, BindPaths=, ProtectSystem=, TemporaryFileSystem=,
/// StateDirectory=; namespace.c of systemd 252, MountMode, for two of one path.
struct UnitPaths {
    /// From the strictest on.
    enum Access: Int, Comparable {
        /// Nothing is there, or something else.
        case hidden
        case read, write

        static func < (a: Access, b: Access) -> Bool { a.rawValue < b.rawValue }
    }

    /// A path, what may be done with it and all below, and the property that says so.
    struct Rule {
        let path: String
        let access: Access
        let property: String

        func covers(_ path: String) -> Bool {
            self.path == "/" || path == self.path || path.hasPrefix(self.path + "/")
        }
    }

    private static let barring = "InaccessiblePaths"
    private static let precedence = [
        barring, "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem", "ReadOnlyPaths",
        "ReadWritePaths", "StateDirectory", "ProtectSystem",
    ]

    private let rules: [Rule]

    /// - Parameter unit: what `systemctl show` says of it.
    init(_ unit: [String: String]) {
        func rules(_ property: String, _ access: Access) -> [Rule] {
            (unit[property] ?? "").split(separator: " ").compactMap { word in
                // `-/path`; of a file system in memory `/path:options`, of a bound one `/from:/to:options`.
                let parts = word.drop { "-+".contains($0) }.split(separator: ":")
                let isBound = property.hasPrefix("Bind") && parts.count > 1
                return parts.dropFirst(isBound ? 1 : 0).first.map {
                    Rule(path: String($0), access: access, property: property)
                }
            }
        }
        let made = UnitViewCheck.made(unit).map {
            Rule(path: $0, access: .write, property: "StateDirectory")
        }
        let strict = Rule(path: "/", access: .read, property: "ProtectSystem")
        self.rules =
            (unit["ProtectSystem"] == "strict" ? [strict] : []) + made
            + rules("ReadWritePaths", .write) + rules("ReadOnlyPaths", .read)
            + rules("BindPaths", .write) + rules("BindReadOnlyPaths", .read)
            + rules(Self.barring, .hidden) + rules("TemporaryFileSystem", .hidden)
    }

    /// What holds for a path; `nil` where the unit says nothing of it.
    func rule(for path: String) -> Rule? {
        let covering = rules.filter { $0.covers(path) }
        if let barred = covering.first(where: { $0.property == Self.barring }) { return barred }
        return covering.max { one, other in
            let (length, longest) = (one.path.utf8.count, other.path.utf8.count)
            return length != longest
                ? length < longest : Self.rank(one.property) > Self.rank(other.property)
        }
    }

    private static func rank(_ property: String) -> Int {
        precedence.firstIndex(of: property) ?? precedence.count
    }
}

extension UnitViewCheck {
    /// The folders that drop-ins let the agent write to.
    static func writable(_ unit: [String: String]) -> [String] {
        (unit["ReadWritePaths"] ?? "").split(separator: " ").map { path in
            String(path.drop { "-+".contains($0) })
        }
    }

    /// What the agent must read or write, and the unit keeps from it.
    var closed: [DoctorFinding] {
        let paths = UnitPaths(unit)
        let state = [settings.state, StateDirectory(at: settings.state).spool].lazy.compactMap {
            path in paths.rule(for: path).flatMap { $0.access < .write ? (path, $0) : nil }
        }.first
        let hidden = named.compactMap { path in
            paths.rule(for: path).flatMap { $0.access == .hidden ? (path, $0) : nil }
        }
        let both = [state].compactMap { $0 } + hidden
        return both.map { path, rule in
            rule.access == .hidden ? unseen(path, rule) : readOnly(path, rule)
        }
    }

    private func readOnly(_ path: String, _ rule: UnitPaths.Rule) -> DoctorFinding {
        if rule.property == "ProtectSystem" {
            return fault(
                path,
                language.say(
                    "is read-only for the unit (ProtectSystem=strict)",
                    "对单元只读（ProtectSystem=strict）"), edit("ReadWritePaths=\(path)"))
        }
        return fault(
            path,
            language.say(
                "is read-only for the unit (\(rule.property)=\(rule.path)): no record can be kept",
                "对单元只读（\(rule.property)=\(rule.path)）：无法保存记录"), without(rule))
    }

    private func unseen(_ path: String, _ rule: UnitPaths.Rule) -> DoctorFinding {
        fault(
            path,
            language.say(
                "the unit hides it from the agent (\(rule.property)=\(rule.path))",
                "单元对代理隐藏它（\(rule.property)=\(rule.path)）"), without(rule))
    }

    private func without(_ rule: UnitPaths.Rule) -> String {
        language.say(
            "take \(rule.path) out of \(rule.property)=, in the drop-in that "
                + "`systemctl cat \(unitName)` names; then `systemctl daemon-reload && "
                + "systemctl restart \(unitName)`",
            "从 `systemctl cat \(unitName)` 所示附加配置的 \(rule.property)= 中删除 \(rule.path)；然后 "
                + "`systemctl daemon-reload && systemctl restart \(unitName)`")
    }
}
