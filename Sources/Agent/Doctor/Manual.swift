import Glibc

/// The manuals, where a person finds them on this host.
enum Manual {
    /// Where the packages put them; Debian's compresses the longer ones.
    private static let folder = "/usr/share/doc/jouleflow-agent"

    /// The path of a manual such as `configuration`; in the sources where no package is installed.
    static func path(of name: String, in folder: String = folder) -> String {
        ["\(folder)/\(name).md", "\(folder)/\(name).md.gz"].first { access($0, R_OK) == 0 }
            ?? "docs/\(name).md"
    }
}
