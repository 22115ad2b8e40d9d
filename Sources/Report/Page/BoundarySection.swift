import Metering

extension PlanPage {
    /// The result under other choices.
    var sensitivitySection: Markup {
        guard !content.sensitivity.isEmpty else {
            return chapter(
                Anchor("sensitivity"), "五、敏感性", "5. Sensitivity",
                [note(t("没有可比较的其他取值。", "There is no other choice to compare with."))])
        }
        let rows = content.sensitivity.map { line in
            Row([
                .text(say(line.group)),
                .text(say(line.choice) + (line.isHeadline ? t("（本报告采用）", " (the result)") : "")),
                figure(line.mean), change(line.relativeChange),
            ])
        }
        return chapter(
            Anchor("sensitivity"), "五、敏感性", "5. Sensitivity",
            [
                sensitivityChart,
                table(
                    [
                        column("变动项", "Varied"), column("取值", "Choice"),
                        number("平均值 \(gramsUnit)", "Mean \(gramsUnit)"),
                        number("相对变化", "Change"),
                    ], rows),
            ])
    }

    private func change(_ figure: PlanReportContent.Figure) -> Markup {
        switch figure {
        case .known(let value): .text(Decimal.change(value))
        case .unknown(let reason): dash(reason)
        }
    }

    /// The plan, the plans beside it, the boundary and the machines in it.
    var boundarySection: Markup {
        chapter(
            Anchor("boundary"), "六、计划、边界与主机", "6. Plan, boundary and hosts",
            [
                facts(planFacts), heading("本边界的全部封存计划", "All plans sealed for this boundary"),
                planTable,
            ]
                + assetParts + [heading("主机与设备", "Hosts and devices", of: summedShort), hostTable])
    }

    private var planFacts: [(String, Markup)] {
        let plan = content.plan
        return [
            (t("标题", "Title"), .text(plan.title)),
            (t("被评单位", "Organisation"), .text("\(plan.organization) · \(plan.contact)")),
            (t("存证", "Lodging"), lodged),
            (t("边界", "Boundary"), .text(plan.boundary)),
            (
                t("不在界内", "Exclusions"),
                plan.exclusions.isEmpty ? .text(t("未声明", "none declared")) : lines(plan.exclusions)
            ),
            (t("周期理由", "Why this period"), .text(plan.justification ?? "—")),
            (
                t("有效性规则", "Validity"),
                .text(
                    t(
                        "覆盖率低于 \(Decimal.percent(plan.minimumCoverage)) 的轮次无效；"
                            + "\(Decimal.percent(plan.minimumCoverage)) 至 "
                            + "\(Decimal.percent(plan.fullCoverage)) 之间补估并披露；时钟误差界 "
                            + "\(Decimal.significant(plan.maximumClockErrorMilliseconds)) "
                            + "ms；迟到记录宽限 \(Decimal.significant(plan.graceSeconds)) s",
                        "a round below \(Decimal.percent(plan.minimumCoverage)) "
                            + "coverage is invalid; up to "
                            + "\(Decimal.percent(plan.fullCoverage)) the lack is imputed "
                            + "and disclosed; clock error at most "
                            + "\(Decimal.significant(plan.maximumClockErrorMilliseconds)) "
                            + "ms; late records are waited for "
                            + "\(Decimal.significant(plan.graceSeconds)) s"
                    ))
            ),
            (
                t("规则摘要", "Rule digests"),
                plan.ruleDigests.isEmpty
                    ? .text(t("计划未限定", "left open by the plan"))
                    : group(plan.ruleDigests.flatMap { [code($0), tag("br")] })
            ),
        ]
    }

    /// The whole of what was lodged.
    private var lodged: Markup {
        switch content.plan.lodging {
        case .known(let proof):
            group([
                .text("\(proof.holder) · \(time(proof.time)) UTC · "), code(proof.proof),
            ])
        case .unknown(let reason): .text(t("无存证：", "not lodged: ") + say(reason))
        }
    }

    private var planTable: Markup {
        let rows = content.plans.map { plan in
            Row([
                .text(plan.title), code(plan.hash), .text(time(plan.sealed)),
                .text(span(plan.period)),
                .text(say(plan.fate)),
            ])
        }
        return rows.isEmpty
            ? note(t("无封存计划。", "No plan was sealed."))
            : table(
                [
                    column("标题", "Title"), column("哈希", "Hash"), column("封存（UTC）", "Sealed (UTC)"),
                    column("周期（UTC）", "Period (UTC)"), column("结果", "Fate"),
                ], rows, style: "narrow")
    }

    private var assetParts: [Markup] {
        let title = tag(
            "h3", .id(Anchor("assets")), parts: .text(t("边界与资产清单", "Boundary and asset list")))
        guard let assets = content.assets.value else {
            return [
                title,
                paragraph(t("未比对：", "Not compared: ") + (content.assets.reason.map(say) ?? "")),
            ]
        }
        let kinds: [(String, [PlanReportContent.AssetComparison.Difference])] = [
            (t("未入计划", "not planned"), assets.notPlanned),
            (t("清单无", "not listed"), assets.notListed),
            (t("界外", "outside"), assets.outside),
        ]
        let rows = kinds.flatMap { kind, machines in
            machines.map { machine in
                Row([
                    .text(kind), .text(machine.id), .text(machine.site), .text(machine.role),
                    .text(machine.reason.map(say) ?? "—"),
                ])
            }
        }
        return [
            title,
            tag(
                "p",
                parts: .text(
                    t(
                        "清单 \(assets.listed) 项，界内 \(assets.inBoundary) 项。清单摘要 ",
                        "\(assets.listed) listed, \(assets.inBoundary) inside. Digest of the list ")
                ),
                code(assets.digest)),
            rows.isEmpty
                ? note(t("清单与计划一致。", "List and plan agree."))
                : table(
                    [
                        column("情况", "Case"), column("资产", "Asset"), column("站点", "Site"),
                        column("角色", "Role"), column("原因", "Reason"),
                    ], rows, style: "narrow"),
        ]
    }

    private var hostTable: Markup {
        let rows = content.hosts.map { host in
            Row([
                .text(host.id + (host.isSimulated ? t("（模拟）", " (simulated)") : "")),
                .text(host.role),
                .text(host.sites.joined(separator: ", ")),
                .text(host.sources.joined(separator: "+")),
                .text(host.scopes.map(scope).joined(separator: "+")), .text(say(host.method)),
                .text(Decimal.percent(host.boundaryShare) + " · " + say(host.allocation)),
                kilowattHours(host.energy), percent(host.measuredShare),
            ])
        }
        return table(
            [
                column("主机", "Host"), column("角色", "Role"), column("站点", "Site"),
                column("来源", "Source"), column("范围", "Scope"), column("方法", "Method"),
                column("界内份额", "Boundary share"), number("kWh", "kWh"), number("实测占比", "Measured"),
            ], rows, style: "narrow hosts")
    }

    func scope(_ scope: String) -> String {
        switch scope {
        case "cpu+dram": t("仅CPU+内存", "cpu+dram only")
        case "host": t("整机", "host")
        case "none": t("无", "none")
        default: scope
        }
    }

    var coverageSection: Markup {
        let rows = byCoverage.map { host in
            Row([
                .text(host.id), .text(host.sites.joined(separator: ", ")), percent(host.coverage),
                figure(host.clockErrorMilliseconds), .text(spelled(host.agentVersion)),
            ])
        }
        return chapter(
            Anchor("coverage"), "七、覆盖率与时钟", "7. Coverage and clocks",
            [
                note(
                    t(
                        "覆盖率 = 有电能的时间 / 应在役时间，范围为\(summedShort)。最低者在前。",
                        "Coverage is time with known energy over time in service, in "
                            + "\(summedShort); the least comes first."
                    )), coverageChart,
                table(
                    [
                        column("主机", "Host"), column("站点", "Site"), number("覆盖率", "Coverage"),
                        number("时钟误差上限 ms", "Clock error up to ms"),
                        column("采集程序版本", "Agent version"),
                    ], rows, style: "narrow"),
            ])
    }
}
