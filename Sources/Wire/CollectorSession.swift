import SwiftProtobuf

/// What an agent told the collector.
package enum CollectorEvent: Sendable, Hashable {
    /// Who it is. Answer with `welcome` or `refuse`.
    case hello(Hello)
    /// The manifest of the batches that follow, as the agent wrote it.
    case manifest([UInt8])
    /// Records as the agent wrote them. Verify and store them, then `acknowledge`.
    case batch(Batch)
    case heartbeat
    /// The session is over. Always the last event. Unless the agent refused, tell it with
    /// `refuse(error)`, then close.
    case failed(WireError)
}

/// The collector's side of one connection: bytes in, bytes out, no socket and no clock.
package struct CollectorSession: Sendable {
    private enum State {
        case new
        case greeted(Hello)
        case ready(Progress)
        case failed(WireError)

        var name: String {
            switch self {
            case .new: "waiting for the hello"
            case .greeted: "not yet welcomed"
            case .ready(let progress):
                progress.hasManifest ? "ready" : "waiting for the manifest"
            case .failed: "failed"
            }
        }
    }

    private struct Progress {
        var receivedThrough: UInt64
        var acknowledged: UInt64
        var hasManifest = false
    }

    private var state = State.new
    private var decoder = FrameDecoder()

    package init() {}

    /// Takes bytes in pieces of any length and returns what they complete, in order. The same bytes
    /// give the same events however they are split.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer) -> [CollectorEvent] {
        if case .failed = state { return [] }
        decoder.append(bytes)
        var events: [CollectorEvent] = []
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
    package mutating func receive(_ bytes: [UInt8]) -> [CollectorEvent] {
        bytes.withUnsafeBytes { receive($0) }
    }

    /// Bytes of the frame of which a part has come, by its own word; 0 where none has begun.
    package var unfinished: Int { decoder.unfinished }

    /// Answers a Hello: every record up to `highestDurable` is stored or declared lost; 0 for none.
    package mutating func welcome(highestDurable: UInt64) throws(WireError) -> [UInt8] {
        guard case .greeted(let hello) = state else { throw misuse(.welcome) }
        guard highestDurable < hello.next else {
            throw .unknownRecords(highestDurable: highestDurable, next: hello.next)
        }
        let bytes = try Frame.encode(
            .welcome, Jouleflow_Wire_V1_Welcome.with { $0.highestDurable = highestDurable })
        state = .ready(
            Progress(receivedThrough: highestDurable, acknowledged: highestDurable))
        return bytes
    }

    /// Tells the agent that every record up to `through` is durable. Going back, or beyond what was
    /// received, is an error and changes nothing.
    package mutating func acknowledge(through: UInt64) throws(WireError) -> [UInt8] {
        guard case .ready(var progress) = state else { throw misuse(.acknowledgement) }
        progress.acknowledged = try BatchRules.acknowledgement(
            through, acknowledged: progress.acknowledged, sentThrough: progress.receivedThrough)
        let bytes = try Frame.encode(
            .acknowledgement, Jouleflow_Wire_V1_Ack.with { $0.through = through })
        state = .ready(progress)
        return bytes
    }

    /// A heartbeat.
    package func heartbeat() throws(WireError) -> [UInt8] {
        guard case .ready = state else { throw misuse(.heartbeat) }
        return try Frame.encode(.heartbeat, Jouleflow_Wire_V1_Heartbeat())
    }

    /// The last word to the agent before closing; ends the session.
    package mutating func refuse(code: RefusalCode, text: String) throws(WireError) -> [UInt8] {
        if case .failed = state {} else { state = .failed(.refused(code: code, text: text)) }
        return try Frame.encode(.error, Jouleflow_Wire_V1_Error(code, text))
    }

    /// Tells the agent of `error` before closing; ends the session.
    package mutating func refuse(_ error: WireError) throws(WireError) -> [UInt8] {
        try refuse(code: error.code, text: error.description)
    }

    private func misuse(_ type: MessageType) -> WireError {
        if case .failed(let error) = state { return error }
        return .outOfTurn(type, state: state.name)
    }

    private mutating func nextFrame() throws(WireError) -> Frame? {
        switch state {
        case .failed: return nil
        case .ready: return try decoder.next(limit: WireLimits.frame)
        case .new, .greeted:
            do { return try decoder.next(limit: WireLimits.handshakeFrame) } catch {
                throw error.duringHandshake
            }
        }
    }

    private mutating func event(_ frame: Frame) throws(WireError) -> CollectorEvent {
        switch (frame.type, state) {
        case (.hello, .new):
            let hello = try Hello(frame.message(Jouleflow_Wire_V1_Hello.self))
            state = .greeted(hello)
            return .hello(hello)
        case (.manifest, .ready(let progress)):
            return try manifest(frame.message(), progress)
        case (.batch, .ready(let progress)) where progress.hasManifest:
            return try batch(frame.message(), progress)
        case (.heartbeat, .ready):
            _ = try frame.message(Jouleflow_Wire_V1_Heartbeat.self)
            return .heartbeat
        case (.error, .greeted), (.error, .ready):
            throw try frame.message(Jouleflow_Wire_V1_Error.self).reason
        default: throw .outOfTurn(frame.type, state: state.name)
        }
    }

    private mutating func manifest(
        _ message: Jouleflow_Wire_V1_Manifest, _ before: Progress
    ) throws(WireError) -> CollectorEvent {
        guard 1...WireLimits.manifest ~= message.manifest.count else {
            throw .outOfRange(
                field: "manifest of length", number: UInt64(message.manifest.count))
        }
        var progress = before
        progress.hasManifest = true
        state = .ready(progress)
        return .manifest(Array(message.manifest))
    }

    private mutating func batch(
        _ message: Jouleflow_Wire_V1_Batch, _ before: Progress
    ) throws(WireError) -> CollectorEvent {
        var progress = before
        let batch = try Batch(message)
        progress.receivedThrough = try BatchRules.last(
            of: batch, sentThrough: before.receivedThrough)
        state = .ready(progress)
        return .batch(batch)
    }
}
