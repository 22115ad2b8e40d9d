import Metering

/// The pieces that sections are made of.
extension PlanPage {
    /// A column of a table.
    struct Column {
        let title: String
        /// Numbers stand on the right, in figures of one width.
        let isNumber: Bool
    }

    func column(_ zh: String, _ en: String) -> Column {
        Column(title: t(zh, en), isNumber: false)
    }

    func number(_ zh: String, _ en: String) -> Column { Column(title: t(zh, en), isNumber: true) }

    /// A row of a table, and the place that it can be linked to.
    struct Row {
        var anchor: Anchor?
        var isMuted = false
        let cells: [Markup]

        init(_ cells: [Markup], anchor: Anchor? = nil, isMuted: Bool = false) {
            self.cells = cells
            self.anchor = anchor
            self.isMuted = isMuted
        }
    }

    /// A table whose head stands again on each printed page.
    func table(_ columns: [Column], _ rows: [Row], style: StaticString = "plain") -> Markup {
        let head = columns.map { column in
            tag(
                "th", .set("scope", "col"), .style(column.isNumber ? "n" : "w"),
                parts: .text(column.title))
        }
        let body = rows.map { row in
            let cells = zip(columns, row.cells).map { column, cell in
                tag("td", .style(column.isNumber ? "n" : "w"), parts: cell)
            }
            let muted: [Attribute] = row.isMuted ? [.style("muted")] : []
            return Markup.element("tr", (row.anchor.map { [.id($0)] } ?? []) + muted, cells)
        }
        return tag(
            "table", .style(style),
            parts: tag("thead", parts: tag("tr", content: head)), tag("tbody", content: body))
    }

    /// A numbered chapter that begins on a new printed page where `breaks` is set.
    func chapter(
        _ anchor: Anchor, _ zh: String, _ en: String, breaks: Bool = false, _ parts: [Markup]
    ) -> Markup {
        tag(
            "section", .id(anchor), .style(breaks ? "chapter breaks" : "chapter"),
            content: [tag("h2", parts: .text(t(zh, en)))] + parts)
    }

    func heading(_ zh: String, _ en: String) -> Markup { tag("h3", parts: .text(t(zh, en))) }

    /// A heading of what is summed, and which rounds it is the sum of.
    func heading(_ zh: String, _ en: String, of rounds: String) -> Markup {
        heading(zh + "（\(rounds)合计）", en + " (sum of \(rounds))")
    }

    func paragraph(_ text: String) -> Markup { tag("p", parts: .text(text)) }

    func note(_ text: String) -> Markup { tag("p", .style("note"), parts: .text(text)) }

    /// Where a figure's terms stand: an arrow to them.
    func link(_ text: String, to anchor: Anchor) -> Markup {
        tag("a", .link(anchor), parts: .text(text))
    }

    func group(_ parts: [Markup]) -> Markup { tag("span", content: parts) }

    func lines(_ texts: [String]) -> Markup {
        group(
            texts.enumerated().flatMap { index, text in
                index == 0 ? [Markup.text(text)] : [tag("br"), .text(text)]
            })
    }

    /// Texts with digests in them, each by itself.
    func items(_ texts: [String]) -> Markup {
        group(texts.map { tag("code", .style("item"), parts: .text($0)) })
    }

    /// A digest, which may break anywhere.
    func code(_ text: String) -> Markup { tag("code", parts: .text(text)) }

    /// A number, or a dash that says on a screen why there is none.
    func figure(_ figure: PlanReportContent.Figure) -> Markup {
        switch figure {
        case .known(let value): .text(Decimal.significant(value))
        case .unknown(let reason): dash(reason)
        }
    }

    func percent(_ figure: PlanReportContent.Figure) -> Markup {
        switch figure {
        case .known(let value): .text(Decimal.percent(value))
        case .unknown(let reason): dash(reason)
        }
    }

    func count(_ count: PlanReportContent.Count) -> Markup {
        switch count {
        case .known(let value): .text(Decimal.whole(value))
        case .unknown(let reason): dash(reason)
        }
    }

    func count(_ value: UInt64?) -> Markup { .text(value.map(Decimal.whole) ?? "—") }

    func kilowattHours(_ part: Known<PlanReportContent.EnergyPart, Wording>) -> Markup {
        switch part {
        case .known(let part): .text(Decimal.significant(part.kilowattHours))
        case .unknown(let reason): dash(reason)
        }
    }

    func total(_ energy: Known<PlanReportContent.Energy, Wording>) -> Markup {
        switch energy {
        case .known(let energy): .text(Decimal.significant(energy.total.kilowattHours))
        case .unknown(let reason): dash(reason)
        }
    }

    func dash(_ reason: Wording) -> Markup {
        tag("span", .style("unknown"), .set("title", say(reason)), parts: "—")
    }

    /// The number in full, or the reason in words.
    func spelled(_ figure: PlanReportContent.Figure, unit: String) -> String {
        switch figure {
        case .known(let value): "\(Decimal.significant(value)) \(unit)"
        case .unknown(let reason): "— \(t("（", "("))\(say(reason))\(t("）", ")"))"
        }
    }

    func spelled(_ text: Known<String, Wording>) -> String {
        text.value ?? text.reason.map { "— \(t("（", "("))\(say($0))\(t("）", ")"))" } ?? "—"
    }

    /// Facts by name, one a row.
    func facts(_ rows: [(String, Markup)]) -> Markup {
        tag(
            "table", .style("facts"),
            parts: tag(
                "tbody",
                content: rows.map { name, value in
                    tag(
                        "tr",
                        parts: tag("th", .set("scope", "row"), parts: .text(name)),
                        tag("td", parts: value))
                }))
    }

    /// A round as tables name it: `3`, or `R1` for a reserve round's place after the others.
    func name(_ round: PlanReportContent.Round) -> String {
        round.isReserve
            ? t("备用 ", "reserve ") + "\(round.number)" : "\(round.number)"
    }

    /// The name of a scenario that another table knows by its id.
    func scenarioName(_ id: String) -> String {
        content.scenarios.first { $0.id == id }.map { say($0.name) } ?? id
    }

    func title(_ round: PlanReportContent.Round) -> String {
        round.isReserve
            ? t("备用第 \(round.number) 轮", "Reserve round \(round.number)")
            : t("第 \(round.number) 轮", "Round \(round.number)")
    }

    func use(_ round: PlanReportContent.Round) -> String {
        switch round.use {
        case .counted: t("有效", "valid")
        case .replaces(let other): t("有效，替代第\(other)轮", "valid, replaces \(other)")
        case .invalid(nil): t("无效", "invalid")
        case .invalid(.some(let other)): t("无效，由第\(other)轮替代", "invalid, replaced by \(other)")
        case .notNeeded: t("备用，未启用", "not needed")
        case .notClosed: t("未关闭", "not closed")
        }
    }

    /// A text of at most so many columns, of which a character beyond Latin takes two, cut with an ellipsis: the
    /// first page has room for no more, and the chapter that it links to has all of it.
    func short(_ text: String, columns: Int) -> String {
        var width = 0
        var end = text.startIndex
        for index in text.indices {
            width += Self.columns(of: text[index])
            if width <= columns - 1 { end = text.index(after: index) }
            if width > columns { return text[..<end] + "…" }
        }
        return text
    }

    /// Columns that a character takes: beyond Latin two.
    static func columns(of character: Character) -> Int {
        character.unicodeScalars.allSatisfy { $0.value < 0x1100 } ? 1 : 2
    }

    func anchor(_ round: PlanReportContent.Round) -> Anchor { Anchor("round", round.number) }
}
