import Glibc
import Metering
import Testing

@testable import Processes

/// A TCP socket that listens on a free port of the loopback interface; closed with the object.
private final class LoopbackListener {
    let port: UInt16
    let descriptor: Int32

    init() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                bind(descriptor, general, length)
                listen(descriptor, 1)
                getsockname(descriptor, general, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
    }

    deinit { close(descriptor) }
}

private func now() -> Nanoseconds {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Nanoseconds(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
}

/// What this process has used.
private func ownUse() -> Nanoseconds {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return cpuTime(usage)
}

private func cpuTime(_ usage: rusage) -> Nanoseconds {
    let seconds = UInt64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    let microseconds = UInt64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    return .seconds(seconds) + Nanoseconds(microseconds * 1000)
}

/// Burns half a second of CPU time, part of it in a thread that ends.
private func burn() {
    func spin(_ amount: Nanoseconds) {
        func used() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
        let end = used() + amount.rawValue
        while used() < end {}
    }
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { _ in
            var time = timespec()
            repeat {
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            } while time.tv_nsec < 250_000_000
            return nil
        }, nil)
    spin(.milliseconds(250))
    pthread_join(thread, nil)
}

/// The difference of what the meter and getrusage say over one burn, and what getrusage says.
private func measure(_ source: ServiceSource) -> (
    measured: Known<Nanoseconds, ProcessorUnknown>, lower: Nanoseconds, upper: Nanoseconds
) {
    let start = now()
    var meter = ProcessorMeter(procfs: "/proc", services: [source], from: start)
    let before = ownUse()
    meter.read(now: start)
    let lower = ownUse()
    burn()
    let between = ownUse()
    let end = now()
    meter.read(now: end)
    let after = ownUse()
    return (
        meter.close(at: end).services[0], between.subtractingClamped(lower),
        after.subtractingClamped(before)
    )
}

@Suite("On this machine", .serialized) struct RealSystemTests {
    @Test("the process that listens is found by its port, its ended threads included")
    func process() throws {
        let listener = LoopbackListener()
        let result = measure(.processOfPorts([listener.port]))
        let measured = try #require(result.measured.value)
        // utime and stime are cut to ticks of 10 ms at both ends.
        #expect(measured + .milliseconds(20) >= result.lower)
        #expect(measured <= result.upper + .milliseconds(20))
        #expect(result.lower >= .milliseconds(450))
    }

    @Test("a worker that holds the socket and ends makes its window unknown, the next is known")
    func workerEnds() throws {
        let listener = LoopbackListener()
        let worker = try #require(spawnSleeper(holding: listener.descriptor))
        var meter = ProcessorMeter(
            procfs: "/proc", services: [.processOfPorts([listener.port])], from: seconds(10))
        meter.read(now: seconds(10))
        #expect(meter.paths(ofService: 0).contains("/proc/\(worker)/stat"))
        #expect(meter.paths(ofService: 0).contains("/proc/\(getpid())/stat"))
        kill(worker, SIGKILL)
        #expect(waitpid(worker, nil, 0) == worker)
        meter.read(now: seconds(20))
        #expect(meter.close(at: seconds(20)).services == [.unknown(.processEnded)])
        #expect(meter.paths(ofService: 0) == ["/proc/\(getpid())/stat"])
        meter.read(now: seconds(30))
        #expect(meter.close(at: seconds(30)).services[0].value != nil)
    }

    /// A child that sleeps a minute at most and inherits a descriptor.
    private func spawnSleeper(holding descriptor: Int32) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Onto itself: glibc clears the descriptor's close-on-exec flag.
        posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor)
        var child: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("60"), nil]
        defer { for argument in arguments { free(argument) } }
        return posix_spawnp(&child, "sleep", &actions, nil, &arguments, nil) == 0 ? child : nil
    }

    @Test("the kernel names the listeners with the id of their cgroup") func listeners() throws {
        let listener = LoopbackListener()
        let found = try kernelListeners().filter { $0.port == listener.port }
        #expect(found.count == 1)
    }

    private static let canMakeCgroup: Bool = {
        guard let tree = CgroupTree(procfs: "/proc") else { return false }
        let probe = tree.root + "/jouleflow-probe-\(getpid())"
        defer { rmdir(probe) }
        return mkdir(probe, 0o755) == 0
    }()

    @Test(
        "the cgroup of a listening socket is found and measured",
        .enabled(if: canMakeCgroup, "needs the right to make a cgroup of version 2"))
    func cgroup() throws {
        let tree = try #require(CgroupTree(procfs: "/proc"))
        let folder = tree.root + "/jouleflow-test-\(getpid())"
        try #require(mkdir(folder, 0o755) == 0)
        let home = try #require(
            CgroupTree.membership(procfs: "/proc").map { tree.root + $0 })
        defer {
            _ = move(to: home)
            rmdir(folder)
        }
        // A socket belongs to the cgroup of the process that makes it. The other tests of this
        // process must not run there, so a child does the work.
        try #require(move(to: folder))
        let listener = LoopbackListener()
        try #require(move(to: home))
        let burner = try #require(startBurner(in: folder))
        // Stays: of a cgroup that all processes have left nothing is known.
        let idler = try #require(startBurner(in: folder))
        defer {
            close(idler.pipe)
            kill(idler.child, SIGKILL)
            waitpid(idler.child, nil, 0)
        }
        let start = now()
        var meter = ProcessorMeter(
            procfs: "/proc", services: [.cgroupOfPorts([listener.port])], from: start)
        meter.read(now: start)
        let used = try #require(burn(burner))
        let end = now()
        meter.read(now: end)
        let measured = try #require(meter.close(at: end).services[0].value)
        #expect(used >= .milliseconds(50))
        #expect(measured + .milliseconds(20) >= used)
        #expect(measured <= used + .milliseconds(20))
    }

    /// A child in a cgroup that waits for a word to count, and the pipe on which it does.
    private func startBurner(in folder: String) -> (child: pid_t, pipe: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        // Not the child's: it must see the end of the pipe if this process ends.
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        var child: pid_t = 0
        let script = "read go; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
        var arguments: [UnsafeMutablePointer<CChar>?] = [
            strdup("sh"), strdup("-c"), strdup(script), nil,
        ]
        defer { for argument in arguments { free(argument) } }
        let status = posix_spawnp(&child, "sh", &actions, nil, &arguments, nil)
        close(ends[0])
        guard status == 0, move(child, to: folder) else {
            close(ends[1])
            return nil
        }
        return (child, ends[1])
    }

    /// Lets it count, and returns the CPU time it used.
    private func burn(_ burner: (child: pid_t, pipe: Int32)) -> Nanoseconds? {
        _ = write(burner.pipe, "go\n", 3)
        close(burner.pipe)
        var usage = rusage()
        guard wait4(burner.child, nil, 0, &usage) == burner.child else { return nil }
        return cpuTime(usage)
    }

    private func move(_ process: pid_t, to folder: String) -> Bool {
        let descriptor = open(folder + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let text = "\(process)"
        return descriptor >= 0 && write(descriptor, text, text.utf8.count) == text.utf8.count
    }

    /// Moves this process.
    private func move(to folder: String) -> Bool { move(0, to: folder) }
}

extension CgroupTree {
    /// This process's own cgroup, below the root: the line `0::/path`.
    fileprivate static func membership(procfs: String) -> String? {
        guard let file = fopen(procfs + "/self/cgroup", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            if text.hasPrefix("0::") { return String(text.dropFirst(3).dropLast()) }
        }
        return nil
    }
}
