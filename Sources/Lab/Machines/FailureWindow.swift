package import Metering

/// A time during which no counter shows a number.
package struct FailureWindow: Sendable, Equatable {
    /// From the start of the simulation.
    package let from: Nanoseconds
    package let length: Nanoseconds

    package init(from: Nanoseconds, length: Nanoseconds) {
        self.from = from
        self.length = length
    }

    /// Whether the counters fail `elapsed` after the start.
    package func contains(_ elapsed: Nanoseconds) -> Bool {
        elapsed >= from && elapsed < from + length
    }
}
