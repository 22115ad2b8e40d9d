package import Assessment
import Metering

/// What a plan means, for people who do not know the file's keys; one sentence a line.
package struct PlanSentences {
    private let plan: Plan
    private let language: SentenceLanguage

    package init(_ plan: Plan, in language: SentenceLanguage) {
        self.plan = plan
        self.language = language
    }

    /// All lines, in the order in which an assessor asks.
    package var lines: [String] {
        heading + rounds + plan.scenarios.map(scenario) + plan.sites.flatMap(site)
            + plan.hosts.map(host) + plan.devices.map(device) + embodied + rules
    }

    private func say(_ english: String, _ chinese: String) -> String {
        language.say(english, chinese)
    }

    private func list(_ words: [String]) -> String {
        words.map(\.harmless).joined(separator: say(", ", "、"))
    }

    // MARK: - What and when

    private var heading: [String] {
        [
            say("Plan: ", "评估方案：") + plan.title.harmless,
            say("Organization: ", "被评估机构：") + plan.organization.harmless,
            say("Contact: ", "联系人：") + plan.contact.harmless,
            say("Boundary: ", "评估边界：") + plan.boundary.harmless,
        ] + plan.exclusions.map { say("Outside the boundary: ", "边界之外：") + $0.harmless }
    }

    private var rounds: [String] {
        let schedule = plan.schedule
        let length = language.length(schedule.length)
        let start = schedule.start.rfc3339InShanghai
        let end = schedule.period.end.rfc3339InShanghai
        let last = schedule.end(afterRounds: schedule.rounds + schedule.reserve).rfc3339InShanghai
        var lines = [
            say(
                "\(schedule.rounds) round\(schedule.rounds == 1 ? "" : "s") of \(length), from \(start) to \(end); the end is not part "
                    + "of a round.",
                "共 \(schedule.rounds) 轮，每轮 \(length)，自 \(start) 至 \(end)，每轮含起点、不含终点。"),
            schedule.reserve == 0
                ? say(
                    "No round is in reserve: after an invalid round the assessment is not complete.",
                    "没有备用轮次：任一轮无效，评估即未完成。")
                : say(
                    "\(schedule.reserve) rounds after these, until \(last), are in reserve: the first "
                        + "valid ones replace invalid rounds.",
                    "其后 \(schedule.reserve) 轮为备用轮次（至 \(last)），按先后顺序以有效的备用轮次替换无效轮次。"),
            say(
                "A round closes \(language.length(schedule.grace)) after its end; what comes later "
                    + "makes a new revision.",
                "每轮结束 \(language.length(schedule.grace))后关闭；此后到达的数据形成新的修订版本。"),
        ]
        if let reason = schedule.justification {
            lines.append(say("Why this period: ", "选取该时段的理由：") + reason.harmless)
        }
        return lines
    }

    private func scenario(_ scenario: PlannedScenario) -> String {
        let name = scenario.id.name.harmless
        let weight = StandardWeights.weight(of: scenario.id)
        let head =
            weight.map { say("Scenario \(name), weight \($0): ", "场景 \(name)，权重 \($0)：") }
            ?? say("Scenario \(name), not of the standard: ", "场景 \(name)（非标准场景）：")
        if case .ledger(let reason) = scenario.volume {
            return head
                + say(
                    "TA is taken from the imported ledger, because \(reason.harmless).",
                    "TA 取自导入的业务台账，原因：\(reason.harmless)。")
        }
        let hosts = list(scenario.countingHosts)
        let counted =
            scenario.countingHosts.isEmpty
            ? say(
                "counted from traffic by any host of the plan.", "由方案内任一主机从流量统计。")
            : say("counted from traffic by \(hosts) alone.", "仅由 \(hosts) 从流量统计。")
        let reconciled =
            scenario.isReconciled
            ? say(
                " TA must equal the imported ledger, day by day.", "TA 须逐日与导入的业务台账一致。")
            : ""
        return head + counted + reconciled
    }

    // MARK: - Where

    private func site(_ site: Site) -> [String] {
        let name = "\(site.id) (\(site.name.harmless))"
        var lines = site.supplies.map { supply in
            say("Site \(name): ", "站点 \(name)：") + self.supply(supply)
        }
        lines += site.marketSupplies.map { supply in
            say(
                "Site \(name), market-based and never in the headline: ",
                "站点 \(name)（基于市场，不进入主结果）：") + self.supply(supply)
        }
        if let pue = site.pue {
            let applied =
                plan.scope == .facility
                ? say("multiplies O", "乘入 O") : say("does not enter O", "不计入 O")
            lines.append(
                say("Site \(name): PUE ", "站点 \(name)：PUE ") + ratio(pue)
                    + say(", \(applied).", "，\(applied)。"))
        }
        return lines
    }

    private func supply(_ supply: Supply) -> String {
        let since =
            supply.from.map { say("from \($0.rfc3339InShanghai) ", "自 \($0.rfc3339InShanghai) 起，") }
            ?? say("from the beginning ", "自始，")
        let source = supply.source.harmless
        guard let factor = plan.factors.first(where: { $0.id == supply.factor }) else {
            return since + source
        }
        let grams = factor.microgramsPerKilowattHour.decimal(digits: 6)
        let text = "\(factor.id.harmless), \(grams) \(factor.gas.rawValue)/kWh"
        let document = factor.source.harmless
        return since
            + say(
                "\(source), factor \(text), grade \(factor.grade.harmless), from \(document).",
                "\(source)，排放因子 \(text)，等级 \(factor.grade.harmless)，出处：\(document)。")
    }

    private func ratio(_ ratio: MeasuredRatio) -> String {
        let (source, period) = (ratio.source.harmless, ratio.period.harmless)
        return ratio.value.decimal
            + say(" (measured: \(source), \(period))", "（实测：\(source)，\(period)）")
    }

    private func host(_ host: PlannedHost) -> String {
        let places = host.assignments.map { assignment in
            let from = assignment.from.map { say(" from ", "，自 ") + $0.rfc3339InShanghai } ?? ""
            let to = assignment.to.map { say(" to ", "，至 ") + $0.rfc3339InShanghai } ?? ""
            return assignment.site + from + to
        }
        var line = say(
            "Host \(host.id) (\(host.role.harmless)) at \(places.joined(separator: ", then "))",
            "主机 \(host.id)（\(host.role.harmless)），位于 \(places.joined(separator: "；随后 "))")
        line += share(host.allocation)
        if let wall = host.wallRatio {
            line += say(
                "; the energy of CPUs and memory is lifted by \(ratio(wall)) and called estimated",
                "；CPU 与内存电量按 \(ratio(wall)) 换算为整机电量，标记为估算")
        }
        return line + hardware(host.model, host.installed) + say(".", "。")
    }

    private func device(_ device: PlannedDevice) -> String {
        let (role, meter) = (device.role.harmless, device.meter.harmless)
        return say(
            "Device \(device.id) (\(role)) at \(device.site), energy from meter \(meter)",
            "设备 \(device.id)（\(role)），位于 \(device.site)，电量取自计量表 \(meter)")
            + share(device.allocation) + hardware(device.model, device.installed) + say(".", "。")
    }

    private func share(_ allocation: Allocation) -> String {
        guard case .reserved(let share, let reason) = allocation else { return "" }
        return say(
            ", of which \(share.decimal) belongs to the boundary (\(reason.harmless))",
            "，其中 \(share.decimal) 属于评估边界（\(reason.harmless)）")
    }

    private func hardware(_ model: String?, _ installed: Timestamp?) -> String {
        guard let model else { return "" }
        let since =
            installed.map {
                say(" installed \($0.rfc3339InShanghai)", "，启用于 \($0.rfc3339InShanghai)")
            }
            ?? ""
        return say("; hardware \(model)\(since)", "；硬件型号 \(model)\(since)")
    }

    // MARK: - Rules

    private var embodied: [String] {
        switch plan.embodied {
        case .omitted(let reason):
            [
                say(
                    "M is not counted (\(reason.harmless)); the result is named SCI_CF with M left out.",
                    "不统计 M（\(reason.harmless)），结果标注为 SCI_CF（M未统计）。")
            ]
        case .included(let models):
            models.map { model in
                let grams = [model.lowGrams, model.typicalGrams, model.highGrams].map {
                    $0.decimal(digits: 3)
                }
                let source = model.source.harmless
                return say(
                    "Hardware \(model.id): TE \(grams[1]) kgCO2e (low \(grams[0]), high \(grams[2])) "
                        + "over \(model.lifetimeHours) h, from \(source).",
                    "硬件型号 \(model.id)：TE \(grams[1]) kgCO2e（低 \(grams[0])，高 \(grams[2])），"
                        + "寿命 \(model.lifetimeHours) 小时，出处：\(source)。")
            }
        }
    }

    private var rules: [String] {
        let validity = plan.validity
        let (full, least) = (validity.fullCoverage.decimal, validity.minimumCoverage.decimal)
        let clock = language.length(validity.maximumClockError)
        let digests = plan.ruleDigests.joined(separator: ", ")
        return [
            plan.scope == .equipment
                ? say(
                    "O is of the electricity of hosts and devices alone (IT scope).",
                    "O 仅按主机与设备的电量计算（IT 口径）。")
                : say(
                    "O is of the building's electricity: that of hosts and devices times PUE.",
                    "O 按设施电量计算：主机与设备电量乘以 PUE。"),
            say(
                "A round is invalid where less than \(least) of a host or of the fleet is covered; "
                    + "below \(full) what is missing is imputed upward and disclosed; counts are never "
                    + "imputed.",
                "任一主机或整体覆盖率低于 \(least) 时该轮无效；低于 \(full) 时缺失电量向上补估并披露；"
                    + "业务量从不补估。"),
            say(
                "A clock that may be wrong by more than \(clock) makes a host doubtful.",
                "时钟误差上限超过 \(clock)的主机标记为存疑。"),
            plan.ruleDigests.isEmpty
                ? say("Any set of counting rules is allowed.", "未限定统计规则集。")
                : say(
                    "Hosts count by rule sets \(digests) alone.", "主机仅按规则集 \(digests) 统计。"),
            plan.assetListDigest.map {
                say(
                    "The boundary was compared with the asset list of SHA-256 \($0).",
                    "评估边界已与资产清单比对，清单 SHA-256 为 \($0)。")
            } ?? say("There is no asset list.", "未提供资产清单。"),
        ]
            + plan.ledgerKeys.map {
                say(
                    "The ledger's totals are signed with the key \($0).", "台账合计由公钥 \($0) 签名。")
            }
    }
}
