// Hot path: allocates nothing but blocks of the pool.

/// The memory in which fields are kept, and what becomes of it when others are asked for.
extension TransactionEngine {
    func requestSize(_ fields: MessageFieldsPointer) -> Int {
        RequestFields.headerSize + fields.pointee.size
    }

    mutating func responseSlots(
        _ connection: ConnectionPointer, _ fields: MessageFieldsPointer
    ) -> FieldSlots? {
        if let slots = connection.slots(.toClient) { return slots }
        guard let block = take(fields.pointee.size, for: connection) else {
            return nil
        }
        connection.pointee.responseFields = block
        FieldSlots(start: block).initialize(fields)
        return FieldSlots(start: block)
    }

    mutating func releaseResponseFields(of connection: ConnectionPointer) {
        guard let block = connection.pointee.responseFields else { return }
        connection.pointee.responseFields = nil
        pool.give(block, size: fields(connection, .toClient).pointee.size)
    }

    /// Of the request being read, nothing is looked for any more.
    mutating func releaseRequestFields(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>
    ) {
        guard let known = request.pointee.fields else { return }
        if request == connection.pointee.pendingLast {
            let parser = connection.parser(.toServer)
            releaseInflater(connection, .toServer)
            if parser.pointee.fields == .reading { parser.pointee.fields = .read }
            parser.pointee.hasSlots = false
        }
        request.pointee.fields = nil
        pool.give(
            UnsafeMutableRawPointer(known), size: requestSize(fields(connection, .toServer)))
    }

    // MARK: Other fields

    /// Takes a connection over to another number of its service and other fields.
    mutating func move(
        _ connection: ConnectionPointer, to service: UInt16, from old: borrowing FieldPlans
    ) {
        let before = connection.pointee.service
        connection.pointee.service = service
        moveResponse(connection, from: old, before)
        moveRequests(connection, from: old, before)
    }

    private mutating func moveResponse(
        _ connection: ConnectionPointer, from old: borrowing FieldPlans, _ before: UInt16
    ) {
        let fields = fields(connection, .toClient)
        let block = connection.pointee.responseFields
        connection.pointee.responseFields = nil
        if connection.parser(.toClient).pointee.isPaired, fields.pointee.count > 0, let block,
            let moved = pool.take(fields.pointee.size)
        {
            let known = old.services[Int(before)].response
            let wanted = plans.services[Int(connection.pointee.service)].response
            FieldSlots(start: moved).initialize(
                fields, from: FieldSlots(start: block), old[before, .toClient]
            ) { known.number(of: wanted.paths[$0]) }
            connection.pointee.responseFields = moved
        }
        if let block {
            pool.give(block, size: old[before, .toClient].pointee.size)
        }
        goOn(connection, .toClient, fields)
    }

    private mutating func moveRequests(
        _ connection: ConnectionPointer, from old: borrowing FieldPlans, _ before: UInt16
    ) {
        let fields = fields(connection, .toServer)
        var next = connection.pointee.pendingFirst
        while let request = next {
            next = request.pointee.next
            guard let block = request.pointee.fields else { continue }
            request.pointee.fields = nil
            if fields.pointee.count > 0, let room = pool.take(requestSize(fields)) {
                let moved = room.bindMemory(to: RequestFields.self, capacity: 1)
                moved.initialize(to: block.pointee)
                let known = old.services[Int(before)].request
                let wanted = plans.services[Int(connection.pointee.service)].request
                moved.slots.initialize(
                    fields, from: block.slots, old[before, .toServer]
                ) { known.number(of: wanted.paths[$0]) }
                request.pointee.fields = moved
            } else if let inflater = block.pointee.inflater {
                inflaters.give(inflater)
            }
            pool.give(UnsafeMutableRawPointer(block), size: requestSize(old[before, .toServer]))
        }
        goOn(connection, .toServer, fields)
    }

    /// Goes on with the message being read, as far as there are slots for its fields.
    private mutating func goOn(
        _ connection: ConnectionPointer, _ direction: Direction, _ fields: MessageFieldsPointer
    ) {
        let parser = connection.parser(direction)
        let hasSlots = connection.slots(direction) != nil
        if !hasSlots { parser.pointee.hasSlots = false }
        if parser.pointee.fields == .none {
            // The body has begun, and nothing was looked for in it.
            if parser.pointee.isInBody { parser.pointee.hasUnreadBody = true }
        } else if !hasSlots || fields.pointee.bodies == 0 {
            parser.pointee.fields = .none
            parser.pointee.hasUnreadBody = true
            releaseInflater(connection, direction)
        }
    }
}
