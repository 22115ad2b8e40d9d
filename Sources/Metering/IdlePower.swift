/// The power P₀ that the host draws while it waits for work, and how that is known. Unknown idle
/// power is no value of this type.
package struct IdlePower: Sendable, Hashable {
    /// Where the value comes from.
    package enum Origin: Sendable, Hashable {
        /// The administrator wrote it.
        case configured
        /// The median of this many quiet windows' mean powers. The median of all such windows lies
        /// in `low...high`, in milliwatts, with a probability of at least 95 %.
        case learned(windows: UInt64, low: UInt64, high: UInt64)
    }

    package let milliwatts: UInt64
    package let origin: Origin

    package init(milliwatts: UInt64, origin: Origin) {
        self.milliwatts = milliwatts
        self.origin = origin
    }
}
