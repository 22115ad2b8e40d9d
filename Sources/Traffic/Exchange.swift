package import Metering

/// What a rule asks of a message beyond method, target and status.
package enum FieldSelector: Sendable, Hashable {
    /// A value of a JSON object in the response's body, by its path of keys from the top.
    case responseJSON([String])
}

/// A selected field of an exchange.
package enum FieldValue {
    /// The value's bytes, borrowed: a string without its quotes, or a number or word as written.
    case value(UnsafeRawBufferPointer)
    /// The message was read as far as `body_limit` and the field is not there.
    case absent
    /// A gap, a cut frame or the limit kept the field from being read.
    case unread
}

/// A request and its response. Everything borrowed ends with the closure that received it.
package struct Exchange {
    /// Packet time of the request's first byte.
    package let start: Timestamp
    /// Packet time of the response's last byte.
    package let end: Timestamp
    /// Index of the service in the configuration.
    package let service: Int
    package let client: Endpoint
    package let server: Endpoint
    package let method: UnsafeRawBufferPointer
    /// The request target as sent, query included; cut at the engine's limit.
    package let target: UnsafeRawBufferPointer
    /// The status code, 100 to 999.
    package let status: UInt16
    /// Whether the response arrived to its end.
    package let isComplete: Bool
    package let requestBodyLength: UInt64
    package let responseBodyLength: UInt64
    /// One value per selector of the service, in its order.
    package let fields: UnsafeBufferPointer<FieldValue>

    @inlinable
    package init(
        start: Timestamp, end: Timestamp, service: Int, client: Endpoint, server: Endpoint,
        method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer, status: UInt16,
        isComplete: Bool,
        requestBodyLength: UInt64, responseBodyLength: UInt64,
        fields: UnsafeBufferPointer<FieldValue>
    ) {
        self.start = start
        self.end = end
        self.service = service
        self.client = client
        self.server = server
        self.method = method
        self.target = target
        self.status = status
        self.isComplete = isComplete
        self.requestBodyLength = requestBodyLength
        self.responseBodyLength = responseBodyLength
        self.fields = fields
    }
}
