import Capture
package import Settings

/// Which interfaces settings mean on this host now, for people.
package enum InterfaceSummary {
    /// One sentence a line.
    package static func lines(_ settings: AgentSettings) -> [String] {
        let wanted = WantedInterfaces(settings.capture.interfaces.map(\.name))
        let links: [Link]
        do throws(LinkError) {
            links = try LinkMonitor.current()
        } catch {
            return ["Interfaces of this host: unknown, \(error)."]
        }
        return lines(
            wanted.select(from: links, addressed: Set(Interfaces.addressed()), open: []),
            ringMebibytes: settings.capture.ringMebibytes)
    }

    static func lines(
        _ selection: WantedInterfaces.Selection, ringMebibytes: Int
    ) -> [String] {
        let up = selection.links.filter(\.isUp)
        let room = max(1, CaptureSet.maximumRingMebibytes / ringMebibytes)
        let captured = up.prefix(room).map(\.name)
        var lines = [
            captured.isEmpty
                ? "On this host now: no interface."
                : """
                On this host now: \(captured.joined(separator: ", ")); rings of \
                \(captured.count * ringMebibytes) MiB in all.
                """
        ]
        let down = selection.links.filter { !$0.isUp }.map { "\($0.name) is down" }
        let absent = selection.absent.map { "there is no \($0)" }
        let crowded = selection.leftOut.map {
            "\($0) is beyond the limit of \(WantedInterfaces.maximum)"
        }
        let roomless = up.dropFirst(room).map {
            "no ring for \($0.name) within \(CaptureSet.maximumRingMebibytes) MiB"
        }
        let missing = absent + down + crowded + roomless
        if !missing.isEmpty {
            lines.append("Not captured now: \(missing.joined(separator: ", ")).")
        }
        return lines
    }
}
