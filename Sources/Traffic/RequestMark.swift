package import Metering

/// What an observer of requests notes on each that waits for its response, and is given again.
package struct RequestMark: BitwiseCopyable, Sendable, Hashable {
    package let rawValue: UInt64

    @inlinable package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Nothing is noted. A number that is equal to it by chance, once in 2⁶⁴, is lost.
    package static let none = RequestMark(.max)
}

/// Hears of requests when they begin, and of those that end without a response. One that is
/// answered is heard of by its exchange, which has its mark.
package struct RequestObserver {
    /// A request on a service, by its index, began at a time.
    package let began: (Int, Timestamp) -> RequestMark
    /// A request will have no response; its `end` is when that was known.
    package let unanswered: (Exchange) -> Void

    package init(
        began: @escaping (Int, Timestamp) -> RequestMark,
        unanswered: @escaping (Exchange) -> Void
    ) {
        self.began = began
        self.unanswered = unanswered
    }
}
