import Foundation
import Metering
import Testing
import Traffic

@testable import Agent

/// The line of each exchange of a capture, as the program writes it and as JSON reads it.
private func lines(
    _ capture: MadeCapture, showsTarget: Bool = false
) throws -> [(text: String, fields: [String: Any])] {
    try withFiles([capture.bytes]) { paths in
        var bytes: [UInt8] = []
        _ = replay(
            paths, madePlan, exchanges: ExchangeOutput(showsTarget: showsTarget) { bytes += $0 })
        return try bytes.split(separator: 0x0a).map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line))
            return (String(decoding: line, as: UTF8.self), try #require(object as? [String: Any]))
        }
    }
}

@Suite("A line of an exchange")
struct ExchangeLineTests {
    @Test("tells time, ends, template, status, lengths, scenario and outcome")
    func fields() throws {
        var capture = MadeCapture(start: 1_700_000_000_000_000)
        capture.exchange(
            method: "POST", target: "/credit/4711/apply?x=1", body: #"{"code":"E1001"}"#)
        let fields = try #require(try lines(capture).first).fields
        #expect(fields["time"] as? String == "2023-11-14T22:13:20.001000000Z")
        #expect(fields["seconds"] as? Double == 0.001)
        #expect(fields["client"] as? String == "10.0.0.1:40000")
        #expect(fields["server"] as? String == "10.0.0.2:8080")
        #expect(fields["service"] as? String == "gate")
        #expect(fields["method"] as? String == "POST")
        #expect(fields["path"] as? String == "/credit/{id}/apply")
        #expect(fields["status"] as? Int == 200)
        #expect(fields["complete"] as? Bool == true)
        #expect(fields["request_body_bytes"] as? Int == 0)
        #expect(fields["response_body_bytes"] as? Int == 16)
        #expect(fields["scenario"] as? String == "credit")
        #expect(fields["outcome"] as? String == "refused")
        #expect(fields["counted"] as? String == "refused")
        #expect(fields["target"] == nil)
        #expect(fields["path_cut"] == nil)
    }

    @Test(
        "says where the end of a target was not kept",
        arguments: [
            ("/" + String(repeating: "a", count: 9000), "GET"),
            ("/credit/4711/apply?x=" + String(repeating: "1", count: 9000), "POST"),
        ])
    func cut(target: String, method: String) throws {
        var capture = MadeCapture()
        capture.exchange(method: method, target: target)
        for showsTarget in [false, true] {
            let fields = try #require(try lines(capture, showsTarget: showsTarget).first).fields
            #expect(fields["path_cut"] as? Bool == true)
            if showsTarget { #expect(fields["target"] as? String == "\(target.prefix(8192))") }
        }
    }

    @Test(
        "names parameters, and leaves their values out",
        arguments: [
            ("/a", "/a"), ("/a?", "/a?"), ("/a?id=SECRET", "/a?id="),
            ("/a?id=SECRET&page=SECRET", "/a?id=&page="), ("/a?SECRET", "/a?"),
            ("/a?SECRET&id=SECRET", "/a?id="), ("/a?id=SECRET=SECRET&SECRET", "/a?id=&"),
            ("/a;jsessionid=SECRET/b;v=SECRET;w=SECRET", "/a;jsessionid=/b;v=;w="),
            ("http://user:SECRET@host:1/a?id=SECRET#SECRET", "/a?id="), ("*", "*"),
            ("/a#SECRET?id=SECRET", "/a"), ("x?id=SECRET", "x?id="), ("/a?id=SECRET#b", "/a?id="),
            ("/\"\\é\u{1}", "/\"\\%C3%A9%01"),
        ])
    func path(target: String, path: String) throws {
        var capture = MadeCapture()
        capture.exchange(target: target)
        let line = try #require(try lines(capture).first)
        #expect(line.fields["path"] as? String == path)
        #expect(!line.text.contains("SECRET"))
        #expect(line.text.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
        let shown = try #require(try lines(capture, showsTarget: true).first)
        #expect(
            shown.fields["target"] as? String
                == target.replacing("é", with: "%C3%A9").replacing("\u{1}", with: "%01"))
    }

    @Test(
        "quotes text as JSON does",
        arguments: [
            ("", "\"\""), ("a/é金", #""a/é金""#), ("\"\\", #""\"\\""#),
            ("\u{1}\n\u{1f}\u{7f}", "\"\\u0001\\u000a\\u001f\u{7f}\""),
        ])
    func quoting(text: String, quoted: String) throws {
        #expect(jsonString(text) == quoted)
        let read = try JSONSerialization.jsonObject(
            with: Data(quoted.utf8), options: .fragmentsAllowed)
        #expect(read as? String == text)
    }

    @Test("holds no value of a target, a header or a body, whatever the target")
    func secrets() throws {
        var random = SystemRandomNumberGenerator()
        let pieces = ["/", "?", "&", "=", ";", "#", "a", "b=", "://", "%3D", "SECRET", "=SECRET"]
        var capture = MadeCapture()
        for _ in 0..<2000 {
            let parts = (0..<Int.random(in: 1...8, using: &random)).compactMap { _ in
                pieces.randomElement(using: &random)
            }
            // A value stands behind `=`, or is a part of the query without one.
            let target = "/x?" + parts.joined().replacing("SECRET", with: "=SECRET")
            capture.exchange(target: target, body: "SECRET")
        }
        let lines = try lines(capture)
        #expect(lines.count == 2000)
        for line in lines { #expect(!line.text.contains("SECRET"), "\(line.text)") }
    }

    @Test("tells the time as Foundation does", arguments: 0..<200)
    func time(number: Int) throws {
        var random = SystemRandomNumberGenerator()
        let time = Timestamp(UInt64.random(in: 0...UInt64(Int64.max), using: &random))
        let text = rfc3339(time)
        let date = Date(timeIntervalSince1970: Double(time.rawValue / 1_000_000_000))
        let expected = date.formatted(.iso8601).dropLast()
        #expect(text.hasPrefix(expected + "."), "\(text) \(expected)")
        #expect(text.hasSuffix("Z") && text.count == 30)
        #expect(UInt64(text.dropLast().suffix(9)) == time.rawValue % 1_000_000_000)
    }

    @Test(
        "writes addresses as RFC 5952 says",
        arguments: [
            (0, 0x0000_ffff_c000_0201, "192.0.2.1:80"), (0, 0, "[::]:80"), (0, 1, "[::1]:80"),
            (0x2001_0db8_0000_0000, 1, "[2001:db8::1]:80"),
            (0x2001_0db8_0000_0000, 0x0001_0000_0000_0001, "[2001:db8::1:0:0:1]:80"),
            (0x2001_0db8_0000_0001, 0x0001_0001_0001_0001, "[2001:db8:0:1:1:1:1:1]:80"),
            (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "[2001:0:0:1::1]:80"),
            (0xfe80_0000_0000_0000, 0xabcd_0000_0000_0000, "[fe80::abcd:0:0:0]:80"),
            (0x0001_0002_0003_0004, 0x0005_0006_0007_0000, "[1:2:3:4:5:6:7:0]:80"),
            (0xfe80_0000_0000_0000, 0, "[fe80::]:80"),
        ] as [(UInt64, UInt64, String)])
    func endpoint(high: UInt64, low: UInt64, text: String) {
        #expect("\(Endpoint(high: high, low: low, port: 80))" == text)
    }
}
