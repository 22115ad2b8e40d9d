/// What a shipper did since the agent's start.
struct ShippingCounts: Sendable {
    /// Connections that the collector welcomed.
    var welcomes: UInt64 = 0
    /// Connections that ended, and attempts that failed.
    var failures: UInt64 = 0
    var isConnected = false
    /// Why there is no connection; `nil` where there is one, or none was tried yet.
    var failure: String?
    /// Entries sent, those sent again included.
    var sent: UInt64 = 0
    /// Entries acknowledged.
    var acknowledged: UInt64 = 0
}
