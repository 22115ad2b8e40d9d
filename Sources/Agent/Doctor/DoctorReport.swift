import Settings

/// What `jouleflow-agent doctor` found, for people and for programs.
package struct DoctorReport: Sendable {
    /// In the order of ``DoctorFinding/Topic``.
    package let findings: [DoctorFinding]
    let file: String
    /// Whether an agent runs on these settings; `nil` where that cannot be seen.
    let isRunning: Bool?
    let language: SentenceLanguage

    /// Whether metering is right, or would be if the agent ran: there is no fault.
    package var isSound: Bool { !findings.contains { $0.state == .fault } }

    private func count(_ state: DoctorFinding.State) -> Int {
        findings.count { $0.state == state }
    }

    // MARK: For programs

    /// One JSON object; docs/operating.md tells its keys.
    package var json: String {
        let checks = findings.map { finding in
            object([
                ("check", jsonString(finding.topic.rawValue)),
                ("subject", jsonString(finding.subject)),
                ("state", jsonString(finding.state.rawValue)),
                ("found", jsonString(finding.found)), ("fix", jsonString(finding.fix)),
            ])
        }
        let counts = DoctorFinding.State.allCases.map { ($0.rawValue, "\(count($0))") }
        return object([
            ("version", "1"), ("config", jsonString(file)), ("sound", "\(isSound)"),
            ("counts", object(counts)), ("running", isRunning.map { "\($0)" } ?? "null"),
            ("checks", "[" + checks.joined(separator: ",\n") + "]"),
        ])
    }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\(jsonString($0)):\($1)" }.joined(separator: ",") + "}"
    }

    // MARK: For people

    /// A line for each finding, below it what to do, and a summary.
    package var table: String {
        let states = Dictionary(
            uniqueKeysWithValues: DoctorFinding.State.allCases.map { ($0, word(for: $0)) })
        let stateWidth = (states.values.map(width).max() ?? 0) + 2
        let names = findings.map { name(of: $0) }
        let nameWidth = min(40, names.map(width).max() ?? 0) + 2
        var lines: [String] = []
        for (finding, name) in zip(findings, names) {
            lines.append(
                padded(states[finding.state] ?? "", stateWidth) + padded(name, nameWidth)
                    + printable(finding.found))
            guard !finding.fix.isEmpty else { continue }
            lines.append(
                String(repeating: " ", count: stateWidth) + "→ " + printable(finding.fix))
        }
        return (lines + ["", summary]).joined(separator: "\n")
    }

    private func name(of finding: DoctorFinding) -> String {
        let topic = finding.topic.rawValue
        return finding.subject.isEmpty ? topic : "\(topic) \(printable(finding.subject))"
    }

    private func word(for state: DoctorFinding.State) -> String {
        switch state {
        case .ok: language.say("ok", "正常")
        case .warning: language.say("warning", "警告")
        case .fault: language.say("FAULT", "故障")
        case .unknown: language.say("unknown", "未知")
        }
    }

    private var summary: String {
        let (faults, warnings, unknown) = (count(.fault), count(.warning), count(.unknown))
        let numbers = language.say(
            "\(faults) faults, \(warnings) warnings, \(unknown) unknown.",
            "故障 \(faults) 项，警告 \(warnings) 项，未知 \(unknown) 项。")
        return numbers + verdict
    }

    private var verdict: String {
        guard isSound else {
            return language.say(
                " Metering is wrong or incomplete until the faults are mended.",
                "排除故障之前，计量有误或不完整。")
        }
        let unseen = findings.count { $0.isOfRights && $0.state == .unknown }
        guard unseen == 0 else {
            return language.say(
                " No fault in what this user may look at; \(unseen) checks need root.",
                "此用户可查看的内容没有故障；另有 \(unseen) 项需要 root。")
        }
        return isRunning == false
            ? language.say(
                " Metering would be right, but no agent runs: nothing is metered now.",
                "计量本应正常，但没有代理运行：目前不计量。")
            : language.say(" Metering is right.", "计量正常。")
    }

    /// What comes from files and networks may hold anything: nothing moves a terminal's cursor.
    private func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map {
                    $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? " " : $0
                }))
    }

    private func padded(_ text: String, _ columns: Int) -> String {
        text + String(repeating: " ", count: max(1, columns - width(text)))
    }

    /// Columns of a terminal: Chinese characters take two.
    private func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + ((0x2E80...0xFFDC).contains($1.value) ? 2 : 1) }
    }
}
