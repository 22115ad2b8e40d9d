// Hot path: allocates nothing but blocks of the pool.
import Glibc
import Traffic

/// The fields that rules ask for, from the beginning of a message to the exchange.
///
/// Those of a response are read into slots that its connection has; those of a request into slots of
/// its own, for it waits with others. Of two fields of a name or path the first counts, so that what
/// is found stays found whatever is missed behind it.
///
/// What is called here for every message is `mutating`: a call would else lend it a copy of the
/// engine.
extension TransactionEngine {
    @inline(__always)
    func fields(
        _ connection: ConnectionPointer, _ direction: Direction
    ) -> MessageFieldsPointer { plans[connection.pointee.service, direction] }

    // MARK: Heads

    /// A request begins to wait. Where there is no memory for its fields they are unread.
    @inline(__always)
    mutating func beginRequestHead(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>
    ) {
        let fields = fields(connection, .toServer)
        if fields.pointee.count > 0 { makeRequestFields(connection, request, fields) }
    }

    private mutating func makeRequestFields(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>,
        _ fields: MessageFieldsPointer
    ) {
        guard let block = take(requestSize(fields), for: connection) else { return }
        let made = block.bindMemory(to: RequestFields.self, capacity: 1)
        made.initialize(to: RequestFields())
        made.slots.initialize(fields)
        made.slots.beginHead(fields)
        request.pointee.fields = made
        connection.parser(.toServer).pointee.hasSlots = true
    }

    /// A response begins that answers a request.
    @inline(__always)
    mutating func beginResponseHead(_ connection: ConnectionPointer) {
        let fields = fields(connection, .toClient)
        guard fields.pointee.hasHeaders, let slots = responseSlots(connection, fields) else {
            return
        }
        slots.beginHead(fields)
        connection.parser(.toClient).pointee.hasSlots = true
    }

    /// Looks for fields in whole lines of a head.
    mutating func takeFields(
        _ connection: ConnectionPointer, _ direction: Direction, _ lines: UnsafeRawBufferPointer
    ) {
        let fields = fields(connection, direction)
        guard fields.pointee.hasHeaders, let slots = connection.slots(direction),
            var start = lines.baseAddress
        else { return }
        let behind = start + lines.count
        while start < behind, let end = memchr(start, 0x0a, behind - start) {
            let next = UnsafeRawPointer(end) + 1
            var length = next - start - 1
            if length > 0, start.load(fromByteOffset: length - 1, as: UInt8.self) == 0x0d {
                length -= 1
            }
            if length > 0 {
                slots.takeHeader(Line(start: start, count: length), isCut: false, fields)
            }
            start = next
        }
    }

    /// Looks for fields in one line of a head that is not empty.
    mutating func takeField(
        _ connection: ConnectionPointer, _ direction: Direction, _ line: Line, isCut: Bool
    ) {
        connection.slots(direction)?.takeHeader(
            line, isCut: isCut, fields(connection, direction))
    }

    mutating func endHeadFields(_ connection: ConnectionPointer, _ direction: Direction) {
        connection.slots(direction)?.endHead(fields(connection, direction))
    }

    // MARK: Bodies

    /// Makes ready to look for fields in a message's body.
    @inline(__always)
    mutating func beginFields(_ connection: ConnectionPointer, _ direction: Direction) {
        let fields = fields(connection, direction)
        if fields.pointee.bodies > 0 { beginReading(connection, direction, fields) }
    }

    private mutating func beginReading(
        _ connection: ConnectionPointer, _ direction: Direction, _ fields: MessageFieldsPointer
    ) {
        let parser = connection.parser(direction)
        let coding = parser.pointee.coding
        guard coding != .other,
            let slots = direction == .toServer
                ? connection.slots(.toServer) : responseSlots(connection, fields),
            coding == .none || beginInflation(connection, direction, coding)
        else {
            parser.pointee.hasUnreadBody = true
            return
        }
        slots.beginBody(fields)
        parser.pointee.fields = .reading
    }

    /// Counts body bytes, and reads the fields that rules ask for.
    mutating func takeBody(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) {
        let parser = connection.parser(direction)
        let before = parser.pointee.bodyLength
        parser.pointee.bodyLength = before &+ UInt64(bytes.count)
        if direction == .toServer { noteRequestBody(connection) }
        guard parser.pointee.fields == .reading else { return }
        if let inflater = connection.inflater(direction) {
            return inflateBody(connection, direction, inflater, bytes)
        }
        let room = limits.body > before ? limits.body - before : 0
        let piece = UnsafeRawBufferPointer(
            rebasing: bytes[..<Int(min(UInt64(bytes.count), room))])
        if scan(connection, direction, piece) {
            stopReading(connection, direction, isWhole: true)
        } else if piece.count < bytes.count {
            stopReading(connection, direction, isWhole: false)
        }
    }

    /// Looks for fields in the next piece of a body. True when none is left to be found.
    mutating func scan(
        _ connection: ConnectionPointer, _ direction: Direction, _ piece: UnsafeRawBufferPointer
    ) -> Bool {
        connection.slots(direction)?.scan(piece, fields(connection, direction)) ?? true
    }

    /// Looks for fields in this body no more: what was not found is absent in a body that was read
    /// to its end, and else unread.
    mutating func stopReading(
        _ connection: ConnectionPointer, _ direction: Direction, isWhole: Bool
    ) {
        let parser = connection.parser(direction)
        parser.pointee.fields = .read
        if isWhole {
            connection.slots(direction)?.endBody(fields(connection, direction))
        } else {
            parser.pointee.hasUnreadBody = true
        }
        releaseInflater(connection, direction)
    }

    /// The body that is being read ends. A compressed one is whole where it has ended of itself; without a
    /// byte it is nothing compressed.
    mutating func endReading(
        _ connection: ConnectionPointer, _ direction: Direction, isComplete: Bool
    ) {
        let isCut =
            connection.inflater(direction)?.pointee.hasEnded == false
            && connection.parser(direction).pointee.bodyLength > 0
        stopReading(connection, direction, isWhole: isComplete && !isCut)
    }

    /// A request was read to its end.
    mutating func endRequestFields(_ connection: ConnectionPointer) {
        let parser = connection.parser(.toServer)
        if parser.pointee.fields == .reading {
            endReading(connection, .toServer, isComplete: true)
        }
        guard !parser.pointee.hasUnreadBody,
            let known = connection.pointee.pendingLast?.pointee.fields
        else { return }
        // Without a body there was none to begin.
        if parser.pointee.fields == .none {
            known.slots.beginBody(fields(connection, .toServer))
        }
        known.pointee.isWhole = true
    }

    // MARK: The exchange

    /// The fields of a request and of the response to it that was read.
    @inline(__always)
    mutating func collectFields(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>
    ) -> UnsafeBufferPointer<FieldValue> {
        let plan = plans[connection.pointee.service]
        if plan.count > 0 { collect(plan, connection, request) }
        return UnsafeBufferPointer(start: plans.values, count: plan.count)
    }

    /// The same where there is no response: its fields are unread.
    mutating func collectRequestFields(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>
    ) -> UnsafeBufferPointer<FieldValue> {
        let plan = plans[connection.pointee.service]
        for index in 0..<plan.count {
            let place = plan.places[index]
            plans.values[index] =
                place.isOfRequest ? requestField(connection, request, place.number) : .unread
        }
        return UnsafeBufferPointer(start: plans.values, count: plan.count)
    }

    @inline(__always)
    private mutating func collect(
        _ plan: ServiceFields, _ connection: ConnectionPointer,
        _ request: UnsafeMutablePointer<PendingRequest>
    ) {
        for index in 0..<plan.count {
            let place = plan.places[index]
            plans.values[index] =
                place.isOfRequest
                ? requestField(connection, request, place.number)
                : responseField(connection, place.number)
        }
    }

    private mutating func requestField(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>,
        _ number: Int
    ) -> FieldValue {
        guard let known = request.pointee.fields else { return .unread }
        return known.slots.value(
            number, fields(connection, .toServer), isWhole: known.pointee.isWhole)
    }

    @inline(__always)
    private mutating func responseField(
        _ connection: ConnectionPointer, _ number: Int
    ) -> FieldValue {
        let parser = connection.parser(.toClient)
        let fields = fields(connection, .toClient)
        let isWhole = !parser.pointee.hasUnreadBody
        if number < fields.pointee.bodies && parser.pointee.fields == .none {
            return isWhole ? .absent : .unread
        }
        guard let slots = connection.slots(.toClient) else { return .unread }
        return slots.value(number, fields, isWhole: isWhole)
    }
}
