import Assessment
import Foundation
import Metering
import Testing

@testable import Bundle

/// A folder that is gone when the test ends, and openssl in it.
private final class Workshop {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(
            path: "stamp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: folder.appending(path: name))
    }

    func read(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    /// What openssl printed. Its status must be 0, or where it is to fail, another one.
    @discardableResult
    func openssl(_ arguments: String..., fails: Bool = false) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(
            (process.terminationStatus == 0) != fails,
            "\(String(decoding: complaints, as: UTF8.self))")
        return String(decoding: text, as: UTF8.self)
    }

    /// Makes an authority that answers requests.
    func makeAuthority() throws {
        let settings = """
            [req]
            distinguished_name = name
            x509_extensions = stamping
            [name]
            [stamping]
            extendedKeyUsage = critical,timeStamping
            [tsa]
            default_tsa = authority
            [authority]
            serial = serial
            crypto_device = builtin
            signer_cert = authority.pem
            signer_key = authority.key
            signer_digest = sha256
            default_policy = 1.2.3.4.1
            digests = sha256
            accuracy = secs:1
            clock_precision_digits = 3
            ordering = yes
            tsa_name = yes
            ess_cert_id_chain = no
            """
        try write(Array(settings.utf8), "tsa.cnf")
        try write(Array("01\n".utf8), "serial")
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "authority.key", "-out", "authority.pem", "-days", "2", "-subj",
            "/CN=Stamps", "-config", "tsa.cnf")
    }
}

@Suite("A time stamp of a plan")
struct TimeStampTests {
    private func sealed() throws -> (document: [UInt8], hash: PlanHash) {
        let document = try PlanDocument.encode(.small)
        return (document, try #require(PlanDocument.hash(of: document)))
    }

    @Test("is asked for in words that openssl reads")
    func request() throws {
        let workshop = try Workshop()
        let (_, hash) = try sealed()
        for (nonce, shown) in [
            (0x0123_4567_89AB_CDEF, "0x0123456789ABCDEF"),
            (0xFF00_0000_0000_0001, "0xFF00000000000001"),
            (0x7F, "0x7F"), (0x80, "0x80"),
        ] as [(UInt64, String)] {
            try workshop.write(TimeStampRequest.bytes(of: hash, nonce: nonce), "a.tsq")
            let text = try workshop.openssl("ts", "-query", "-in", "a.tsq", "-text")
            #expect(text.contains("Version: 1\nHash Algorithm: sha256\n"))
            #expect(text.contains("Nonce: \(shown)\nCertificate required: yes\nExtensions:\n"))
            #expect(text.contains("Policy OID: unspecified\n"))
            let digits = text.split(separator: "\n").filter { $0.hasPrefix("    00") }.flatMap {
                $0.dropFirst(11).prefix(49).filter(\.isHexDigit)
            }
            #expect(String(digits) == hash.description)
        }
    }

    @Test("is given by an authority, read, and verified by openssl")
    func response() throws {
        let workshop = try Workshop()
        let (document, hash) = try sealed()
        try workshop.write(document, "plan.json")
        try workshop.write(TimeStampRequest.bytes(of: hash, nonce: 42), "a.tsq")
        try workshop.makeAuthority()
        let before = Timestamp(UInt64(Date().timeIntervalSince1970 * 1000) * 1_000_000)
        try workshop.openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "authority", "-queryfile", "a.tsq",
            "-out", "a.tsr")
        let bytes = try workshop.read("a.tsr")
        let stamp = try TimeStampResponse(bytes)
        #expect(stamp.hash == hash)
        #expect(before <= stamp.time && stamp.time < before + .seconds(60))
        try workshop.openssl(
            "ts", "-verify", "-queryfile", "a.tsq", "-in", "a.tsr", "-CAfile", "authority.pem")
        try workshop.openssl(
            "ts", "-verify", "-data", "plan.json", "-in", "a.tsr", "-CAfile", "authority.pem")
        // The command of the manual refuses another plan, an altered answer, and another authority.
        try workshop.write(document + [0x20], "other.json")
        try workshop.openssl(
            "ts", "-verify", "-data", "other.json", "-in", "a.tsr", "-CAfile", "authority.pem",
            fails: true)
        var forged = bytes
        forged[bytes.count - 3] ^= 1
        try workshop.write(forged, "forged.tsr")
        try workshop.openssl(
            "ts", "-verify", "-data", "plan.json", "-in", "forged.tsr", "-CAfile", "authority.pem",
            fails: true)
        try workshop.makeAuthority()
        try workshop.openssl(
            "ts", "-verify", "-data", "plan.json", "-in", "a.tsr", "-CAfile", "authority.pem",
            fails: true)
        for end in stride(from: 0, to: bytes.count, by: 1) {
            #expect(throws: TimeStampError.self) { try TimeStampResponse(Array(bytes[..<end])) }
        }
        #expect(throws: TimeStampError.trailingBytes(at: bytes.count)) {
            try TimeStampResponse(bytes + [0])
        }
        var random = Seeded(state: 7)
        for _ in 0..<5_000 {
            var changed = bytes
            changed[Int(random.number(0...UInt64(bytes.count - 1)))] = UInt8(random.number(0...255))
            _ = try? TimeStampResponse(changed)
        }
    }

    @Test("that an authority refuses is told with its words")
    func refused() throws {
        let workshop = try Workshop()
        let (_, hash) = try sealed()
        try workshop.makeAuthority()
        var request = TimeStampRequest.bytes(of: hash, nonce: 42)
        // The last byte of SHA-256's identifier becomes SHA-512's, which does not have 32 bytes.
        let at = try #require(request.firstRange(of: TimeStampRequest.sha256)).upperBound - 1
        request[at] = 3
        try workshop.write(request, "a.tsq")
        try workshop.openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-section", "authority", "-queryfile", "a.tsq",
            "-out", "a.tsr")
        let bytes = try workshop.read("a.tsr")
        do throws(TimeStampError) {
            _ = try TimeStampResponse(bytes)
            Issue.record("accepted")
        } catch {
            guard case .refused(2, let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(!text.isEmpty)
            #expect(error.description.hasPrefix("the authority refused, status 2: "))
        }
    }

    @Test("is not read from anything else")
    func others() {
        for bytes in [
            [], [0x30], [0x30, 0x80, 0, 0], [0x30, 0x00], [0x30, 0x81, 0x05],
            [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x30, 0x85, 1, 0, 0, 0, 0],
            [0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00], [0x31, 0x00],
        ] as [[UInt8]] {
            #expect(throws: TimeStampError.self) { try TimeStampResponse(bytes) }
        }
        #expect(throws: TimeStampError.noTimeStamp) {
            try TimeStampResponse([0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00])
        }
        let long = [UInt8](repeating: 0x30, count: TimeStampResponse.maximumBytes + 1)
        #expect(throws: TimeStampError.tooLong(bytes: long.count)) { try TimeStampResponse(long) }
    }
}
