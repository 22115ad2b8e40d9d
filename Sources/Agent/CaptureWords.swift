import Capture
import Logging

/// What a person should know of interfaces, said once per change and not per attempt.
struct CaptureWords {
    /// In place of an interface's name: the watch over all of them.
    private static let watching = "*"
    private static let limit = "* limit"
    private static let none = "* none"

    private let log: Logger
    /// What was last said, by interface.
    private var said: [String: String] = [:]

    init(_ log: Logger) { self.log = log }

    /// An interface that is wanted cannot be captured.
    mutating func error(_ error: CaptureError, of name: String) {
        guard isNews("\(error)", of: name) else { return }
        log.error(
            "flows may be missing, energy is metered all the same: \(error)",
            metadata: ["interface": "\(name)"])
    }

    mutating func noteUnwatched(_ error: LinkError) {
        guard isNews("\(error)", of: Self.watching) else { return }
        log.warning(
            """
            interfaces cannot be watched: those named in capture.interfaces are looked for every 2 s, \
            patterns find nothing; \(error)
            """)
    }

    /// Interfaces are watched, where it was said that they are not.
    mutating func noteWatched() {
        guard said.removeValue(forKey: Self.watching) != nil else { return }
        log.notice("interfaces are watched again")
    }

    mutating func forget(_ name: String) { said[name] = nil }

    mutating func noteRings(of name: String, ringMebibytes: Int, limit: Int) {
        guard isNews("rings", of: name) else { return }
        log.error(
            """
            flows may be missing: rings of all interfaces have \(limit) MiB at most; lower \
            capture.ring_mib, now \(ringMebibytes), or name fewer interfaces
            """, metadata: ["interface": "\(name)"])
    }

    /// - Parameter names: interfaces for which there is no room.
    mutating func noteLimit(_ names: [String]) {
        guard !names.isEmpty else {
            said[Self.limit] = nil
            return
        }
        guard isNews("limit", of: Self.limit) else { return }
        log.error(
            """
            flows may be missing: \(WantedInterfaces.maximum) interfaces are captured at most; \
            narrow the patterns in capture.interfaces
            """,
            metadata: ["left_out": "\(names.count)", "first": "\(names.first ?? "")"])
    }

    /// - Parameter isAny: whether there is an interface to capture.
    mutating func noteNone(_ isAny: Bool) {
        guard !isAny else {
            said[Self.none] = nil
            return
        }
        guard isNews("none", of: Self.none) else { return }
        log.error(
            """
            flows are not counted, energy is metered all the same: no interface that is up matches \
            capture.interfaces; each is captured as soon as there is one
            """)
    }

    private mutating func isNews(_ words: String, of name: String) -> Bool {
        said.updateValue(words, forKey: name) != words
    }
}
