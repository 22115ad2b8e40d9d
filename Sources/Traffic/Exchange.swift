package import Metering

/// What a rule asks of a message beyond method, target and status.
package enum FieldSelector: Sendable, Hashable {
    /// The first header field of this name, in any case: its value without space around it. One
    /// that is folded over lines is unread; trailers do not count.
    case requestHeader(String)
    case responseHeader(String)
    /// A value in the JSON of the body, by its path from the top: keys of objects, and in arrays the
    /// number of an element, from 0. Escapes in keys and in the value are replaced; a value with one
    /// that stands for nothing is unread.
    case requestJSON([String])
    case responseJSON([String])
    /// The first field of this name in a form that the request's body is
    /// (application/x-www-form-urlencoded, whatever its content type says): `+` is a space and `%XX`
    /// a byte, in names too; an escape that is none is kept as written.
    case requestForm(String)
    /// The first XML element in the body at this path of local names from the root: its text before
    /// the first element in it, without white space around it. References to characters and the
    /// five predefined entities are replaced; a value with others is unread.
    case requestXML([String])
    case responseXML([String])
}

/// A selected field of an exchange.
package enum FieldValue {
    /// The value's bytes, borrowed: of JSON what a string says, or a number or word as written. At
    /// most 64 bytes are told apart: of a longer value the first 65 bytes are given, which equal no
    /// value that a rule names. It is the value also where what follows was lost.
    case value(UnsafeRawBufferPointer)
    /// The whole message was read, and the field is not there.
    case absent
    /// A gap, a cut frame, `body_limit`, a coding that is not read, want of memory, or a response
    /// that ended before its request kept the field from being read.
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
    /// Whether more of the target was sent than is given.
    package let isTargetCut: Bool
    /// The status code, 100 to 999.
    package let status: UInt16
    /// Whether the response arrived to its end.
    package let isComplete: Bool
    package let requestBodyLength: UInt64
    package let responseBodyLength: UInt64
    /// One value per selector of the service, in its order.
    package let fields: UnsafeBufferPointer<FieldValue>
    /// What the observer of requests noted on the request.
    package let mark: RequestMark

    @inlinable @inline(__always)
    package init(
        start: Timestamp, end: Timestamp, service: Int, client: Endpoint, server: Endpoint,
        method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer,
        isTargetCut: Bool = false, status: UInt16, isComplete: Bool,
        requestBodyLength: UInt64, responseBodyLength: UInt64,
        fields: UnsafeBufferPointer<FieldValue>, mark: RequestMark = .none
    ) {
        self.start = start
        self.end = end
        self.service = service
        self.client = client
        self.server = server
        self.method = method
        self.target = target
        self.isTargetCut = isTargetCut
        self.status = status
        self.isComplete = isComplete
        self.requestBodyLength = requestBodyLength
        self.responseBodyLength = responseBodyLength
        self.fields = fields
        self.mark = mark
    }
}
