import SwiftProtobuf

/// What the collector told the agent.
package enum AgentEvent: Sendable, Hashable {
    /// The handshake is done; records up to here are durable already.
    case welcomed(highestDurable: UInt64)
    /// Records up to here are durable.
    case acknowledged(through: UInt64)
    case heartbeat
    /// The session is over. Always the last event; a refusal by the collector is
    /// `WireError.refused`.
    case failed(WireError)
}

/// The agent's side of one connection: bytes in, bytes out, no socket and no clock.
///
/// `open` once, then `receive` whatever arrives. After `welcomed`: a manifest, then batches in
/// ascending order, without waiting for acknowledgements between them. After `failed` nothing is
/// read or written any more.
package struct AgentSession: Sendable {
    private enum State {
        case new
        case awaitingWelcome
        case ready(Progress)
        case failed(WireError)

        var name: String {
            switch self {
            case .new: "not opened"
            case .awaitingWelcome: "waiting for the welcome"
            case .ready: "ready"
            case .failed: "failed"
            }
        }
    }

    private struct Progress {
        var sentThrough: UInt64
        var acknowledged: UInt64
        var hasManifest = false
    }

    private let hello: Hello
    private var state = State.new
    private var decoder = FrameDecoder()

    package init(hello: Hello) { self.hello = hello }

    /// The Hello, to be sent first. Once only.
    package mutating func open() throws(WireError) -> [UInt8] {
        guard case .new = state else { throw misuse(.hello) }
        let bytes = try Frame.encode(.hello, hello.message)
        state = .awaitingWelcome
        return bytes
    }

    /// Takes bytes in pieces of any length and returns what they complete, in order. The same bytes
    /// give the same events however they are split.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer) -> [AgentEvent] {
        if case .failed = state { return [] }
        decoder.append(bytes)
        var events: [AgentEvent] = []
        do throws(WireError) {
            while let frame = try nextFrame() { events.append(try event(frame)) }
        } catch {
            state = .failed(error)
            decoder = FrameDecoder()
            events.append(.failed(error))
        }
        return events
    }

    /// Takes bytes in pieces of any length and returns what they complete, in order.
    package mutating func receive(_ bytes: [UInt8]) -> [AgentEvent] {
        bytes.withUnsafeBytes { receive($0) }
    }

    /// The manifest of the batches that follow, `RecordCodec`'s bytes.
    package mutating func manifest(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
        guard case .ready(var progress) = state else { throw misuse(.manifest) }
        guard 1...WireLimits.manifest ~= bytes.count else {
            throw .outOfRange(field: "manifest of length", number: UInt64(bytes.count))
        }
        var message = Jouleflow_Wire_V1_Manifest()
        message.manifest.append(contentsOf: bytes)
        let frame = try Frame.encode(.manifest, message)
        progress.hasManifest = true
        state = .ready(progress)
        return frame
    }

    /// A batch, whose first record lies above every record sent before; compressed where that pays.
    /// What exceeds `WireLimits` is an error and changes nothing.
    package mutating func batch(_ batch: Batch) throws(WireError) -> [UInt8] {
        guard case .ready(var progress) = state, progress.hasManifest else {
            throw misuse(.batch)
        }
        progress.sentThrough = try BatchRules.last(of: batch, sentThrough: progress.sentThrough)
        let frame = try Frame.encode(.batch, batch.message())
        state = .ready(progress)
        return frame
    }

    /// A heartbeat.
    package func heartbeat() throws(WireError) -> [UInt8] {
        guard case .ready = state else { throw misuse(.heartbeat) }
        return try Frame.encode(.heartbeat, Jouleflow_Wire_V1_Heartbeat())
    }

    /// The last word to the collector before closing; ends the session.
    package mutating func refuse(code: RefusalCode, text: String) throws(WireError) -> [UInt8] {
        if case .failed = state {} else { state = .failed(.refused(code: code, text: text)) }
        return try Frame.encode(.error, Jouleflow_Wire_V1_Error(code, text))
    }

    private func misuse(_ type: MessageType) -> WireError {
        if case .failed(let error) = state { return error }
        return .outOfTurn(type, state: state.name)
    }

    private mutating func nextFrame() throws(WireError) -> Frame? {
        switch state {
        case .failed: return nil
        case .ready: return try decoder.next(limit: WireLimits.frame)
        case .new, .awaitingWelcome:
            do { return try decoder.next(limit: WireLimits.handshakeFrame) } catch {
                throw error.duringHandshake
            }
        }
    }

    private mutating func event(_ frame: Frame) throws(WireError) -> AgentEvent {
        switch (frame.type, state) {
        case (.welcome, .awaitingWelcome): return try welcomed(frame.message())
        case (.acknowledgement, .ready(let progress)):
            return try acknowledged(frame.message(), progress)
        case (.heartbeat, .ready):
            _ = try frame.message(Jouleflow_Wire_V1_Heartbeat.self)
            return .heartbeat
        case (.error, .awaitingWelcome), (.error, .ready):
            throw try frame.message(Jouleflow_Wire_V1_Error.self).reason
        default: throw .outOfTurn(frame.type, state: state.name)
        }
    }

    private mutating func welcomed(
        _ message: Jouleflow_Wire_V1_Welcome
    ) throws(WireError) -> AgentEvent {
        let highest = message.highestDurable
        guard highest < hello.next else {
            throw .unknownRecords(highestDurable: highest, next: hello.next)
        }
        state = .ready(Progress(sentThrough: highest, acknowledged: highest))
        return .welcomed(highestDurable: highest)
    }

    private mutating func acknowledged(
        _ message: Jouleflow_Wire_V1_Ack, _ before: Progress
    ) throws(WireError) -> AgentEvent {
        var progress = before
        progress.acknowledged = try BatchRules.acknowledgement(
            message.through, acknowledged: before.acknowledged, sentThrough: before.sentThrough)
        state = .ready(progress)
        return .acknowledged(through: message.through)
    }
}
