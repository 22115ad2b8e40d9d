import Foundation
internal import Metering

/// A request as the application understands it.
enum LoanRequest: Equatable {
    /// A step of a scenario that ends as the load generator asked.
    case flow(LoanScenario, LoanOutcome, number: String, chunked: Bool)
    case health
    case truth
    /// A scenario's path with the wrong method, or a body that is no JSON object.
    case invalid(LoanScenario, status: Int, code: String)
    case unknown

    /// Reads a request. How it ends is chosen by its content: the JSON field `expect` of a body,
    /// or the query parameter `expect`; without either it completes.
    init(method: String, uri: String, body: [UInt8]) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first ?? ""
        let query = parts.count > 1 ? parts[1].split(separator: "&") : []
        guard let (scenario, number) = LoanScenario.match(path: path) else {
            switch (method, path) {
            case ("GET", "/health"): self = .health
            case ("GET", "/truth"): self = .truth
            default: self = .unknown
            }
            return
        }
        guard method == scenario.method else {
            self = .invalid(scenario, status: 405, code: "E4050")
            return
        }
        var wish = query.first { $0.hasPrefix("expect=") }.map { String($0.dropFirst(7)) }
        if method == "POST" {
            guard let form = try? JSONDecoder().decode(LoanForm.self, from: Data(body)) else {
                self = .invalid(scenario, status: 400, code: "E4000")
                return
            }
            wish = form.expect ?? wish
        }
        self = .flow(
            scenario, wish.flatMap(LoanOutcome.init(rawValue:)) ?? .completed,
            number: String(number), chunked: query.contains("framing=chunked"))
    }
}

/// The part of a request's body the application reads.
private struct LoanForm: Decodable {
    let expect: String?
}

/// A response before it is framed.
struct LoanAnswer {
    var status: Int
    /// Empty with status 204.
    var body: String
    var chunked = false

    /// The answer to a flow: the code first, then what was decided.
    static func flow(
        _ scenario: LoanScenario, _ outcome: LoanOutcome, number: String, chunked: Bool
    ) -> Self {
        let message =
            switch outcome {
            case .completed: "成功"
            case .refused: "业务拒绝"
            case .failed: "系统异常"
            }
        let name = json(number)
        return LoanAnswer(
            status: outcome.status,
            body: #"{"code":"\#(outcome.code)","msg":"\#(message)","data":{"no":\#(name),"#
                + #""step":"\#(scenario.step)","currency":"CNY"}}"#,
            chunked: chunked)
    }

    static func problem(status: Int, code: String, _ message: String) -> Self {
        LoanAnswer(status: status, body: #"{"code":"\#(code)","msg":\#(json(message)),"data":{}}"#)
    }

    /// A value as JSON with sorted keys.
    static func truth(_ truth: LoanTruth) -> Self {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let bytes = (try? encoder.encode(truth)) ?? Data("{}".utf8)
        return LoanAnswer(status: 200, body: String(decoding: bytes, as: UTF8.self))
    }

    private static func json(_ text: String) -> String {
        let bytes = (try? JSONEncoder().encode(text)) ?? Data(#""""#.utf8)
        return String(decoding: bytes, as: UTF8.self)
    }
}
