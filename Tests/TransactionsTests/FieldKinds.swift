import Traffic

@testable import Transactions

/// One selector of each kind, and what they find in the messages below.
let everySelector: [FieldSelector] = [
    .responseJSON(["code"]), .requestHeader("host"), .requestForm("txnCode"),
    .requestJSON(["txn", "code"]), .responseHeader("x-result"),
    .requestXML(["Envelope", "Body", "TxnCode"]), .responseXML(["Reply", "Code"]),
    .requestHeader("x-channel"),
]

/// What a body is.
enum BodyKind: CaseIterable {
    case json, form, xml
}

/// How a body is sent.
struct Sending: CustomStringConvertible {
    /// Bytes of a chunk; `nil` where the length is announced.
    var chunk: Int?
    /// As zlib calls what wraps compressed bytes; `nil` for none.
    var bits: Int32?

    static let plain = Sending()
    var description: String {
        (chunk.map { "chunks of \($0)" } ?? "length") + (bits.map { ", compressed \($0)" } ?? "")
    }

    func message(_ start: String, _ header: String, _ body: [UInt8]) -> [UInt8] {
        let sent = bits.map { compressed(body, bits: $0) } ?? body
        var head = "\(start)\r\n\(header)\r\n"
        if let bits { head += "Content-Encoding: \(bits == 31 ? "gzip" : "deflate")\r\n" }
        guard let chunk else {
            return Array((head + "Content-Length: \(sent.count)\r\n\r\n").utf8) + sent
        }
        var bytes = Array((head + "Transfer-Encoding: chunked\r\n\r\n").utf8)
        for first in Swift.stride(from: 0, to: sent.count, by: chunk) {
            let part = sent[first..<min(first + chunk, sent.count)]
            bytes += Array((String(part.count, radix: 16) + ";x=y\r\n").utf8) + part + [13, 10]
        }
        return bytes + Array("0\r\nX-Channel: trailer\r\nHost: trailer\r\n\r\n".utf8)
    }
}

/// A request and its response, and the values of `everySelector` in them.
struct MessagePair {
    var requestKind: BodyKind
    /// A form is none of a response.
    var responseKind: BodyKind
    /// What tells its values from those of other pairs.
    var mark = "1"

    var requestBody: [UInt8] {
        let text =
            switch requestKind {
            case .json: "{\"code\":\"no\", \"txn\":{\"x\":[1],\"code\":\"J\(mark)\"}}"
            case .form: "a=b&txn%43ode=F+\(mark)&txnCode=no"
            case .xml:
                "<?xml version=\"1.0\"?><s:Envelope xmlns:s='urn:>'><s:Header/><s:Body>"
                    + "<TxnCode> X\(mark)&amp;<!-- no --></TxnCode></s:Body></s:Envelope>"
            }
        return Array(text.utf8)
    }

    var responseBody: [UInt8] {
        let text =
            responseKind == .xml
            ? "<Reply><Other/><Code><![CDATA[R\(mark)]]></Code></Reply>"
            : "{\"data\":{\"code\":\"no\"},\"code\":\"C\(mark)\"}"
        return Array(text.utf8)
    }

    var values: [String] {
        [
            responseKind == .xml ? "-" : "C\(mark)", "h\(mark).example:80",
            requestKind == .form ? "F \(mark)" : "-", requestKind == .json ? "J\(mark)" : "-",
            "ok \(mark)", requestKind == .xml ? "X\(mark)&" : "-",
            responseKind == .xml ? "R\(mark)" : "-", "app",
        ]
    }

    func request(_ sending: Sending = .plain) -> Turn {
        Turn(
            toServer: true,
            bytes: sending.message(
                "POST /gw HTTP/1.1",
                "HOST:  h\(mark).example:80 \r\nX-Chan: no\r\nX-Channel:app\r\nHost: no",
                requestBody))
    }

    func response(_ sending: Sending = .plain) -> Turn {
        Turn(
            toServer: false,
            bytes: sending.message("HTTP/1.1 200 OK", "x-Result: ok \(mark)", responseBody))
    }
}

let everyPair = BodyKind.allCases.flatMap { request in
    [.json, .xml].map { MessagePair(requestKind: request, responseKind: $0) }
}

/// What became of a field of a body that was read to its end.
enum FieldOutcome: Hashable {
    case found([UInt8])
    case absent, unreadable

    static func found(_ text: String) -> FieldOutcome { .found(Array(text.utf8)) }
}

/// What becomes of fields of a body that comes in pieces, all of them read at once.
///
/// - Parameter pieces: where a piece ends and the next begins, in order.
func outcomes(
    of selectors: [FieldSelector], in body: [UInt8], pieces: [Int] = []
) -> [FieldOutcome] {
    let service = EngineService(ports: [], selectors: selectors)
    let plans = FieldPlans([service])
    let direction: Direction = selectors.allSatisfy(\.isOfRequest) ? .toServer : .toClient
    let fields = plans[0, direction]
    let block = UnsafeMutableRawPointer.allocate(byteCount: fields.pointee.size, alignment: 16)
    defer { block.deallocate() }
    let slots = FieldSlots(start: block)
    slots.initialize(fields)
    slots.beginBody(fields)
    var isDone = false
    body.withUnsafeBytes { bytes in
        var start = 0
        for end in pieces + [bytes.count] where end >= start && !isDone {
            isDone = slots.scan(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), fields)
            start = end
        }
    }
    slots.endBody(fields)
    return service.places.map { place in
        switch slots.value(place.number, fields, isWhole: true) {
        case .value(let bytes): .found(Array(bytes))
        case .absent: .absent
        case .unread: .unreadable
        }
    }
}
