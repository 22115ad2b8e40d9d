import Metering
import Synchronization

/// The clocks of a host, which the lab moves.
final class MovableClock: Sendable {
    private let state: Mutex<ClockReading>

    init(at time: Timestamp) {
        state = Mutex(
            ClockReading(
                realtime: time, boottime: .seconds(100_000), monotonic: .seconds(90_000)))
    }

    var reading: ClockReading { state.withLock { $0 } }

    /// Time passes.
    func run(_ time: Nanoseconds) {
        state.withLock {
            $0 = ClockReading(
                realtime: $0.realtime + time, boottime: $0.boottime + time,
                monotonic: $0.monotonic + time)
        }
    }

    /// Somebody sets the wall clock.
    func step(_ nanoseconds: Int64) {
        state.withLock {
            let label = Int64(bitPattern: $0.realtime.rawValue) + nanoseconds
            $0 = ClockReading(
                realtime: Timestamp(UInt64(bitPattern: label)), boottime: $0.boottime,
                monotonic: $0.monotonic)
        }
    }

    /// The kernel starts anew.
    func boot() {
        state.withLock {
            $0 = ClockReading(
                realtime: $0.realtime, boottime: .seconds(20), monotonic: .seconds(20))
        }
    }
}
