import Glibc

/// What one message of rtnetlink says of links.
enum LinkMessage: Equatable {
    case present(Link)
    /// The link is gone; with its last counters.
    case gone(Link)
    /// The end of a list.
    case end
    /// The kernel refuses: errno, 0 for an acknowledgement.
    case refused(Int32)
    /// Of something else, for example an address.
    case other
}

/// The messages in one datagram of rtnetlink, oldest first. What contradicts its own length ends
/// the datagram.
///
///     nlmsghdr    u32 length, u16 type, u16 flags, u32 sequence, u32 port         16 bytes
///     ifinfomsg   u8 family, u8, u16 type, i32 index, u32 flags, u32 change       16 bytes
///     rtattr      u16 length, u16 type, value; each begins at a multiple of 4
///
/// Numbers are in the host's byte order.
///
/// Source: rtnetlink(7), netlink(7); Linux linux/rtnetlink.h, linux/if_link.h.
struct LinkMessages: Sequence, IteratorProtocol {
    private enum Kind {
        static let error: UInt16 = 2
        static let done: UInt16 = 3
        static let newLink: UInt16 = 16
        static let deleteLink: UInt16 = 17
    }

    private enum Attribute {
        static let name: UInt16 = 3
        static let statistics: UInt16 = 23
        static let properties: UInt16 = 52
        static let alternativeName: UInt16 = 53
        /// The two highest bits of a type are flags.
        static let typeMask: UInt16 = 0x3fff
    }

    private static let messageHeader = 16
    private static let linkHeader = 16
    private static let attributeHeader = 4
    /// Places of two of the u64 in `rtnl_link_stats64`.
    private static let fifoErrors = 14 * 8
    private static let missedErrors = 15 * 8
    /// Names that one link may have beside its own; more are left out.
    private static let maximumAlternativeNames = 64

    private let bytes: [UInt8]
    private let count: Int
    private var offset = 0

    init(_ bytes: [UInt8], count: Int) {
        self.bytes = bytes
        self.count = Swift.min(Swift.max(0, count), bytes.count)
    }

    mutating func next() -> LinkMessage? {
        guard count - offset >= Self.messageHeader else { return nil }
        let length = Int(word(at: offset))
        guard length >= Self.messageHeader, length <= count - offset else { return nil }
        let body = offset + Self.messageHeader..<offset + length
        let type = half(at: offset + 4)
        offset += Swift.min((length + 3) & ~3, count - offset)
        switch type {
        case Kind.done: return .end
        case Kind.error:
            guard body.count >= 4 else { return .refused(EPROTO) }
            let code = Int32(bitPattern: word(at: body.lowerBound))
            return .refused(code <= 0 ? 0 &- code : EPROTO)
        case Kind.newLink: return link(in: body).map(LinkMessage.present) ?? .other
        case Kind.deleteLink: return link(in: body).map(LinkMessage.gone) ?? .other
        default: return .other
        }
    }

    private func link(in body: Range<Int>) -> Link? {
        guard body.count >= Self.linkHeader, bytes[body.lowerBound] == UInt8(AF_UNSPEC) else {
            return nil
        }
        let index = Int32(bitPattern: word(at: body.lowerBound + 4))
        let flags = word(at: body.lowerBound + 8)
        var name: String?
        var others: [String] = []
        var drops: UInt64 = 0
        forEachAttribute(in: body.lowerBound + Self.linkHeader..<body.upperBound) { type, value in
            switch type {
            case Attribute.name: name = text(in: value)
            case Attribute.statistics where value.count >= Self.missedErrors + 8:
                drops =
                    long(at: value.lowerBound + Self.fifoErrors)
                    &+ long(at: value.lowerBound + Self.missedErrors)
            case Attribute.properties:
                forEachAttribute(in: value) { type, value in
                    guard type == Attribute.alternativeName,
                        others.count < Self.maximumAlternativeNames
                    else { return }
                    others.append(text(in: value))
                }
            default: break
            }
        }
        guard index > 0, let name, !name.isEmpty else { return nil }
        return Link(
            index: UInt32(index), name: name, alternativeNames: others,
            isUp: flags & UInt32(IFF_UP) != 0, isLoopback: flags & UInt32(IFF_LOOPBACK) != 0,
            drops: drops)
    }

    private func forEachAttribute(in range: Range<Int>, _ body: (UInt16, Range<Int>) -> Void) {
        var offset = range.lowerBound
        while range.upperBound - offset >= Self.attributeHeader {
            let length = Int(half(at: offset))
            guard length >= Self.attributeHeader, length <= range.upperBound - offset else {
                return
            }
            body(
                half(at: offset + 2) & Attribute.typeMask,
                offset + Self.attributeHeader..<offset + length)
            offset += Swift.min((length + 3) & ~3, range.upperBound - offset)
        }
    }

    private func text(in range: Range<Int>) -> String {
        String(decoding: bytes[range].prefix { $0 != 0 }, as: UTF8.self)
    }

    private func half(at offset: Int) -> UInt16 { number(at: offset) }
    private func word(at offset: Int) -> UInt32 { number(at: offset) }
    private func long(at offset: Int) -> UInt64 { number(at: offset) }

    private func number<Number: FixedWidthInteger>(at offset: Int) -> Number {
        var little: Number = 0
        for byte in (offset..<offset + Number.bitWidth / 8).reversed() {
            little = little << 8 | Number(truncatingIfNeeded: bytes[byte])
        }
        return Number.bitWidth > 8 && Number(bigEndian: 1) == 1 ? little.byteSwapped : little
    }
}
