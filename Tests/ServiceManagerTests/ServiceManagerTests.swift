import Glibc
import Testing

@testable import ServiceManager

@Suite("A service tells its manager")
struct ServiceManagerTests {
    @Test("Each state is the lines that sd_notify(3) names")
    func lines() {
        #expect(ServiceManager.lines(.ready, now: 7) == "READY=1\n")
        #expect(ServiceManager.lines(.reloading, now: 7) == "RELOADING=1\nMONOTONIC_USEC=7\n")
        #expect(ServiceManager.lines(.stopping, now: 7) == "STOPPING=1\n")
        #expect(ServiceManager.lines(.alive, now: 7) == "WATCHDOG=1\n")
        #expect(ServiceManager.lines(.status("计量中 2 W"), now: 7) == "STATUS=计量中 2 W\n")
    }

    @Test("A status cannot smuggle in another state, and is cut between characters")
    func hostileStatus() {
        #expect(
            ServiceManager.lines(.status("a\nMAINPID=1\r\u{85}b"), now: 0)
                == "STATUS=a MAINPID=1  b\n")
        let long = ServiceManager.lines(.status(String(repeating: "能", count: 400)), now: 0)
        #expect(long.utf8.count == "STATUS=\n".utf8.count + 166 * 3)
    }

    @Test(
        "Without an address it can send to there is no manager",
        arguments: [nil, "", "/", "@", "relative", "vsock:2:3", String(repeating: "/", count: 108)])
    func noManager(address: String?) {
        #expect(named(in: ["NOTIFY_SOCKET": address]) == nil)
    }

    @Test(
        "A watchdog is one for this process with a positive time",
        arguments: [
            ("30000000", nil, Duration.seconds(30)), ("30000000", "42", .seconds(30)),
            ("30000000", "43", nil), ("0", nil, nil), ("-5", nil, nil), ("soon", nil, nil),
            ("99999999999999999999", nil, nil), (nil, "42", nil),
        ] as [(String?, String?, Duration?)])
    func watchdog(time: String?, process: String?, interval: Duration?) throws {
        let manager = try #require(
            named(in: ["NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": time, "WATCHDOG_PID": process]))
        #expect(manager.watchdogInterval == interval)
    }

    @Test("Messages arrive at a socket in a folder and at one in the abstract namespace")
    func arrives() throws {
        for isAbstract in [false, true] {
            let listener = try Listener(isAbstract: isAbstract)
            let manager = try #require(named(in: ["NOTIFY_SOCKET": listener.address]))
            manager.tell(.ready, .status("metering"))
            #expect(listener.next() == "READY=1\nSTATUS=metering\n")
            manager.tell(.stopping)
            #expect(listener.next() == "STOPPING=1\n")
        }
    }

    @Test("A manager that is gone, or does not read, holds nobody up")
    func deafManager() throws {
        try #require(named(in: ["NOTIFY_SOCKET": "/nowhere/at-all"])).tell(.ready)
        let listener = try Listener(isAbstract: true)
        let manager = try #require(named(in: ["NOTIFY_SOCKET": listener.address]))
        for _ in 0..<10_000 { manager.tell(.alive) }
        #expect(listener.next() == "WATCHDOG=1\n")
    }

    @Test("A live program says so again and again, and one that hangs does not")
    func keepsAlive() async throws {
        let listener = try Listener(isAbstract: true)
        let manager = try #require(
            named(in: ["NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "40000"]))
        let answers = Answers([true, false, true])
        await manager.keepAlive { await answers.next() }
        #expect(listener.next() == "WATCHDOG=1\n")
        #expect(listener.next() == "WATCHDOG=1\n")
        #expect(listener.next(isWaiting: false) == nil)
    }

    private func named(in variables: [String: String?]) -> ServiceManager? {
        ServiceManager(process: 42) { variables[$0] ?? nil }
    }
}

/// Answers to whether the program lives; behind the last one the asking task is cancelled.
private actor Answers {
    private var rest: ArraySlice<Bool>

    init(_ answers: [Bool]) { rest = answers[...] }

    func next() -> Bool {
        let answer = rest.popFirst() ?? false
        if rest.isEmpty { withUnsafeCurrentTask { $0?.cancel() } }
        return answer
    }
}

/// A socket as the service manager has it.
private final class Listener {
    let address: String
    private let descriptor: Int32

    init(isAbstract: Bool) throws {
        let name = "jouleflow-notify-\(UInt64.random(in: 0...UInt64.max))"
        address = isAbstract ? "@\(name)" : "/tmp/\(name)"
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: address.utf8) }
        if isAbstract { target.sun_path.0 = 0 }
        let length = socklen_t(2 + address.utf8.count)
        let status = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
            }
        }
        try #require(status == 0)
    }

    deinit {
        close(descriptor)
        if !address.hasPrefix("@") { unlink(address) }
    }

    /// The next message; without waiting, `nil` where there is none.
    func next(isWaiting: Bool = true) -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let flags = isWaiting ? 0 : Int32(MSG_DONTWAIT)
        let count = recv(descriptor, &bytes, bytes.count, flags)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}
