import Foundation
import Glibc
import Testing

/// What `jouleflow-agent doctor --format json` says.
struct Diagnosis {
    /// A line of it.
    struct Line {
        let check: String
        let subject: String
        let state: String
        let found: String
        let fix: String
    }

    let status: Int32
    let lines: [Line]
    let isSound: Bool
    /// `nil` where it cannot be seen.
    let isRunning: Bool?

    init(_ outcome: Host.Outcome) throws {
        status = outcome.status
        guard
            let object = try JSONSerialization.jsonObject(with: Data(outcome.printed.utf8))
                as? [String: Any], let checks = object["checks"] as? [[String: String]],
            let isSound = object["sound"] as? Bool, object["version"] as? Int == 1
        else { throw Trouble("doctor printed \(outcome.printed)\(outcome.said)") }
        self.isSound = isSound
        isRunning = object["running"] as? Bool
        lines = try checks.map { line in
            guard let check = line["check"], let subject = line["subject"],
                let state = line["state"], let found = line["found"], let fix = line["fix"]
            else { throw Trouble("a line of doctor lacks a key: \(line)") }
            return Line(check: check, subject: subject, state: state, found: found, fix: fix)
        }
    }

    /// The lines of a check, those whose subject ends so.
    func lines(_ check: String, _ subject: String = "") -> [Line] {
        lines.filter { $0.check == check && $0.subject.hasSuffix(subject) }
    }

    /// The states of a check's lines.
    func states(_ check: String, _ subject: String = "") -> [String] {
        lines(check, subject).map(\.state)
    }

    /// The checks that have a fault.
    var faults: [String] { Set(lines.filter { $0.state == "fault" }.map(\.check)).sorted() }

    /// The one line of a check that is not well, which must say what to do.
    func trouble(
        _ check: String, _ subject: String = "", _ place: SourceLocation = #_sourceLocation
    ) throws -> Line {
        let line = try #require(
            lines(check, subject).first { $0.state == "fault" || $0.state == "warning" },
            "\(lines)", sourceLocation: place)
        #expect(!line.fix.isEmpty, "\(line)", sourceLocation: place)
        return line
    }
}

extension Diagnosis.Line {
    /// The first command between backquotes.
    var command: String {
        get throws {
            let parts = fix.split(separator: "`", omittingEmptySubsequences: false)
            guard parts.count > 2 else { throw Trouble("no command in “\(fix)”") }
            return String(parts[1])
        }
    }

    /// Does as it says, as root in a shell; inside another process's namespaces where given.
    func follow(in pid: pid_t? = nil) throws {
        let enter = pid.map { ["nsenter", "-t", "\($0)", "-n", "-m", "--"] } ?? []
        let outcome = try Host.run(enter + ["sh", "-ec", command], within: 10)
        guard outcome.status == 0 else {
            throw Trouble("“\(try command)”: \(outcome.said)\(outcome.printed)")
        }
    }
}

/// A user of the system's tables that stands for the agent's: as nobody it must not run.
enum ServiceUser {
    static let number: UInt32 = 1
    static var group: UInt32 { Host.account(number).group }
    static var name: String { Host.account(number).name }

    /// Runs what follows with its rights: no capability, and none to be had.
    static var words: [String] { identity + ["--inh-caps=-all", "--bounding-set=-all", "--"] }
    /// The same with CAP_NET_RAW, and no more to be had.
    static var capturing: [String] {
        identity + [
            "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw",
            "--bounding-set=-all,+net_raw", "--",
        ]
    }

    private static var identity: [String] {
        ["setpriv", "--reuid", "\(number)", "--regid", "\(group)", "--clear-groups"]
    }
}

extension Site {
    /// Runs the doctor on a settings file of the site.
    func doctor(
        _ settings: AgentSettings? = nil, as user: Child.User = .same, before: [String] = []
    ) throws -> Diagnosis {
        try doctor(text: (settings ?? agentSettings()).text, as: user, before: before)
    }

    func doctor(
        text: String, in name: String = "doctor.yaml", as user: Child.User = .same,
        before: [String] = []
    ) throws -> Diagnosis {
        let file = path(name)
        try write(text, to: file)
        return try Diagnosis(
            Host.run(
                before + [
                    try Self.program("agent"), "doctor", "--config", file, "--format", "json",
                    "--language", "en",
                ], within: 60, as: user))
    }

    /// A state folder of the agent's user.
    func makeStateOfUser() throws {
        let state = path("state")
        guard mkdir(state, 0o700) == 0, chown(state, ServiceUser.number, ServiceUser.group) == 0
        else { throw Trouble("\(state): errno \(errno)") }
    }

    /// The counters of the simulated machine.
    func counters() -> [String] {
        let root = path("sys/devices")
        let files = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String }
        return (files ?? []).filter { $0.hasSuffix("/energy_uj") }.map { "\(root)/\($0)" }
    }

    /// Makes an authority, a collector's and an agent's certificate in a folder of the site.
    func makeCertificates(
        in folder: String = "ca", agents: [String] = ["host-a"]
    ) throws {
        let out = path(folder)
        let commands = [
            ["init", "--out", out], ["collector", "--ca", out, "127.0.0.1"],
            ["agent", "--ca", out] + agents,
        ]
        for arguments in commands {
            let outcome = try Host.run(
                [try Self.program("collector"), "ca"] + arguments, within: 10)
            guard outcome.status == 0 else { throw Trouble("ca: \(outcome.said)") }
        }
    }

    /// Issues a certificate for host-a from an authority of the site and puts it in place, as the
    /// doctor says.
    func renewCertificate(from folder: String = "ca") throws {
        let outcome = try Host.run(
            [
                try Self.program("collector"), "ca", "agent", "--ca", path(folder), "--out",
                path("new"), "host-a",
            ], within: 10)
        guard outcome.status == 0 else { throw Trouble("ca: \(outcome.said)") }
        for kind in ["pem", "key"] {
            guard rename(path("new/agent-host-a.\(kind)"), path("ca/agent-host-a.\(kind)")) == 0
            else { throw Trouble("rename: errno \(errno)") }
        }
        rmdir(path("new"))
    }

    static let collectorTLS =
        "tls: {ca: ca/ca.pem, certificate: ca/collector-127.0.0.1.pem, "
        + "key: ca/collector-127.0.0.1.key}"
    static let agentTLS =
        "tls: {ca: ca/ca.pem, certificate: ca/agent-host-a.pem, key: ca/agent-host-a.key}"
}
