import Metering
import Testing

@testable import Settings

@Suite("The rules as sentences")
struct SentenceTests {
    private static let text = """
        version: 1
        services:
          - {name: gateway, ports: [8080, 8081], counts_flows: true}
          - {name: bank, ports: [443], direction: out}
        collectors: []
        flow_keys: {remember: 3d}
        flow_secret: /etc/s
        scenarios:
          - id: credit
            expires: 72h
            dedupe: fleet
            steps:
              - name: apply
                when:
                  service: gateway
                  method: [POST, PUT]
                  path: "/api/{applyNo}"
                  host: loan.example
                  query: {txnCode: [CR01, CR02]}
                  header: {x-channel: any}
                flow_key: path.applyNo
              - name: decide
                when: {body: {code: D}}
                flow_key: response.body.no
                requires: [apply]
                completes: true
                count: response.xml.R.n
                outcome:
                  completed: {status: 2xx, body: {code: "0000", ok: any}}
                  refused: {status: [2xx, 409], header: {x-result: E1}}
                  pending: {body: {state: P}}
                  failed: [{status: 5xx}, {status: 2xx, body: {code: E2001}}]
          - id: drawdown
            refusal_counts: true
            dedupe: host
            steps:
              - when: {path: /d, form: {t: a}}
                flow_key: form.no
          - id: transfer
            steps: [{when: {xml: {E.T: a}}}]
        """

    private func lines(_ language: SentenceLanguage, _ text: String = text) throws -> [String] {
        let settings = try Samples.agent(text)
        return RuleSentences.services(settings, in: language)
            + RuleSentences.scenarios(settings, in: language)
    }

    @Test("in English")
    func english() throws {
        let expected = """
            Service gateway on port 8080, 8081, HTTP/1: CPU time of the cgroup of its listening \
            socket; business flows are counted on it.
            Service bank that this host calls at port 443, HTTP/1: CPU time of the services that \
            call it; its requests are counted, and no business flows on it.
            Rules are tried in this order, and a request belongs to the first that matches it; \
            what matches none belongs to no scenario. TA is the number of complete business flows \
            (T/CQJR 032.2-2025, 8.2.1): completed ones, and refused ones where it is said below.
            1. Scenario credit (授信): weight 24 by T/CQJR 032.2-2025, Table 2.
               A refused flow is a complete business flow and counts in TA.
               A flow that is completed again on this host within 3 days is a duplicate and \
            counts once; the collector removes those that other hosts with the same flow_secret \
            completed too (dedupe: fleet).
               An open flow of which nothing is seen for 3 days is incomplete; completed later, \
            it still counts.
               Keys are kept as keyed hashes, never as they are.
               Rule 1.1 apply: POST or PUT /api/{applyNo}
                   On service gateway, for host loan.example.
                   Only where query parameter txnCode is CR01 or CR02, and request header \
            x-channel is present.
                   Flow key: {applyNo} in the path.
                   Belongs to the flow and does not complete it:
                   - passed if the status is 2xx;
                   - otherwise incomplete.
               Rule 1.2 decide: any method, any path
                   Only where code in the request's JSON body is D.
                   Flow key: no in the response's JSON body.
                   Completion counts only for flows that have passed apply; of others it is \
            incomplete.
                   One exchange counts as many flows as the number in this field says: R.n in the \
            response's XML body.
                   Completes the flow:
                   - failed, the flow stays open, if the status is 5xx;
                   - failed, the flow stays open, if the status is 2xx, and code in the \
            response's JSON body is E2001;
                   - refused if the status is 2xx or 409, and response header x-result is E1;
                   - undecided (pending) if state in the response's JSON body is P;
                   - completed if the status is 2xx, and code in the response's JSON body is \
            0000, and ok in the response's JSON body is present and no object or list;
                   - otherwise incomplete.
            2. Scenario drawdown (支用): weight 7 by T/CQJR 032.2-2025, Table 2.
               A refused flow is a complete business flow and counts in TA. This differs from \
            Table 1 of the standard, by which a refusal completes a flow of credit alone.
               A flow that is completed again on this host within 3 days, on any connection or \
            service, is a duplicate and counts once (dedupe: host).
               An open flow of which nothing is seen for 24 h is incomplete; completed later, it \
            still counts.
               Keys are kept as keyed hashes, never as they are.
               Rule 2.1 step: any method /d
                   Only where form field t is a.
                   Flow key: form field no.
                   Completes the flow:
                   - completed if the status is 2xx;
                   - otherwise incomplete.
            3. Scenario transfer: not one of the four of T/CQJR 032.2-2025, Table 2; it has no \
            weight there, and no SCI_CF is reported with it.
               A refused flow is told apart and does not count in TA.
               Each completing exchange is a flow: no step has a flow_key, so that repeated ones \
            are not recognised.
               Rule 3.1 step: any method, any path
                   Only where E.T in the request's XML body is a.
                   Completes the flow:
                   - completed if the status is 2xx;
                   - otherwise incomplete.
            """
        #expect(try lines(.english).joined(separator: "\n") == expected)
    }

    @Test("in Chinese")
    func chinese() throws {
        let expected = """
            服务 gateway：端口 8080、8081，HTTP/1；CPU 时间取自监听套接字所在的 cgroup；在此服务上统计业务流程。
            服务 bank：本机调用的端口 443，HTTP/1；CPU 时间取自调用它的各服务；只统计其请求，不在此服务上统计业务流程。
            规则按以下顺序逐条比对，请求归入第一条匹配的规则；都不匹配的请求不属于任何场景。\
            TA 为完整业务流程的笔数（T/CQJR 032.2-2025，8.2.1）：已完成的流程，以及下文注明计入的被拒绝流程。
            1. 场景 credit（授信）：权重 24，依据 T/CQJR 032.2-2025 表2。
               被拒绝的流程也是完整业务流程，计入 TA。
               同一流程 3 天内在本机再次完成记为重复，只计一笔；使用同一 flow_secret 的其他主机也完成的，由采集端去重（dedupe: fleet）。
               进行中的流程超过 3 天没有新的请求，记为未完成；此后完成的仍然计数。
               流程键只以带密钥的散列值保存，不保存原文。
               规则 1.1 apply：POST 或 PUT /api/{applyNo}
                   服务：gateway；主机名：loan.example。
                   条件：查询参数 txnCode 为 CR01 或 CR02，且请求头 x-channel 存在。
                   流程键：路径中的 {applyNo}。
                   此步骤属于流程，但不完成流程：
                   - 若状态码为 2xx，则通过此步骤；
                   - 其他情况：未完成。
               规则 1.2 decide：任意方法，任意路径
                   条件：请求 JSON 体中的 code 为 D。
                   流程键：响应 JSON 体中的 no。
                   流程须先经过 apply，否则其完成记为未完成。
                   一次请求的笔数取自响应 XML 体中的 R.n。
                   此步骤完成流程：
                   - 若状态码为 5xx，则失败，流程仍可继续；
                   - 若状态码为 2xx，且响应 JSON 体中的 code 为 E2001，则失败，流程仍可继续；
                   - 若状态码为 2xx 或 409，且响应头 x-result 为 E1，则被拒绝；
                   - 若响应 JSON 体中的 state 为 P，则尚无结果（pending）；
                   - 若状态码为 2xx，且响应 JSON 体中的 code 为 0000，且响应 JSON 体中的 ok 存在且不是对象或数组，则完成；
                   - 其他情况：未完成。
            2. 场景 drawdown（支用）：权重 7，依据 T/CQJR 032.2-2025 表2。
               被拒绝的流程也是完整业务流程，计入 TA。这与标准表1不同：按表1，只有授信的拒绝结果才是完整业务流程。
               同一流程 3 天内在本机再次完成（不论哪个连接、哪个服务）记为重复，只计一笔（dedupe: host）。
               进行中的流程超过 24 小时没有新的请求，记为未完成；此后完成的仍然计数。
               流程键只以带密钥的散列值保存，不保存原文。
               规则 2.1 step：任意方法 /d
                   条件：表单字段 t 为 a。
                   流程键：表单字段 no。
                   此步骤完成流程：
                   - 若状态码为 2xx，则完成；
                   - 其他情况：未完成。
            3. 场景 transfer：不属于 T/CQJR 032.2-2025 表2的四种场景，标准未规定其权重，配置它时不输出 SCI_CF。
               被拒绝的流程单独列出，不计入 TA。
               每次完成的请求各计一笔：各步骤都没有 flow_key，无法识别重复。
               规则 3.1 step：任意方法，任意路径
                   条件：请求 XML 体中的 E.T 为 a。
                   此步骤完成流程：
                   - 若状态码为 2xx，则完成；
                   - 其他情况：未完成。
            """
        #expect(try lines(.chinese).joined(separator: "\n") == expected)
    }

    @Test("say that there is no scenario")
    func none() throws {
        let text = "version: 1\nservices: [{name: a, ports: [80], cpu: process}]\ncollectors: []\n"
        #expect(
            try lines(.english, text) == [
                "Service a on port 80, HTTP/1: CPU time of the processes behind its listening "
                    + "socket; its requests are counted, and no business flows on it.",
                "There is no scenario: requests are counted, business flows are not.",
            ])
        #expect(try lines(.chinese, text).last == "没有配置场景：只统计请求，不统计业务流程。")
    }

    @Test("say where a refusal counts other than by the standard")
    func refusals() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios: [{id: credit, refusal_counts: false, steps: [{when: {path: /a}}]}]
            """
        #expect(
            try lines(.english, text).contains(
                "   A refused flow is told apart and does not count in TA. This differs from "
                    + "Table 1 of the standard, by which a refusal completes a flow of credit "
                    + "alone."))
    }

    @Test("show no character that moves a terminal's cursor")
    func harmless() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80], counts_flows: true}]
            collectors: []
            scenarios: [{id: a, steps: [{when: {query: {"q\\u202E": "v\\u2028"}}}]}]
            """
        let all = try SentenceLanguage.allCases.flatMap { try lines($0, text) }.joined()
        #expect(all.contains("q?") && all.contains("v?"))
        #expect(!all.unicodeScalars.contains { ["\u{202E}", "\u{2028}"].contains($0) })
    }

    @Test(
        "are in the language of the environment",
        arguments: [
            ([:], .english), (["LANG": "zh_CN.UTF-8"], .chinese), (["LANG": "C"], .english),
            (["LANG": "zh_CN", "LC_ALL": "en_US"], .english),
            (["LANG": "en_US", "LC_MESSAGES": "zh_TW"], .chinese),
            (["LANG": "zh_CN", "LC_ALL": ""], .chinese),
        ] as [([String: String], SentenceLanguage)])
    func language(environment: [String: String], language: SentenceLanguage) {
        #expect(SentenceLanguage { environment[$0] } == language)
    }

    @Test("tell times in whole units")
    func lengths() {
        let english: [(UInt64, String)] = [
            (86_400, "24 h"), (604_800, "7 days"), (90, "90 s"), (120, "2 min"), (5400, "90 min"),
        ]
        for (seconds, text) in english {
            #expect(SentenceLanguage.english.length(.seconds(seconds)) == text)
        }
        #expect(SentenceLanguage.english.length(.milliseconds(1500)) == "1500 ms")
        #expect(SentenceLanguage.chinese.length(.seconds(172_800)) == "2 天")
    }
}
