/// The rules of the page: for the screen, and for A4 with heads and page numbers.
///
/// Source: CSS Paged Media Level 3, "Page-margin boxes", which Chromium knows since version 131;
/// a browser without them prints the same pages without page numbers.
enum Stylesheet {
    static func element(isSimulated: Bool, heading: PlanReportContent.Standing) -> Markup {
        let top: StaticString =
            switch heading {
            case .assessment:
                "@page{@top-left{content:'T/CQJR 032.2—2025 · SCI_CF 评估报告 Assessment report'}}"
            case .incomplete:
                "@page{@top-left{content:'T/CQJR 032.2—2025 · 评估未完成 Assessment not completed'}}"
            case .notAssessment:
                "@page{@top-left{content:'T/CQJR 032.2—2025 · 非评估结果 Not an assessment'}}"
            }
        return .style([base, tables, charts, paper, top] + (isSimulated ? [simulated] : []))
    }

    private static let base: StaticString = """
        :root{--ink:#1a2129;--soft:#5b6672;--line:#c9d1d9;--faint:#eef2f5;--accent:#0b5a7d;\
        --warn:#8a3b00;--measured:#0b5a7d;--bridged:#5aa2c2;--estimated:#c99a2e;--imputed:#b5482f}
        *{box-sizing:border-box}
        html{background:#e6eaee}
        body{margin:0;color:var(--ink);font:14px/1.6 "Noto Sans CJK SC","Source Han Sans SC",\
        "PingFang SC","Microsoft YaHei","Noto Sans","Segoe UI",Arial,sans-serif;\
        font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
        main{max-width:1040px;margin:24px auto;padding:40px 48px;background:#fff;\
        border:1px solid var(--line)}
        h1{font:600 30px/1.3 "Noto Serif CJK SC","Source Han Serif SC","Songti SC",SimSun,\
        Georgia,serif;margin:0 0 4px;letter-spacing:.04em}
        h2{font:600 20px/1.4 "Noto Serif CJK SC","Source Han Serif SC","Songti SC",SimSun,\
        Georgia,serif;margin:40px 0 12px;padding-bottom:6px;border-bottom:2px solid var(--accent)}
        h3{font-size:15px;margin:22px 0 6px}
        p{margin:6px 0}
        a{color:var(--accent);text-decoration:none}
        a:hover{text-decoration:underline}
        code{font:12px/1.45 "DejaVu Sans Mono","Noto Sans Mono",Menlo,Consolas,monospace;\
        word-break:break-all}
        code.item{display:block;padding:2px 0;border-bottom:1px dotted var(--line)}
        .standard{color:var(--soft);margin:0 0 14px}
        .subject{font-size:17px;margin:0}
        .note{color:var(--soft);font-size:12.5px}
        .result{display:flex;flex-wrap:wrap;border:1px solid var(--accent);\
        border-left:6px solid var(--accent);margin:16px 0}
        .result>div{padding:12px 18px;border-right:1px solid var(--line);flex:1 1 150px}
        .result>div:last-child{border-right:0}
        .result>.main{flex:2 1 300px;background:var(--faint)}
        .result .k{display:block;color:var(--soft);font-size:12.5px}
        .result .v{display:block;font-size:18px;font-weight:600;line-height:1.35}
        .result .main .v{font-size:32px}
        .result .u{display:block;color:var(--soft);font-size:12.5px}
        .warning{border:1px solid var(--warn);border-left:6px solid var(--warn);color:var(--warn);\
        padding:8px 14px;margin:12px 0;background:#fff8f2}
        .simulated{position:sticky;top:0;z-index:2;background:#8a1538;color:#fff;\
        text-align:center;font-weight:600;padding:6px 16px}
        .unknown{color:var(--soft)}
        footer{margin-top:40px;padding-top:10px;border-top:1px solid var(--line);\
        color:var(--soft);font-size:12.5px}

        """

    private static let tables: StaticString = """
        table{border-collapse:collapse;width:100%;margin:8px 0 14px;font-size:13px;line-height:1.45}
        th,td{padding:5px 8px;text-align:left;vertical-align:top;\
        border-bottom:1px solid var(--line)}
        thead th{border-bottom:1.5px solid var(--ink);font-weight:600;vertical-align:bottom;\
        color:var(--ink);background:#fff}
        .n{text-align:right;overflow-wrap:normal}
        th{overflow-wrap:normal}
        .w{min-width:5.4em}
        table:not(.trace) td:first-child{min-width:6.6em}
        td.n{white-space:nowrap}
        .n+.w{padding-left:16px}
        tr.muted td{color:var(--soft);background:var(--faint)}
        .facts th{width:11.5em;font-weight:600;color:var(--soft);white-space:normal}
        tr:target td,section:target>h2{background:#fff3c4}
        .narrow{font-size:12px}
        .narrow th,.narrow td{padding:4px 5px}
        .dated td:nth-child(-n+2){white-space:nowrap}
        .hosts{table-layout:fixed}
        .hosts th:nth-child(1){width:13%}
        .hosts th:nth-child(2),.hosts th:nth-child(5){width:11%}
        .hosts th:nth-child(3),.hosts th:nth-child(4){width:8%}
        .hosts th:nth-child(7){width:16%}
        .hosts th:nth-child(8),.hosts th:nth-child(9){width:9%}
        .trace{font-size:11.5px}
        .trace th,.trace td{padding:3px 5px}

        """

    private static let charts: StaticString = """
        figure{margin:14px 0;break-inside:avoid}
        figcaption{color:var(--soft);font-size:12.5px;margin-top:4px}
        svg{display:block;width:100%;height:auto}
        svg text{font-family:inherit;font-size:12px;fill:var(--ink);paint-order:stroke;\
        stroke:#fff;stroke-width:3px;stroke-linejoin:round}
        svg .soft{fill:var(--soft)}
        svg .end{text-anchor:end}
        svg .mid{text-anchor:middle}
        svg .grid{stroke:var(--line);stroke-width:1}
        svg .axis{stroke:var(--ink);stroke-width:1}
        svg .measured{fill:var(--measured)}
        svg .bridged{fill:var(--bridged)}
        svg .estimated{fill:var(--estimated)}
        svg .imputed{fill:var(--imputed)}
        svg .band{fill:#cfe3ec}
        svg .mean{stroke:var(--accent);stroke-width:2}
        svg .ratio{stroke:var(--warn);stroke-width:1.5;stroke-dasharray:6 4}
        svg .point{fill:var(--accent)}
        svg .left-out{fill:#fff;stroke:var(--soft);stroke-width:1.5}
        svg .bar{fill:var(--bridged)}
        svg .low{fill:var(--imputed)}
        svg .chosen{fill:var(--accent)}

        """

    private static let paper: StaticString = """
        @page{size:A4;margin:16mm 14mm 14mm;\
        @top-left{font:8pt "Noto Sans CJK SC",Arial,sans-serif;color:#5b6672}\
        @bottom-right{content:counter(page) ' / ' counter(pages);\
        font:8pt Arial,sans-serif;color:#5b6672}}
        @media print{
        html{background:#fff}
        body{font-size:9pt;line-height:1.45;-webkit-print-color-adjust:exact;\
        print-color-adjust:exact}
        main{max-width:none;margin:0;padding:0;border:0}
        h1{font-size:18pt;margin:0}
        h2{font-size:13pt;margin:18pt 0 6pt;break-after:avoid}
        h3{font-size:10pt;margin:7pt 0 3pt;break-after:avoid}
        h2+.note{break-inside:avoid;break-after:avoid}
        .subject{font-size:11pt}
        .standard{font-size:8pt;margin:2pt 0 4pt}
        table{font-size:8pt;line-height:1.35;margin:3pt 0 6pt}
        th,td{padding:1.6pt 4pt}
        thead{display:table-header-group}
        tr,section section{break-inside:avoid}
        .narrow{font-size:7.2pt}
        .narrow th,.narrow td{padding:1.5pt 2.6pt}
        .trace{font-size:6.6pt}
        .n+.w,.narrow .n+.w,.trace .n+.w{padding-left:8pt}
        .trace th,.trace td{padding:1.4pt 2pt}
        code{font-size:7pt}
        .facts th,.facts td{padding:1.1pt 4pt}
        .result{margin:4pt 0}
        .result>div{padding:5pt 9pt;flex:1 1 auto}
        .result>.main{flex:4 1 170pt}
        .result .v{font-size:10pt}
        .result .main .v{font-size:20pt}
        .result .k,.result .u,.note,figcaption{font-size:7.5pt}
        .breaks{break-before:page}
        .warning{padding:3pt 8pt;margin:3pt 0;break-inside:avoid}
        a{color:inherit}
        .simulated{position:static;padding:3pt 8pt;margin-bottom:8pt}
        footer{font-size:7.5pt;margin-top:14pt}
        }

        """

    private static let simulated: StaticString = """
        @page{@top-right{content:'模拟数据 SIMULATED';font:bold 9pt "Noto Sans CJK SC",Arial,\
        sans-serif;color:#8a1538}}
        """
}
