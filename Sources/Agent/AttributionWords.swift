import Metering
import Settings

/// How energy is divided, for people.
enum AttributionWords {
    /// The model and why it holds, and who bears the idle part; also where the settings leave that open.
    static func lines(
        _ settings: AgentSettings, _ language: SentenceLanguage
    ) -> [String] {
        [model(settings.attribution, language), idle(settings, language)]
    }

    private static func model(
        _ attribution: AttributionSettings, _ language: SentenceLanguage
    ) -> String {
        let divided =
            switch attribution.model {
            case .standard:
                language.say(
                    "A service's energy is divided among its scenarios by the weights of the standard "
                        + "(model standard)",
                    "服务的电能按标准规定的权重划分到各场景（模型 standard）")
            case .concurrency:
                language.say(
                    "A service's energy is divided among its scenarios by the time of their exchanges "
                        + "in flight (model concurrency): waiting in a queue looks like work",
                    "服务的电能按各场景处理中请求的时间划分（模型 concurrency）：排队等待也会算作工作")
            }
        guard attribution.isConfigured else {
            return divided
                + language.say(
                    ", which holds where the section attribution is left out.",
                    "；不写 attribution 一节时即用此模型。")
        }
        guard attribution.choice == .auto else { return divided + language.say(".", "。") }
        return divided + why(attribution, language)
    }

    /// Why `auto` took the model.
    private static func why(
        _ attribution: AttributionSettings, _ language: SentenceLanguage
    ) -> String {
        if attribution.model == .concurrency {
            return language.say(
                "; auto: each service has workers, two or more.",
                "；auto：每个服务都配置了至少 2 个 workers。")
        }
        let cause =
            attribution.processors == .shared
            ? language.say(
                "; auto: other programs use the processors too (processors: shared), so that "
                    + "exchanges wait for one. ",
                "；auto：处理器由其他程序共用（processors: shared），请求须等待处理器。")
            : language.say(
                "; auto: not each service has workers, two or more. ",
                "；auto：并非每个服务都配置了至少 2 个 workers。")
        return cause
            + language.say(
                "What a flow uses here is told by jouleflow-collector alpha.",
                "每笔业务的实际用量见 jouleflow-collector alpha。")
    }

    private static func idle(
        _ settings: AgentSettings, _ language: SentenceLanguage
    ) -> String {
        switch settings.attribution.idle {
        case .unallocated:
            return language.say(
                "Nobody bears the energy of the idle host: it is shown as idle.",
                "空载电能不分摊：单独列为空载。")
        case .proportional:
            return language.say(
                "Whoever used energy beyond idle bears the energy of the idle host in proportion.",
                "空载电能按各方在空载之外所用电能的比例分摊。")
        case .reserved:
            let shares = zip(settings.services, settings.attribution.services)
                .filter { $0.1.reservedPercent > 0 }
                .map {
                    language.say(
                        "\($0.name) \($1.reservedPercent) %", "\($0.name) \($1.reservedPercent)%")
                }
            return language.say(
                "Services bear the energy of the idle host by their reserved shares, "
                    + "\(language.conjunction(shares)); the rest is shown as idle.",
                "空载电能由各服务按其预留份额分摊：\(language.conjunction(shares))；其余列为空载。")
        }
    }
}
