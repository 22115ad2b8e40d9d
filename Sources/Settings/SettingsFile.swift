import Glibc

/// A settings file read whole.
struct SettingsFile {
    /// Bytes; a longer file is refused.
    static let maximumBytes = 4 << 20

    /// Reads the file at `path`.
    static func read(_ path: String) throws(SettingsErrors) -> [UInt8] {
        let descriptor = retrying { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
        guard descriptor >= 0 else { throw failure(path, .unreadable(FileFailure(errno))) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw failure(path, .unreadable(FileFailure(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw failure(path, .unreadable(.notAFile))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(max(0, Int(status.st_size)), maximumBytes) + 1)
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = retrying { Glibc.read(descriptor, &block, block.count) }
            guard count >= 0 else { throw failure(path, .unreadable(FileFailure(errno))) }
            if count == 0 { return bytes }
            bytes += block.prefix(count)
            guard bytes.count <= maximumBytes else { throw tooLarge(path) }
        }
    }

    static func tooLarge(_ path: String) -> SettingsErrors {
        failure(path, .tooLarge(limitBytes: maximumBytes))
    }

    private static func failure(_ path: String, _ problem: SettingsProblem) -> SettingsErrors {
        let findings = Findings()
        findings.add(problem, at: nil, hint: problem.remedy)
        return findings.errors(file: path, text: [])
    }

    private static func retrying<N: SignedInteger>(_ call: () -> N) -> N {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}

extension SettingsFile {
    /// Reads `text` as YAML and hands its root to `build`.
    ///
    /// Everything wrong with the file is thrown together; `build` gives `nil` only where it
    /// added a finding.
    static func decode<Settings>(
        _ text: [UInt8], name: String, keys: [Key],
        build: (Section) -> Settings?
    ) throws(SettingsErrors) -> Settings {
        try decodeWithWarnings(text, name: name, keys: keys, build: build).settings
    }

    /// As ``decode(_:name:keys:build:)``, with what was found that is no error.
    static func decodeWithWarnings<Settings>(
        _ text: [UInt8], name: String, keys: [Key],
        build: (Section) -> Settings?
    ) throws(SettingsErrors) -> (settings: Settings, warnings: [SettingsWarning]) {
        guard text.count <= maximumBytes else { throw tooLarge(name) }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = text.starts(with: mark) ? Array(text.dropFirst(mark.count)) : text
        let findings = Findings()
        var settings: Settings?
        if let root = YAMLReader.read(text, findings),
            let section = Section(root, keys: keys)
        {
            settings = build(section)
        }
        guard let settings, findings.isEmpty else {
            throw findings.errors(file: name, text: text)
        }
        return (settings, findings.warnings(file: name, text: text))
    }

    /// The path a setting of the file `name` means: relative ones begin at the file's folder.
    static func resolve(_ path: String, besideFile name: String) -> String {
        guard !path.hasPrefix("/"), let slash = name.lastIndex(of: "/") else { return path }
        return name[...slash] + path
    }
}

extension FileFailure: CustomStringConvertible {
    init(_ number: Int32) {
        switch number {
        case ENOENT, ENOTDIR: self = .missing
        case EACCES, EPERM: self = .permissionDenied
        default: self = .other(number)
        }
    }

    package var description: String {
        switch self {
        case .missing: Self.text(ENOENT)
        case .permissionDenied: Self.text(EACCES)
        case .other(let number): Self.text(number)
        case .notAFile: "not a regular file"
        }
    }

    private static func text(_ number: Int32) -> String {
        var text = [CChar](repeating: 0, count: 128)
        guard strerror_r(number, &text, text.count) == 0 else { return "error \(number)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
