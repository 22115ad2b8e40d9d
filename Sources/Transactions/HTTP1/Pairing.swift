// Hot path: allocates nothing but blocks of the pool.
import Metering
import Traffic

/// Requests wait in order; a response that ends takes the first of them.
extension TransactionEngine {
    /// Connections that may keep their scanners from one body to the next.
    private static var fewConnections: Int { 4096 }
    /// Target bytes that are kept; a longer target is cut.
    private static var maximumTarget: Int { MessageParser.maximumLine }

    /// Keeps a request until its response. False where a bound has no room.
    mutating func append(
        _ request: RequestLine, to connection: ConnectionPointer, start: UInt64, sequence: UInt32,
        acknowledged: UInt32?
    ) -> Bool {
        guard connection.pointee.pendingCount < limits.pendingRequests else { return false }
        let methodLength = request.method.count
        let targetLength = min(request.target.count, Self.maximumTarget)
        guard
            let block = take(
                PendingRequest.headerSize + methodLength + targetLength, for: connection),
            let method = request.method.baseAddress, let target = request.target.baseAddress
        else { return false }
        let text = block + PendingRequest.headerSize
        text.copyMemory(from: method, byteCount: methodLength)
        (text + methodLength).copyMemory(from: target, byteCount: targetLength)
        let pending = block.bindMemory(to: PendingRequest.self, capacity: 1)
        pending.initialize(
            to: PendingRequest(
                start: start, bodyLength: 0, sequence: sequence, acknowledged: acknowledged,
                kind: request.kind, methodLength: UInt8(methodLength),
                targetLength: UInt16(targetLength)))
        if let last = connection.pointee.pendingLast {
            last.pointee.next = pending
        } else {
            connection.pointee.pendingFirst = pending
        }
        connection.pointee.pendingLast = pending
        connection.pointee.pendingCount += 1
        return true
    }

    /// Lets go of the requests that wait, and counts them as unpaired; with the first of them, the
    /// response to it that is being read.
    mutating func flushPending(_ connection: ConnectionPointer) {
        if connection.parser(.toClient).pointee.isPaired {
            connection.parser(.toClient).pointee.isPaired = false
            connection.parser(.toClient).pointee.fields = .read
            counters.unpairedResponses &+= 1
            releaseInflater(connection)
        }
        connection.parser(.toServer).pointee.isPaired = false
        while let first = connection.pointee.pendingFirst {
            counters.unpairedRequests &+= 1
            removeFirst(connection, first)
        }
    }

    private mutating func removeFirst(
        _ connection: ConnectionPointer, _ first: UnsafeMutablePointer<PendingRequest>
    ) {
        connection.pointee.pendingFirst = first.pointee.next
        if connection.pointee.pendingLast == first { connection.pointee.pendingLast = nil }
        connection.pointee.pendingCount -= 1
        pool.give(UnsafeMutableRawPointer(first), size: first.pointee.blockSize)
    }

    /// Counts body bytes, and reads the fields that rules ask for.
    mutating func takeBody(
        _ connection: ConnectionPointer, _ direction: Direction, _ bytes: UnsafeRawBufferPointer
    ) {
        let parser = connection.parser(direction)
        let before = parser.pointee.bodyLength
        parser.pointee.bodyLength = before &+ UInt64(bytes.count)
        if direction == .toServer { return noteRequestBody(connection) }
        guard parser.pointee.fields == .reading else { return }
        if let inflater = connection.pointee.inflater {
            return inflateBody(connection, inflater, bytes)
        }
        let room = limits.body > before ? limits.body - before : 0
        let piece = UnsafeRawBufferPointer(
            rebasing: bytes[..<Int(min(UInt64(bytes.count), room))])
        if scan(connection, piece) {
            stopScanning(connection, isUnread: false)
        } else if piece.count < bytes.count {
            stopScanning(connection, isUnread: true)
        }
    }

    /// The request being read is the last, unless its response came before its end.
    func noteRequestBody(_ connection: ConnectionPointer) {
        let parser = connection.parser(.toServer)
        guard parser.pointee.isPaired, let last = connection.pointee.pendingLast else {
            return
        }
        last.pointee.bodyLength = parser.pointee.bodyLength
    }

    /// Looks for fields in the next piece of a body. True when none is left to be found.
    mutating func scan(_ connection: ConnectionPointer, _ piece: UnsafeRawBufferPointer) -> Bool {
        guard let scanners = connection.pointee.scanners else { return true }
        var isDone = true
        for index in 0..<paths[Int(connection.pointee.service)].count {
            scanners[index].scan(piece)
            isDone = isDone && scanners[index].isDone
        }
        return isDone
    }

    mutating func stopScanning(_ connection: ConnectionPointer, isUnread: Bool) {
        let parser = connection.parser(.toClient)
        parser.pointee.fields = .read
        if isUnread { parser.pointee.hasUnreadBody = true }
        releaseInflater(connection)
    }

    /// Makes the scanners ready for a response's body.
    mutating func beginFields(_ connection: ConnectionPointer) {
        let parser = connection.parser(.toClient)
        let paths = paths[Int(connection.pointee.service)]
        guard paths.count > 0 else { return }
        let coding = parser.pointee.coding
        guard coding != .other,
            connection.pointee.scanners != nil || makeScanners(connection, paths),
            let scanners = connection.pointee.scanners,
            coding == .none || beginInflation(connection, coding)
        else {
            parser.pointee.hasUnreadBody = true
            return
        }
        for index in 0..<paths.count { scanners[index].restart() }
        parser.pointee.fields = .reading
    }

    /// Takes a connection over to another number of its service and other fields.
    mutating func move(_ connection: ConnectionPointer, to service: UInt16, from old: [JSONPaths]) {
        let before = old[Int(connection.pointee.service)]
        let scanners = connection.pointee.scanners
        let parser = connection.parser(.toClient)
        connection.pointee.service = service
        connection.pointee.scanners = nil
        let paths = paths[Int(service)]
        if parser.pointee.fields == .none {
            // The body has begun, and nothing was looked for in it.
            if parser.pointee.isInBody { parser.pointee.hasUnreadBody = true }
        } else if paths.count > 0, let scanners,
            let block = pool.take(paths.count * MemoryLayout<JSONFieldScanner>.stride)
        {
            let moved = block.bindMemory(to: JSONFieldScanner.self, capacity: paths.count)
            for index in 0..<paths.count {
                let same = before.index(of: paths, index)
                (moved + index).initialize(
                    to: same.map { paths.scanner(index, continuing: scanners[$0]) }
                        ?? .unreadable(paths.scanner(index)))
            }
            connection.pointee.scanners = moved
        } else {
            parser.pointee.fields = .none
            parser.pointee.hasUnreadBody = true
            releaseInflater(connection)
        }
        if let scanners {
            pool.give(
                UnsafeMutableRawPointer(scanners),
                size: before.count * MemoryLayout<JSONFieldScanner>.stride)
        }
    }

    private mutating func makeScanners(_ connection: ConnectionPointer, _ paths: JSONPaths) -> Bool
    {
        guard let block = take(scannersSize(connection), for: connection) else { return false }
        let scanners = block.bindMemory(to: JSONFieldScanner.self, capacity: paths.count)
        for index in 0..<paths.count { (scanners + index).initialize(to: paths.scanner(index)) }
        connection.pointee.scanners = scanners
        return true
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
        parser.pointee.isPaired = false
        if parser.pointee.fields == .reading { stopScanning(connection, isUnread: !isComplete) }
        let service = Int(connection.pointee.service)
        let count = paths[service].count
        for index in 0..<count { fields.values[index] = field(connection, index) }
        let text = UnsafeRawPointer(first) + PendingRequest.headerSize
        let methodLength = Int(first.pointee.methodLength)
        let key = connection.pointee.key
        counters.exchanges &+= 1
        sink(
            Exchange(
                start: Timestamp(first.pointee.start),
                end: Timestamp(max(now, parser.pointee.startTime, first.pointee.start)),
                service: service,
                client: Endpoint(key.client, port: key.clientPort),
                server: Endpoint(key.server, port: key.serverPort),
                method: UnsafeRawBufferPointer(start: text, count: methodLength),
                target: UnsafeRawBufferPointer(
                    start: text + methodLength, count: Int(first.pointee.targetLength)),
                status: parser.pointee.status, isComplete: isComplete,
                requestBodyLength: first.pointee.bodyLength,
                responseBodyLength: parser.pointee.bodyLength,
                fields: UnsafeBufferPointer(start: fields.values, count: count)))
        // Of thousands of connections few are inside a body at a time.
        if table.count > Self.fewConnections { releaseScanners(of: connection) }
        removeFirst(connection, first)
    }

    private mutating func field(_ connection: ConnectionPointer, _ index: Int) -> FieldValue {
        let parser = connection.parser(.toClient)
        guard let scanners = connection.pointee.scanners, parser.pointee.fields != .none
        else { return parser.pointee.hasUnreadBody ? .unread : .absent }
        switch scanners[index].phase {
        case .found:
            let bytes = fields.bytes + index * (JSONFieldScanner.maximumValue + 1)
            scanners[index].copyValue(to: bytes)
            return .value(
                UnsafeRawBufferPointer(start: bytes, count: Int(scanners[index].valueLength)))
        case .unreadable: return .unread
        default: return parser.pointee.hasUnreadBody ? .unread : .absent
        }
    }
}
