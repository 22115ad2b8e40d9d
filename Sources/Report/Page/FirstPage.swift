import Metering

extension PlanPage {
    /// Hosts with the least coverage that the first page names; the rest is in its chapter.
    static let leastCoveredShown = 5
    /// Columns of the reason in the state of a round, and of the source of a factor, that it has room for.
    static let reasonColumns = 32
    static let sourceColumns = 48
    /// Factors that it names; all are in their chapter.
    static let factorsShown = 6

    /// What the report is, its result, and all that an assessor has to know beside it.
    var firstPage: [Markup] {
        [
            tag("h1", parts: .text(heading)),
            tag("p", .style("subject"), parts: .text(content.plan.title)),
            tag("p", .style("standard"), parts: .text(standardLine)),
        ] + standingNote + [resultBox] + meansWarning + [
            facts(identityFacts), heading("各轮结果", "All rounds"), shortRounds,
            heading("业务量", "Flows", of: summedShort),
            scenarioTable(content.scenarios),
            facts(qualityFacts),
        ]
    }

    private var standardLine: String {
        t(
            "依据 T/CQJR 032.2—2025《金融业算力应用平台的计算效用提升技术要求及评估方法 第2部分：消费金融》附录A（资料性）",
            "By T/CQJR 032.2—2025, Computing Usage Efficiency Improvement of "
                + "Computing Power Application Platform in Finance, Part 2: Consumer "
                + "Finance, Annex A (informative)"
        )
    }

    private var standingNote: [Markup] {
        let reason: Wording
        switch content.standing {
        case .assessment: return []
        case .incomplete(let why), .notAssessment(let why): reason = why
        }
        return [tag("div", .style("warning"), parts: .text(heading + t("：", ": ") + say(reason)))]
    }

    private var resultBox: Markup {
        let result = content.result
        return tag(
            "div", .style("result"), .id(Anchor("result")),
            parts: tag(
                "div", .style("main"),
                parts: part(
                    "k", "\(figureName) · " + content.scopeLabels.map(say).joined(separator: " · ")),
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
        case .unknown(let reason):
            let partial = content.result.partialMean.value.map {
                t("；部分平均（仅供参考）", "; partial mean, for information: ") + Decimal.significant($0)
            }
            return unit + t("：", ": ") + say(reason) + (partial ?? "")
        }
    }

    private var meansWarning: [Markup] {
        guard content.result.meansDiffer else { return [] }
        let difference = content.result.relativeDifference.value.map(Decimal.percent) ?? "—"
        return [
            tag(
                "div", .style("warning"),
                parts: .text(
                    t(
                        "警告：各轮平均与总量之比相差 \(difference)（超过 5 %）：业务量很小的轮次主导了平均值",
                        "Warning: the mean of rounds and the ratio of sums differ by "
                            + "\(difference) (more than 5 %): rounds of little business "
                            + "carry the mean"
                    )))
        ]
    }

    private var identityFacts: [(String, Markup)] {
        let plan = content.plan
        return [
            (t("被评单位", "Organisation"), .text("\(plan.organization) · \(plan.contact)")),
            (t("评估周期", "Period"), .text(periodText)),
            (
                t("计划哈希", "Plan hash"),
                group([code(spelled(plan.hash)), .text(sealedText)])
            ),
            (t("存证", "Lodging"), lodging),
            (
                t("评估边界", "Boundary"),
                group([.text(plan.boundary + " · "), link(assetText, to: Anchor("assets"))])
            ),
            (t("M 政策", "M policy"), .text(embodiedPolicy)),
            (t("排放因子", "Factors"), factorList),
            (
                t("第1部分", "Part 1"),
                .text(
                    t(
                        "未评估：T/CQJR 032.1 第1部分（8.1、7.1–7.4 引用）的要求不在本报告范围内",
                        "not assessed: the requirements of T/CQJR 032.1 (cited by "
                            + "8.1 and 7.1 to 7.4) are not covered"
                    ))
            ),
        ]
    }

    private var periodText: String {
        let plan = content.plan
        let hours = Decimal.significant(plan.roundSeconds)
        return span(plan.period) + " UTC · "
            + t(
                "\(plan.rounds) 轮 × \(hours) 秒，备用 \(plan.reserve) 轮",
                "\(plan.rounds) rounds of \(hours) s, \(plan.reserve) in reserve")
            + (content.reserveEnd.map {
                t("；启用的备用轮至 \(day($0)) UTC", "; rounds in reserve are used, to \(day($0)) UTC")
            } ?? "")
    }

    private var sealedText: String {
        switch content.plan.sealed {
        case .known(let sealed):
            t(" · 封存于 ", " · sealed ") + time(sealed) + " UTC"
                + (content.plan.isSealedLate
                    ? t("，在第一轮开始之后", ", after the first round began") : "")
        case .unknown(let reason): " · " + t("未封存：", "not sealed: ") + say(reason)
        }
    }

    private var lodging: Markup {
        switch content.plan.lodging {
        case .known(let proof):
            group([
                .text("\(proof.holder) · \(time(proof.time)) UTC\(lodgingRemark) · "),
                code(proof.proof),
            ])
        case .unknown(let reason): .text(t("无存证：", "not lodged: ") + say(reason))
        }
    }

    /// What a proof that came too late does not prove.
    private var lodgingRemark: String {
        guard content.plan.isLodgedLate else { return "" }
        return t(
            "，在第一轮开始之后：不能证明计划先于第一轮",
            ", after the first round began: no proof that the plan was there before it")
    }

    private var assetText: String {
        switch content.assets {
        case .known(let assets):
            t(
                "资产清单 \(assets.listed) 项：界内 \(assets.inBoundary)，界外 "
                    + "\(assets.outside.count)，未入计划 \(assets.notPlanned.count)，计划中而清单无 "
                    + "\(assets.notListed.count)",
                "asset list of \(assets.listed): \(assets.inBoundary) inside, "
                    + "\(assets.outside.count) outside, \(assets.notPlanned.count) not "
                    + "planned, \(assets.notListed.count) planned but not listed"
            )
        case .unknown(let reason): t("未与资产清单比对：", "not compared with an asset list: ") + say(reason)
        }
    }

    var embodiedPolicy: String {
        switch content.plan.embodied {
        case .included(let sources):
            t("计入全部主机与设备；来源：", "included for all hosts and devices; sources: ")
                + sources.joined(separator: t("；", "; "))
        case .omitted(let reason):
            t("未统计（附录A b) 注：可暂不统计）：", "omitted (Annex A b, note): ") + say(reason)
        }
    }

    private var factorList: Markup {
        let factors = content.factors.filter { !$0.isMarketBased }
        let more = factors.count - Self.factorsShown
        return lines(
            factors.prefix(Self.factorsShown).map { document in
                let factor = document.factor
                return "\(factor.id) · \(Decimal.significant(factor.gramsPerKilowattHour)) "
                    + "\(factor.gas)/kWh · \(factor.year) · "
                    + t("等级", "grade") + " \(factor.grade) · "
                    + short(factor.source, columns: Self.sourceColumns)
            } + (more > 0 ? [t("另有 \(more) 个，见排放一章", "and \(more) more: see the emissions")] : []))
    }

    private var shortRounds: Markup {
        let columns = [
            column("轮次", "Round"), column("起（UTC）", "From (UTC)"), number("电能 kWh", "Energy kWh"),
            number("O g", "O g"), number("M g", "M g"), number("R", "R"),
            number("SCIʲ", "SCIʲ"), number("覆盖率", "Coverage"), number("修订", "Revision"),
            column("状态", "State"),
        ]
        let rows = content.rounds.map { round in
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

    /// With the beginning of the first reason for which it is invalid: all of them are in the chapter that
    /// the round's name links to.
    private func state(of round: PlanReportContent.Round) -> String {
        let more = round.problems.count - 1
        return use(round)
            + (round.problems.first.map {
                t("：", ": ") + short(say($0), columns: Self.reasonColumns)
            } ?? "")
            + (more > 0 ? t("；另有 \(more) 项", "; and \(more) more") : "")
    }

    func embodied(_ value: Known<PlanReportContent.Embodied, Wording>) -> Markup {
        switch value {
        case .known(let mass): .text(Decimal.significant(mass.typical))
        case .unknown(let reason): dash(reason)
        }
    }

    private var qualityFacts: [(String, Markup)] {
        [
            (t("电能构成", "Energy"), link(energyText, to: Anchor("energy"))),
            (t("主机覆盖率", "Coverage by host"), leastCovered),
            (
                t("修订", "Revisions"),
                link(revisionsText, to: Anchor("revisions"))
            ),
            (
                t("告警", "Alerts"),
                content.alerts.isEmpty && content.losses.isEmpty
                    ? .text(t("无", "none"))
                    : link(
                        t(
                            "\(content.alerts.count) 条告警，\(content.losses.count) 段记录丢失",
                            "alerts: \(content.alerts.count); stretches of records "
                                + "lost: \(content.losses.count)"
                        ),
                        to: Anchor("observation"))
            ),
        ]
    }

    private var revisionsText: String {
        let late = content.revisions.filter(\.isLate).count
        guard late > 0 else {
            return t("无：各轮关闭后未再变化", "none: no round changed after it closed")
        }
        let closing = content.result.meanAtClosing.value.map(Decimal.significant) ?? "—"
        return t(
            "\(late) 次，见修订一章；按各轮关闭时的数值，均值为 \(closing)",
            "\(late), see their chapter; by the figures that rounds closed with the mean is "
                + closing)
    }

    private var energyText: String {
        guard let energy = content.energy.value else {
            return content.energy.reason.map { "— " + say($0) } ?? "—"
        }
        let states = energyStates(energy).filter { $0.part.energy > .zero }
            .map { "\($0.name) \(Decimal.percent($0.part.share))" }
        let simulated =
            energy.simulated.energy > .zero
            ? [t("其中模拟 ", "simulated ") + Decimal.percent(energy.simulated.share)] : []
        return "\(Decimal.significant(energy.total.kilowattHours)) kWh: "
            + (states + simulated).joined(separator: t("，", ", ")) + bySource
    }

    private var bySource: String {
        let sources = content.sources.map { source in
            "\(source.source) (\(scope(source.scope))) "
                + (source.energy.value.map { Decimal.significant($0.total.kilowattHours) + " kWh" }
                    ?? "—")
        }
        return sources.isEmpty ? "" : t("；", "; ") + sources.joined(separator: t("，", ", "))
    }

    private var leastCovered: Markup {
        let worst = byCoverage.prefix(Self.leastCoveredShown).map { host in
            "\(host.id) \(host.coverage.value.map(Decimal.percent) ?? "—")"
        }
        let text =
            t("\(content.hosts.count) 台，最低者：", "\(content.hosts.count) in all, the least: ")
            + worst.joined(separator: t("，", ", "))
        return link(text, to: Anchor("coverage"))
    }

    /// Hosts without a known coverage first, then the least covered, then by name.
    var byCoverage: [PlanReportContent.Host] {
        content.hosts.sorted {
            ($0.coverage.value ?? -1, $0.id) < ($1.coverage.value ?? -1, $1.id)
        }
    }
}
