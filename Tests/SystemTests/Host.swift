import Foundation
import Glibc
import Synchronization

/// What this machine offers the tests.
enum Host {
    /// The folder of the three programs, or `nil` where none is named.
    static let programs = ProcessInfo.processInfo.environment["JOULEFLOW_BIN"]

    /// The root of the sources.
    static let sources = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    static let isRoot = geteuid() == 0

    /// Capturing needs CAP_NET_RAW: a packet socket tells.
    static let mayCapture: Bool = {
        let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }()

    /// Whether a network namespace with a virtual interface can be made.
    static let canMakeInterfaces: Bool = {
        let words = ["unshare", "-n", "ip", "link", "add", "jf0", "type", "veth"]
        return (try? run(words, within: 5).status) == 0
    }()

    static func has(_ programs: String...) -> Bool {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
        return programs.allSatisfy { program in
            folders.contains { access("\($0)/\(program)", X_OK) == 0 }
        }
    }

    private static let lookingUp = Mutex(())

    /// A user's name and group as the system's tables have them, or its number as both. One at a time:
    /// getpwuid(3) has one buffer for all threads.
    static func account(_ number: UInt32) -> (name: String, group: UInt32) {
        lookingUp.withLock { _ in
            guard let entry = getpwuid(number), let name = entry.pointee.pw_name else {
                return ("\(number)", number)
            }
            return (String(cString: name), entry.pointee.pw_gid)
        }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    /// Whether 127.0.0.1 accepts connections on the port.
    static func isListening(on port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, stream, 0)
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// Children of tests beside this one inherit nothing.
    private static let stream = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    private static let given = Mutex<Set<UInt16>>([])

    /// A TCP port of 127.0.0.1 that nobody listens on now, and that no other test was given.
    static func freePort() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = try unusedPort()
            if given.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw Trouble("no free port: all were given")
    }

    private static func unusedPort() throws -> UInt16 {
        let descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { throw Trouble("no socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw Trouble("no free port: errno \(errno)") }
        return UInt16(bigEndian: address.sin_port)
    }

    struct Outcome {
        let status: Int32
        let printed: String
        let said: String
    }

    /// Runs a program to its end.
    static func run(
        _ command: [String], within seconds: Double, as user: Child.User = .same
    ) throws -> Outcome {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let child = try Child("command", command, folder: folder, as: user)
        let status = try child.end(within: seconds)
        return Outcome(status: status, printed: child.printed, said: child.said)
    }

    static func temporaryFolder() throws -> String {
        let base = FileManager.default.temporaryDirectory.path
        var template = Array("\(base)/jouleflow-system-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Trouble("mkdtemp: errno \(errno)") }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The text of a file.
func read(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
}

/// Writes a file.
func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
}
