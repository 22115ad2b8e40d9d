// Hot path: allocates nothing but blocks of the pool.
import Metering
import Traffic

/// Requests wait in order; a response that ends takes the first of them.
extension TransactionEngine {
    /// Connections that may keep their slots from one response to the next.
    private static var fewConnections: Int { 4096 }
    /// Target bytes that are kept; a longer target is cut.
    private static var maximumTarget: Int { MessageParser.maximumLine }

    /// Keeps a request until its response. False where a bound has no room.
    mutating func append(
        _ request: RequestLine, to connection: ConnectionPointer, start: UInt64, sequence: UInt32,
        acknowledged: UInt32?
    ) -> Bool {
        let methodLength = request.method.count
        let targetLength = min(request.target.count, Self.maximumTarget)
        let size = PendingRequest.headerSize + methodLength + targetLength
        let units = connection.pointee.pendingUnits.addingReportingOverflow(
            PendingRequest.units(size))
        guard connection.pointee.pendingCount < limits.pendingRequests, !units.overflow,
            let block = take(size, for: connection),
            let method = request.method.baseAddress, let target = request.target.baseAddress
        else { return false }
        // Not `observer?.began(…)`: unoptimised, that allocates a function each time.
        var mark = RequestMark.none
        if let observer {
            mark = observer.began(Int(connection.pointee.service), Timestamp(start))
        }
        let text = block + PendingRequest.headerSize
        text.copyMemory(from: method, byteCount: methodLength)
        (text + methodLength).copyMemory(from: target, byteCount: targetLength)
        let pending = block.bindMemory(to: PendingRequest.self, capacity: 1)
        pending.initialize(
            to: PendingRequest(
                start: start, mark: mark, bodyLength: 0, sequence: sequence,
                acknowledged: acknowledged,
                kind: request.kind, methodLength: UInt8(methodLength),
                targetLength: UInt16(targetLength),
                isTargetCut: request.isCut || targetLength < request.target.count))
        if let last = connection.pointee.pendingLast {
            last.pointee.next = pending
        } else {
            connection.pointee.pendingFirst = pending
        }
        connection.pointee.pendingLast = pending
        connection.pointee.pendingCount += 1
        connection.pointee.pendingUnits = units.partialValue
        if connection.pointee.pendingCount > 1 || size > Bulk.plainRequest { noteBulk(connection) }
        beginRequestHead(connection, pending)
        return true
    }

    /// Lets go of the requests that wait, and counts them as unpaired; with the first of them, the
    /// response to it that is being read.
    mutating func flushPending(_ connection: ConnectionPointer) {
        if connection.parser(.toClient).pointee.isPaired {
            connection.parser(.toClient).pointee.isPaired = false
            connection.parser(.toClient).pointee.fields = .read
            counters.unpairedResponses &+= 1
            releaseInflater(connection, .toClient)
        }
        let client = connection.parser(.toServer)
        client.pointee.isPaired = false
        if client.pointee.doubt != .passed { client.pointee.doubt = .none }
        while let first = connection.pointee.pendingFirst {
            counters.unpairedRequests &+= 1
            removeFirst(connection, first)
        }
    }

    mutating func removeFirst(
        _ connection: ConnectionPointer, _ first: UnsafeMutablePointer<PendingRequest>
    ) {
        if let observer, first.pointee.mark != .none {
            observer.unanswered(waiting(connection, first, until: now))
        }
        if first.pointee.fields != nil { releaseRequestFields(connection, first) }
        connection.pointee.pendingFirst = first.pointee.next
        if connection.pointee.pendingLast == first { connection.pointee.pendingLast = nil }
        connection.pointee.pendingCount -= 1
        connection.pointee.pendingUnits -= PendingRequest.units(first.pointee.blockSize)
        pool.give(UnsafeMutableRawPointer(first), size: first.pointee.blockSize)
    }

    /// The request being read is the last, unless its response came before its end.
    func noteRequestBody(_ connection: ConnectionPointer) {
        let parser = connection.parser(.toServer)
        guard parser.pointee.isPaired, let last = connection.pointee.pendingLast else {
            return
        }
        last.pointee.bodyLength = parser.pointee.bodyLength
    }

    /// Hands over the response being read and the first request that waits, which it answers; one
    /// that answers none was counted when it began.
    mutating func finishExchange(
        _ connection: ConnectionPointer, isComplete: Bool, now: UInt64
    ) {
        let parser = connection.parser(.toClient)
        guard parser.pointee.isPaired, let first = connection.pointee.pendingFirst else {
            return
        }
        // What would tell that it is this request's response has not come.
        if connection.parser(.toServer).pointee.doubt == .answered {
            return flushPending(connection)
        }
        parser.pointee.isPaired = false
        if parser.pointee.fields == .reading {
            endReading(connection, .toClient, isComplete: isComplete)
        }
        if isComplete {
            parser.pointee.answeredEnd = connection.half(.toClient).pointee.next
        }
        let fields = collectFields(connection, first)
        let text = UnsafeRawPointer(first) + PendingRequest.headerSize
        let methodLength = Int(first.pointee.methodLength)
        let key = connection.pointee.key
        counters.exchanges &+= 1
        sink(
            Exchange(
                start: Timestamp(first.pointee.start),
                end: Timestamp(max(now, parser.pointee.startTime, first.pointee.start)),
                service: Int(connection.pointee.service),
                client: Endpoint(key.client, port: key.clientPort),
                server: Endpoint(key.server, port: key.serverPort),
                method: UnsafeRawBufferPointer(start: text, count: methodLength),
                target: UnsafeRawBufferPointer(
                    start: text + methodLength, count: Int(first.pointee.targetLength)),
                isTargetCut: first.pointee.isTargetCut,
                status: parser.pointee.status, isComplete: isComplete,
                requestBodyLength: first.pointee.bodyLength,
                responseBodyLength: parser.pointee.bodyLength,
                fields: fields, mark: first.pointee.mark))
        first.pointee.mark = .none
        // Of thousands of connections few are inside a body at a time.
        if table.count > Self.fewConnections { releaseResponseFields(of: connection) }
        removeFirst(connection, first)
    }
}
