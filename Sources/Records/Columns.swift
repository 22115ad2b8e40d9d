import SwiftProtobuf

/// One element per zone, scenario or service: `values` as sent, or `usual` throughout where the
/// column was left out.
func column<Element>(
    _ values: [Element], _ field: String, count: Int, usual: Element? = nil
) throws(RecordError) -> [Element] {
    if values.count == count { return values }
    guard values.isEmpty, let usual else {
        throw .unequalCount(field: field, count: values.count, expected: count)
    }
    return Array(repeating: usual, count: count)
}

/// `values`, or nothing where each of them is `usual`.
func leftOut<Element: Equatable>(_ values: [Element], where usual: Element) -> [Element] {
    values.allSatisfy { $0 == usual } ? [] : values
}

func checkCount(_ count: Int, _ field: String, limit: Int) throws(RecordError) {
    guard count <= limit else { throw .tooMany(field: field, count: count, limit: limit) }
}

func checkCount(_ count: Int, _ field: String, equals expected: Int) throws(RecordError) {
    guard count == expected else {
        throw .unequalCount(field: field, count: count, expected: expected)
    }
}

/// The vocabulary's case of a number on the wire.
func known<Value: RawRepresentable<UInt8>>(
    _ number: some SwiftProtobuf.Enum, _ field: String, as type: Value.Type = Value.self
) throws(RecordError) -> Value {
    guard let raw = UInt8(exactly: number.rawValue), let value = Value(rawValue: raw) else {
        throw .unknownNumber(field: field, number: number.rawValue)
    }
    return value
}

/// The vocabulary's case of a number on the wire, or `nil` for 0.
func knownOrNil<Value: RawRepresentable<UInt8>>(
    _ number: some SwiftProtobuf.Enum, _ field: String, as type: Value.Type = Value.self
) throws(RecordError) -> Value? {
    number.rawValue == 0 ? nil : try known(number, field, as: type)
}

/// The number on the wire of a vocabulary's case; 0 for `nil`.
func number<Number: SwiftProtobuf.Enum>(
    _ value: (some RawRepresentable<UInt8>)?, as type: Number.Type = Number.self
) -> Number {
    value.flatMap { Number(rawValue: Int($0.rawValue)) } ?? Number()
}
