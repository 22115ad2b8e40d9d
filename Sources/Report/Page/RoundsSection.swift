import Metering

extension PlanPage {
    /// Every round with its terms: what the first page's figures lead to.
    var roundsSection: Markup {
        chapter(
            Anchor("rounds"), "一、各轮的结果", "1. Rounds", breaks: true,
            allRounds + [intensityChart, resultTerms] + content.rounds.map(roundDetail))
    }

    private var resultTerms: Markup {
        let result = content.result
        let embodiedSum = result.embodiedSum.value.map {
            "\(Decimal.significant($0.typical)) g [\(Decimal.significant($0.low)) – "
                + "\(Decimal.significant($0.high))]"
        }
        return facts([
            (t("性质", "Standing"), .text(standingText)),
            (
                t("平均值", "Mean"),
                .text(
                    spelled(result.mean, unit: gramsUnit)
                        + " = (1/m) Σ SCIʲ, m = \(result.plannedRounds)")
            ),
            (t("ΣO", "ΣO"), .text(spelled(result.operationalSum, unit: "g"))),
            (
                t("ΣM", "ΣM"),
                .text(embodiedSum ?? "— " + (result.embodiedSum.reason.map(say) ?? ""))
            ),
            (t("ΣR", "ΣR"), count(result.unitsSum)),
            (
                t("总量之比", "Ratio of sums"),
                .text(spelled(result.ratioOfSums, unit: gramsUnit) + " = (ΣO + ΣM) / ΣR")
            ),
            (t("Σ 的范围", "Σ is over"), .text(summedRounds)),
            (
                t("不计拒绝笔数", "Without refusals"),
                .text(spelled(result.withoutRefusals, unit: gramsUnit))
            ),
            (
                t("基于市场（第二口径）", "Market-based (second line)"),
                .text(spelled(result.marketMean, unit: gramsUnit))
            ),
        ])
    }

    /// What the report is, with the whole reason.
    private var standingText: String {
        switch content.standing {
        case .assessment: heading
        case .incomplete(let why), .notAssessment(let why): heading + t("：", ": ") + say(why)
        }
    }

    /// The same in the words of a heading.
    var summedShort: String {
        content.result.roundsWithoutBusiness.isEmpty
            ? t("计入结果的轮次", "the rounds in the result")
            : t("计入结果及 R = 0 的轮次", "the rounds in the result and of R = 0")
    }

    /// The same in the words of a table's row.
    var summedRow: String { t("合计：\(summedShort)", "Sum of \(summedShort)") }

    /// Which rounds all sums are of, and the ratio of them.
    private var summedRounds: String {
        let idle = content.result.roundsWithoutBusiness.map(String.init)
        guard !idle.isEmpty else {
            return t("计入结果的轮次", "the rounds in the result")
        }
        return t(
            "计入结果的轮次，及仅因 R = 0 而无效的第 \(idle.joined(separator: "、")) 轮"
                + "（其 O、M 计入总和，不计入平均值）",
            "the rounds in the result, and round \(idle.joined(separator: ", ")), invalid only because "
                + "R = 0: its O and M are in the sums, and not in the mean")
    }

    private func roundDetail(_ round: PlanReportContent.Round) -> Markup {
        let title = self.title(round)
        return tag(
            "section", .id(anchor(round)),
            content: [
                tag("h3", parts: .text("\(title) · \(span(round.span)) UTC · \(use(round))")),
                facts(terms(round)),
            ] + notes(round))
    }

    private func terms(_ round: PlanReportContent.Round) -> [(String, Markup)] {
        [
            (
                "SCIʲ",
                group([
                    .text(spelled(round.intensity, unit: gramsUnit) + " = ("),
                    link("O", to: Anchor("sites", round.number)), " + M) / ",
                    link("R", to: Anchor("flows", round.number)),
                    " = (", figure(round.operational), " + ", embodied(round.embodied), ") / ",
                    count(round.units),
                ])
            ),
            (
                t("来自记录", "From records"),
                group([
                    link(t("逐主机记录", "rows by host"), to: Anchor("trace", round.number)),
                    .text(" · " + t("根", "root") + " "), code(spelled(round.recordsRoot)),
                ])
            ),
            (
                t("质量", "Quality"),
                group([
                    .text(t("覆盖率 ", "coverage ")), percent(round.coverage),
                    .text(t("，补估 ", ", imputed ")), percent(round.imputedShare),
                    .text(t("，时钟误差上限 ", ", clock error up to ")),
                    .text(spelled(round.clockErrorMilliseconds, unit: "ms")),
                    .text(t("，修订 \(round.revision)", ", revision \(round.revision)")),
                    .text(round.closed.map { t("，关闭于 ", ", closed ") + time($0) } ?? ""),
                ])
            ),
        ]
    }

    private func notes(_ round: PlanReportContent.Round) -> [Markup] {
        let kinds: [(String, [String])] = [
            (t("无效原因", "Invalid because"), round.problems.map(say)),
            (t("披露", "Disclosed"), round.disclosures.map(say)),
            (t("事件", "Events"), round.annotations.map(say)),
            (t("无记录的主机", "Hosts without records"), round.missingHosts),
        ]
        return kinds.filter { !$0.1.isEmpty }.map { kind, texts in
            note(kind + t("：", ": ") + texts.joined(separator: t("；", "; ")))
        }
    }

    /// TA by scenario, the rounds of the result together and each round.
    var flowsSection: Markup {
        chapter(
            Anchor("flows"), "二、业务量 TA 与单位业务量 R", "2. Flows TA and units R",
            [
                note(
                    t(
                        "R = Σ α·TA，α 为表2权重。TA 为完整业务流程的笔数；授信的拒绝计入 TA 并单列。未观察到的场景为“—”，不是零。",
                        "R = Σ α·TA with the weights of Table 2. TA counts complete "
                            + "flows; credit refusals are part of it and stand apart. A "
                            + "scenario that was not observed is —, not zero."
                    )), heading("合计", "Together", of: summedShort),
                scenarioTable(content.scenarios[...], name: .max, origin: .max),
                heading("各轮", "By round"), flowsByRound,
            ] + ledgerTable)
    }

    /// Their names, and where they come from or why they are not known, are cut after so many columns.
    func scenarioTable(
        _ scenarios: ArraySlice<PlanReportContent.Scenario>, name: Int, origin: Int
    ) -> Markup {
        let rows = scenarios.map { scenario in
            Row(
                [
                    link(
                        short(say(scenario.name), columns: name), to: Anchor("flows")),
                    .text("\(scenario.weight)"),
                ] + flowCells(scenario) + [.text(short(explanation(scenario), columns: origin))])
        }
        return table(
            [column("场景", "Scenario"), number("α", "α")] + flowColumns
                + [column("来源", "Origin")], rows, style: "narrow")
    }

    private var flowColumns: [Column] {
        [
            number("TA", "TA"), number("通过", "Approved"), number("拒绝", "Refused"),
            number("失败", "Failed"), number("未完成", "Incomplete"), number("重复", "Duplicates"),
            number("跨主机重复", "On other hosts"), number("计数层外", "Outside layer"),
        ]
    }

    private func flowCells(_ scenario: PlanReportContent.Scenario) -> [Markup] {
        [count(scenario.volume)]
            + [
                scenario.approved, scenario.refused, scenario.failed, scenario.incomplete,
                scenario.duplicates, scenario.duplicatesAcrossHosts, scenario.outsideLayer,
            ].map { count($0) }
    }

    func explanation(_ scenario: PlanReportContent.Scenario) -> String {
        scenario.volume.reason.map { t("未观察：", "unobserved: ") + say($0) } ?? say(scenario.origin)
    }

    private var flowsByRound: Markup {
        let rows = content.rounds.flatMap { round in
            round.scenarios.enumerated().map { index, scenario in
                Row(
                    [
                        index == 0 ? link(name(round), to: Anchor("trace", round.number)) : "",
                        .text(say(scenario.name)),
                    ] + flowCells(scenario) + [
                        count(scenario.ledger), index == 0 ? count(round.units) : "",
                    ], anchor: index == 0 ? Anchor("flows", round.number) : nil,
                    isMuted: !round.use.isCounted)
            }
        }
        return table(
            [column("轮次", "Round"), column("场景", "Scenario")] + flowColumns
                + [number("业务台账", "Ledger"), number("R", "R")], rows, style: "narrow")
    }

    private var ledgerTable: [Markup] {
        guard !content.reconciliations.isEmpty else {
            return [
                note(
                    t(
                        "未导入业务台账：TA 未与台账核对。",
                        "No business ledger was imported: TA is not reconciled."))
            ]
        }
        let rows = content.reconciliations.map { line in
            Row([
                .text(scenarioName(line.scenario)), .text(span(line.span)), count(line.counted),
                count(line.ledger), .text(line.difference.map(signed) ?? "—"), code(line.digest),
            ])
        }
        return [
            heading("与业务台账核对（容差 0）", "Reconciled with the business ledger (tolerance 0)"),
            table(
                [
                    column("场景", "Scenario"), column("时间（UTC）", "Time (UTC)"),
                    number("计数", "Counted"),
                    number("台账", "Ledger"), number("差", "Difference"), column("导入摘要", "Import"),
                ], rows, style: "narrow"),
        ]
    }

    private func signed(_ value: Int64) -> String {
        (value > 0 ? "+" : value < 0 ? "−" : "") + Decimal.whole(value.magnitude)
    }
}
