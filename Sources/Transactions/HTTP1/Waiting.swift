// Hot path: allocates nothing per request.
import Metering
package import Traffic

/// Requests that wait for their responses, for who divides time among them.
extension TransactionEngine {
    /// Calls `body` for every request that waits, as an exchange without a response that ends now,
    /// and notes on it what is returned.
    package mutating func forEachWaiting(_ body: (Exchange) -> RequestMark) {
        for number in UseOrder.all {
            var next = table[UseOrder(number: number)].newest
            while let connection = next {
                next = connection.pointee.older
                var request = connection.pointee.pendingFirst
                while let waits = request {
                    waits.pointee.mark = body(waiting(connection, waits, until: now))
                    request = waits.pointee.next
                }
            }
        }
    }

    /// A request that waits, as an exchange that is not complete: its status is 0, and no field of a
    /// response was read.
    mutating func waiting(
        _ connection: ConnectionPointer, _ request: UnsafeMutablePointer<PendingRequest>,
        until now: UInt64
    ) -> Exchange {
        let text = UnsafeRawPointer(request) + PendingRequest.headerSize
        let methodLength = Int(request.pointee.methodLength)
        let key = connection.pointee.key
        return Exchange(
            start: Timestamp(request.pointee.start),
            end: Timestamp(max(now, request.pointee.start)),
            service: Int(connection.pointee.service),
            client: Endpoint(key.client, port: key.clientPort),
            server: Endpoint(key.server, port: key.serverPort),
            method: UnsafeRawBufferPointer(start: text, count: methodLength),
            target: UnsafeRawBufferPointer(
                start: text + methodLength, count: Int(request.pointee.targetLength)),
            isTargetCut: request.pointee.isTargetCut,
            status: 0, isComplete: false,
            requestBodyLength: request.pointee.bodyLength, responseBodyLength: 0,
            fields: collectRequestFields(connection, request), mark: request.pointee.mark)
    }
}
