// Hot path: plain values.

/// Where a connection stands in its life: the orders of use go by it.
enum Standing: UInt8, CaseIterable {
    case live
    /// Live, and it holds segments that came early.
    case waiting
    /// Nothing but a SYN was seen.
    case embryonic
    /// A RST was seen that may not be its own: it goes on where its bytes do, else it ends soon.
    case doubted
    /// Ended, and remembered for its late packets.
    case closed

    /// Bytes came, and may go on to come.
    @inline(__always)
    var isLive: Bool { self == .live || self == .waiting }
}

/// How much a connection holds beyond the fields of one request and one response: its requests
/// that wait, split lines, and segments that came early.
///
/// A request that waits takes 128 bytes and its target. An order of its own for each power of two lets
/// those make room first that hold the most, and finds them without a search.
struct Bulk: RawRepresentable, Comparable {
    let rawValue: UInt8

    /// At most 1 KiB: what a plain request takes that waits, and the line before it.
    static let little = Bulk(rawValue: 0)
    /// At most 16 KiB: two lines of the greatest length.
    static let lines = Bulk(rawValue: 4)
    /// More than 32 KiB.
    static let most = Bulk(rawValue: 6)
    private static let littleExponent = 10
    /// The block of one request that waits is no more than little with the line before it.
    static let plainRequest = 512

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Of so many bytes.
    init(bytes: Int) {
        guard bytes > 1 << Self.littleExponent else {
            self = .little
            return
        }
        let exponent = Int.bitWidth - (bytes - 1).leadingZeroBitCount
        rawValue = UInt8(min(exponent - Self.littleExponent, Int(Self.most.rawValue)))
    }

    /// The next smaller one, of one that is not the smallest.
    var smaller: Bulk { Bulk(rawValue: rawValue - 1) }

    static func < (one: Bulk, other: Bulk) -> Bool { one.rawValue < other.rawValue }
}

/// Which of the table's orders of use a connection stands in: by its standing, and a live one by what
/// it holds.
///
/// Those that hold little are in use or idle, as they come. Once room is wanted they are told apart, each
/// when it has become the oldest: one whose request waits is set aside as `asked`, one without
/// any block as `bare`; either goes back when it is used.
struct UseOrder: RawRepresentable, Equatable {
    let rawValue: UInt8

    static let closed = UseOrder(rawValue: 0)
    static let embryonic = UseOrder(rawValue: 1)
    static let doubted = UseOrder(rawValue: 2)
    static let bare = UseOrder(rawValue: 3)
    static let asked = UseOrder(rawValue: 4)
    static func live(_ bulk: Bulk) -> UseOrder { UseOrder(rawValue: 5 + bulk.rawValue) }
    static func waiting(_ bulk: Bulk) -> UseOrder { UseOrder(rawValue: 13 + bulk.rawValue) }

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(number: Int) { rawValue = UInt8(number) }

    init(_ standing: Standing, _ bulk: Bulk) {
        self =
            switch standing {
            case .live: .live(bulk)
            case .waiting: .waiting(bulk)
            case .embryonic: .embryonic
            case .doubted: .doubted
            case .closed: .closed
            }
    }

    /// The numbers of all of them.
    static let all: Range<Int> = 0..<21
    /// Those of connections that hold early segments.
    static let allWaiting: Range<Int> = 13..<21
    /// Those of connections that live, or may.
    static let allLive: Range<Int> = 2..<21
}
