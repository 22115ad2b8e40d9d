import Foundation
import Testing

@testable import Report

/// Chromium, where Debian puts it; `nil` where it is not installed.
private let chromium: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// A folder that the pages are left in to be looked at, where the environment names one.
private let kept = ProcessInfo.processInfo.environment["JOULEFLOW_REPORT_PAGES"]

private struct Browser {
    let folder: URL

    init() throws {
        folder = URL(filePath: NSTemporaryDirectory()).appending(path: "jf-report-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// Opens a page, waits for the end, and gives what the browser wrote on standard error.
    func open(_ page: URL, _ options: [String]) throws -> String {
        let process = Process()
        let diary = folder.appending(path: "diary-\(UUID())")
        try Data().write(to: diary)
        process.executableURL = URL(filePath: chromium ?? "/nonexistent")
        process.arguments =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-dev-shm-usage",
                "--user-data-dir=\(folder.appending(path: "profile").path)",
                "--enable-logging=stderr",
                "--timeout=60000", "--no-pdf-header-footer",
            ] + options + [page.absoluteString]
        let handle = try FileHandle(forWritingTo: diary)
        process.standardError = handle
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try handle.close()
        return try String(contentsOf: diary, encoding: .utf8)
    }

    /// The lines of a sheet of a PDF, without the heads and page numbers in its margins.
    func lines(of paper: URL, sheet: Int) throws -> [String] {
        let process = Process()
        let text = folder.appending(path: "sheet-\(sheet)-\(UUID()).txt")
        process.executableURL = URL(filePath: "/usr/bin/pdftotext")
        process.arguments =
            ["-f", "\(sheet)", "-l", "\(sheet)", "-layout", paper.path, text.path]
        try process.run()
        process.waitUntilExit()
        return try String(contentsOf: text, encoding: .utf8).split(separator: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }
            .filter {
                !$0.isEmpty && !$0.hasPrefix("T/CQJR 032.2—2025 · ") && !$0.hasPrefix("模拟数据 S")
            }
    }

    /// The addresses in a log of the browser's network: of pages, scripts, images, fonts.
    func addresses(_ log: URL) throws -> Set<String> {
        let text = try String(contentsOf: log, encoding: .utf8)
        // What the browser asks for on its own account has no origin.
        let requests = text.split(separator: "\n").filter {
            $0.contains("\"initiator\":") && !$0.contains("\"initiator\":\"not an origin\"")
        }
        return Set(
            requests.flatMap { $0.matches(of: /"url":"([a-z]+:[^"]*)"/) }.map { String($0.1) })
    }
}

@Suite(
    "The page in Chromium", .serialized,
    .enabled(
        if: chromium != nil && FileManager.default.isExecutableFile(atPath: "/usr/bin/pdftotext"),
        "chromium or pdftotext is not installed: scripts/install-dependencies --test"))
struct BrowserTests {
    static let pages: [(String, PlanReportContent, Language)] = [
        ("full", Sample().full(), .chinese), ("full", Sample().full(), .english),
        ("unsealed", Sample().unsealed(), .chinese),
        ("incomplete", Sample(includesM: false).incomplete(), .english),
        ("fleet", Sample(hosts: 200).full(), .chinese),
        ("late", Sample().late(), .chinese), ("late", Sample().late(), .english),
        ("forty", Sample(hosts: 4, planned: 38).full(), .chinese),
        ("forty", Sample(hosts: 4, planned: 38).full(), .english),
        ("crowded", Sample(hosts: 4, planned: 38).crowded(), .chinese),
        ("crowded", Sample(hosts: 4, planned: 38).crowded(), .english),
        (
            "hostile", Sample(hosts: 4, hostile: hostileTexts.joined(separator: " ")).full(),
            .english
        ),
    ]

    @Test(
        "opens without an error on the console and without a request, and prints on A4",
        .timeLimit(.minutes(3)), arguments: pages.indices)
    func prints(index: Int) throws {
        let (name, content, language) = Self.pages[index]
        let browser = try Browser()
        defer { browser.remove() }
        let folder = kept.map { URL(filePath: $0) } ?? browser.folder
        let page = folder.appending(path: "\(name)-\(language.rawValue).html")
        let paper = folder.appending(path: "\(name)-\(language.rawValue).pdf")
        let log = browser.folder.appending(path: "net.json")
        try content.html(language).write(to: page, atomically: true, encoding: .utf8)
        let diary = try browser.open(
            page, ["--print-to-pdf=\(paper.path)", "--log-net-log=\(log.path)"])
        #expect(!diary.contains("CONSOLE"), "\(diary)")
        #expect(try browser.addresses(log) == [])
        let pdf = String(decoding: try Data(contentsOf: paper), as: UTF8.self)
        let boxes = pdf.matches(of: /\/MediaBox \[0 0 (\d+)[.\d]* (\d+)[.\d]*\]/)
        #expect(boxes.count >= 5)
        // A4 is 595.28 by 841.89 points.
        #expect(
            boxes.allSatisfy { ["594", "595"].contains($0.1) && ["841", "842"].contains($0.2) })
        // The first page is one sheet: its last line stands on it, and the second begins with chapter 1.
        let first = try browser.lines(of: paper, sheet: 1)
        #expect(first.contains { $0.hasPrefix(language == .chinese ? "告警" : "Alerts") })
        let second = try browser.lines(of: paper, sheet: 2)
        #expect(
            second.first?.hasPrefix(language == .chinese ? "一、各轮的结果" : "1. Rounds") == true,
            "\(name): \(second.prefix(3))")
    }

    @Test("a page that does fail to be closed is found out", .timeLimit(.minutes(3)))
    func control() throws {
        let browser = try Browser()
        defer { browser.remove() }
        let page = browser.folder.appending(path: "open.html")
        let log = browser.folder.appending(path: "net.json")
        try "<html><img src='http://127.0.0.1:9/x.png'><script>console.error('CONSOLE')</script>"
            .write(to: page, atomically: true, encoding: .utf8)
        let paper = browser.folder.appending(path: "open.pdf")
        let diary = try browser.open(
            page, ["--print-to-pdf=\(paper.path)", "--log-net-log=\(log.path)"])
        #expect(diary.contains("CONSOLE"))
        #expect(try browser.addresses(log).contains("http://127.0.0.1:9/x.png"))
    }
}
