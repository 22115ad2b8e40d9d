import Metering

// What the first page says beside the result. Long texts have their beginning there, and all of it behind it.
extension PlanPage {
    var identityFacts: [(String, Markup)] {
        let plan = content.plan
        return [
            (
                t("被评单位", "Organisation"),
                .text(
                    short("\(plan.organization) · \(plan.contact)", columns: Self.lineColumns))
            ),
            (t("评估周期", "Period"), .text(periodText)),
            (
                t("计划哈希", "Plan hash"),
                group([code(spelled(plan.hash)), .text(sealedText)])
            ),
            (t("存证", "Lodging"), lodging),
            (
                t("评估边界", "Boundary"),
                group([
                    .text(short(plan.boundary, columns: Self.lineColumns) + " · "),
                    link(assetText, to: Anchor("assets")),
                ])
            ),
            (t("M 政策", "M policy"), .text(short(embodiedPolicy, columns: Self.textColumns))),
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
        case .unknown(let reason):
            " · " + t("未封存：", "not sealed: ")
                + short(say(reason), columns: Self.lineColumns)
        }
    }

    private var lodging: Markup {
        switch content.plan.lodging {
        case .known(let proof):
            group([
                .text(
                    short(proof.holder, columns: Self.reasonColumns)
                        + " · \(time(proof.time)) UTC\(lodgingRemark) · "),
                code(short(proof.proof, columns: Self.proofColumns)),
            ])
        case .unknown(let reason):
            .text(
                t("无存证：", "not lodged: ") + short(say(reason), columns: Self.lineColumns))
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
        case .unknown(let reason):
            t("未与资产清单比对：", "not compared with an asset list: ")
                + short(say(reason), columns: Self.sourceColumns)
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
                return short(factor.id, columns: Self.factorColumns)
                    + " · \(Decimal.significant(factor.gramsPerKilowattHour)) "
                    + "\(factor.gas)/kWh · \(factor.year) · "
                    + t("等级", "grade") + " \(short(factor.grade, columns: Self.scenarioColumns)) · "
                    + short(factor.source, columns: Self.sourceColumns)
            } + (more > 0 ? [t("另有 \(more) 个，见排放一章", "and \(more) more: see the emissions")] : []))
    }

    var qualityFacts: [(String, Markup)] {
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
            return content.energy.reason.map {
                "— " + short(say($0), columns: Self.lineColumns)
            } ?? "—"
        }
        let states = energyStates(energy).filter { $0.part.energy > .zero }
            .map { "\($0.name) \(Decimal.percent($0.part.share))" }
        let simulated =
            energy.simulated.energy > .zero
            ? [t("其中模拟 ", "simulated ") + Decimal.percent(energy.simulated.share)] : []
        return "\(Decimal.significant(energy.total.kilowattHours)) kWh"
            + t("（\(summedShort)合计）：", " (sum of \(summedShort)): ")
            + (states + simulated).joined(separator: t("，", ", ")) + bySource
    }

    private var bySource: String {
        let more = content.sources.count - Self.sourcesShown
        let sources = content.sources.prefix(Self.sourcesShown).map { source in
            short("\(source.source) (\(scope(source.scope)))", columns: Self.sourceColumns) + " "
                + (source.energy.value.map { Decimal.significant($0.total.kilowattHours) + " kWh" }
                    ?? "—")
        }
        return sources.isEmpty
            ? ""
            : t("；", "; ") + sources.joined(separator: t("，", ", "))
                + (more > 0 ? t("，另有 \(more) 种", " and \(more) more") : "")
    }

    /// Of the rounds that the row of energy, which stands before it, names.
    private var leastCovered: Markup {
        let worst = byCoverage.prefix(Self.leastCoveredShown).map { host in
            short(host.id, columns: Self.nameColumns)
                + " \(host.coverage.value.map(Decimal.percent) ?? "—")"
        }
        let text =
            t(
                "\(content.hosts.count) 台，同上轮次，最低者：",
                "\(content.hosts.count) in all, the least in these rounds: ")
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
