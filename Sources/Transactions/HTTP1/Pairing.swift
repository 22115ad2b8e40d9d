// Hot path: allocates nothing but blocks of the pool.
import Metering
import Traffic

/// Requests wait in order; a response that ends takes the first of them.
extension TransactionEngine {
    /// Target bytes that are kept; a longer target is cut.
    private static var maximumTarget: Int { MessageParser.maximumLine }

    /// Keeps a request until its response. False where the memory budget has no room.
    mutating func append(
        _ request: RequestLine, to connection: ConnectionPointer, start: UInt64
    ) -> Bool {
        if connection.pointee.pendingCount >= limits.pendingRequests { flushPending(connection) }
        let methodLength = request.method.count
        let targetLength = min(request.target.count, Self.maximumTarget)
        guard
            let block = pool.take(PendingRequest.headerSize + methodLength + targetLength),
            let method = request.method.baseAddress, let target = request.target.baseAddress
        else { return false }
        let text = block + PendingRequest.headerSize
        text.copyMemory(from: method, byteCount: methodLength)
        (text + methodLength).copyMemory(from: target, byteCount: targetLength)
        let pending = block.bindMemory(to: PendingRequest.self, capacity: 1)
        pending.initialize(
            to: PendingRequest(
                start: start, bodyLength: 0, methodLength: Int32(methodLength),
                targetLength: Int32(targetLength), kind: request.kind))
        if let last = connection.pointee.pendingLast {
            last.pointee.next = pending
        } else {
            connection.pointee.pendingFirst = pending
        }
        connection.pointee.pendingLast = pending
        connection.pointee.pendingCount += 1
        return true
    }

    /// Lets go of the requests that wait, and counts them as unpaired.
    mutating func flushPending(_ connection: ConnectionPointer) {
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
        let half = connection.half(direction)
        let before = half.pointee.parser.bodyLength
        half.pointee.parser.bodyLength = before &+ UInt64(bytes.count)
        if direction == .toServer {
            // The request being read is the last, unless its response came before its end.
            if let last = connection.pointee.pendingLast {
                last.pointee.bodyLength = half.pointee.parser.bodyLength
            }
            return
        }
        guard half.pointee.parser.isScanning, let scanners = connection.pointee.scanners else {
            return
        }
        let room = limits.body > before ? limits.body - before : 0
        let piece = UnsafeRawBufferPointer(
            rebasing: bytes[..<Int(min(UInt64(bytes.count), room))])
        var isDone = true
        for index in 0..<paths[Int(connection.pointee.service)].count {
            scanners[index].scan(piece)
            isDone = isDone && scanners[index].isDone
        }
        if isDone {
            half.pointee.parser.isScanning = false
        } else if piece.count < bytes.count {
            half.pointee.parser.isScanning = false
            half.pointee.parser.hasUnreadBody = true
        }
    }

    /// Makes the scanners ready for a response's body.
    mutating func beginFields(_ connection: ConnectionPointer) {
        let half = connection.half(.toClient)
        let paths = paths[Int(connection.pointee.service)]
        guard paths.count > 0 else { return }
        if half.pointee.parser.isEncoded {
            half.pointee.parser.hasUnreadBody = true
        } else if let scanners = connection.pointee.scanners {
            for index in 0..<paths.count { scanners[index].restart() }
            half.pointee.parser.isScanning = true
        } else if let block = pool.take(scannersSize(connection)) {
            let scanners = block.bindMemory(to: JSONFieldScanner.self, capacity: paths.count)
            for index in 0..<paths.count {
                (scanners + index).initialize(to: paths.scanner(index))
            }
            connection.pointee.scanners = scanners
            half.pointee.parser.isScanning = true
        } else {
            half.pointee.parser.hasUnreadBody = true
        }
    }

    /// Pairs the response being read with the first request that waits, and hands both over.
    mutating func finishExchange(
        _ connection: ConnectionPointer, isComplete: Bool, now: UInt64
    ) {
        guard let first = connection.pointee.pendingFirst else {
            counters.unpairedResponses &+= 1
            return
        }
        let service = Int(connection.pointee.service)
        let count = paths[service].count
        for index in 0..<count { fieldValues[index] = field(connection, index) }
        let parser = connection.half(.toClient).pointee.parser
        let text = UnsafeRawPointer(first) + PendingRequest.headerSize
        let methodLength = Int(first.pointee.methodLength)
        let key = connection.pointee.key
        counters.exchanges &+= 1
        sink(
            Exchange(
                start: Timestamp(first.pointee.start), end: Timestamp(now), service: service,
                client: Endpoint(key.client, port: key.clientPort),
                server: Endpoint(key.server, port: key.serverPort),
                method: UnsafeRawBufferPointer(start: text, count: methodLength),
                target: UnsafeRawBufferPointer(
                    start: text + methodLength, count: Int(first.pointee.targetLength)),
                status: parser.status, isComplete: isComplete,
                requestBodyLength: first.pointee.bodyLength, responseBodyLength: parser.bodyLength,
                fields: UnsafeBufferPointer(start: fieldValues, count: count)))
        removeFirst(connection, first)
    }

    private func field(_ connection: ConnectionPointer, _ index: Int) -> FieldValue {
        let parser = connection.half(.toClient).pointee.parser
        guard let scanners = connection.pointee.scanners, parser.bodyLength > 0, !parser.isEncoded
        else { return parser.hasUnreadBody ? .unread : .absent }
        switch scanners[index].phase {
        case .found:
            let bytes = fieldBytes + index * (JSONFieldScanner.maximumValue + 1)
            scanners[index].copyValue(to: bytes)
            return .value(
                UnsafeRawBufferPointer(start: bytes, count: Int(scanners[index].valueLength)))
        case .tooDeep: return .unread
        default: return parser.hasUnreadBody ? .unread : .absent
        }
    }
}
