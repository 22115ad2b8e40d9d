import Metering

/// Drawings of the figures. What is computed here are places on the paper, never figures.
extension PlanPage {
    /// Hosts that the drawing of coverage shows; with more, these least covered ones.
    static let coverageBars = 40

    private static let width = 960.0

    func drawing(_ height: Double, caption: String, _ shapes: [Markup]) -> Markup {
        tag(
            "figure",
            parts: tag(
                "svg",
                .set("viewBox", "0 0 \(Decimal.plain(Self.width)) \(Decimal.plain(height))"),
                .set("role", "img"), .set("aria-label", caption), content: shapes),
            tag("figcaption", parts: .text(caption)))
    }

    private func label(
        _ text: String, _ x: Double, _ y: Double, _ style: StaticString = "soft"
    ) -> Markup {
        tag("text", .at("x", x), .at("y", y), .style(style), parts: .text(text))
    }

    private func rule(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: StaticString
    ) -> Markup {
        tag(
            "line", .at("x1", x1), .at("y1", y1), .at("x2", x2), .at("y2", y2), .style(style),
            content: [])
    }

    private func box(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: StaticString,
        says: String
    ) -> Markup {
        tag(
            "rect", .at("x", x), .at("y", y), .at("width", max(0, width)),
            .at("height", max(0, height)), .style(style), parts: tag("title", parts: .text(says)))
    }

    /// Lines at round values from zero to the top, with what they stand for on the left.
    private func scale(_ axis: Axis, left: Double, right: Double, unit: String) -> [Markup] {
        axis.ticks.flatMap { tick in
            let y = axis.place(tick)
            return [
                rule(left, y, right, y, "grid"),
                label(axis.name(tick), left - 8, y + 4, "soft end"),
            ]
        } + [label(unit, 0, axis.top - 14)]
    }

    /// Each round's energy by state, one bar a round.
    var energyChart: Markup {
        let height = 260.0
        let left = 70.0
        let axis = Axis(
            highest: content.rounds.compactMap { $0.energy.value?.total.kilowattHours }.max() ?? 0,
            top: 44, bottom: height - 30)
        let step = (Self.width - left - 10) / Double(max(1, content.rounds.count))
        let bars = content.rounds.enumerated().flatMap { index, round -> [Markup] in
            let x = left + step * (Double(index) + 0.5)
            let width = min(64, step * 0.6)
            var y = axis.bottom
            let parts: [Markup] = (round.energy.value.map(energyStates) ?? []).map { state in
                let size = axis.length(state.part.kilowattHours)
                y -= size
                return box(
                    x - width / 2, y, width, size, state.style,
                    says: "\(state.name) \(Decimal.significant(state.part.kilowattHours)) kWh")
            }
            return parts + [
                label(name(round) + (round.use.isCounted ? "" : " *"), x, height - 10, "mid")
            ]
        }
        let names = energyStates(.init(total: .none))
        let legend = names.enumerated().flatMap { index, state in
            let x = left + Double(index) * 120
            return [
                box(x, 6, 12, 12, state.style, says: state.name), label(state.name, x + 18, 16),
            ]
        }
        return drawing(
            height,
            caption: t("各轮电能按状态（* 未计入结果）", "Energy of each round by state (* not in the result)"),
            legend + scale(axis, left: left, right: Self.width, unit: "kWh") + bars)
    }

    /// SCIʲ of each round with the mean, its interval and the ratio of sums.
    var intensityChart: Markup {
        let height = 280.0
        let left = 80.0
        let right = Self.width - 200
        let result = content.result
        let values = content.rounds.compactMap(\.intensity.value)
        let lines = [result.mean.value ?? result.partialMean.value, result.ratioOfSums.value]
        let highest = (values + lines.compactMap { $0 } + [result.interval.value?.high ?? 0]).max()
        let axis = Axis(highest: highest ?? 0, top: 34, bottom: height - 30)
        var shapes: [Markup] = []
        if let interval = result.interval.value {
            let low = axis.place(max(0, interval.low))
            let high = axis.place(interval.high)
            shapes.append(
                box(
                    left, high, right - left, low - high, "band",
                    says: t("95 % 区间", "95 % interval")))
        }
        shapes += scale(axis, left: left, right: right, unit: gramsUnit)
        let names = [t("平均", "mean"), t("总量之比", "ratio of sums")]
        let placed = lines.map { $0.map(axis.place) }
        let areClose = abs((placed[0] ?? -100) - (placed[1] ?? 100)) < 14
        for (index, value) in lines.enumerated() {
            guard let value, let y = placed[index] else { continue }
            let isHigher = y < (placed[1 - index] ?? y) || (index == 0 && placed[0] == placed[1])
            let aside = areClose ? (isHigher ? -5.0 : 9.0) : 0
            shapes.append(rule(left, y, right, y, index == 0 ? "mean" : "ratio"))
            shapes.append(
                label("\(names[index]) \(Decimal.significant(value))", right + 6, y + 4 + aside))
        }
        let step = (right - left) / Double(max(1, content.rounds.count))
        shapes += content.rounds.enumerated().flatMap { index, round in
            point(round, left + step * (Double(index) + 0.5), axis, height)
        }
        return drawing(
            height,
            caption: t(
                "各轮 SCIʲ：实心为计入，空心为未计入，缺点者无值；带为平均值的 95 % 区间",
                "SCIʲ of each round: filled in the result, hollow not; none where it "
                    + "is not known. The band is the mean's 95 % interval"
            ), shapes)
    }

    private func point(
        _ round: PlanReportContent.Round, _ x: Double, _ axis: Axis, _ height: Double
    ) -> [Markup] {
        let foot = label(name(round), x, height - 10, "mid")
        guard let value = round.intensity.value, value.isFinite else {
            return [label("—", x, axis.bottom - 6, "mid"), foot]
        }
        let y = axis.place(value)
        return [
            tag(
                "circle", .at("cx", x), .at("cy", y), .at("r", 5),
                .style(round.use.isCounted ? "point" : "left-out"),
                parts: tag("title", parts: .text(Decimal.significant(value)))),
            label(Decimal.significant(value), x, y - 10, "mid"), foot,
        ]
    }

    /// Coverage of the hosts, the least covered first.
    var coverageChart: Markup {
        let shown = Array(byCoverage.prefix(Self.coverageBars))
        let row = 16.0
        let top = 26.0
        let left = 220.0
        let right = Self.width - 80
        let height = top + row * Double(shown.count) + 8
        let lowest = shown.compactMap(\.coverage.value).min() ?? 0
        let start = lowest >= 0.9 ? 0.9 : lowest >= 0.5 ? 0.5 : 0
        let place = { (share: Double) in
            left + (right - left) * (min(1, max(start, share)) - start) / (1 - start)
        }
        let limits = [start, content.plan.minimumCoverage, content.plan.fullCoverage, 1]
        let marks = Set(limits.filter { $0 >= start && $0 <= 1 }).sorted()
        var last = -100.0
        let grid = marks.flatMap { mark -> [Markup] in
            let x = place(mark)
            let line = rule(x, top - 4, x, height - 6, "grid")
            guard x - last > 60 else { return [line] }
            last = x
            return [line, label(Decimal.percent(mark), x, top - 10, "soft mid")]
        }
        let bars = shown.enumerated().flatMap { index, host -> [Markup] in
            let y = top + row * Double(index)
            let name = label(Self.short(host.id, within: left - 8), left - 8, y + 11, "end")
            guard let coverage = host.coverage.value else {
                return [name, label("—", left + 4, y + 11)]
            }
            let isLow = coverage < content.plan.fullCoverage
            return [
                name,
                box(
                    left, y + 2, place(coverage) - left, row - 5, isLow ? "low" : "bar",
                    says: Decimal.percent(coverage)),
                label(Decimal.percent(coverage), right + 8, y + 11),
            ]
        }
        let rest = content.hosts.count - shown.count
        return drawing(
            height,
            caption: t("各主机覆盖率，最低者在前", "Coverage by host, the least first")
                + (rest > 0
                    ? t(
                        "；其余 \(rest) 台不低于所示，见下表",
                        "; the other \(rest) are no lower and stand in the table")
                    : ""),
            grid + bars)
    }

    /// The mean under each choice beside the result.
    var sensitivityChart: Markup {
        let row = 24.0
        let top = 26.0
        let left = 400.0
        let right = Self.width - 100
        let lines = content.sensitivity
        let height = top + row * Double(lines.count) + 10
        let axis = Axis(
            highest: lines.compactMap(\.mean.value).max() ?? 0, top: 0, bottom: right - left)
        let headline = lines.first { $0.isHeadline }?.mean.value
        let guide =
            headline.map { value in
                [
                    rule(
                        left + axis.length(value), top - 8, left + axis.length(value), height - 6,
                        "ratio")
                ]
            } ?? []
        let bars = lines.enumerated().flatMap { index, line -> [Markup] in
            let y = top + row * Double(index)
            let text = Self.short(
                say(line.group) + t("：", ": ") + say(line.choice), within: left - 8)
            let name = label(text, left - 8, y + 15, "end")
            guard let value = line.mean.value else { return [name, label("—", left + 4, y + 15)] }
            return [
                name,
                box(
                    left, y + 4, axis.length(value), row - 8, line.isHeadline ? "chosen" : "bar",
                    says: Decimal.significant(value)),
                label(Decimal.significant(value), left + axis.length(value) + 6, y + 15),
            ]
        }
        return drawing(
            height,
            caption: t(
                "其他取值下的平均值（\(gramsUnit)）；虚线为本报告结果",
                "The mean under other choices (\(gramsUnit)); the dashed line is the result"),
            guide + bars)
    }

    /// Names in drawings are cut where they are wider than their room; tables have them whole.
    private static func short(_ name: String, within room: Double) -> String {
        var rest = room
        for index in name.indices {
            rest -= advance(of: name[index])
            if rest < 0 { return String(name[..<index].dropLast(2)) + "…" }
        }
        return name
    }

    /// Of a character of 12 units, at most: Han characters are as wide as they are high.
    private static func advance(of character: Character) -> Double {
        character.unicodeScalars.contains { $0.value >= 0x2E80 } ? 12 : 7.2
    }
}

/// A scale from zero to a round value above the highest.
struct Axis {
    let top: Double
    let bottom: Double
    let step: Double
    let count: Int

    init(highest: Double, top: Double, bottom: Double) {
        self.top = top
        self.bottom = bottom
        var step = 1.0
        let wanted = highest.isFinite && highest > 0 ? highest / 4 : 0.25
        while step > wanted, step > 1e-300 { step /= 10 }
        while step * 10 <= wanted { step *= 10 }
        for times in [1.0, 2, 2.5, 5, 10] where step * times >= wanted {
            step *= times
            break
        }
        self.step = step
        count = max(1, Int((max(0, highest.isFinite ? highest : 0) / step).rounded(.up)))
    }

    var ticks: [Double] { (0...count).map { Double($0) * step } }

    /// How long a value is drawn.
    func length(_ value: Double) -> Double {
        guard value.isFinite else { return 0 }
        return (bottom - top) * max(0, value) / (step * Double(count))
    }

    /// The height at which a value stands.
    func place(_ value: Double) -> Double { bottom - length(value) }

    /// A tick's value as short as its step allows.
    func name(_ tick: Double) -> String {
        var text = Decimal.significant(tick)
        while text.contains("."), text.last == "0" || text.last == ".", !text.contains("×") {
            let wasPoint = text.last == "."
            text.removeLast()
            if wasPoint { break }
        }
        return text
    }
}
