import Glibc

@testable import Spool

/// Does everything, and keeps the history, from which it makes what a loss of power could leave.
///
/// What was synchronised is there. Of the rest each write is there, not there, torn at its start or its
/// end, or has only made the file longer, whatever its order; and each creation, renaming and removal
/// whose directory was not synchronised is there or not.
final class RecordingDisk: Disk {
    private typealias File = Int

    private enum Event {
        case write(File, offset: Int, bytes: [UInt8])
        case truncate(File, size: Int)
        case synchronize(File)
        case name(String, File)
        case rename(String, to: String, File)
        case remove(String)
        case synchronizeDirectory(String)
    }

    /// What became of a write that was not synchronised.
    enum Fate: CaseIterable {
        case dropped, kept
        /// Its start is there, or its end, as far as `tear` says.
        case started, ended
        /// Zeros are in its place, as where a file's new length is written and its bytes are not.
        case cleared
    }

    private let disk = SystemDisk()
    private var events: [Event] = []
    private var files: [String: File] = [:]
    private var created = 0

    /// How many operations there were.
    var count: Int { events.count }

    func create(_ path: String) throws(SpoolError) -> Descriptor {
        let file = try disk.create(path)
        if let old = files[path] {
            events.append(.truncate(old, size: 0))
        } else {
            created += 1
            files[path] = created
            events.append(.name(path, created))
        }
        return file
    }

    func write(_ bytes: [UInt8], to file: Descriptor, at offset: Int) throws(SpoolError) {
        try disk.write(bytes, to: file, at: offset)
        if let file = files[file.path] {
            events.append(.write(file, offset: offset, bytes: bytes))
        }
    }

    func truncate(_ file: Descriptor, to size: Int) throws(SpoolError) {
        try disk.truncate(file, to: size)
        if let file = files[file.path] { events.append(.truncate(file, size: size)) }
    }

    func synchronize(_ file: Descriptor) throws(SpoolError) {
        if let file = files[file.path] { events.append(.synchronize(file)) }
    }

    func synchronizeDirectory(_ path: String) throws(SpoolError) {
        events.append(.synchronizeDirectory(path))
    }

    func rename(_ path: String, to new: String) throws(SpoolError) {
        try disk.rename(path, to: new)
        guard let file = files.removeValue(forKey: path) else { return }
        files[new] = file
        events.append(.rename(path, to: new, file))
    }

    func remove(_ path: String) throws(SpoolError) {
        try disk.remove(path)
        if files.removeValue(forKey: path) != nil { events.append(.remove(path)) }
    }

    // MARK: Loss of power

    /// The files by path after a loss of power before the operation of that number. `fate` is asked for
    /// what becomes of each operation that was not synchronised, by its number.
    func remains(
        before end: Int, fate: (Int) -> Fate, tear: (Int) -> Int = { $0 }
    ) -> [String: [UInt8]] {
        var (contents, names): ([File: [UInt8]], [String: File]) = ([:], [:])
        for (index, event) in events[..<end].enumerated() {
            let fate = isDurable(event, at: index, before: end) ? .kept : fate(index)
            guard fate != .dropped else { continue }
            switch event {
            case .write(let file, let offset, let bytes):
                contents[file, default: []].write(bytes, at: offset, fate, tear)
            case .truncate(let file, let size):
                contents[file] = contents[file].map { Array($0.prefix(size)) }
            case .name(let path, let file): names[path] = file
            case .rename(let path, let new, let file):
                if names[path] == file { names[path] = nil }
                names[new] = file
            case .remove(let path): names[path] = nil
            case .synchronize, .synchronizeDirectory: break
            }
        }
        return names.mapValues { contents[$0] ?? [] }
    }

    /// What that operation wrote; `nil` where it is no write.
    func written(_ index: Int) -> (offset: Int, bytes: [UInt8])? {
        if case .write(_, let offset, let bytes) = events[index] { (offset, bytes) } else { nil }
    }

    private func isDurable(_ event: Event, at index: Int, before end: Int) -> Bool {
        events[index..<end].contains { later in
            switch (event, later) {
            case (.write(let file, _, _), .synchronize(let done)): file == done
            case (.truncate(let file, _), .synchronize(let done)): file == done
            case (.name(let path, _), .synchronizeDirectory(let done)): path.lies(in: done)
            case (.rename(let path, _, _), .synchronizeDirectory(let done)): path.lies(in: done)
            case (.remove(let path), .synchronizeDirectory(let done)): path.lies(in: done)
            default: false
            }
        }
    }
}

extension [UInt8] {
    /// Writes what `fate` leaves of the bytes.
    mutating func write(
        _ bytes: [UInt8], at offset: Int, _ fate: RecordingDisk.Fate, _ tear: (Int) -> Int
    ) {
        let end = fate == .started ? tear(bytes.count) : bytes.count
        let start = fate == .ended ? tear(bytes.count) : 0
        let part = fate == .cleared ? [UInt8](repeating: 0, count: bytes.count) : bytes
        self += [UInt8](repeating: 0, count: Swift.max(0, offset + end - count))
        replaceSubrange(offset + start..<offset + end, with: part[start..<end])
    }
}

extension String {
    fileprivate func lies(in directory: String) -> Bool {
        hasPrefix(directory + "/") && !dropFirst(directory.count + 1).contains("/")
    }
}
