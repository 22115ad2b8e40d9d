import Metering

extension PlanPage {
    /// Hosts with the least coverage that the first page names; the rest is in its chapter.
    static let leastCoveredShown = 4
    /// Scenarios, and sources of energy, that it has room for; all are in their chapters.
    static let scenariosShown = 5
    static let sourcesShown = 3
    /// Columns of a name, of a line, and of a text that may take two.
    static let nameColumns = 16
    static let scenarioColumns = 12
    static let originColumns = 22
    static let lineColumns = 90
    static let textColumns = 100
    /// Columns of the reason in the state of a round, and of the source of a factor, that it has room for.
    static let reasonColumns = 32
    static let sourceColumns = 48
    static let factorColumns = 24
    static let proofColumns = 64
    /// Rounds of doubtful counts that its warning names, the worst first; all are in their chapter.
    static let doubtfulShown = 5
    /// Factors that it names; all are in their chapter.
    static let factorsShown = 3

    /// What the report is, its result, and all that an assessor has to know beside it.
    var firstPage: [Markup] {
        [
            tag("h1", parts: .text(heading)),
            tag(
                "p", .style("subject"),
                parts: .text(short(content.plan.title, columns: Self.lineColumns))),
            tag("p", .style("standard"), parts: .text(standardLine)),
        ] + note(ofWarning: 0) + [resultBox] + note(ofWarning: 1) + note(ofWarning: 2) + [
            facts(identityFacts), heading("各轮结果", "All rounds"),
        ] + firstRounds + moreRounds + [
            heading("业务量", "Flows", of: summedShort),
            scenarioTable(
                content.scenarios.prefix(Self.scenariosShown), name: Self.scenarioColumns,
                origin: Self.originColumns),
        ] + moreScenarios + [facts(qualityFacts)]
    }

    private var standardLine: String {
        t(
            "依据 T/CQJR 032.2—2025《金融业算力应用平台的计算效用提升技术要求及评估方法 第2部分：消费金融》附录A（资料性）",
            "By T/CQJR 032.2—2025, Computing Usage Efficiency Improvement of "
                + "Computing Power Application Platform in Finance, Part 2: Consumer "
                + "Finance, Annex A (informative)"
        )
    }

    private func note(ofWarning index: Int) -> [Markup] {
        warnings[index].map { [tag("div", .style("warning"), parts: .text($0))] } ?? []
    }

    /// Why this is no assessment, that the means differ, and that counts are doubtful, as far as it is so.
    private var warnings: [String?] {
        let reason: Wording?
        switch content.standing {
        case .assessment: reason = nil
        case .incomplete(let why), .notAssessment(let why): reason = why
        }
        return [
            reason.map { heading + t("：", ": ") + short(say($0), columns: Self.textColumns) },
            meansWarning, doubtWarning,
        ]
    }

    /// How many rounds the sheet has room for beside all else that stands on it.
    private var roundsShown: Int {
        var room = FirstPageRoom(
            isSimulated: content.isSimulated, standardLines: language == .chinese ? 1 : 2)
        for case let text? in warnings { room.take(warning: text) }
        room.take(result: resultName, headlineUnit)
        room.take(facts: identityFacts)
        room.take(facts: qualityFacts)
        room.take(
            scenarios: content.scenarios.prefix(Self.scenariosShown).map {
                (
                    short(say($0.name), columns: Self.scenarioColumns),
                    short(explanation($0), columns: Self.originColumns)
                )
            }, hasMore: content.scenarios.count > Self.scenariosShown)
        return room.rounds(content.rounds.map(state))
    }

    private var resultName: String {
        "\(figureName) · " + content.scopeLabels.map(say).joined(separator: " · ")
    }

    private var resultBox: Markup {
        let result = content.result
        return tag(
            "div", .style("result"), .id(Anchor("result")),
            parts: tag(
                "div", .style("main"),
                parts: part("k", resultName),
                tag("span", .style("v"), parts: link(headline, to: Anchor("rounds"))),
                part("u", headlineUnit)),
            box(
                t("标准差 / 95 % 区间", "SD / 95 % interval"),
                [bare(result.deviation), interval(result.interval)],
                t("各轮之间", "between rounds")),
            box(
                t("总量之比 ΣO+ΣM / ΣR", "Ratio of sums"), [bare(result.ratioOfSums)],
                // One line: the first page is one sheet.
                result.roundsWithoutBusiness.isEmpty
                    ? t("按业务量加权", "weighted by business")
                    : t("含 R = 0 的轮次", "with rounds of R = 0")),
            box(
                t("有效轮次", "Valid rounds"),
                ["\(result.validRounds) / \(result.plannedRounds)"],
                t("计划另备 \(content.plan.reserve) 轮", "\(content.plan.reserve) more in reserve")))
    }

    private func part(_ style: StaticString, _ text: String) -> Markup {
        tag("span", .style(style), parts: .text(text))
    }

    private func box(_ name: String, _ values: [String], _ unit: String) -> Markup {
        tag(
            "div",
            content: [part("k", name)] + values.map { part("v", $0) } + [part("u", unit)])
    }

    private func bare(_ figure: PlanReportContent.Figure) -> String {
        figure.value.map(Decimal.significant) ?? "—"
    }

    private func interval(
        _ interval: Known<PlanReportContent.MeanInterval, Wording>
    ) -> String {
        guard let value = interval.value else { return "—" }
        return "\(Decimal.significant(value.low)) – \(Decimal.significant(value.high))"
    }

    private var headline: String { bare(content.result.mean) }

    private var headlineUnit: String {
        let unit = t("\(gas) / 单位业务量", "\(gas) per unit of business")
        switch content.result.mean {
        case .known:
            return unit + t("，各轮 SCIʲ 的算术平均（附录A d）", ", arithmetic mean of the rounds (Annex A d)")
        case .unknown:
            // A whole sentence that always fits; the whole reason is in chapter 1.
            let result = content.result
            let partial = result.partialMean.value.map {
                t("；部分平均（仅供参考）", "; partial mean, for information: ") + Decimal.significant($0)
            }
            return unit
                + t(
                    "：计划 \(result.plannedRounds) 轮，有效 \(result.validRounds) 轮",
                    ": \(result.validRounds) of \(result.plannedRounds) rounds are valid")
                + (partial ?? "")
        }
    }

    private var meansWarning: String? {
        guard content.result.meansDiffer else { return nil }
        let difference = content.result.relativeDifference.value.map(Decimal.percent) ?? "—"
        return t(
            "警告：各轮平均与总量之比相差 \(difference)（超过 5 %）：业务量很小的轮次主导了平均值",
            "Warning: the mean of rounds and the ratio of sums differ by \(difference) (more than "
                + "5 %): rounds of little business carry the mean")
    }

    private var doubtWarning: String? {
        let doubtful = content.rounds.compactMap { round in
            round.countLoss.map { (round: round, loss: $0) }
        }.sorted { ($1.loss, $0.round.number) < ($0.loss, $1.round.number) }
        guard !doubtful.isEmpty else { return nil }
        let named = doubtful.prefix(Self.doubtfulShown).map {
            "\(title($0.round)) \($0.loss.percent)"
        }
        let more = doubtful.count - named.count
        return t(
            "警告：计数存疑，可能漏计或重复计入的至多为：",
            "Warning: counts are doubtful, up to so much may be missing or counted twice: ")
            + named.joined(separator: t("，", ", "))
            + (more > 0 ? t("；另有 \(more) 轮", "; and \(more) more rounds") : "")
    }

    private var firstRounds: [Markup] {
        let rounds = content.rounds.prefix(roundsShown)
        return rounds.isEmpty ? [] : [roundTable(rounds)]
    }

    /// Every round, where the first page has not all of them.
    var allRounds: [Markup] {
        content.rounds.count > roundsShown
            ? [heading("各轮结果（全部）", "All rounds, whole table"), roundTable(content.rounds[...])]
            : []
    }

    /// How many rounds the first page has no room for, and where they stand.
    private var moreRounds: [Markup] {
        let rest = content.rounds.dropFirst(roundsShown)
        guard !rest.isEmpty else { return [] }
        let invalid = rest.filter { $0.use.isInvalid }.count
        return [
            tag(
                "p", .style("note"),
                parts: link(
                    t(
                        "另有 \(rest.count) 轮，其中无效 \(invalid) 轮：见第一章的全表",
                        "and \(rest.count) more (invalid: \(invalid)): all are in the table of "
                            + "chapter 1"), to: Anchor("rounds")))
        ]
    }

    private var moreScenarios: [Markup] {
        let rest = content.scenarios.count - Self.scenariosShown
        guard rest > 0 else { return [] }
        return [
            tag(
                "p", .style("note"),
                parts: link(
                    t("另有 \(rest) 个场景：见第二章", "and \(rest) more: all are in chapter 2"),
                    to: Anchor("flows")))
        ]
    }

    private func roundTable(_ rounds: ArraySlice<PlanReportContent.Round>) -> Markup {
        let columns = [
            column("轮次", "Round"), column("起（UTC）", "From (UTC)"), number("电能 kWh", "Energy kWh"),
            number("O g", "O g"), number("M g", "M g"), number("R", "R"),
            number("SCIʲ", "SCIʲ"), number("覆盖率", "Coverage"), number("修订", "Revision"),
            column("状态", "State"),
        ]
        let rows = rounds.map { round in
            Row(
                [
                    link(name(round), to: anchor(round)), .text(day(round.span.from)),
                    total(round.energy), figure(round.operational), embodied(round.embodied),
                    count(round.units), figure(round.intensity), percent(round.coverage),
                    .text("\(round.revision)"),
                    .text(state(of: round)),
                ], isMuted: !round.use.isCounted)
        }
        return table(columns, rows, style: "narrow dated")
    }

    /// With the beginning of the first reason for which it is invalid, and whether its counts are doubtful:
    /// all of it is in the chapter that the round's name links to.
    private func state(of round: PlanReportContent.Round) -> String {
        let more = round.problems.count - 1
        return use(round)
            + (round.problems.first.map {
                t("：", ": ") + short(say($0), columns: Self.reasonColumns)
            } ?? "")
            + (more > 0 ? t("；另有 \(more) 项", "; and \(more) more") : "")
            + (round.countLoss.map {
                t("；计数存疑（≤ \($0.percent)）", "; counts doubtful (≤ \($0.percent))")
            } ?? "")
    }

    func embodied(_ value: Known<PlanReportContent.Embodied, Wording>) -> Markup {
        switch value {
        case .known(let mass): .text(Decimal.significant(mass.typical))
        case .unknown(let reason): dash(reason)
        }
    }
}

extension PlanReportContent.Use {
    fileprivate var isInvalid: Bool {
        if case .invalid = self { return true }
        return false
    }
}
