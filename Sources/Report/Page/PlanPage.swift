import Metering

extension PlanReportContent {
    /// The report as one HTML file: no script, no request to anywhere, made to be read on a screen
    /// and to be printed on A4.
    package func html(_ language: Language) -> String { PlanPage(self, language).html() }
}

/// The page of one report in one language: what its sections share.
struct PlanPage {
    let content: PlanReportContent
    let language: Language

    init(_ content: PlanReportContent, _ language: Language) {
        self.content = content
        self.language = language
    }

    func html() -> String {
        let head = tag(
            "head",
            content: [
                tag("meta", .set("charset", "utf-8")),
                tag(
                    "meta", .set("http-equiv", "Content-Security-Policy"),
                    .set("content", "default-src 'none'; style-src 'unsafe-inline'")),
                tag(
                    "meta", .set("name", "viewport"), .set("content", "width=device-width")),
                tag("title", parts: "\(heading) · \(content.plan.title)"),
                Stylesheet.element(isSimulated: content.isSimulated, heading: content.standing),
            ])
        let body = tag(
            "body",
            content: (content.isSimulated ? [simulatedBanner] : [])
                + [tag("main", content: firstPage + sections + [footer])])
        var out = "<!DOCTYPE html>\n"
        tag("html", .set("lang", language.rawValue), content: [head, body]).write(to: &out)
        return out + "\n"
    }

    private var sections: [Markup] {
        [
            roundsSection, flowsSection, energySection, emissionsSection, sensitivitySection,
            boundarySection, coverageSection, revisionsSection, monthsSection, observationSection,
            methodSection, traceSection,
        ]
    }

    /// One of two texts of the program, by language.
    func t(_ zh: String, _ en: String) -> String { language == .chinese ? zh : en }

    /// A sentence of the content.
    func say(_ wording: Wording) -> String { wording[language] }

    var heading: String {
        switch content.standing {
        case .assessment: t("评估报告", "Assessment report")
        case .incomplete: t("评估未完成", "Assessment not completed")
        case .notAssessment: t("非评估结果", "Not an assessment")
        }
    }

    /// What the headline is called.
    var figureName: String { say(content.figureName) }

    var gas: String { Self.name(of: content.result.unit, language) }

    var gramsUnit: String {
        content.result.unit == .mixed ? t("g（混合口径）", "g (mixed basis)") : gas
    }

    static func name(of unit: PlanReportContent.EmissionUnit, _ language: Language) -> String {
        switch (unit, language) {
        case (.carbonDioxide, _): "gCO₂"
        case (.equivalent, _): "gCO₂e"
        case (.mixed, .chinese): "g 混合口径（O：CO₂，M：CO₂e）"
        case (.mixed, .english): "g, mixed basis (O: CO₂, M: CO₂e)"
        }
    }

    /// Time by the clock of UTC, to the second: `2026-11-21 16:00:00`.
    func time(_ time: Timestamp) -> String {
        String(Notation.utc(time).prefix(19).map { $0 == "T" ? " " : $0 })
    }

    func day(_ time: Timestamp) -> String {
        String(Notation.utc(time).prefix(16).map { $0 == "T" ? " " : $0 })
    }

    func span(_ span: PlanReportContent.Span) -> String { "\(day(span.from)) – \(day(span.to))" }

    private var simulatedBanner: Markup {
        tag(
            "div", .style("simulated"),
            parts: .text(
                t(
                    "模拟数据：本报告的数值含有模拟计数器的电能，不得作为评估结果使用",
                    "SIMULATED: energy of simulated counters is in these figures; "
                        + "they are no result of an assessment"
                )))
    }

    private var footer: Markup {
        tag(
            "footer",
            parts: .text(
                "\(content.software.name) \(content.software.version) · "
                    + t("生成时间", "generated") + " \(time(content.generated)) UTC · "
                    + t(
                        "数值按四位有效数字显示，四舍六入五成双；完整精度见 JSON",
                        "numbers are shown to four significant digits, ties to even; "
                            + "full precision is in the JSON"
                    )))
    }
}

extension PlanReportContent {
    /// The label that the standard's result is printed under, with what it leaves out.
    ///
    /// Not SCI_CF without a sealed plan, or with weights other than those of Table 2.
    var figureName: Wording {
        let isResult: Bool
        switch standing {
        case .assessment, .incomplete: isResult = plan.usesStandardWeights
        case .notAssessment: isResult = false
        }
        let omission =
            plan.embodied.isIncluded ? Wording("") : Wording(zh: "（M未统计）", en: " (M omitted)")
        return isResult
            ? Wording(zh: "SCI_CF" + omission.zh, en: "SCI_CF" + omission.en)
            : Wording(
                zh: "碳强度" + omission.zh, en: "Carbon intensity" + omission.en)
    }

    /// What the energy speaks of: labels that have to stand beside the result.
    var scopeLabels: [Wording] {
        var labels: [Wording] = [
            plan.scope == .equipment
                ? Wording(zh: "仅IT设备口径（未乘PUE）", en: "IT equipment only (no PUE)")
                : Wording(zh: "设施口径（乘以实测PUE）", en: "facility (times measured PUE)")
        ]
        let scopes = Set(hosts.flatMap(\.scopes))
        if scopes.contains("cpu+dram") {
            labels.append(
                scopes.count == 1
                    ? Wording(zh: "仅CPU+内存口径", en: "CPU and memory only")
                    : Wording(
                        zh: "部分主机仅CPU+内存口径", en: "CPU and memory only on some hosts"))
        }
        if scopes.contains("none") {
            labels.append(Wording(zh: "有主机无电能来源", en: "a host without energy source"))
        }
        return labels
    }
}
