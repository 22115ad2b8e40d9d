import Glibc
import Settings
import Testing

@testable import Agent

@Suite("The doctor's look at the address of the metrics")
struct MetricsCheckTests {
    private let address = NetworkAddress(host: "127.0.0.1", port: 7482)

    private func finding(
        _ code: Int32, _ holder: PortHolder = PortHolder(), agent: Int? = nil,
        isRunning: Bool? = false
    ) -> DoctorFinding {
        MetricsCheck(
            address: address, code: code, holder: holder, agent: agent.map { ($0, 998) },
            isRunning: isRunning, language: .english
        ).finding()
    }

    @Test("tells who has taken it, and how that is mended")
    func taken() {
        let holder = PortHolder(
            user: 0, pid: 12, command: "nginx", cgroup: "system.slice/nginx.service")
        let told = finding(EADDRINUSE, holder, agent: 7, isRunning: true)
        #expect(told.state == .warning && told.subject == "127.0.0.1:7482")
        #expect(
            told.found.hasPrefix(
                "nginx (process 12) of user root, in system.slice/nginx.service, listens there"))
        #expect(told.fix.contains("`ss -ltnp 'sport = :7482'`"))
        #expect(told.fix.contains("listen.metrics") && told.fix.contains("restart"))
        #expect(finding(EADDRINUSE).found.hasPrefix("another program listens there"))
    }

    @Test("is well where the agent listens, or may, and not where it should and does not")
    func own() {
        #expect(finding(EADDRINUSE, PortHolder(user: 998, pid: 7), agent: 7).state == .ok)
        #expect(finding(EADDRINUSE, PortHolder(user: 998, pid: 8), agent: 7).state == .warning)
        // Its descriptors may be hidden; its user is not.
        #expect(finding(EADDRINUSE, PortHolder(user: 998), agent: 7).state == .ok)
        #expect(finding(EADDRINUSE, PortHolder(user: 33), agent: 7).state == .warning)
        #expect(finding(0).state == .ok)
        #expect(finding(0, agent: 7, isRunning: true).fix == "`systemctl restart jouleflow-agent`")
    }

    @Test("tells what to do where the address can be nobody's")
    func unusable() {
        #expect(finding(EACCES).fix.contains("1024"))
        #expect(finding(EADDRNOTAVAIL).fix.contains("`ip address`"))
    }

    @Test("finds the listener, its user and its process, and disturbs nobody")
    func found() throws {
        let listener = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &place) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) + listen(listener, 1)
                    + getsockname(listener, $0, &length)
            }
        }
        try #require(status == 0)
        let port = UInt16(bigEndian: place.sin_port)
        let taken = NetworkAddress(host: "127.0.0.1", port: port)
        #expect(PortHolder.probe(taken) == EADDRINUSE)
        let holder = PortHolder(of: port, procfs: "/proc")
        #expect(holder.user == geteuid() && holder.pid == Int(getpid()))
        #expect(holder.command?.isEmpty == false)
        // Taking it for an instant leaves it free.
        close(listener)
        #expect(PortHolder.probe(taken) == 0 && PortHolder.probe(taken) == 0)
        #expect(PortHolder.probe(NetworkAddress(host: "192.0.2.1", port: port)) == EADDRNOTAVAIL)
    }

    @Test("reads hostile tables without harm")
    func tables() {
        let row = "0: 0100007F:1D3A 00000000:0000 0A 0:0 0:0 0 998 0 4711"
        let found = PortHolder.listener(at: 7482, in: "sl\n" + row)
        #expect(found?.user == 998 && found?.inode == 4711)
        for text in [
            "", "sl", "sl\n" + row.replacing(" 0A ", with: " 01 "),
            "sl\n" + row.replacing("998", with: "99999999999"), "sl\n" + row.dropLast(5),
            "sl\n" + row.replacing("1D3A", with: "FFFFF"),
        ] { #expect(PortHolder.listener(at: 7482, in: text) == nil, "\(text)") }
    }
}
