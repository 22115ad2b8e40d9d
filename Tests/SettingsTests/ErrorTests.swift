import Foundation
import Testing

@testable import Settings

@Suite("An error of a settings file")
struct ErrorTests {
    /// Each file of `Errors` holds cases: `==== name`, the settings, `----`, the message.
    @Test(
        "names the place, what is wrong and what to write",
        arguments: [
            "yaml", "keys", "quantities", "energy", "services", "scenarios", "requests",
            "outcomes", "shared-outcomes", "flows", "rules", "attribution", "collectors",
            "collector-file",
        ])
    func message(group: String) throws {
        let file = Samples.root.appending(path: "Tests/SettingsTests/Errors/\(group).txt")
        let cases = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "==== ")
        #expect(cases.count > 4)
        for text in cases.dropFirst() {
            let lines = text.components(separatedBy: "\n")
            let middle = try #require(lines.firstIndex(of: "----"))
            let settings = lines[1..<middle].map { $0 + "\n" }.joined()
            let expected = lines[(middle + 1)...].dropLast().joined(separator: "\n")
            let message = Samples.message(settings, isCollector: group == "collector-file")
            #expect(message == expected, "\(lines[0])")
        }
    }

    @Test("comes with all others of the file, in the order of the lines")
    func all() {
        let text = """
            version: 1
            window: 7s
            services: [{name: a, ports: [0], color: red}]
            collectors: [{}]
            energy: {source: none, source: rapl}
            """
        #expect(throws: SettingsErrors.self) { try Samples.agent(text) }
        do throws(SettingsErrors) { _ = try Samples.agent(text) } catch {
            #expect(error.errors.map { $0.place?.line } == [2, 3, 3, 4, 4, 5])
            #expect(error.omitted == 0)
        }
    }

    @Test("is listed up to the twentieth, the others are counted")
    func limit() {
        let wrong = (0..<1000).map { "wrong\($0): 1\n" }.joined()
        do throws(SettingsErrors) {
            _ = try Samples.agent("version: 1\nservices: []\ncollectors: []\n" + wrong)
            Issue.record("accepted")
        } catch {
            #expect(error.errors.count == 20)
            #expect(error.omitted == 981)
            #expect(error.description.hasSuffix("\n… and 981 more"))
        }
    }

    @Test("shows no control character of the file")
    func harmless() {
        let text = "version: 1\n\u{1B}[2J: 1\n"
        let escaped = "version: 1\nagent: {id: \"a\u{202E}\u{2028}b\"}\n"
        for text in [text, escaped] {
            let message = Samples.message(text)
            #expect(message.contains("agent.yaml:2:"))
            #expect(
                !message.unicodeScalars.contains {
                    $0 != "\n"
                        && [.control, .format, .lineSeparator].contains(
                            $0.properties.generalCategory)
                })
        }
    }

    @Test("puts its caret below wide characters and in a long line")
    func caret() {
        let wide = Samples.message("version: 1\nagent: {授信: 1, idd: a}\n")
        #expect(wide.contains("2 | agent: {授信: 1, idd: a}\n      |                  ^"))
        let long = "version: 1\nagent: {id: " + String(repeating: "a", count: 300) + ", x: 1}\n"
        let lines = Samples.message(long).components(separatedBy: "\n")
        for (line, next) in zip(lines, lines.dropFirst()) where next.hasSuffix("^") {
            #expect(line.count < 110)
        }
    }

    @Test("keeps the line numbers of files with CR LF and a byte order mark")
    func lineBreaks() {
        let message = Samples.message("\u{FEFF}version: 2\r\nwindow: 7\r\n")
        #expect(message.contains("agent.yaml:1:10: version: \"2\""))
        #expect(message.contains("agent.yaml:2:9: window: \"7\" has no unit\n    2 | window: 7\n"))
    }

    @Test("of bytes that are no UTF-8 names the byte's place")
    func encoding() {
        let bytes = Array("version: 1\nagent: {id: ".utf8) + [0xFF] + Array("}\n".utf8)
        do throws(SettingsErrors) {
            _ = try AgentSettings.parse(bytes, name: "a", hostName: "h")
            Issue.record("accepted")
        } catch {
            #expect(error.errors.first?.place == SourcePlace(line: 2, column: 13))
            #expect(error.description.contains("save the file as text in UTF-8"))
            #expect(!error.description.contains("tabs"))
        }
    }
}

@Suite("A settings file that cannot be read")
struct FileTests {
    private func failure(_ path: String) -> SettingsErrors? {
        do throws(SettingsErrors) {
            _ = try CollectorSettings.load(path: path)
            return nil
        } catch { return error }
    }

    @Test("says whether it is missing, forbidden or no file")
    func failures() throws {
        #expect(failure("/nowhere/agent.yaml")?.fileFailure == .missing)
        #expect(
            failure("/nowhere/agent.yaml")?.description
                == "/nowhere/agent.yaml: cannot read the file: No such file or directory\n"
                + "  check the path of the file")
        #expect(failure("/tmp")?.fileFailure == .notAFile)
        let loop = URL.temporaryDirectory.appending(path: "jouleflow-loop-\(getpid())")
        try FileManager.default.createSymbolicLink(at: loop, withDestinationURL: loop)
        defer { try? FileManager.default.removeItem(at: loop) }
        #expect(failure(loop.path())?.fileFailure == .other(ELOOP))
        #expect(FileFailure(EACCES) == .permissionDenied)
        #expect(FileFailure.permissionDenied.description == "Permission denied")
    }

    @Test("for want of the right is told apart", .enabled(if: geteuid() != 0))
    func forbidden() throws {
        let file = URL.temporaryDirectory.appending(path: "jouleflow-forbidden-\(getpid())")
        try Data("version: 1\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        chmod(file.path(), 0)
        #expect(failure(file.path())?.fileFailure == .permissionDenied)
    }

    @Test("is refused above its limits of size, depth and number of values")
    func limits() throws {
        let large = "version: 1 #" + String(repeating: "a", count: SettingsFile.maximumBytes)
        #expect(Samples.message(large).contains("the file is larger than 4194304 bytes"))
        let file = URL.temporaryDirectory.appending(path: "jouleflow-large-\(getpid())")
        try Data(large.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(
            failure(file.path())?.errors.first?.problem
                == .tooLarge(limitBytes: SettingsFile.maximumBytes))
        let deep = String(repeating: "[", count: 100_000)
        #expect(Samples.message(deep).contains("agent.yaml:1:34: values are nested deeper than 32"))
        let many = "services: [" + String(repeating: "1,", count: 600_000) + "]"
        #expect(Samples.message(many).contains("the file holds more than 500000 values"))
    }
}
