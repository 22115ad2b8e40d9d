import Glibc

/// Files that looked like the spool's own and were not, moved aside: as `damaged-`, a number that
/// grows, and the name that they had. The newest are kept for whoever wants to know, within limits.
enum DamagedFiles {
    static let prefix = "damaged-"
    /// Files kept at most.
    static let limit = 4
    /// Bytes kept at most.
    static let byteLimit = 4 << 20
    private static let digits = 6

    /// Moves a file of the directory aside, and removes the oldest of those beyond the limits.
    static func setAside(
        _ path: String, in directory: String, on disk: any Disk
    ) throws(SpoolError) {
        let aside = try numbered(in: directory)
        let number = String((aside.last?.number ?? 0) + 1)
        let zeros = String(repeating: "0", count: max(0, digits - number.count))
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try disk.rename(path, to: directory + "/" + prefix + zeros + number + "-" + name)
        try removeOldest(in: directory, on: disk)
    }

    private static func removeOldest(
        in directory: String, on disk: any Disk
    ) throws(SpoolError) {
        var (count, bytes) = (0, 0)
        for file in try numbered(in: directory).reversed() {
            let path = directory + "/" + file.name
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            count += 1
            bytes = bytes.addingClamped(Int(status.st_size))
            // A directory cannot be removed like a file and stays.
            if count > limit || bytes > byteLimit { try? disk.remove(path) }
        }
    }

    private static func numbered(
        in directory: String
    ) throws(SpoolError) -> [(number: UInt32, name: String)] {
        try names(in: directory).compactMap { name in
            guard name.hasPrefix(prefix) else { return nil }
            return UInt32(name.dropFirst(prefix.count).prefix { $0 != "-" })
                .flatMap { $0 < .max ? ($0, name) : nil }
        }.sorted { $0.number < $1.number }
    }
}

extension Int {
    fileprivate func addingClamped(_ other: Int) -> Int {
        let (sum, over) = addingReportingOverflow(other)
        return over ? .max : sum
    }
}
