import Metering

extension PlanReportContent {
    /// The report for people at a terminal, in lines of text: what it is, the result and what it is made
    /// of, and every round with what is wrong with it. Everything else is in the page and the JSON.
    package func table(_ language: Language) -> String {
        let table = PlanTable(self, language)
        return TerminalText.joined([
            table.header, table.resultLines, table.roundLines, table.notes, table.revisionLines,
        ])
    }
}

private struct PlanTable {
    private let content: PlanReportContent
    private let language: Language

    init(_ content: PlanReportContent, _ language: Language) {
        self.content = content
        self.language = language
    }

    private func t(_ zh: String, _ en: String) -> String { language == .chinese ? zh : en }

    private func line(_ zh: String, _ en: String, _ text: String) -> String {
        let label = t(zh, en)
        // Han characters are two columns wide.
        let width = language == .chinese ? label.count * 2 : label.count
        return label + String(repeating: " ", count: max(1, 14 - width)) + text
    }

    private func figure(_ value: PlanReportContent.Figure) -> String {
        value.value.map(Decimal.significant) ?? "—"
    }

    var header: [String] {
        var lines = [content.standing.title]
        if let reason = content.standing.reason { lines.append(reason[language]) }
        if content.isSimulated {
            lines.append(
                t(
                    "模拟数据 SIMULATED：数值含有模拟计数器的电能",
                    "SIMULATED: energy of simulated counters is in these figures"))
        }
        let plan = content.plan
        let late = t("（第一轮开始之后）", " (after the first round began)")
        lines.append(line("计划", "Plan", plan.title + " — " + plan.organization))
        lines.append(line("哈希", "Hash", plan.hash.value ?? plan.hash.reason?[language] ?? "—"))
        if let sealed = plan.sealed.value {
            let lodged = plan.lodging.value.map {
                t("，存证 ", ", lodged ") + Notation.utc($0.time)
                    + (plan.isLodgedLate ? late : "")
            }
            lines.append(
                line(
                    "封存", "Sealed",
                    Notation.utc(sealed) + (plan.isSealedLate ? late : "") + (lodged ?? "")))
        }
        let rounds = t(
            "\(plan.rounds) 轮 + \(plan.reserve) 备用",
            "\(plan.rounds) rounds + \(plan.reserve) in reserve")
        lines.append(
            line(
                "期间", "Period",
                "\(Notation.utc(plan.period.from)) – \(Notation.utc(plan.period.to)), \(rounds)"
                    + (content.reserveEnd.map {
                        t("，启用的备用轮至 ", ", those used to ") + Notation.utc($0)
                    } ?? "")))
        lines.append(
            line(
                "口径", "Scope",
                content.scopeLabels.map { $0[language] }.joined(separator: "; ")))
        return lines
    }

    var resultLines: [String] {
        let result = content.result
        let unit = result.unit == .mixed ? t("g（混合口径）", "g (mixed basis)") : result.unit.rawValue
        let name = content.figureName[language]
        var lines: [String] = []
        if let mean = result.mean.value {
            var text = "\(name) \(Decimal.significant(mean)) \(unit)" + t(" / 业务单位", " per unit")
            if let range = result.interval.value {
                text +=
                    "  95 %: \(Decimal.significant(range.low)) – \(Decimal.significant(range.high))"
            }
            lines.append(line("结果", "Result", text))
        } else {
            lines.append(line("结果", "Result", "— " + (result.mean.reason?[language] ?? "")))
            if let partial = result.partialMean.value {
                lines.append(
                    line(
                        "部分均值", "Partial mean",
                        "\(Decimal.significant(partial)) \(unit)"
                            + t("（仅供参考）", " (information, no result)")))
            }
        }
        lines.append(
            line(
                "总和之比", "Ratio of sums",
                figure(result.ratioOfSums)
                    + (result.meansDiffer
                        ? t("  警告：与均值相差超过 5 %", "  WARNING: differs by more than 5 %") : "")))
        lines.append(
            line("不计被拒", "No refusals", figure(result.withoutRefusals)))
        let mass =
            result.embodiedSum.value.map { Decimal.significant($0.typical) }
            ?? result.embodiedSum.reason?[language] ?? "—"
        lines.append(
            line(
                "合计", "Sums",
                "O \(figure(result.operationalSum)) g, M \(mass), R "
                    + (result.unitsSum.value.map(Decimal.whole) ?? "—")
                    + (result.roundsWithoutBusiness.isEmpty
                        ? ""
                        : t(
                            "（含 R = 0 的轮次，以下电能与 TA 亦同）",
                            " (with rounds of R = 0, as energy and TA below)"))))
        if let energy = content.energy.value { lines.append(line("电能", "Energy", text(energy))) }
        for scenario in content.scenarios {
            let volume =
                scenario.volume.value.map(Decimal.whole) ?? scenario.volume.reason?[language] ?? "—"
            lines.append(line("", "", "TA \(scenario.id) × \(scenario.weight): \(volume)"))
        }
        return lines
    }

    private func text(_ energy: PlanReportContent.Energy) -> String {
        let parts = [
            (t("实测", "measured"), energy.measured), (t("桥接", "bridged"), energy.bridged),
            (t("估算", "estimated"), energy.estimated), (t("补估", "imputed"), energy.imputed),
            (t("模拟", "simulated"), energy.simulated),
        ].filter { $0.1.energy > .zero }.map { "\($0.0) \(Decimal.percent($0.1.share))" }
        return "\(Decimal.significant(energy.total.kilowattHours)) kWh ("
            + parts.joined(separator: ", ") + ")"
    }

    var roundLines: [String] {
        let rows = content.rounds.map { round in
            [
                "\(round.number)", Notation.utc(round.span.from),
                round.energy.value.map { Decimal.significant($0.total.kilowattHours) } ?? "—",
                figure(round.operational),
                round.embodied.value.map { Decimal.significant($0.typical) } ?? "—",
                round.units.value.map(Decimal.whole) ?? "—", figure(round.intensity),
                round.coverage.value.map(Decimal.percent) ?? "—", round.use.word,
            ]
        }
        let titles = ["", "Round", "kWh", "O g", "M g", "R", "(O+M)/R", "Coverage", "Use"]
        return Columns.lines(titles, rows)
    }

    var notes: [String] {
        content.rounds.flatMap { round in
            let number = round.number
            return round.problems.map {
                note("轮次 \(number) 无效：", "Round \(number) is invalid: ", $0)
            } + round.disclosures.map { note("轮次 \(number)：", "Round \(number): ", $0) }
        }
    }

    /// What late data changed, the figures before beside those after.
    var revisionLines: [String] {
        let late = content.revisions.filter(\.isLate)
        guard !late.isEmpty else { return [] }
        let closing = content.result.meanAtClosing
        var lines = [
            t(
                "按各轮关闭时的数值，均值为 \(figure(closing))",
                "By the figures that rounds closed with, the mean is \(figure(closing))")
        ]
        for revision in late {
            lines.append(
                t("轮次 \(revision.round) 修订 \(revision.revision)，", "Round \(revision.round), ")
                    + t("", "revision \(revision.revision), ")
                    + "\(Notation.utc(revision.time)): \(revision.reason[language])")
            for change in revision.changes {
                lines.append(
                    "  \(change.figure[language]): \(exact(change.before)) → \(exact(change.after))"
                )
            }
        }
        return lines
    }

    private func exact(_ value: PlanReportContent.Figure) -> String {
        value.value.map(Decimal.exact) ?? "—"
    }

    private func note(_ zh: String, _ en: String, _ wording: Wording) -> String {
        t(zh, en) + wording[language]
    }
}

extension PlanReportContent.Standing {
    /// As reports are headed, in both languages.
    package var title: String {
        switch self {
        case .assessment: "评估报告 / Assessment report"
        case .incomplete: "评估未完成 / Assessment not completed"
        case .notAssessment: "非评估结果 / Not an assessment"
        }
    }
}
