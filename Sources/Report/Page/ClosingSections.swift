import Metering

extension PlanPage {
    var revisionsSection: Markup {
        let changes = content.revisions.filter(\.isLate).flatMap(changeRows)
        var parts: [Markup] = []
        if changes.isEmpty {
            parts.append(note(t("各轮关闭后未再变化。", "No round changed after it closed.")))
        } else {
            let closing = content.result.meanAtClosing
            let mean = closing.value.map(Decimal.significant) ?? "—"
            parts.append(
                note(
                    t(
                        "迟到的数据不改变已关闭的轮次，而形成新的修订；结果取各轮最新修订。按各轮关闭时的数值，均值为 \(mean)。",
                        "Late data does not change what a round closed with: it makes a new revision. The "
                            + "result is of the latest revisions; by the figures that rounds closed "
                            + "with the mean is \(mean).")))
            parts.append(
                table(
                    [
                        column("轮次", "Round"), column("修订", "Revision"),
                        column("时间（UTC）", "Time (UTC)"),
                        column("原因", "Reason"), column("数值", "Figure"), number("原", "Before"),
                        number("新", "After"),
                    ], changes, style: "narrow"))
        }
        if !content.revisions.isEmpty {
            parts.append(
                table(
                    [
                        column("轮次", "Round"), column("修订", "Revision"),
                        column("计算时间（UTC）", "Computed (UTC)"), column("软件", "Software"),
                        column("SHA-256", "SHA-256"),
                    ], content.revisions.map(keptRow), style: "narrow"))
        }
        return chapter(Anchor("revisions"), "八、修订", "8. Revisions", parts)
    }

    private func changeRows(_ revision: PlanReportContent.Revision) -> [Row] {
        let head: [Markup] = [
            link("\(revision.round)", to: Anchor("round", revision.round)),
            .text("\(revision.revision)"), .text(time(revision.time)), .text(say(revision.reason)),
        ]
        guard !revision.changes.isEmpty else {
            return [Row(head + [.text(t("数值不变", "no figure changed")), "", ""])]
        }
        return revision.changes.enumerated().map { index, change in
            Row(
                (index == 0 ? head : ["", "", "", ""]) + [
                    .text(say(change.figure)), exact(change.before), exact(change.after),
                ])
        }
    }

    private func keptRow(_ revision: PlanReportContent.Revision) -> Row {
        Row([
            link("\(revision.round)", to: Anchor("round", revision.round)),
            .text("\(revision.revision)"), .text(time(revision.time)), .text(revision.software),
            .text(
                revision.digest
                    + (revision.isKept ? "" : t("（未存入数据库）", " (not kept in the store)"))),
        ])
    }

    /// All digits: what changed may lie behind the fourth.
    private func exact(_ value: PlanReportContent.Figure) -> Markup {
        switch value {
        case .known(let value): .text(Decimal.exact(value))
        case .unknown(let reason): dash(reason)
        }
    }

    var monthsSection: Markup {
        let rows = content.months.map { month in
            Row([
                .text(month.month), .text(month.site), figure(month.kilowattHours),
                figure(month.tonnes), .text(month.unit),
                .text(month.isSimulated ? t("模拟", "simulated") : ""),
            ])
        }
        let body =
            rows.isEmpty
            ? note(t("无月度数据。", "There are no months."))
            : table(
                [
                    column("月份", "Month"), column("站点", "Site"), number("电能 kWh", "Energy kWh"),
                    number("O（基于位置）t", "O, location-based, t"), column("单位", "Unit"),
                    column("标记", "Mark"),
                ], rows)
        return chapter(
            Anchor("months"), "九、月度汇总", "9. Months",
            [
                note(
                    t(
                        "按日历月与站点，只含本计划已关闭的轮次；全月用电见 jouleflow-collector usage --per site。",
                        "By calendar month and site, of this plan's closed rounds alone; "
                            + "jouleflow-collector usage --per site tells whole months.")),
                body,
            ])
    }

    /// What was counted by which rule, and what an assessor must hear of.
    var observationSection: Markup {
        chapter(
            Anchor("observation"), "十、规则、告警与记录丢失", "10. Rules, alerts and losses",
            [
                heading("规则与命中", "Rules and their hits"), ruleTable, heading("告警", "Alerts"),
                alertTable,
                heading("记录丢失", "Records lost"), lossTable,
            ])
    }

    private var ruleTable: Markup {
        let rows = content.rules.map { rule in
            Row(
                [
                    .text(scenarioName(rule.scenario)), .text(rule.name), count(rule.hits),
                    .text(rule.hosts.joined(separator: ", ")),
                ], isMuted: rule.hits == 0)
        }
        return rows.isEmpty
            ? note(t("无规则。", "There are no rules."))
            : table(
                [
                    column("场景", "Scenario"), column("规则", "Rule"), number("命中", "Hits"),
                    column("主机", "Hosts"),
                ], rows, style: "narrow")
    }

    private var alertTable: Markup {
        let rows = content.alerts.map { alert in
            Row([
                .text(alert.agent), .text(alert.kind), .text(alert.text), .text(time(alert.first)),
                .text(time(alert.last)), count(alert.count),
            ])
        }
        return rows.isEmpty
            ? note(t("无告警。", "There are no alerts."))
            : table(
                [
                    column("主机", "Host"), column("类别", "Kind"), column("内容", "Text"),
                    column("首次（UTC）", "First (UTC)"), column("末次（UTC）", "Last (UTC)"),
                    number("次数", "Count"),
                ], rows, style: "narrow")
    }

    private var lossTable: Markup {
        let rows = content.losses.map { loss in
            Row([
                .text(loss.agent), code(String(loss.run, radix: 16)),
                .text("\(loss.first) – \(loss.last)"),
            ])
        }
        return rows.isEmpty
            ? note(t("无丢失。", "None was lost."))
            : table(
                [column("主机", "Host"), column("运行", "Run"), column("序号", "Sequence")], rows,
                style: "narrow")
    }

    /// What the figures stand on, and what the report does not say.
    var methodSection: Markup {
        chapter(
            Anchor("method"), "十一、方法、声明与证据", "11. Method, statements and evidence",
            [facts(methodFacts)])
    }

    private var methodFacts: [(String, Markup)] {
        [
            (
                t("标准", "Standard"),
                .text(
                    t(
                        "T/CQJR 032.2—2025，2025-08-08 发布并实施；附录A（资料性）",
                        "T/CQJR 032.2—2025 of 2025-08-08, Annex A (informative)"))
            ),
            (
                t("与 ISO 的差异", "Deviation from ISO"),
                .text(say(PlanReportContent.isoDeviation))
            ),
            (t("第1部分", "Part 1"), .text(say(PlanReportContent.partOneNotAssessed))),
            (t("权重检验", "Weights"), .text(spelled(content.weightsCheck))),
            (t("基线比较", "Baseline"), .text(spelled(content.baseline))),
        ]
            + content.uncertainties.map { (say($0.subject), .text(say($0.text))) }
            + [
                (t("记录根", "Records root"), code(spelled(content.evidence.recordsRoot))),
                (
                    t("签名者", "Signers"),
                    content.evidence.signers.isEmpty ? "—" : items(content.evidence.signers)
                ),
                (t("复核命令", "Verify with"), code(spelled(content.evidence.verifierCommand))),
                (t("证据的限度", "Limits of evidence"), .text(say(PlanReportContent.evidenceLimits))),
                (
                    t("软件", "Software"),
                    .text("\(content.software.name) \(content.software.version)")
                ),
            ]
    }

    private func spelled(_ value: Known<Wording, Wording>) -> String {
        (value.value ?? value.reason).map(say) ?? "—"
    }
}

/// What every report says, whatever its figures.
extension PlanReportContent {
    static let isoDeviation = Wording(
        zh:
            "指标参考 ISO/IEC 21031:2024 的 SCI，不声明与其相符：排放因子为平均因子而非边际排放率；R 为固定权重 24/7/3/1 "
            + "的加权和；结果为各轮平均；M 可不统计。",
        en:
            "The index refers to the SCI of ISO/IEC 21031:2024 and claims no "
            + "conformity with it: factors are averages, not marginal rates; R is a "
            + "sum with the fixed weights 24/7/3/1; the result is a mean over rounds; "
            + "M may be left out."
    )

    static let partOneNotAssessed = Wording(
        zh: "第1部分（通用要求）的要求未评估。",
        en: "The requirements of Part 1 (general requirements) were not assessed.")

    static let evidenceLimits = Wording(
        zh: "签名与摘要证明记录产生后未被更改，不证明输入真实：拥有主机最高权限者可以伪造计数器。",
        en:
            "Signatures and digests prove that records were not altered since they "
            + "were made, not that what was read was true: whoever is root on a host "
            + "can forge its counters."
    )
}
