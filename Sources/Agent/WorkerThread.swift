import CLinux
import Glibc
import Synchronization

/// A pipe end that ends a poll: how a thread that sleeps is woken.
final class Waker: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32
    private let waits = Atomic<UInt64>(0)

    /// How often a thread has begun to wait. A loop that waits in each round lives while this grows.
    var rounds: UInt64 { waits.load(ordering: .relaxed) }

    init() throws(WorkerError) {
        var ends: [Int32] = [-1, -1]
        guard clinux_pipe(&ends) == 0 else {
            throw .system("pipe2", errno: errno)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Ends the current or the next wait. Safe from any thread.
    func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(writeEnd, &byte, 1)
    }

    /// Waits until woken, or for `milliseconds`.
    func wait(milliseconds: Int32) {
        var none = Polled([])
        wait(&none, milliseconds: milliseconds)
    }

    /// Waits until woken, until one of `polled` is readable, or for `milliseconds`. False where
    /// nothing but time passed.
    @discardableResult
    func wait(_ polled: inout Polled, milliseconds: Int32) -> Bool {
        waits.wrappingAdd(1, ordering: .relaxed)
        polled.entries[0].fd = readEnd
        let ready = poll(&polled.entries, nfds_t(polled.entries.count), milliseconds)
        guard ready > 0, polled.entries[0].revents != 0 else { return ready != 0 }
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(readEnd, &bytes, bytes.count) > 0 {}
        return true
    }
}

/// Descriptors to wait for, kept from one wait to the next.
struct Polled {
    fileprivate var entries: [pollfd]

    init(_ descriptors: [Int32]) {
        entries = ([-1] + descriptors).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    }
}

/// Why a worker cannot start.
enum WorkerError: Error, CustomStringConvertible {
    case system(String, errno: Int32)

    var description: String {
        switch self {
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        }
    }
}

/// A thread of its own for one of the hot loops.
struct WorkerThread {
    private let thread: pthread_t

    /// Starts `body` on a new thread, whose name of at most 15 bytes shows in `top -H`.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws(WorkerError) {
        let box = Unmanaged.passRetained(Box(name: name, body))
        var created = pthread_t()
        let status = pthread_create(
            &created, nil,
            { argument in
                guard let argument else { return nil }
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        guard status == 0 else {
            box.release()
            throw .system("pthread_create", errno: status)
        }
        thread = created
    }

    /// Waits for the thread's end.
    func join() { pthread_join(thread, nil) }

    private final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

/// The order to stop, given once or more.
final class StopOrder: Sendable {
    private let given = Atomic(false)
    let waker: Waker

    init() throws(WorkerError) { waker = try Waker() }

    var isGiven: Bool { given.load(ordering: .acquiring) }

    func give() {
        given.store(true, ordering: .releasing)
        waker.wake()
    }
}

/// A value that one thread gives and another waits for.
final class OneShot<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let given: Waker

    init() throws(WorkerError) { given = try Waker() }

    func fulfil(_ value: Value) {
        self.value.withLock { $0 = value }
        given.wake()
    }

    /// Waits for the value. At most once.
    func wait() -> Value {
        while true {
            if let value = value.withLock({ $0 }) { return value }
            given.wait(milliseconds: -1)
        }
    }
}
