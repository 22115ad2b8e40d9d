// Hot path: allocates nothing.
package import Metering

/// How much of a service's time each of its exchanges has, where those in flight share it equally.
///
///     dV = dt / n        part of an exchange = V(end) − V(start)
///
/// V is kept in units of 2⁻²⁰ ns and wraps; a part is a difference and right as long as it is below
/// 4.8 hours. Each change of n rounds V down by less than a unit, so that the parts of all
/// exchanges sum to the time in which there were any, less 10⁻⁶ ns for each of them at each change.
package struct VirtualTime: Sendable, Hashable {
    /// Units of V in a nanosecond, as a power of two.
    package static let fraction: UInt64 = 20
    /// Time that passes in one step at most: more would not fit, and no window is longer.
    private static let longestStep: UInt64 = 1 << 43

    /// Exchanges in flight.
    package private(set) var inFlight: UInt64 = 0
    /// V.
    package private(set) var value: UInt64 = 0
    /// The latest time that was told.
    package private(set) var now: Timestamp

    package init(from start: Timestamp) { now = start }

    /// Lets time pass. What is told late counts at the latest time that was told.
    package mutating func advance(to time: Timestamp) {
        guard time > now else { return }
        let passed = min(time.rawValue - now.rawValue, Self.longestStep)
        now = time
        if inFlight > 0 { value &+= (passed << Self.fraction) / inFlight }
    }

    /// An exchange begins; it is given V at its beginning.
    package mutating func begin(at time: Timestamp) -> UInt64 {
        advance(to: time)
        inFlight &+= 1
        return value
    }

    /// An exchange ends that began where V was `start`; it is given its part.
    package mutating func end(_ start: UInt64, at time: Timestamp) -> UInt64 {
        advance(to: time)
        if inFlight > 0 { inFlight -= 1 }
        return value &- start
    }

    /// All exchanges in flight are told anew, and begin here as far as their parts are concerned.
    package mutating func restart(at time: Timestamp) {
        advance(to: time)
        inFlight = 0
    }
}
