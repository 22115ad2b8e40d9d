/// Why bytes are no record or manifest, or why a record cannot be written.
package enum RecordError: Error, Equatable, Sendable {
    /// The frame or its header ends too early.
    case truncated(needed: Int, got: Int)
    /// Bytes follow the end that the frame's length names.
    case trailing(bytes: Int)
    /// The payload is longer than `RecordCodec.maximumPayload`.
    case tooLong(length: Int, limit: Int)
    /// The payload is not what was written.
    case checksum(stored: UInt32, computed: UInt32)
    /// The payload is no message of Protocol Buffers.
    case malformed
    /// A number that must not be 0 is 0 or absent.
    case missing(field: String)
    /// A number of an enum that this version does not know.
    case unknownNumber(field: String, number: Int)
    /// An array is longer than its limit.
    case tooMany(field: String, count: Int, limit: Int)
    /// Arrays that must be of one length are not.
    case unequalCount(field: String, count: Int, expected: Int)
    /// A number lies outside its range.
    case outOfRange(field: String, number: UInt64)
    /// The window ends before it starts.
    case endBeforeStart
    /// An array has a name twice whose elements must differ.
    case repeated(field: String, name: String)
    /// Two fields cannot both be true.
    case contradiction(field: String)
}

extension RecordError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let needed, let got): "needs \(needed) bytes, got \(got)"
        case .trailing(let bytes): "\(bytes) bytes follow its end"
        case .tooLong(let length, let limit): "is \(length) bytes long, the limit is \(limit)"
        case .checksum(let stored, let computed):
            "was altered: its checksum says \(stored), its bytes give \(computed)"
        case .malformed: "is no Protocol Buffers message of the expected kind"
        case .missing(let field): "has no \(field)"
        case .unknownNumber(let field, let number):
            "has \(field) \(number), which this version does not know"
        case .tooMany(let field, let count, let limit):
            "has \(count) elements in \(field), the limit is \(limit)"
        case .unequalCount(let field, let count, let expected):
            "has \(count) elements in \(field) where \(expected) belong"
        case .outOfRange(let field, let number): "has \(field) \(number), out of range"
        case .repeated(let field, let name): "names \"\(name)\" more than once in \(field)"
        case .endBeforeStart: "has a window that ends before it starts"
        case .contradiction(let field): "has \(field), which contradicts its other fields"
        }
    }
}
