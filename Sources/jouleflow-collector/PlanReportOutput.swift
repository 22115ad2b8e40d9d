import ArgumentParser
import CommandLines
import Report

/// How a report on a plan is written.
enum PlanReportFormat: String, ExpressibleByArgument, CaseIterable {
    case table, json, html, csv, upstream, upstreamCSV = "upstream-csv", gsf, impact

    /// The files, `csv` alone having two. Throws where the format needs a result and there is none.
    func files(
        _ content: PlanReportContent, _ language: Language
    ) throws(Failure) -> [(name: String, text: String)] {
        switch self {
        case .table: [("report.txt", content.table(language))]
        case .json: [("report.json", content.json())]
        case .html: [("report.\(language.rawValue).html", content.html(language))]
        case .csv:
            [
                ("rounds.csv", content.roundsCSV()),
                ("host-rounds.csv", content.hostRoundsCSV()),
            ]
        case .upstream: [("upstream.jsonl", content.upstreamJSONLines())]
        case .upstreamCSV: [("upstream.csv", content.upstreamCSV())]
        case .gsf: [("report.yaml", try result(content.sciReportYAML(), content, language))]
        case .impact:
            [("manifest.yaml", try result(content.impactManifestYAML(), content, language))]
        }
    }

    private func result(
        _ text: String?, _ content: PlanReportContent, _ language: Language
    ) throws(Failure) -> String {
        if let text { return text }
        let unsealed = Wording(zh: "计划未封存", en: "the plan is not sealed")
        let reason = (content.result.mean.reason ?? unsealed)[language]
        throw Failure(
            .answerIsNo,
            language == .chinese
                ? "没有可写成 \(rawValue) 的结果：\(reason)"
                : "there is no result that \(rawValue) could tell: \(reason)")
    }

    /// To standard output, a file, or a folder.
    func write(
        _ content: PlanReportContent, _ language: Language, to output: String?
    ) throws(Failure) {
        let files = try files(content, language)
        guard let output else {
            guard files.count == 1, let file = files.first else {
                throw Failure(.usage, "csv is two files: name a folder with --output DIR")
            }
            try CommandLines.write(Array(file.text.utf8))
            return
        }
        if files.count > 1 || OutputFile.isFolder(output) {
            try OutputFile.write(files, into: output)
        } else if let file = files.first {
            try OutputFile.write(file.text, to: output)
        }
    }
}
