import Glibc

/// Two network namespaces of a test, one for the programs and one for clients, whose virtual
/// interfaces come and go as the test wishes.
final class Namespaces {
    private static let made = Counter()
    let server: String
    let client: String

    private final class Counter: @unchecked Sendable {
        // Tests of this suite run one after the other.
        var next = 0
    }

    init() throws {
        Self.made.next += 1
        server = "jf-\(getpid())-\(Self.made.next)-s"
        client = "jf-\(getpid())-\(Self.made.next)-c"
        for name in [server, client] {
            try Self.run(["ip", "netns", "add", name])
            try Self.run(["ip", "-n", name, "link", "set", "lo", "up"])
        }
    }

    /// Removes both with all that is in them.
    func close() {
        for name in [server, client] { _ = try? Self.run(["ip", "netns", "del", name]) }
    }

    /// Gives `body` a site and two namespaces and takes both down in all cases.
    static func with(_ body: (Site, Namespaces) throws -> Void) throws {
        try Site.with { site in
            let spaces = try Namespaces()
            defer { spaces.close() }
            try body(site, spaces)
        }
    }

    /// What goes before a program that is to run in a namespace.
    static func inside(_ name: String) -> [String] { ["ip", "netns", "exec", name] }

    /// `ip` in the server's namespace.
    func ip(_ words: String) throws {
        try Self.run(["ip", "-n", server] + words.split(separator: " ").map(String.init))
    }

    /// A pair between both: `name` with 10.77.`net`.1 at the server, `c`+`net` with 10.77.`net`.2
    /// at the client, both up. `address` is left out where the server's end is part of a bridge.
    func addPair(_ name: String, net: Int, hasAddress: Bool = true) throws {
        let peer = "c\(net)"
        try ip("link add \(name) type veth peer name \(peer) netns \(client)")
        if hasAddress { try ip("address add 10.77.\(net).1/24 dev \(name)") }
        try Self.run(["ip", "-n", client, "address", "add", "10.77.\(net).2/24", "dev", peer])
        try Self.run(["ip", "-n", client, "link", "set", peer, "up"])
        try ip("link set \(name) up")
    }

    /// The indices of the interfaces with an open packet socket in the server's namespace.
    func captured() throws -> [Int] {
        let outcome = try Host.run(
            Self.inside(server) + ["cat", "/proc/net/packet"], within: 5)
        return outcome.printed.split(separator: "\n").dropFirst().compactMap {
            let words = $0.split(separator: " ")
            return words.count > 4 ? Int(words[4]) : nil
        }
    }

    /// Starts nginx for clients of any address, and waits until it listens.
    func startNginx(_ site: Site) throws -> Child {
        let file = site.path("nginx.conf")
        let text = NginxFiles.configuration(
            folder: site.folder, address: "0.0.0.0:\(site.servicePort)")
        try write(text, to: file)
        let nginx = try site.start(
            "nginx", Self.inside(server) + ["nginx", "-p", site.folder, "-c", file])
        let look =
            Self.inside(server) + [
                "python3", "-c",
                "import socket; socket.create_connection((\"127.0.0.1\", \(site.servicePort)), 1)",
            ]
        try wait("nginx to listen", 5, diary: { nginx.said }) {
            try Host.run(look, within: 5).status == 0
        }
        return nginx
    }

    /// Sends `count` requests one after the other on one connection and waits for each response.
    /// They are told apart in nginx's log by `name`.
    func request(_ site: Site, net: Int, count: Int, name: String) throws {
        let outcome = try Host.run(
            Self.inside(client) + requests(site, net: net, count: count, name: name, pause: 0),
            within: 30)
        guard outcome.status == 0 else { throw Trouble("requests \(name): \(outcome.said)") }
    }

    /// The same without waiting, with a pause between two requests; ends by itself, or after a
    /// SIGTERM with the request at hand.
    func startRequests(
        _ site: Site, net: Int, count: Int, name: String, pause: Double
    ) throws -> Child {
        try site.start(
            "requests",
            Self.inside(client) + requests(site, net: net, count: count, name: name, pause: pause))
    }

    private func requests(
        _ site: Site, net: Int, count: Int, name: String, pause: Double
    ) -> [String] {
        let script = """
            import http.client, signal, sys, time
            stopped = []
            signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
            server = http.client.HTTPConnection("10.77.\(net).1", \(site.servicePort), timeout=20)
            for number in range(\(count)):
                if stopped: break
                server.request("GET", f"/api/account/\(name)-{number}/summary")
                response = server.getresponse()
                assert response.status == 200 and response.read()
                time.sleep(\(pause))
            server.close()
            """
        return ["python3", "-c", script]
    }

    @discardableResult
    private static func run(_ command: [String]) throws -> Host.Outcome {
        let outcome = try Host.run(command, within: 10)
        guard outcome.status == 0 else {
            throw Trouble("\(command.joined(separator: " ")): \(outcome.said)")
        }
        return outcome
    }
}
