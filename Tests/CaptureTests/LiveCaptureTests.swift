import CAllocationCounter
import Glibc
import Testing

@testable import Capture

/// Capturing needs CAP_NET_RAW: a packet socket tells.
private let mayCapture: Bool = {
    let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
}()

/// Sends segments over loopback, where each passes twice. A reset gets no answer.
private final class Sender {
    let descriptor: Int32
    /// Tests run side by side.
    let port = UInt16.random(in: 20_000...60_000)

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_TCP))
        try #require(descriptor >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let descriptor = descriptor
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isConnected)
    }

    deinit { close(descriptor) }

    func send(_ count: Int) -> Int {
        var segment = [UInt8](repeating: 0, count: 400)
        segment.replaceSubrange(0..<4, with: [0x9c, 0x40, UInt8(port >> 8), UInt8(port & 255)])
        segment[12] = 0x50
        segment[13] = 0x04
        return (0..<count).count { _ in Glibc.send(descriptor, segment, segment.count, 0) > 0 }
    }
}

@Suite("Live capture", .enabled("no right to capture: CAP_NET_RAW is missing") { mayCapture })
struct LiveCaptureTests {
    private func open(
        _ port: UInt16, _ handler: @escaping (UInt64) -> Void
    ) throws -> LiveCapture {
        let loopback = try #require(try LinkMonitor.current().first { $0.isLoopback })
        return try LiveCapture(link: loopback, ringMiB: 1, filter: CaptureFilter(ports: [port])) {
            handler($0.time.rawValue)
        }
    }

    /// Hands over what the ring holds until the kernel has had time to give all.
    private func drain(_ capture: LiveCapture) throws {
        var quiet = 0
        while quiet < 10 {
            quiet = try capture.dispatch(limit: 500) == 0 ? quiet + 1 : 0
            var readable = pollfd(fd: capture.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&readable, 1, 50)
        }
    }

    @Test(
        "every packet on loopback is received once, and is handed over or counted as dropped",
        arguments: [200, 20_000])
    func conserved(count: Int) throws {
        let sender = try Sender()
        var seen: UInt64 = 0
        let capture = try open(sender.port) { _ in seen += 1 }
        // Before its filter was there, the ring took whatever passed.
        try drain(capture)
        let before = capture.readCounters()
        let seenBefore = seen
        #expect(sender.send(count) == count)
        try drain(capture)
        let after = capture.readCounters()
        let received = after.received - before.received
        let handed = after.handed - before.handed
        let dropped = after.kernelDrops - before.kernelDrops
        #expect(received == UInt64(count))
        #expect(handed == seen - seenBefore)
        #expect(handed + dropped == received)
        #expect((dropped > 0) == (count > 5000))
    }

    @Test("allocates nothing per packet")
    func allocations() throws {
        let sender = try Sender()
        var seen: UInt64 = 0
        var allocations: UInt64 = 0
        let capture = try open(sender.port) { _ in
            seen += 1
            if seen == 1 { allocation_count_reset() }
            allocations = allocation_count()
        }
        #expect(sender.send(1000) == 1000)
        try drain(capture)
        #expect(seen >= 1000)
        #expect(allocations == 0)
    }

    @Test("refuses a name that another interface has by now, and one that there is not")
    func names() throws {
        let loopback = try #require(try LinkMonitor.current().first { $0.isLoopback })
        let other = Link(index: loopback.index + 100_000, name: loopback.name)
        #expect(throws: CaptureError.replaced(loopback.name)) {
            _ = try LiveCapture(link: other, ringMiB: 1, filter: CaptureFilter(ports: [9])) { _ in }
        }
        #expect(throws: CaptureError.noSuchInterface("jf-none")) {
            _ = try LiveCapture(
                link: Link(index: 9, name: "jf-none"), ringMiB: 1, filter: CaptureFilter(ports: [9])
            ) { _ in }
        }
    }
}
