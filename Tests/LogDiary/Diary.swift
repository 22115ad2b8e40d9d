package import Logging
import Synchronization

/// The log lines of a test, kept: each is `level message [metadata]`.
package final class Diary: Sendable {
    private let lines = Mutex<[String]>([])

    package init() {}

    package var text: [String] { lines.withLock { $0 } }

    package func count(of words: String) -> Int { text.count { $0.contains(words) } }

    /// Waits until `count` lines hold the words, or ten minutes: what writes them may run
    /// on, and waits for its turn among all tests.
    package func wait(for words: String, count: Int = 1) async {
        let deadline = ContinuousClock.now + .seconds(600)
        while self.count(of: words) < count, .now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    package var log: Logger { Logger(label: "test") { _ in Handler(diary: self) } }

    private struct Handler: LogHandler {
        let diary: Diary
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.notice
        var metadataProvider: Logger.MetadataProvider?

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = event.metadata ?? [:]
            diary.lines.withLock { $0.append("\(event.level) \(event.message) \(fields)") }
        }
    }
}
