package import Traffic

/// What the fields that rules ask for take of an engine's memory, by the kind of message whose
/// fields take the most: a request keeps them until it is answered, a connection those of its
/// latest response.
package struct FieldRoom: Sendable, Hashable {
    /// Different fields of such a message.
    package let fields: Int
    /// Whether it is a request.
    package let isOfRequest: Bool
    /// What they take of memory, in bytes.
    package let bytes: Int
    /// The memory that messages and connections share, in bytes.
    package let memory: Int
    /// Messages whose fields have room there, where nothing else takes any. Beyond them the
    /// connections used longest ago are evicted.
    package let messages: Int
    /// Messages for which there is to be room.
    package let wanted: Int

    /// Whether there is room for so many.
    package var isEnough: Bool { messages >= wanted }

    /// `nil` where no field of a message is asked for.
    package init?(_ selectors: [FieldSelector], limits: EngineLimits = .init()) {
        let plans = FieldPlans([EngineService(ports: [], selectors: selectors)])
        guard let largest = plans.largestBlock else { return nil }
        (bytes, fields, isOfRequest) = largest
        memory = limits.memory(largestBlock: bytes)
        messages = memory / bytes
        wanted = limits.fieldMessages
    }
}

extension EngineLimits {
    /// Bytes that connections and their messages may take, where the fields of a message take a block
    /// of at most so many.
    func memory(largestBlock bytes: Int) -> Int {
        memory + min(fieldMemory, fieldMessages * max(0, bytes - fewFields))
    }
}
