package import Assessment
package import Metering

/// Why bytes are no time stamp of a plan.
package enum TimeStampError: Error, Sendable, Hashable, CustomStringConvertible {
    case tooLong(bytes: Int)
    case endsEarly
    case notDER(at: Int)
    case unexpected(tag: UInt8, at: Int)
    /// The authority did not stamp, with its status and its words.
    case refused(status: UInt64, text: String)
    /// Signed data that is no time stamp.
    case noTimeStamp
    /// The stamp is of something that was not hashed with SHA-256.
    case otherHash
    case badTime(String)
    case trailingBytes(at: Int)

    package var description: String {
        switch self {
        case .tooLong(let bytes):
            "\(bytes) bytes exceed the limit of \(TimeStampResponse.maximumBytes)"
        case .endsEarly: "ends in the middle"
        case .notDER(let place): "byte \(place): a length that DER does not have"
        case .unexpected(let tag, let place):
            "byte \(place): tag 0x\(String(tag, radix: 16)) is not what a time-stamp response has there"
        case .refused(let status, let text):
            "the authority refused, status \(status)" + (text.isEmpty ? "" : ": \(text)")
        case .noTimeStamp: "it holds no time stamp"
        case .otherHash: "the time stamp is of a hash other than SHA-256"
        case .badTime(let text): "\"\(text)\" is no time in UTC"
        case .trailingBytes(let place): "byte \(place): something follows the response"
        }
    }
}

/// A request for a time stamp of a plan's hash: a file to send to a time-stamp authority.
///
/// Source: RFC 3161, 2.4.1 (TimeStampReq).
package enum TimeStampRequest {
    /// 2.16.840.1.101.3.4.2.1.
    ///
    /// Source: RFC 5754, 2.2 (id-sha256).
    static let sha256: [UInt8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]

    /// The request's bytes; the nonce is a random number that the answer repeats. The authority is
    /// asked for its certificate.
    package static func bytes(of hash: PlanHash, nonce: UInt64) -> [UInt8] {
        let algorithm = DER.element(
            DER.sequence, DER.element(DER.identifier, sha256) + DER.element(DER.null, []))
        let imprint = DER.element(
            DER.sequence, algorithm + DER.element(DER.octets, hash.bytes))
        return DER.element(
            DER.sequence,
            DER.element(integer: 1) + imprint + DER.element(integer: nonce)
                + DER.element(DER.boolean, [0xFF]))
    }
}

/// An authority's answer: what it says, not whether its signature holds, which `openssl ts -verify`
/// tells.
///
/// Source: RFC 3161, 2.4.2 (TimeStampResp, TSTInfo); RFC 5652, 3 and 5 (ContentInfo, SignedData).
package struct TimeStampResponse: Sendable, Hashable {
    /// Bytes of a response; a longer one is refused.
    package static let maximumBytes = 1 << 20

    /// The hash that was stamped.
    package let hash: PlanHash
    /// When, in the authority's words.
    package let time: Timestamp

    /// Reads a response that was granted. Throws where it was refused, or is none.
    package init(_ bytes: [UInt8]) throws(TimeStampError) {
        guard bytes.count <= Self.maximumBytes else { throw .tooLong(bytes: bytes.count) }
        var file = DERReader(bytes[...])
        let body = try file.next(DER.sequence)
        guard file.isAtEnd else { throw .trailingBytes(at: body.endIndex) }
        var response = DERReader(body)
        try Self.checkStatus(try response.next(DER.sequence))
        guard !response.isAtEnd else { throw .noTimeStamp }
        var info = DERReader(try Self.timeStamp(try response.next(DER.sequence)))
        _ = try info.next(DER.integer)
        _ = try info.next(DER.identifier)
        hash = try Self.imprint(try info.next(DER.sequence))
        _ = try info.next(DER.integer)
        time = try Self.time(try info.next(DER.generalizedTime))
    }

    /// 0 is granted, 1 granted with changes.
    private static func checkStatus(_ status: ArraySlice<UInt8>) throws(TimeStampError) {
        var reader = DERReader(status)
        let number = try reader.next(DER.integer).prefix(8).reduce(0 as UInt64) {
            $0 << 8 | UInt64($1)
        }
        guard number > 1 else { return }
        var words: [String] = []
        if reader.has(DER.sequence) {
            var texts = DERReader(try reader.next(DER.sequence))
            while texts.has(DER.text), words.count < 8 {
                let text = String(decoding: try texts.next(DER.text).prefix(200), as: UTF8.self)
                words.append(text.filter { !$0.unicodeScalars.contains { $0.value < 0x20 } })
            }
        }
        throw .refused(status: number, text: words.joined(separator: "; "))
    }

    /// The TSTInfo inside a ContentInfo of SignedData.
    private static func timeStamp(
        _ content: ArraySlice<UInt8>
    ) throws(TimeStampError) -> ArraySlice<UInt8> {
        var reader = DERReader(content)
        // 1.2.840.113549.1.7.2, id-signedData.
        guard
            try reader.next(DER.identifier).elementsEqual([
                0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02,
            ])
        else { throw .noTimeStamp }
        var explicit = DERReader(try reader.next(DER.context0))
        var signed = DERReader(try explicit.next(DER.sequence))
        _ = try signed.next(DER.integer)
        _ = try signed.next(DER.set)
        var inner = DERReader(try signed.next(DER.sequence))
        // 1.2.840.113549.1.9.16.1.4, id-ct-TSTInfo.
        guard
            try inner.next(DER.identifier).elementsEqual([
                0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x04,
            ])
        else { throw .noTimeStamp }
        var wrapped = DERReader(try inner.next(DER.context0))
        var octets = DERReader(try wrapped.next(DER.octets))
        return try octets.next(DER.sequence)
    }

    private static func imprint(_ content: ArraySlice<UInt8>) throws(TimeStampError) -> PlanHash {
        var reader = DERReader(content)
        var algorithm = DERReader(try reader.next(DER.sequence))
        guard try algorithm.next(DER.identifier).elementsEqual(TimeStampRequest.sha256),
            let hash = PlanHash(Array(try reader.next(DER.octets)))
        else { throw .otherHash }
        return hash
    }

    /// `20261122034500Z`, with decimals where the authority has them.
    private static func time(_ content: ArraySlice<UInt8>) throws(TimeStampError) -> Timestamp {
        let text = String(decoding: content.prefix(64), as: UTF8.self)
        let digits = text.prefix(14)
        guard digits.utf8.count == 14, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .badTime(text)
        }
        func part(_ from: Int, _ count: Int) -> Substring { digits.dropFirst(from).prefix(count) }
        let day = "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))"
        let clock = "\(part(8, 2)):\(part(10, 2)):\(part(12, 2))"
        guard text.hasSuffix("Z"),
            let time = Timestamp(rfc3339: day + "T" + clock + text.dropFirst(14))
        else { throw .badTime(text) }
        return time
    }
}
