/// A request as the multi-step loan application understands it.
struct FlowRequest: Equatable {
    let endpoint: FlowEndpoint
    /// The flow's key as the request tells it; in an application for credit made of its serial.
    let key: String?
    let reply: FlowReply
    let postings: UInt64?

    /// Why a request is none of the application's.
    enum Fault: Error, Equatable {
        case unknownPath
        case wrongMethod
        /// The header `x-expect` holds another word than a `FlowReply`.
        case unknownReply
    }

    /// Reads a request.
    ///
    /// - Parameters:
    ///   - expect: the header `x-expect`; without it the best that the endpoint can answer.
    ///   - channel: the header `x-channel`; `staff` tells a query that is no customer's.
    init(
        service: FlowService, method: String, uri: String, expect: String?, channel: String?,
        body: [UInt8]
    ) throws(Fault) {
        let path = uri.prefix { $0 != "?" }
        guard let (found, inPath) = Self.endpoint(service, path) else { throw .unknownPath }
        guard found.method == method else { throw .wrongMethod }
        endpoint = found == .query && channel == "staff" ? .staffQuery : found
        if let expect {
            guard let wanted = FlowReply(rawValue: expect) else { throw .unknownReply }
            reply = wanted
        } else {
            reply = found == .apply || found == .submit ? .accepted : .approved
        }
        key = inPath ?? Self.key(found, uri: uri, body: body)
        postings = FlatText.number("items", in: body)
    }

    private static func key(_ endpoint: FlowEndpoint, uri: String, body: [UInt8]) -> String? {
        guard let name = endpoint.keyName else { return nil }
        switch endpoint {
        case .apply:
            return FlatText.text("serialNo", in: body).map { endpoint.keyLetter + $0.dropFirst() }
        case .payoutStatus: return FlatText.parameter(name, in: uri)
        default: return FlatText.text(name, in: body)
        }
    }

    /// The endpoint of a path and the key that the path holds.
    private static func endpoint(
        _ service: FlowService, _ path: Substring
    ) -> (FlowEndpoint, String?)? {
        for endpoint in FlowEndpoint.allCases where endpoint.service == service {
            guard let brace = endpoint.template.firstIndex(of: "{") else {
                if path == endpoint.template { return (endpoint, nil) }
                continue
            }
            let (head, tail) = ends(endpoint.template, brace)
            guard path.hasPrefix(head), path.hasSuffix(tail),
                path.utf8.count > head.utf8.count + tail.utf8.count
            else { continue }
            let key = path.dropFirst(head.count).dropLast(tail.count)
            if !key.contains("/") { return (endpoint, String(key)) }
        }
        return nil
    }

    private static func ends(
        _ template: String, _ brace: String.Index
    ) -> (head: Substring, tail: Substring) {
        (template[..<brace], template[brace...].drop { $0 != "}" }.dropFirst())
    }
}

/// How a response's body is sent.
enum FlowFraming: String, Sendable, CaseIterable {
    case length
    case chunked
    /// Compressed; only to a client that accepts it.
    case gzip
}

/// A response of the application before it is framed.
struct FlowAnswer: Equatable {
    let status: Int
    let code: String
    /// What the answer decides, or `NONE`; only in the answers of the application's own steps.
    let state: String
    let body: String

    init(_ request: FlowRequest) {
        let endpoint = request.endpoint
        let reply = request.reply
        status = endpoint == .health ? 204 : reply.status
        code = reply.code(endpoint)
        state = reply.state(endpoint)
        var key = ""
        if let name = endpoint.keyName, let value = request.key, reply.tellsKey(endpoint) {
            key = #""\#(name)":\#(Self.quoted(value)),"#
        }
        switch endpoint {
        case .health: body = ""
        case .batch:
            let posted = reply == .uncounted ? "null" : "\(request.postings ?? 0)"
            body = #"{"code":"\#(code)",\#(key)"posted":\#(posted),"currency":"CNY"}"#
        default:
            let message = Self.message(status, code)
            body =
                #"{"code":"\#(code)","msg":"\#(message)","data":{\#(key)"#
                + #""state":"\#(state)","currency":"CNY"}}"#
        }
    }

    init(_ fault: FlowRequest.Fault) {
        switch fault {
        case .unknownPath: (status, code) = (404, "E4040")
        case .wrongMethod: (status, code) = (405, "E4050")
        case .unknownReply: (status, code) = (400, "E4000")
        }
        state = "NONE"
        body = #"{"code":"\#(code)","msg":"\#(Self.message(status, code))"}"#
    }

    private static func message(_ status: Int, _ code: String) -> String {
        if status != 200 { return "系统异常" }
        return code == "0000" ? "成功" : "业务拒绝"
    }

    /// Keys come from outside: what would end the text is left out.
    private static func quoted(_ text: String) -> String {
        "\"" + text.filter { $0 != "\"" && $0 != "\\" && !$0.isNewline } + "\""
    }
}
