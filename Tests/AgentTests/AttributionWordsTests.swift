import Settings
import Testing

@testable import Agent

@Suite("How energy is divided, in sentences") struct AttributionWordsTests {
    private func lines(_ section: String, _ language: SentenceLanguage) throws -> [String] {
        let text = """
            version: 1
            services: [{name: loan, ports: [80]}, {name: risk, ports: [81]}]
            collectors: []
            \(section)
            """
        return AttributionWords.lines(
            try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "host"),
            language)
    }

    private let workers = "services: [{name: loan, workers: 8}, {name: risk, workers: 4}]"

    @Test("without the section, what holds is said all the same") func nothing() throws {
        let english = [
            "A service's energy is divided among its scenarios by the weights of the standard "
                + "(model standard), which holds where the section attribution is left out.",
            "Nobody bears the energy of the idle host: it is shown as idle.",
        ]
        #expect(try lines("", .english) == english)
        #expect(try lines("attribution: {model: standard}", .english) == english)
        #expect(
            try lines("", .chinese) == [
                "服务的电能按标准规定的权重划分到各场景（模型 standard）；不写 attribution 一节时即用此模型。",
                "空载电能不分摊：单独列为空载。",
            ])
    }

    @Test("in English") func english() throws {
        #expect(
            try lines("attribution: {model: auto}", .english) == [
                "A service's energy is divided among its scenarios by the weights of the standard "
                    + "(model standard); auto: not each service has workers, two or more. "
                    + "What a flow uses here is told by jouleflow-collector alpha.",
                "Nobody bears the energy of the idle host: it is shown as idle.",
            ])
        #expect(
            try lines("attribution: {idle: proportional, \(workers)}", .english) == [
                "A service's energy is divided among its scenarios by the time of their exchanges "
                    + "in flight (model concurrency): waiting in a queue looks like work; auto: "
                    + "each service has workers, two or more.",
                "Whoever used energy beyond idle bears the energy of the idle host in proportion.",
            ])
        #expect(
            try lines("attribution: {processors: shared, \(workers)}", .english).first
                == "A service's energy is divided among its scenarios by the weights of the standard "
                + "(model standard); auto: other programs use the processors too (processors: shared), "
                + "so that exchanges wait for one. "
                + "What a flow uses here is told by jouleflow-collector alpha.")
        let reserved = "services: [{name: loan, reserved: 40%}, {name: risk, reserved: 25%}]"
        #expect(
            try lines("attribution: {model: standard, idle: reserved, \(reserved)}", .english) == [
                "A service's energy is divided among its scenarios by the weights of the standard "
                    + "(model standard).",
                "Services bear the energy of the idle host by their reserved shares, loan 40 % and "
                    + "risk 25 %; the rest is shown as idle.",
            ])
    }

    @Test("in Chinese") func chinese() throws {
        #expect(
            try lines("attribution: {model: auto}", .chinese) == [
                "服务的电能按标准规定的权重划分到各场景（模型 standard）；auto：并非每个服务都配置了至少 2 个 workers。"
                    + "每笔业务的实际用量见 jouleflow-collector alpha。",
                "空载电能不分摊：单独列为空载。",
            ])
        #expect(
            try lines("attribution: {idle: proportional, \(workers)}", .chinese) == [
                "服务的电能按各场景处理中请求的时间划分（模型 concurrency）：排队等待也会算作工作；"
                    + "auto：每个服务都配置了至少 2 个 workers。",
                "空载电能按各方在空载之外所用电能的比例分摊。",
            ])
        #expect(
            try lines("attribution: {processors: shared, \(workers)}", .chinese).first
                == "服务的电能按标准规定的权重划分到各场景（模型 standard）；auto：处理器由其他程序共用"
                + "（processors: shared），请求须等待处理器。每笔业务的实际用量见 jouleflow-collector alpha。")
        let reserved = "services: [{name: loan, reserved: 40%}, {name: risk, reserved: 25%}]"
        #expect(
            try lines("attribution: {model: concurrency, idle: reserved, \(reserved)}", .chinese)
                == [
                    "服务的电能按各场景处理中请求的时间划分（模型 concurrency）：排队等待也会算作工作。",
                    "空载电能由各服务按其预留份额分摊：loan 40% 和 risk 25%；其余列为空载。",
                ])
    }
}
