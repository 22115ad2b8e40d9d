import CLab
import Glibc

/// A process that ends our children should this one be killed before it can.
final class ChildGuard {
    private let pipe: Int32
    private let pid: pid_t

    init() throws(DemoFailure) {
        var end: Int32 = -1
        pid = clab_guard_start(&end)
        guard pid > 0 else { throw .system(SystemFailure("fork", "guard process", errno: errno)) }
        pipe = end
    }

    func add(_ child: pid_t) { tell(child) }

    func remove(_ child: pid_t) { tell(-child) }

    private func tell(_ message: Int32) {
        var message = message
        // Should the guard be gone, the children are still ended in the ordinary way.
        _ = Glibc.write(pipe, &message, MemoryLayout<Int32>.size)
    }

    /// Closes the pipe, upon which the guard ends, and waits for it.
    deinit {
        close(pipe)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    }
}
