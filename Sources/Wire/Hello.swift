import SwiftProtobuf

/// Who an agent is and what it holds: the first message of a connection.
package struct Hello: Sendable, Hashable {
    /// The version of the protocol that this program speaks.
    package static let version: UInt32 = 1
    /// "JLFW", big-endian.
    static let magic: UInt32 = 0x4A4C_4657

    /// The agent's id: 1 to 128 bytes without control characters.
    package let agent: String
    /// Not 0.
    package let run: UInt64
    /// The oldest record the agent holds, from 1; equal to `next` where it holds none.
    package let first: UInt64
    /// The sequence number of the next record the agent will make.
    package let next: UInt64
    /// At most 128 bytes.
    package let softwareVersion: String

    /// Refuses what the collector would refuse.
    package init(
        agent: String, run: UInt64, first: UInt64, next: UInt64, softwareVersion: String
    ) throws(WireError) {
        let controls = agent.unicodeScalars.filter { $0.value < 0x20 || $0.value == 0x7F }
        guard 1...WireLimits.name ~= agent.utf8.count, controls.isEmpty else {
            throw .outOfRange(field: "agent id of length", number: UInt64(agent.utf8.count))
        }
        guard softwareVersion.utf8.count <= WireLimits.name else {
            throw .outOfRange(
                field: "software version of length", number: UInt64(softwareVersion.utf8.count))
        }
        guard run != 0 else { throw .outOfRange(field: "run", number: run) }
        guard first >= 1, first <= next else { throw .outOfRange(field: "first", number: first) }
        self.agent = agent
        self.run = run
        self.first = first
        self.next = next
        self.softwareVersion = softwareVersion
    }

    init(_ message: Jouleflow_Wire_V1_Hello) throws(WireError) {
        guard message.magic == Self.magic else { throw .stranger }
        guard message.version == Self.version else {
            throw .unsupportedVersion(theirs: message.version, ours: Self.version)
        }
        try self.init(
            agent: message.agent, run: message.run, first: message.first, next: message.next,
            softwareVersion: message.softwareVersion)
    }

    var message: Jouleflow_Wire_V1_Hello {
        .with {
            $0.magic = Self.magic
            $0.version = Self.version
            $0.agent = agent
            $0.run = run
            $0.first = first
            $0.next = next
            $0.softwareVersion = softwareVersion
        }
    }
}

extension Jouleflow_Wire_V1_Error {
    /// The text is cut at `WireLimits.text` bytes, at a character's end.
    init(_ code: RefusalCode, _ text: String) {
        self.init()
        self.code = code.rawValue
        var cut = Substring(text)
        while cut.utf8.count > WireLimits.text { cut.removeLast() }
        self.text = String(cut)
    }

    /// What a peer's error says. Control characters, which could forge log lines, become `?`.
    var reason: WireError {
        let scalars = text.unicodeScalars.prefix(WireLimits.text).map {
            $0.value < 0x20 || $0.value == 0x7F ? "?" : $0
        }
        return .refused(
            code: RefusalCode(rawValue: code), text: String(String.UnicodeScalarView(scalars)))
    }
}
