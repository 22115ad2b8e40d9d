/// Why a session cannot go on.
package enum WireError: Error, Hashable, Sendable {
    /// The other side does not speak this protocol: its first bytes are no frame of a handshake.
    case stranger
    /// The other side speaks another version.
    case unsupportedVersion(theirs: UInt32, ours: UInt32)
    /// A frame's length is beyond what may come now.
    case frameTooLong(length: Int, limit: Int)
    /// A frame's length leaves no room for type and checksum.
    case frameTooShort(length: Int)
    /// A type of message that this version does not know.
    case unknownType(UInt8)
    /// A frame was altered on its way.
    case checksum(stored: UInt32, computed: UInt32)
    /// A payload is no message of its type.
    case malformed(MessageType)
    /// A field's number or length is outside its range.
    case outOfRange(field: String, number: UInt64)
    /// A message that may not come now.
    case outOfTurn(MessageType, state: String)
    /// A batch begins at or before a record that was sent already.
    case sequence(first: UInt64, sentThrough: UInt64)
    /// An acknowledgement goes back, or beyond what was sent.
    case acknowledgement(through: UInt64, acknowledged: UInt64, sentThrough: UInt64)
    /// The collector holds records of this run that the agent has not made: two agents share an
    /// identity, or the agent's spool is an old copy.
    case unknownRecords(highestDurable: UInt64, next: UInt64)
    /// The other side refused, or this side did.
    case refused(code: RefusalCode, text: String)
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .stranger: "the other side does not speak Jouleflow's protocol"
        case .unsupportedVersion(let theirs, let ours):
            "the other side speaks version \(theirs) of the protocol, this one version \(ours)"
        case .frameTooLong(let length, let limit):
            "a frame of \(length) bytes, the limit is \(limit)"
        case .frameTooShort(let length): "a frame of \(length) bytes, too short for any message"
        case .unknownType(let type): "a message of unknown type \(type)"
        case .checksum(let stored, let computed):
            "an altered frame: its checksum says \(stored), its bytes give \(computed)"
        case .malformed(let type): "a malformed \(type)"
        case .outOfRange(let field, let number): "\(field) \(number), out of range"
        case .outOfTurn(let type, let state): "\(type) while \(state)"
        case .sequence(let first, let sentThrough):
            "a batch from record \(first) after record \(sentThrough) was sent"
        case .acknowledgement(let through, let acknowledged, let sentThrough):
            "record \(through) acknowledged, outside \(acknowledged) to \(sentThrough)"
        case .unknownRecords(let highestDurable, let next):
            "the collector holds record \(highestDurable) of this run, whose next is \(next): two "
                + "agents share an identity, or the spool is an old copy"
        case .refused(let code, let text): "refused (\(code)): \(text)"
        }
    }

    /// The code under which to tell the other side of this error.
    package var code: RefusalCode {
        switch self {
        case .unsupportedVersion: .unsupportedVersion
        case .outOfTurn, .sequence, .acknowledgement: .outOfTurn
        case .unknownRecords: .otherRecords
        case .refused(let code, _): code
        default: .malformed
        }
    }
}

/// Why a side refuses the other. Numbers unknown to this version are kept.
package struct RefusalCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The other side's version of the protocol is not spoken here.
    package static let unsupportedVersion = RefusalCode(rawValue: 1)
    /// Bytes that are no frame or no message.
    package static let malformed = RefusalCode(rawValue: 2)
    /// A message that the state does not allow.
    package static let outOfTurn = RefusalCode(rawValue: 3)
    /// The collector does not accept this agent, or not under this certificate.
    package static let identity = RefusalCode(rawValue: 4)
    /// The same agent or run is connected already.
    package static let connectedAlready = RefusalCode(rawValue: 5)
    /// Come back later.
    package static let overloaded = RefusalCode(rawValue: 6)
    /// The collector cannot store; come back later.
    package static let storeFailed = RefusalCode(rawValue: 7)
    /// The collector stops; come back later.
    package static let shuttingDown = RefusalCode(rawValue: 8)
    /// The collector holds other records of this run than the agent made: the agent's state is an old
    /// copy. It goes on with a new run.
    package static let otherRecords = RefusalCode(rawValue: 9)

    package var description: String {
        switch self {
        case .unsupportedVersion: "unsupported version"
        case .malformed: "malformed bytes"
        case .outOfTurn: "message out of turn"
        case .identity: "identity refused"
        case .connectedAlready: "connected already"
        case .overloaded: "overloaded"
        case .storeFailed: "store failed"
        case .shuttingDown: "shutting down"
        case .otherRecords: "other records of this run"
        default: "code \(rawValue)"
        }
    }
}

/// The kinds of messages. The numbers are on the wire and never change their meaning.
package enum MessageType: UInt8, Sendable, Hashable, CaseIterable {
    case hello = 1
    case welcome = 2
    case manifest = 3
    case batch = 4
    case acknowledgement = 5
    case error = 6
    case heartbeat = 7
}
