import Foundation
import Metering
import Testing

@testable import Report

/// Names as somebody would write them who wants the page to do something else.
let hostileTexts = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='x",
    "</title></style><svg onload=x>", "&lt;b&gt;", "]]><!--", "javascript:alert(1)",
    "a\u{202E}gpj.exe", "\u{0}\u{1B}[31m", "\u{2028}\r\n", "=HYPERLINK(\"x\")", "{{x}} ${y} %s",
]

/// The elements and attributes of a page without its texts.
private func skeleton(_ html: String) -> [String] {
    var out: [String] = []
    for piece in html.split(separator: "<").dropFirst() {
        let tag = piece.prefix { $0 != ">" }
        var isValue = false
        var names = ""
        for character in tag {
            if character == "\"" {
                isValue.toggle()
            } else if !isValue {
                names.append(character)
            }
        }
        out.append(names)
    }
    return out
}

@Suite("The page of a plan's report")
struct PageTests {
    @Test("says on its first page where a plan was sealed or lodged after its first round began")
    func late() {
        let words = (
            proof: "after the first round began: no proof that the plan was there before it",
            zh: "在第一轮开始之后：不能证明计划先于第一轮", both: "after the first round began"
        )
        var content = Sample(hosts: 2).full()
        #expect(!content.html(.english).contains(words.both))
        #expect(!content.table(.english).contains(words.both))
        content.plan.lodging = .known(
            .init(holder: "note", time: content.plan.period.from, proof: "ab"))
        #expect(content.html(.english).contains(words.proof))
        #expect(content.html(.chinese).contains(words.zh))
        #expect(content.table(.english).components(separatedBy: words.both).count == 2)
        content.plan.sealed = .known(content.plan.period.from)
        #expect(content.table(.chinese).components(separatedBy: "第一轮开始之后").count == 3)
        #expect(content.html(.english).components(separatedBy: words.both).count == 3)
    }

    @Test("has the beginning of long reasons and sources on its first page, and all behind it")
    func short() throws {
        let reason = "the energy of a06 is known for 94.0000 % of the round, and 95 % are needed"
        let source = String(repeating: "公开数据 ", count: 20)
        var content = Sample(hosts: 2).full()
        content.rounds[4].use = .invalid(replacedBy: nil)
        content.rounds[4].problems = [Wording(zh: reason, en: reason)]
        for index in content.factors.indices { content.factors[index].factor.source = source }
        for language in Language.allCases {
            let html = content.html(language)
            let end = try #require(html.range(of: "<section id=\"rounds\""))
            let (first, rest) = (html[..<end.lowerBound], html[end.lowerBound...])
            #expect(first.contains("the energy of a06 is known for…".prefix(30)))
            #expect(!first.contains(reason) && rest.contains(reason))
            #expect(!first.contains(source) && first.contains("公开数据 公开数据"))
            #expect(rest.contains("公开数据 公开数据 公开数据 公开数据 公开数据 公开数据"))
        }
    }

    /// What stands before chapter 1, and the rest.
    private func parts(
        _ content: PlanReportContent, _ language: Language
    ) throws -> (first: Substring, rest: Substring) {
        let html = content.html(language)
        let end = try #require(html.range(of: "<section id=\"rounds\""))
        return (html[..<end.lowerBound], html[end.lowerBound...])
    }

    @Test("says on its first page which rounds energy and coverage are over")
    func summed() throws {
        var content = Sample(hosts: 2).full()
        for idle in [[], [3]] {
            content.result.roundsWithoutBusiness = idle
            let rounds = "the rounds in the result" + (idle.isEmpty ? "" : " and of R = 0")
            let english = try parts(content, .english)
            #expect(english.first.contains(" kWh (sum of \(rounds)): measured "))
            #expect(english.first.contains(" in all, the least in these rounds: "))
            #expect(english.rest.contains("in service, in \(rounds); the least"))
            let chinese = try parts(content, .chinese)
            let words = idle.isEmpty ? "计入结果的轮次" : "计入结果及 R = 0 的轮次"
            #expect(chinese.first.contains(" kWh（\(words)合计）：实测 "))
            #expect(chinese.first.contains(" 台，同上轮次，最低者："))
            #expect(chinese.rest.contains("应在役时间，范围为\(words)。"))
        }
    }

    @Test("says on its first page in a whole sentence how many rounds are valid")
    func valid() throws {
        let why = Wording(
            zh: "计划 40 轮，有效 27 轮，尚有 13 轮未关闭",
            en: "27 of 40 rounds are valid, and 13 are not closed yet")
        var content = Sample(hosts: 2).incomplete()
        content.standing = .incomplete(why)
        content.result.mean = .unknown(why)
        (content.result.plannedRounds, content.result.validRounds) = (40, 27)
        let english = try parts(content, .english)
        #expect(
            english.first.contains(" of business: 27 of 40 rounds are valid; partial mean, for "))
        let chinese = try parts(content, .chinese)
        #expect(chinese.first.contains("业务量：计划 40 轮，有效 27 轮；部分平均"))
        for (page, text) in [(english, why.en), (chinese, why.zh)] {
            #expect(page.first.contains(text) && page.rest.contains(text))
        }
    }

    @Test("warns on its first page of rounds whose counts are doubtful, the worst first")
    func doubtful() throws {
        var content = Sample(hosts: 2).full()
        #expect(!(try parts(content, .english).first.contains("doubtful")))
        content.rounds[4].countLoss = CountLoss(partsPerMillion: 2_000)
        content.rounds[1].countLoss = CountLoss(partsPerMillion: 432_099)
        let english = try parts(content, .english).first
        #expect(english.contains("counted twice: Round 2 43.21 %, Round 5 0.20 %<"))
        #expect(english.contains(">valid; counts doubtful (≤ 43.21 %)<"))
        let chinese = try parts(content, .chinese).first
        #expect(chinese.contains("至多为：第 2 轮 43.21 %，第 5 轮 0.20 %<"))
        #expect(chinese.contains(">有效；计数存疑（≤ 43.21 %）<"))
        for index in content.rounds.indices {
            content.rounds[index].countLoss = CountLoss(partsPerMillion: 2_000)
        }
        #expect(try parts(content, .english).first.contains("Round 5 0.20 %; and 4 more rounds<"))
    }

    @Test(
        "says on its first page how many rounds it has no room for, and has all in the next chapter",
        arguments: Language.allCases)
    func manyRounds(language: Language) throws {
        for content in [
            Sample(hosts: 2, planned: 38).full(), Sample(hosts: 2, planned: 38).crowded(),
        ] {
            let html = content.html(language)
            let end = try #require(html.range(of: "<section id=\"rounds\""))
            let (first, rest) = (html[..<end.lowerBound], html[end.lowerBound...])
            let shown = first.matches(of: /href="#round-\d+"/).count
            #expect(shown < content.rounds.count)
            let more = content.rounds.count - shown
            #expect(
                first.contains(
                    language == .chinese ? "另有 \(more) 轮" : "and \(more) more (invalid: "))
            #expect(
                Set(rest.matches(of: /href="#round-\d+"/).map(\.output)).count
                    == content.rounds.count)
            #expect(rest.contains(content.plan.boundary) && rest.contains(content.plan.title))
            let whole = "\(content.plan.organization) · "
            #expect(rest.contains(whole))
        }
        let usual = Sample(hosts: 2).late().html(language)
        let end = try #require(usual.range(of: "<section id=\"rounds\""))
        #expect(usual[..<end.lowerBound].matches(of: /href="#round-\d+"/).count == 9)
        // No table of all rounds again, but words that point at some.
        #expect(usual[end.lowerBound...].matches(of: /href="#round-\d+"/).count < 9)
    }

    @Test(
        "has the same elements and attributes whatever names are in it",
        arguments: hostileTexts, Language.allCases)
    func hostile(text: String, language: Language) {
        let plain = Sample(hosts: 6).full()
        let forged = Sample(hosts: 6, hostile: text).full()
        #expect(skeleton(forged.html(language)) == skeleton(plain.html(language)))
    }

    @Test("shows a hostile name as text", arguments: Language.allCases)
    func shown(language: Language) {
        let html = Sample(hosts: 6, hostile: "<script>alert(1)</script>").full().html(language)
        #expect(!html.contains("<script"))
        #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    }

    @Test("has no mark that turns the direction of writing, and no control")
    func direction() {
        let html = Sample(hosts: 3, hostile: "a\u{202E}b\u{0}c\u{1B}d").full().html(.english)
        let hidden = html.unicodeScalars.filter { Escaping.isHidden($0) && $0 != "\n" }
        #expect(hidden.isEmpty)
        #expect(html.contains("a\u{FFFD}b\u{FFFD}c\u{FFFD}d"))
    }

    @Test("asks for nothing outside itself", arguments: Language.allCases)
    func closed(language: Language) {
        let html = Sample().full().html(language)
        for word in ["http://", "https://", "src=", "@import", "url(", "<script", "<link"] {
            #expect(!html.contains(word), "\(word)")
        }
        #expect(html.contains("default-src &#39;none&#39;"))
    }

    @Test("leads each link to a place that is there", arguments: Language.allCases)
    func links(language: Language) throws {
        let html = Sample().full().html(language)
        let places = html.matches(of: /id="([^"]+)"/).map { String($0.1) }
        #expect(Set(places).count == places.count)
        let links = html.matches(of: /href="#([^"]+)"/).map { String($0.1) }
        #expect(links.count > 30)
        #expect(Set(links).subtracting(places).isEmpty)
    }

    @Test("opens and closes every element")
    func balance() {
        for content in [Sample().full(), Sample().unsealed(), Sample().incomplete()] {
            var open: [Substring] = []
            for match in content.html(.chinese).matches(of: /<(\/?)([a-z0-9]+)[^>]*>/) {
                if match.1 == "/" {
                    #expect(open.popLast() == match.2)
                } else if !["meta", "br", "col"].contains(match.2) {
                    open.append(match.2)
                }
            }
            #expect(open.isEmpty)
        }
    }

    @Test("is called an assessment's report only where the content is one")
    func headings() {
        let full = Sample().full()
        #expect(full.html(.chinese).contains("<h1>评估报告</h1>"))
        #expect(full.html(.chinese).contains("SCI_CF"))
        let incomplete = Sample().incomplete()
        #expect(incomplete.html(.chinese).contains("<h1>评估未完成</h1>"))
        #expect(incomplete.html(.english).contains("partial mean, for information"))
        let unsealed = Sample().unsealed()
        #expect(unsealed.html(.chinese).contains("<h1>非评估结果</h1>"))
        let main = unsealed.html(.chinese).split(separator: "<main>").last ?? ""
        #expect(!main.contains("SCI_CF"))
        #expect(unsealed.figureName.zh == "碳强度")
    }

    @Test("never says SCI_CF for weights that are not those of Table 2")
    func weights() {
        var content = Sample().full()
        content.plan.usesStandardWeights = false
        #expect(content.figureName == Wording(zh: "碳强度", en: "Carbon intensity"))
    }

    @Test("says that M is omitted beside the result")
    func omitted() {
        let content = Sample(includesM: false).full()
        #expect(content.figureName.zh == "SCI_CF（M未统计）")
        #expect(content.html(.chinese).contains("SCI_CF（M未统计）"))
        #expect(content.json().contains("\"m_policy\": \"omitted\""))
    }

    @Test("marks simulated energy at the top and in the head of each printed page")
    func simulated() {
        var content = Sample().full()
        #expect(!content.html(.english).contains("SIMULATED"))
        content.isSimulated = true
        let html = content.html(.english)
        #expect(html.contains("<div class=\"simulated\">SIMULATED"))
        #expect(html.contains("@top-right{content:'模拟数据 SIMULATED'"))
    }

    @Test(
        "shows an unknown as a dash with its reason, never as a zero", arguments: Language.allCases)
    func unknown(language: Language) {
        let html = Sample().incomplete().html(language)
        let reason = Wording(zh: "无可读流量", en: "no readable traffic")[language]
        #expect(html.contains("<span class=\"unknown\" title=\"\(reason)\">—</span>"))
    }

    @Test("has everything that the first page must say", arguments: Language.allCases)
    func firstPage(language: Language) throws {
        let html = Sample().full().html(language)
        let page = String(html[..<(try #require(html.range(of: "id=\"rounds\"")).lowerBound)])
        let wanted = [
            Sample.hash, "4f1a09c2d7", "T/CQJR 032.2—2025", "全国-2023-average", "生态环境部",
            language == .chinese ? "部分主机仅CPU+内存口径" : "CPU and memory only on some hosts",
            language == .chinese ? "未评估：T/CQJR 032.1" : "not assessed: the requirements",
            language == .chinese ? "资产清单 24 项" : "asset list of 24",
            language == .chinese ? "计入全部主机与设备" : "included for all hosts",
            "94.31 %", "R = 0", "powercap (",
        ]
        for text in wanted { #expect(page.contains(text), "\(text)") }
    }

    @Test("names each host of a large fleet in the tables, and the least covered in the drawing")
    func fleet() {
        let html = Sample(hosts: 200).full().html(.english)
        #expect(html.contains("mq-199"))
        #expect(html.contains("the other 161 are no lower"))
        #expect(html.utf8.count < 4_000_000)
    }

    @Test("says of each row which records it is from")
    func trace() {
        let html = Sample().full().html(.english)
        #expect(html.contains("a1b2c3d4 : 1–4001<br>a1b2c3d5 : 1–4639"))
        #expect(html.contains("id=\"trace-4-3\""))
    }
}
