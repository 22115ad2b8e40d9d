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
    /// The key of the agent's signatures: ``publicKeySize`` bytes.
    package let publicKey: [UInt8]
    /// Drawn for each process of the agent; not 0.
    package let instance: UInt64
    /// The run before this one; `nil` where there was none.
    package let predecessor: RunEnd?

    /// Bytes of `publicKey`.
    package static let publicKeySize = 32

    /// Refuses what the collector would refuse.
    package init(
        agent: String, run: UInt64, first: UInt64, next: UInt64, softwareVersion: String,
        publicKey: [UInt8], instance: UInt64, predecessor: RunEnd? = nil
    ) throws(WireError) {
        if let control = agent.unicodeScalars.first(where: { $0.value < 0x20 || $0.value == 0x7F })
        {
            throw .outOfRange(
                field: "agent id with the control character", number: UInt64(control.value))
        }
        guard 1...WireLimits.name ~= agent.utf8.count else {
            throw .outOfRange(field: "agent id of length", number: UInt64(agent.utf8.count))
        }
        guard softwareVersion.utf8.count <= WireLimits.name else {
            throw .outOfRange(
                field: "software version of length", number: UInt64(softwareVersion.utf8.count))
        }
        guard run != 0 else { throw .outOfRange(field: "run", number: run) }
        guard first >= 1, first <= next else { throw .outOfRange(field: "first", number: first) }
        guard publicKey.count == Self.publicKeySize else {
            throw .outOfRange(field: "public key of length", number: UInt64(publicKey.count))
        }
        guard instance != 0 else { throw .outOfRange(field: "instance", number: instance) }
        if let predecessor {
            guard predecessor.run != 0, predecessor.run != run else {
                throw .outOfRange(field: "predecessor's run", number: predecessor.run)
            }
            guard predecessor.last < .max else {
                throw .outOfRange(field: "predecessor's last record", number: predecessor.last)
            }
        }
        self.agent = agent
        self.run = run
        self.first = first
        self.next = next
        self.softwareVersion = softwareVersion
        self.publicKey = publicKey
        self.instance = instance
        self.predecessor = predecessor
    }

    init(_ message: Jouleflow_Wire_V1_Hello) throws(WireError) {
        guard message.magic == Self.magic else { throw .stranger }
        guard message.version == Self.version else {
            throw .unsupportedVersion(theirs: message.version, ours: Self.version)
        }
        try self.init(
            agent: message.agent, run: message.run, first: message.first, next: message.next,
            softwareVersion: message.softwareVersion, publicKey: Array(message.publicKey),
            instance: message.instance,
            predecessor: message.predecessorRun == 0
                ? nil : RunEnd(run: message.predecessorRun, last: message.predecessorLast))
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
            $0.publicKey = .init(publicKey)
            $0.instance = instance
            $0.predecessorRun = predecessor?.run ?? 0
            $0.predecessorLast = predecessor?.last ?? 0
        }
    }
}

/// A run that has ended, and the last record that was made in it; 0 for none.
package struct RunEnd: Sendable, Hashable {
    package let run: UInt64
    package let last: UInt64

    package init(run: UInt64, last: UInt64) {
        self.run = run
        self.last = last
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
