package import Traffic

/// What the fields that rules ask for take of an engine's memory: a request keeps its own until it is
/// answered, a connection those of its latest response.
package struct FieldRoom: Sendable, Hashable {
    /// Different fields of one side's messages, and the bytes that they take of memory.
    package struct Side: Sendable, Hashable {
        package let fields: Int
        package let bytes: Int
    }

    /// `nil` where no field of a request is asked for.
    package let request: Side?
    /// `nil` where no field of a response is asked for.
    package let response: Side?
    /// The memory that messages and connections share, in bytes.
    package let memory: Int
    /// Connections that have room there at once, each with a request that waits, its method and target
    /// of 128 bytes at most, and where nothing came out of order. Beyond them those that hold the
    /// most are evicted, and idle ones before those with a request that waits.
    package let connections: Int
    /// Connections for which there is to be room.
    package let wanted: Int

    /// Whether there is room for so many.
    package var isEnough: Bool { connections >= wanted }

    /// `nil` where no field of a message is asked for.
    package init?(_ selectors: [FieldSelector], limits: EngineLimits = .init()) {
        let plans = FieldPlans([EngineService(ports: [], selectors: selectors)])
        let cost = plans.largest
        guard cost.bytes > 0 else { return nil }
        (request, response) = (cost.request, cost.response)
        memory = limits.memory(fields: cost.bytes)
        connections = min(
            limits.connections, memory / (cost.bytes + PendingRequest.usualBlock))
        wanted = limits.fieldMessages
    }
}

/// What fields take of a connection with a request that waits.
struct FieldCost {
    var request: FieldRoom.Side?
    var response: FieldRoom.Side?

    var bytes: Int { (request?.bytes ?? 0) + (response?.bytes ?? 0) }
}

extension PendingRequest {
    /// The largest block of a request with a method and target of 128 bytes.
    static var usualBlock: Int { BlockPool.blockSize(for: headerSize + 128) }
}

extension EngineLimits {
    /// Bytes that connections and their messages may take, where the fields of a request and of a
    /// response together take at most so many.
    func memory(fields bytes: Int) -> Int {
        memory + min(fieldMemory, fieldMessages * max(0, bytes - fewFields))
    }
}
