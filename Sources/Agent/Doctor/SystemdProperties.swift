import Glibc

/// What `systemctl show` says. A property that this systemd does not know is missing from it.
enum SystemdProperties {
    /// There where systemd runs the system.
    ///
    /// Source: sd_booted(3).
    private static let booted = "/run/systemd/system"
    /// What root asked, for the program that goes on as another user: where there is no message bus
    /// systemd answers root alone.
    private static let carried = "JOULEFLOW_DOCTOR_UNIT"
    /// Bytes of an answer that are read.
    private static let limit = 65_536

    /// What the doctor looks at.
    private static let names = Set(
        UnitCheck.shown + SandboxCheck.shown + UnitNeedsCheck.shown + UnitViewCheck.shown
            + AgentUser.shown + StatusTextCheck.shown + HeldSettingsCheck.shown
    ).sorted()

    /// The properties of a unit; `nil` where systemd does not run, or does not answer.
    static func of(_ unit: String) -> [String: String]? {
        if let text = getenv(carried) { return parse(String(cString: text)) }
        return show(unit).map(parse)
    }

    /// Leaves them to the program that takes this one's place.
    static func carry(of unit: String) {
        guard getenv(carried) == nil, let text = show(unit) else { return }
        setenv(carried, text, 1)
    }

    private static func show(_ unit: String) -> String? {
        guard access(booted, F_OK) == 0 else { return nil }
        let words = ["systemctl", "show", "--property", names.joined(separator: ","), "--", unit]
        let command = words.map(shellWord).joined(separator: " ") + " 2>/dev/null"
        guard let stream = popen(command, "re") else { return nil }
        var (bytes, block) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while bytes.count < limit {
            let count = fread(&block, 1, block.count, stream)
            guard count > 0 else { break }
            bytes += block.prefix(count)
        }
        guard pclose(stream) == 0 else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Lines of `Name=value`; of a name that comes more than once, the values with spaces between.
    static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let mark = line.firstIndex(of: "=") else { continue }
            let (name, value) = (String(line[..<mark]), String(line[line.index(after: mark)...]))
            values[name] = values[name].map { "\($0) \(value)" } ?? value
        }
        return values
    }
}
