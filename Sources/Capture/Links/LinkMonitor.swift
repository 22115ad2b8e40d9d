import CLinux
import Glibc

/// The host's network interfaces, kept up to date by the kernel's own notices.
///
/// Costs one read that finds nothing where nothing changed.
package final class LinkMonitor {
    /// Interfaces at most; with more, none is known.
    package static let maximumLinks = 65_536
    /// The kernel writes a datagram of a list into at most 32 KiB.
    private static let datagram = 65_536

    /// The descriptor to poll for readability.
    package let descriptor: Int32
    private let queries: Int32
    private var buffer = [UInt8](repeating: 0, count: LinkMonitor.datagram)
    /// By index.
    package private(set) var links: [UInt32: Link] = [:]
    /// Links that went since `takeGone`, with their last counters.
    private var gone: [Link] = []

    /// Begins to watch, then lists what there is.
    package init() throws(LinkError) {
        descriptor = clinux_watch_links()
        guard descriptor >= 0 else { throw .system(errno: errno) }
        queries = clinux_link_queries()
        guard queries >= 0 else { throw .system(errno: errno) }
        try list()
    }

    deinit {
        close(descriptor)
        if queries >= 0 { close(queries) }
    }

    /// The interfaces as they are now, without watching them.
    package static func current() throws(LinkError) -> [Link] {
        Array(try LinkMonitor().links.values)
    }

    /// Takes what has changed since. True where something has, be it an address.
    package func update() throws(LinkError) -> Bool {
        var hasChanged = false
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count >= 0 {
                hasChanged = true
                for message in LinkMessages(buffer, count: count) { apply(message) }
                guard links.count <= Self.maximumLinks else {
                    throw .tooMany(limit: Self.maximumLinks)
                }
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return hasChanged
            case ENOBUFS:
                // Notices were lost.
                try list()
                hasChanged = true
            default: throw .system(errno: errno)
            }
        }
    }

    /// The links that went since this was last called, with their last counters.
    package func takeGone() -> [Link] {
        defer { gone = [] }
        return gone
    }

    /// What the interface of this index has dropped by now; `nil` where it is not there.
    package func drops(of index: UInt32) -> UInt64? {
        guard clinux_request_links(queries, index) == 0 else { return nil }
        while true {
            let count = recv(queries, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            for message in LinkMessages(buffer, count: count) {
                switch message {
                case .present(let link) where link.index == index: return link.drops
                case .refused: return nil
                default: continue
                }
            }
        }
    }

    private func apply(_ message: LinkMessage) {
        switch message {
        case .present(let link): links[link.index] = link
        case .gone(let link):
            if links.removeValue(forKey: link.index) != nil { gone.append(link) }
        case .end, .refused, .other: break
        }
    }

    private func list() throws(LinkError) {
        guard clinux_request_links(queries, 0) == 0 else { throw .system(errno: errno) }
        var found: [UInt32: Link] = [:]
        while true {
            let count = recv(queries, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(errno: count < 0 ? errno : EPROTO) }
            for message in LinkMessages(buffer, count: count) {
                switch message {
                case .present(let link): found[link.index] = link
                case .refused(let code): throw .system(errno: code)
                case .end:
                    gone += links.values.filter { found[$0.index] == nil }
                    links = found
                    return
                case .gone, .other: continue
                }
            }
            guard found.count <= Self.maximumLinks else { throw .tooMany(limit: Self.maximumLinks) }
        }
    }
}
