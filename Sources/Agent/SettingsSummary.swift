package import Settings

/// What settings mean, for people.
package enum SettingsSummary {
    /// One sentence a line: the host, its energy and capture, the services, the scenarios with
    /// their rules, and where records go.
    package static func lines(
        _ settings: AgentSettings, in language: SentenceLanguage = .english
    ) -> [String] {
        let window = language.length(settings.window)
        let host = language.say(
            "Host \(settings.id): one record every \(window).",
            "主机 \(settings.id)：每 \(window)一条记录。")
        guard !settings.isUnconfigured else {
            return [host, energy(settings.energy, language), unconfigured(settings, language)]
        }
        return [host, energy(settings.energy, language)] + capture(settings.capture, language)
            + RuleSentences.services(settings, in: language)
            + RuleSentences.scenarios(settings, in: language)
            + AttributionWords.lines(settings, language) + flowKeys(settings, language) + [
                collectors(settings, language)
            ]
    }

    private static func unconfigured(
        _ settings: AgentSettings, _ language: SentenceLanguage
    ) -> String {
        language.say(
            "Nothing else is configured yet: nothing is counted, and records stay in the spool under "
                + "\(settings.state). Write services, scenarios and collectors.",
            "尚未配置其他内容：不统计流量，记录保存在 \(settings.state) 下的待发区。"
                + "请填写 services、scenarios 和 collectors。")
    }

    private static func capture(
        _ capture: CaptureSettings, _ language: SentenceLanguage
    ) -> [String] {
        let interfaces = language.conjunction(capture.interfaces.map(\.name))
        var lines = [
            interfaces.isEmpty
                ? language.say(
                    "Captures on every interface that is up and carries an address.",
                    "在每个已启用且有地址的网络接口上采集。")
                : language.say("Captures on \(interfaces).", "在接口 \(interfaces) 上采集。")
        ]
        if !capture.tunnels.isEmpty {
            let tunnels = language.conjunction(capture.tunnels.map { "\($0)" })
            lines.append(
                language.say("Looks inside tunnels: \(tunnels).", "解析隧道内的流量：\(tunnels)。"))
        }
        if let percent = capture.cpuPercent {
            lines.append(
                language.say(
                    "Leaves out connections where capture needs more than \(percent) % of a "
                        + "processor, and says in the records how much.",
                    "采集超过一个处理器的 \(percent)% 时略去部分连接，并在记录中说明略去多少。"))
        }
        return lines
    }

    private static func energy(
        _ energy: EnergySettings, _ language: SentenceLanguage
    ) -> String {
        guard energy.source != .none else {
            return language.say("Energy is not metered.", "不计量电能。")
        }
        let root = energy.sysfs
        let sensors = energy.wallSensors.map(\.description).joined(separator: " + ")
        let wall =
            sensors.isEmpty
            ? language.say(
                "the ACPI power meter under \(root)/class/hwmon",
                "\(root)/class/hwmon 下的 ACPI 功率计")
            : language.say("the sensors \(sensors)", "传感器 \(sensors)")
        let model = energy.model.map {
            let (idle, maximum) = (watts($0.idle), watts($0.maximum))
            return language.say(
                "a model between \(idle) and \(maximum) W, marked estimated",
                "\(idle) 至 \(maximum) W 的模型（标注为估算）")
        }
        let other = language.say(", else from ", "，否则为 ")
        let source =
            switch energy.source {
            case .none: ""
            case .rapl: "\(root)/class/powercap"
            case .wall: wall
            case .model: model ?? language.say("a model", "模型")
            case .auto:
                ([wall, "\(root)/class/powercap"] + [model].compactMap { $0 })
                    .joined(separator: other)
            }
        let idle =
            energy.idleMilliwatts.map {
                language.say("Idle power is \(watts($0)) W.", "空载功率为 \(watts($0)) W。")
            }
            ?? language.say(
                "Idle power is learned from quiet windows; until it is known, energy is reported "
                    + "undivided.",
                "空载功率由空闲时段学得；得出之前，电能不按场景划分。")
        let simulated =
            energy.isSimulated ? language.say(", marked SIMULATED", "，标注为模拟（SIMULATED）") : ""
        return language.say(
            "Energy from \(source)\(simulated). \(idle)", "电能来源：\(source)\(simulated)。\(idle)")
    }

    private static func watts(_ milliwatts: UInt64) -> String { "\(Double(milliwatts) / 1000)" }

    private static func flowKeys(
        _ settings: AgentSettings, _ language: SentenceLanguage
    ) -> [String] {
        guard settings.scenarios.contains(where: { $0.steps.contains { $0.key != nil } }) else {
            return []
        }
        let limit = settings.flowKeys.limit
        let secret =
            settings.flowKeys.secret.map {
                language.say("the secret in \($0)", " \($0) 中的密钥")
            }
            ?? language.say(
                "a secret of this host's own under \(settings.state)",
                "本机自有的密钥（位于 \(settings.state)）")
        return [
            language.say(
                "At most \(limit) flow keys are kept, hashed with \(secret); keys forgotten "
                    + "beyond that are counted in the records.",
                "最多保留 \(limit) 个流程键，以\(secret)散列；超出而忘记的键数记入记录。")
        ]
    }

    private static func collectors(
        _ settings: AgentSettings, _ language: SentenceLanguage
    ) -> String {
        guard !settings.collectors.isEmpty else {
            return language.say(
                "No collector: records stay in the spool under \(settings.state).",
                "没有采集端：记录保存在 \(settings.state) 下的待发区。")
        }
        let addresses = language.conjunction(
            settings.collectors.map {
                $0.transport == .plaintext
                    ? language.say(
                        "\($0.address), without encryption", "\($0.address)（不加密）")
                    : language.say("\($0.address) over TLS", "\($0.address)（TLS 加密）")
            })
        return language.say("Records go to \(addresses).", "记录发往 \(addresses)。")
    }
}
