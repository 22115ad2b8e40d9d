import Metering

extension PlanPage {
    /// Of each round, host and factor segment: the terms of O and M, and the records they are from.
    var traceSection: Markup {
        chapter(
            Anchor("trace"), "附表：逐主机记录", "Annex: rows by host", breaks: true,
            [
                note(
                    t(
                        "每行为一台主机在一轮中的一个因子时段：电能来自所列运行与序号的记录；根为这些记录的摘要（此处为前 16 位，全文见 JSON 与上游数据文件）。",
                        "Each row is a stretch of a host's round under one factor. "
                            + "Its energy is from the records of the runs and sequences "
                            + "that stand in it; the root is their digest (its first 16 "
                            + "digits; JSON and upstream file have it whole)."
                    ))
            ] + content.rounds.flatMap(rows))
    }

    private func rows(_ round: PlanReportContent.Round) -> [Markup] {
        let head = tag(
            "h3", .id(Anchor("trace", round.number)),
            parts: .text(title(round) + " · " + span(round.span)))
        guard !round.hosts.isEmpty else {
            return [head, note(t("无记录。", "There are no records."))]
        }
        let rows = round.hosts.enumerated().flatMap { index, host in
            self.rows(host, Anchor("trace", round.number, index), isMuted: !round.use.isCounted)
        }
        return [head, table(traceColumns, rows, style: "trace")]
    }

    private var traceColumns: [Column] {
        [
            column("主机", "Host"), column("站点 · 因子", "Site · factor"),
            number("界内 kWh", "kWh inside"),
            number("O（IT）g", "O (IT) g"), number("O（设施）g", "O (fac.) g"), number("M g", "M g"),
            number("覆盖率", "Coverage"), column("运行 : 序号", "Run : sequence"),
            column("记录根", "Records root"),
        ]
    }

    private func rows(
        _ host: PlanReportContent.HostRound, _ anchor: Anchor, isMuted: Bool
    ) -> [Row] {
        let quality = host.quality
        let runs = lines(quality.runs.map { "\($0.name) : \($0.first)–\($0.last)" })
        let first: [Markup] = [
            figure(host.embodied.grams), percent(quality.coverage),
            host.meter.map { .text(t("电表 ", "meter ") + $0) } ?? runs,
            code(quality.recordsRoot.value.map { String($0.prefix(16)) } ?? "—"),
        ]
        guard !host.segments.isEmpty else {
            return [
                Row(
                    [.text(host.host), "—", "—", "—", "—"] + first, anchor: anchor,
                    isMuted: isMuted)
            ]
        }
        return host.segments.enumerated().map { index, segment in
            Row(
                [
                    .text(index == 0 ? host.host : ""),
                    .text(
                        "\(segment.site) · \(segment.factorID)"
                            + (host.segments.count > 1 ? " · \(span(segment.span))" : "")),
                    total(segment.boundary), figure(segment.operationalIT),
                    figure(segment.operationalFacility),
                ] + (index == 0 ? first : ["", "", "", ""]),
                anchor: index == 0 ? anchor : nil, isMuted: isMuted)
        }
    }
}
