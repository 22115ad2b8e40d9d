import Assessment

/// The company's list of machines, to compare the plan's boundary with.
struct AssetList {
    static let header = "id,site,role,planned_as"
    /// Before the reason why a machine lies outside the boundary.
    static let outside = "outside:"

    struct Problem: Error {
        let line: Int
        let reason: String
    }

    /// In the order of the file.
    let assets: [Asset]
    /// Machines of which nothing says what became of them.
    let unplaced: [String]
    /// SHA-256 of the file.
    let digest: String

    init(_ bytes: [UInt8], digest: String) throws(Problem) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(line: 1, reason: "is not UTF-8")
        }
        var rows = CSVRows(text)
        guard let header = try rows.next(), header.joined(separator: ",") == Self.header else {
            throw Problem(line: 1, reason: "is not \(Self.header)")
        }
        var assets: [Asset] = []
        var unplaced: [String] = []
        var seen: Set<String> = []
        while true {
            let line = rows.line
            guard let fields = try rows.next() else { break }
            guard fields.count == 4 else {
                throw Problem(line: line, reason: "has \(fields.count) fields, not 4")
            }
            guard !fields[0].isEmpty else { throw Problem(line: line, reason: "has no id") }
            guard seen.insert(fields[0]).inserted else {
                throw Problem(line: line, reason: "repeats the id \(fields[0].quoted)")
            }
            let planned = fields[3]
            let isOutside = planned.hasPrefix(Self.outside)
            if isOutside, planned.dropFirst(Self.outside.count).allSatisfy(\.isWhitespace) {
                throw Problem(line: line, reason: "gives no reason behind \(Self.outside)")
            }
            if planned.isEmpty { unplaced.append(fields[0]) }
            assets.append(
                Asset(
                    id: fields[0], site: fields[1], role: fields[2],
                    plannedAs: isOutside || planned.isEmpty ? nil : planned))
        }
        self.assets = assets
        self.unplaced = unplaced
        self.digest = digest
    }

    /// Notes at the plan's `assets` where list and plan differ.
    func compare(with plan: Plan, _ field: Field) {
        let ids = Set(plan.hosts.map(\.id) + plan.devices.map(\.id))
        let named = Set(assets.compactMap(\.plannedAs))
        let strangers = assets.compactMap { asset in
            asset.plannedAs.flatMap { ids.contains($0) ? nil : "\(asset.id) (\($0))" }
        }
        let missing = (plan.hosts.map(\.id) + plan.devices.map(\.id)).filter { !named.contains($0) }
        note(
            unplaced, "of the asset list are neither planned nor outside", field,
            "write the host's or device's id as planned_as, or \(Self.outside) and the reason",
            zh: "资产清单中的设备既不在计划内，也未声明在边界之外",
            "在 planned_as 写主机或设备的 id，或写 \(Self.outside) 和理由")
        note(
            strangers, "of the asset list are planned as what the plan does not have", field,
            "add the host or device to the plan, or write \(Self.outside) and the reason",
            zh: "资产清单中的设备所指的主机或设备不在计划内",
            "把该主机或设备加入计划，或写 \(Self.outside) 和理由")
        note(
            missing, "of the plan are in no line of the asset list", field,
            "add their lines to the list, or take them out of the plan",
            zh: "计划中的主机或设备不在资产清单内", "在清单中补上，或从计划中去掉")
        var sites: [String: Set<String>] = [:]
        for host in plan.hosts { sites[host.id] = Set(host.assignments.map(\.site)) }
        for device in plan.devices { sites[device.id] = [device.site] }
        let moved = assets.compactMap { asset in
            asset.plannedAs.flatMap { sites[$0] }.flatMap {
                $0.contains(asset.site) ? nil : "\(asset.id) (\(asset.site))"
            }
        }
        note(
            moved, "of the asset list stand at another site than in the plan", field,
            "correct the site in one of the two",
            zh: "资产清单与计划中的站点不一致", "更正其中之一")
    }

    private func note(
        _ ids: [String], _ what: String, _ field: Field, _ hint: String, zh: String,
        _ advice: String
    ) {
        guard !ids.isEmpty else { return }
        let shown = ids.prefix(8).map(\.quotable).joined(separator: ", ")
        let more = ids.count > 8 ? " and \(ids.count - 8) more" : ""
        let rest = ids.count > 8 ? " 等" : ""
        field.doubt(
            "\(ids.count) \(what): \(shown)\(more)", hint,
            zh: "\(zh)（共 \(ids.count) 项）：\(shown)\(rest)", advice)
    }
}

extension Field {
    /// The list of machines in the file that the plan names.
    func assetList(file: String, _ surroundings: PlanSurroundings) -> AssetList? {
        guard let path = filePath(besideFile: file) else { return nil }
        do {
            let bytes = try SettingsFile.read(path)
            return try AssetList(bytes, digest: surroundings.digest(bytes))
        } catch let problem as AssetList.Problem {
            return reject(
                written, "cannot be used: line \(problem.line) \(problem.reason)",
                "the first line is \(AssetList.header); planned_as is the id of a host or device of "
                    + "the plan, or \(AssetList.outside) and the reason")
        } catch let errors as SettingsErrors {
            let reason = errors.fileFailure.map { "\($0)" } ?? "too large"
            return reject(written, "cannot be read: \(reason)")
        } catch {
            return reject(written, "cannot be read")
        }
    }
}

/// Lines of comma-separated fields; a field in double quotes may hold commas, line breaks and
/// doubled quotes.
///
/// Source: RFC 4180, section 2; a bare line feed ends a line too.
private struct CSVRows {
    private var rest: ArraySlice<Unicode.Scalar>
    /// The line that `next` reads from, counting from 1.
    private(set) var line = 1

    init(_ text: String) {
        rest = Array(text.unicodeScalars)[...]
        if rest.first == "\u{FEFF}" { rest.removeFirst() }
    }

    /// The fields of the next line that is not empty, or `nil` at the end.
    mutating func next() throws(AssetList.Problem) -> [String]? {
        while takeLineBreak() {}
        guard !rest.isEmpty else { return nil }
        var fields: [String] = []
        while true {
            fields.append(try rest.first == "\"" ? quoted() : plain())
            if rest.first == "," {
                rest.removeFirst()
            } else if rest.isEmpty || takeLineBreak() {
                return fields
            } else {
                throw AssetList.Problem(line: line, reason: "has text behind a quoted field")
            }
        }
    }

    private mutating func takeLineBreak() -> Bool {
        let length = rest.first == "\n" ? 1 : rest.starts(with: ["\r", "\n"]) ? 2 : 0
        rest.removeFirst(length)
        line += length > 0 ? 1 : 0
        return length > 0
    }

    private mutating func plain() throws(AssetList.Problem) -> String {
        let field = rest.prefix { ![",", "\n", "\r"].contains($0) }
        guard !field.contains("\"") else {
            throw AssetList.Problem(line: line, reason: "has a quote inside a field")
        }
        rest.removeFirst(field.count)
        return String(String.UnicodeScalarView(field))
    }

    private mutating func quoted() throws(AssetList.Problem) -> String {
        let first = line
        var field = String.UnicodeScalarView()
        rest.removeFirst()
        while let scalar = rest.popFirst() {
            if scalar == "\"" {
                guard rest.first == "\"" else { return String(field) }
                rest.removeFirst()
            }
            if scalar == "\n" { line += 1 }
            field.append(scalar)
        }
        throw AssetList.Problem(line: first, reason: "has a quoted field that does not end")
    }
}
