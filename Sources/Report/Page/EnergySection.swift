import Metering

extension PlanPage {
    /// A state of energy with its name and its colour.
    struct EnergyState {
        let name: String
        let style: StaticString
        let part: PlanReportContent.EnergyPart
    }

    func energyStates(_ energy: PlanReportContent.Energy) -> [EnergyState] {
        [
            EnergyState(name: t("实测", "measured"), style: "measured", part: energy.measured),
            EnergyState(name: t("跨接", "bridged"), style: "bridged", part: energy.bridged),
            EnergyState(name: t("估算", "estimated"), style: "estimated", part: energy.estimated),
            EnergyState(name: t("补估", "imputed"), style: "imputed", part: energy.imputed),
        ]
    }

    var energySection: Markup {
        chapter(
            Anchor("energy"), "三、电能 E", "3. Electricity E", breaks: true,
            [
                note(
                    t(
                        "实测：计数器差值；跨接：读数缺失期间的差值，总量准确；估算：功率模型或墙上功率比；补估：缺口按同小时 p95 与前值之大者向上补。",
                        "Measured: differences of counters. Bridged: differences "
                            + "across missing readings, exact in sum. Estimated: by a "
                            + "power model or a wall ratio. Imputed: gaps filled upward, "
                            + "by the larger of the hour's p95 and the value before."
                    )), energyChart, energyTable, heading("按来源", "By source", of: summedShort),
                sourceTable,
                heading("按站点", "By site", of: summedShort), siteTable,
            ] + meterTable)
    }

    private var energyTable: Markup {
        let columns = [
            column("轮次", "Round"), number("合计 kWh", "Total kWh"), number("实测 kWh", "Measured kWh"),
            number("跨接 kWh", "Bridged kWh"), number("估算 kWh", "Estimated kWh"),
            number("补估 kWh", "Imputed kWh"), number("补估占比", "Imputed share"),
            number("空闲 kWh", "Idle kWh"), number("其中模拟", "Simulated"),
        ]
        let rounds = content.rounds.map { round in
            Row(
                [link(name(round), to: Anchor("trace", round.number))] + cells(round.energy),
                isMuted: !round.use.isCounted)
        }
        let sum = Row([.text(summedRow)] + cells(content.energy))
        return table(columns, rounds + [sum], style: "narrow")
    }

    private func cells(_ energy: Known<PlanReportContent.Energy, Wording>) -> [Markup] {
        guard let energy = energy.value else {
            return [total(energy)] + [Markup](repeating: "—", count: 7)
        }
        return [.text(Decimal.significant(energy.total.kilowattHours))]
            + energyStates(energy).map { .text(Decimal.significant($0.part.kilowattHours)) }
            + [
                .text(Decimal.percent(energy.imputed.share)), kilowattHours(energy.idle),
                .text(Decimal.percent(energy.simulated.share)),
            ]
    }

    private var siteTable: Markup {
        let columns = [
            column("站点", "Site"), number("合计 kWh", "Total kWh"), number("实测", "Measured"),
            number("跨接", "Bridged"), number("估算", "Estimated"), number("补估", "Imputed"),
            number("其中模拟", "Simulated"),
        ]
        let rows = content.sites.map { site in
            Row([.text("\(site.name) (\(site.site))")] + shares(site.energy))
        }
        return table(columns, rows)
    }

    private var sourceTable: Markup {
        let columns = [
            column("来源", "Source"), column("范围", "Scope"), number("合计 kWh", "Total kWh"),
            number("实测", "Measured"), number("跨接", "Bridged"), number("估算", "Estimated"),
            number("补估", "Imputed"), number("其中模拟", "Simulated"),
        ]
        let rows = content.sources.map { source in
            Row([.text(source.source), .text(scope(source.scope))] + shares(source.energy))
        }
        return table(columns, rows)
    }

    /// The total, and its shares by state.
    private func shares(_ energy: Known<PlanReportContent.Energy, Wording>) -> [Markup] {
        guard let known = energy.value else {
            return [total(energy)] + [Markup](repeating: "—", count: 5)
        }
        return [total(energy)] + energyStates(known).map { .text(Decimal.percent($0.part.share)) }
            + [.text(Decimal.percent(known.simulated.share))]
    }

    private var meterTable: [Markup] {
        guard !content.meterComparisons.isEmpty else { return [] }
        let rows = content.meterComparisons.map { line in
            Row([
                .text(line.meter), .text(span(line.span)),
                .text(Decimal.significant(line.metered.kilowattHours)),
                kilowattHours(line.summed), figure(line.ratio), code(line.digest),
            ])
        }
        return [
            heading("与电表核对", "Beside imported meters"),
            table(
                [
                    column("电表", "Meter"), column("时间（UTC）", "Time (UTC)"),
                    number("电表 kWh", "Metered kWh"),
                    number("主机合计 kWh", "Hosts kWh"), number("比值", "Ratio"),
                    column("导入摘要", "Import"),
                ], rows, style: "narrow"),
        ]
    }

    /// O by round and site, M, and the documents of the factors.
    var emissionsSection: Markup {
        chapter(
            Anchor("emissions"), "四、碳排放 O 与 M", "4. Emissions O and M",
            [
                note(
                    t(
                        "O = Σ E·EF，按站点、电力来源与时段分别相乘，以基于位置的因子计；PUE 只乘 O，不乘 E。基于市场的数值只作第二口径。",
                        "O = Σ E·EF by site, electricity source and stretch of time, "
                            + "with location-based factors; PUE multiplies O, never E. "
                            + "Market-based values are a second line only."
                    )), operationalTable, heading("硬件隐含碳 M", "Embodied emissions M"),
                paragraph(embodiedPolicy), embodiedTable,
                heading("排放因子文件", "Documents of the factors"), factorTable,
            ])
    }

    private var operationalTable: Markup {
        let columns = [
            column("轮次", "Round"), column("站点", "Site"), number("电能 kWh", "Energy kWh"),
            column("因子", "Factor"), number("PUE", "PUE"), number("O（IT）g", "O (IT) g"),
            number("O（设施）g", "O (facility) g"), number("O（市场）g", "O (market) g"),
        ]
        let rows = content.rounds.flatMap { round in
            round.sites.enumerated().map { index, site in
                Row(
                    [
                        index == 0 ? link(name(round), to: Anchor("trace", round.number)) : "",
                        .text(site.name),
                    ] + cells(site), anchor: index == 0 ? Anchor("sites", round.number) : nil,
                    isMuted: !round.use.isCounted)
            }
        }
        let sums = content.sites.map { site in
            Row([.text(summedRow), .text(site.name)] + cells(site))
        }
        return table(columns, rows + sums, style: "narrow")
    }

    private func cells(_ site: PlanReportContent.SiteEnergy) -> [Markup] {
        [
            total(site.energy), lines(site.factorIDs), figure(site.pue),
            figure(site.operationalIT), figure(site.operationalFacility),
            figure(site.operationalMarket),
        ]
    }

    private var embodiedTable: Markup {
        let rows = content.rounds.map { round in
            let parts = round.embodied.value
            let cells: [Markup] =
                parts.map { mass in
                    [mass.low, mass.typical, mass.high].map { .text(Decimal.significant($0)) }
                } ?? [Markup](repeating: embodied(round.embodied), count: 3)
            return Row(
                [link(name(round), to: Anchor("trace", round.number))] + cells,
                isMuted: !round.use.isCounted)
        }
        return table(
            [
                column("轮次", "Round"), number("低 gCO₂e", "Low gCO₂e"),
                number("典型 gCO₂e（计入）", "Typical gCO₂e (used)"), number("高 gCO₂e", "High gCO₂e"),
            ], rows)
    }

    private var factorTable: Markup {
        let rows = content.factors.map { document in
            let factor = document.factor
            return Row([
                .text(factor.id),
                .text("\(Decimal.significant(factor.gramsPerKilowattHour)) \(factor.gas)/kWh"),
                .text(document.level), .text("\(factor.year)"), .text(factor.basis),
                .text(factor.grade), .text(factor.source), lines(document.uses),
                .text(
                    document.isMarketBased
                        ? t("市场（第二口径）", "market, second line") : t("位置", "location")),
            ])
        }
        return table(
            [
                column("编号", "Id"), number("数值", "Value"), column("层级", "Level"),
                column("年份", "Year"), column("口径", "Basis"), column("等级", "Grade"),
                column("来源文件", "Document"), column("用于", "Used for"), column("类别", "Kind"),
            ], rows, style: "narrow")
    }
}
