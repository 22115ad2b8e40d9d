import Foundation
import Glibc

/// A network of its own for a test, with devices that end with it.
enum Namespace {
    struct Trouble: Error, CustomStringConvertible {
        let description: String

        init(_ what: String) { description = "\(what): errno \(errno)" }
    }

    /// Whether this process may make one and devices in it.
    static let canBeMade: Bool = {
        (try? with { try ip("link add jf0 type veth peer name jf1") }) != nil
    }()

    private final class Outcome: @unchecked Sendable {
        // Written by the thread before it ends, read after it was waited for.
        var error: (any Error)?
    }

    /// Runs `body` on a thread in a new network namespace, which threads and programs that it
    /// starts share, and waits for its end.
    static func with(_ body: @escaping @Sendable () throws -> Void) throws {
        let outcome = Outcome()
        let end = DispatchSemaphore(value: 0)
        let thread = Thread {
            do {
                guard unshare(0x4000_0000) == 0 else { throw Trouble("unshare") }
                try body()
            } catch { outcome.error = error }
            end.signal()
        }
        thread.start()
        end.wait()
        if let error = outcome.error { throw error }
    }

    /// Runs `ip` with these words.
    static func ip(_ words: String) throws {
        let arguments = ["ip"] + words.split(separator: " ").map(String.init)
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var pid: pid_t = 0
        guard posix_spawnp(&pid, "ip", &actions, nil, pointers, environ) == 0 else {
            throw Trouble("ip")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw Trouble("ip \(words) ended with \(status >> 8)") }
    }

    private static func unshare(_ flags: Int32) -> Int32 {
        typealias Call = @convention(c) (Int32) -> Int32
        guard let symbol = dlsym(nil, "unshare") else { return -1 }
        return unsafeBitCast(symbol, to: Call.self)(flags)
    }
}

/// Sends frames as they stand from an interface.
final class FrameSender: Sendable {
    private let descriptor: Int32

    init(interface: String) throws {
        descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
        guard descriptor >= 0 else { throw Namespace.Trouble("socket") }
        // struct sockaddr_ll: family, protocol, the interface's number, and 12 bytes.
        var address = [UInt8](repeating: 0, count: 20)
        address.withUnsafeMutableBytes {
            $0.storeBytes(of: UInt16(AF_PACKET), as: UInt16.self)
            $0.storeBytes(of: if_nametoindex(interface), toByteOffset: 4, as: UInt32.self)
        }
        let status = address.withUnsafeBytes { bytes in
            bind(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(bytes.count))
        }
        guard status == 0 else { throw Namespace.Trouble("bind to \(interface)") }
    }

    deinit { close(descriptor) }

    func send(_ frame: [UInt8]) throws {
        guard Glibc.send(descriptor, frame, frame.count, 0) == frame.count else {
            throw Namespace.Trouble("send of \(frame.count) bytes")
        }
    }
}

/// An interface of Internet packets without a link header, whose other end is here.
final class TunDevice {
    private let descriptor: Int32

    /// - Parameter hardware: what kind of hardware it says it is (`ARPHRD_…`).
    init(name: String, hardware: Int) throws {
        descriptor = open("/dev/net/tun", O_RDWR)
        guard descriptor >= 0 else { throw Namespace.Trouble("/dev/net/tun") }
        // struct ifreq: the name and the flags IFF_TUN | IFF_NO_PI.
        var request = [UInt8](repeating: 0, count: 40)
        request.replaceSubrange(0..<name.utf8.count, with: name.utf8)
        request[16] = 0x01
        request[17] = 0x10
        let isMade = request.withUnsafeMutableBytes {
            Self.control(descriptor, 0x4004_54ca, Int(bitPattern: $0.baseAddress)) == 0
        }
        guard isMade else { throw Namespace.Trouble("TUNSETIFF") }
        guard Self.control(descriptor, 0x4004_54cd, hardware) == 0 else {
            throw Namespace.Trouble("TUNSETLINK")
        }
        try Namespace.ip("link set \(name) up")
    }

    deinit { close(descriptor) }

    /// ioctl(2), which Swift cannot call by its name as it takes any number of arguments.
    private static func control(_ descriptor: Int32, _ request: UInt, _ argument: Int) -> Int32 {
        typealias Call = @convention(c) (Int32, UInt, Int) -> Int32
        guard let symbol = dlsym(nil, "ioctl") else { return -1 }
        return unsafeBitCast(symbol, to: Call.self)(descriptor, request, argument)
    }

    /// Lets the packet come in.
    func receive(_ packet: [UInt8]) throws {
        guard write(descriptor, packet, packet.count) == packet.count else {
            throw Namespace.Trouble("write to the tun device")
        }
    }
}
