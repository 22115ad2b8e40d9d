import CertificateAuthority
import Foundation
import LogDiary
import NIOSSL
import Testing

@testable import TransportSecurity

@Suite("Files of certificates")
struct CredentialTests {
    private let day: Int64 = 86_400

    @Test("that fit together are used without a word")
    func good() throws {
        let issued = try Issued()
        #expect(try LiveCredentials.check(issued.agent("a"), side: .agent, agent: "a") == [])
        #expect(try LiveCredentials.check(issued.collector(), side: .collector) == [])
    }

    @Test("are refused when one is missing, no file, not PEM, exposed or of another certificate")
    func bad() throws {
        let issued = try Issued()
        let files = try issued.agent("a")
        let text = "\(issued.folder)/text"
        try Data("no certificate\n".utf8).write(to: URL(filePath: text))
        chmod(text, 0o600)
        let fifo = "\(issued.folder)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let large = "\(issued.folder)/large"
        try Data(count: CredentialFile.maximumBytes + 1).write(to: URL(filePath: large))
        let missing = "\(issued.folder)/missing"
        let exposed = "\(issued.folder)/exposed"
        try FileManager.default.copyItem(atPath: files.key, toPath: exposed)
        chmod(exposed, 0o640)
        let other = try issued.agent("b").key
        let cases: [(CredentialFiles, CredentialProblem)] = [
            (files.with(ca: missing), .unreadable(path: missing, errno: ENOENT)),
            (files.with(certificate: missing), .unreadable(path: missing, errno: ENOENT)),
            (files.with(key: missing), .unreadable(path: missing, errno: ENOENT)),
            (files.with(ca: text), .noCertificate(path: text)),
            (files.with(certificate: text), .noCertificate(path: text)),
            (files.with(certificate: files.key), .noCertificate(path: files.key)),
            (files.with(key: text), .noKey(path: text)),
            (files.with(certificate: fifo), .notAFile(path: fifo)),
            (files.with(key: issued.folder), .notAFile(path: issued.folder)),
            (
                files.with(ca: large),
                .tooLarge(path: large, limitBytes: CredentialFile.maximumBytes)
            ),
            (files.with(key: exposed), .exposedKey(path: exposed)),
            (
                files.with(key: other),
                .keyMismatch(certificate: files.certificate, key: other)
            ),
        ]
        for side in [TransportSide.agent, .collector] {
            for (files, problem) in cases {
                #expect(throws: problem) { try LiveCredentials.check(files, side: side) }
            }
        }
    }

    @Test("are never read past damage", arguments: [1, 40, 200, 400])
    func damage(cut: Int) throws {
        let issued = try Issued()
        let files = try issued.agent("a")
        for path in [files.certificate, files.key] {
            let whole = try Data(contentsOf: URL(filePath: path))
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            try file.truncate(atOffset: UInt64(max(1, whole.count - cut)))
            try file.close()
            if cut > 1 {
                #expect(throws: CredentialProblem.self) {
                    try LiveCredentials.check(files, side: .agent)
                }
            }
            let restored = try FileHandle(forWritingTo: URL(filePath: path))
            try restored.write(contentsOf: whole)
            try restored.close()
        }
        #expect(try LiveCredentials.check(files, side: .agent) == [])
    }

    @Test("are warned of before and after their time, and when they are another agent's")
    func warnings() throws {
        let now = wallClockSeconds()
        let made = Date(timeIntervalSince1970: TimeInterval(now))
        let issued = try Issued(at: made)
        let files = try issued.agent("a", at: made)
        let end = try #require(
            NIOSSLCertificate.fromPEMFile(files.certificate).first.map { Int64($0.notValidAfter) })
        #expect((729...732).contains((end - now) / day))
        let check = { (seconds: Int64, agent: String) in
            try LiveCredentials.check(files, side: .agent, agent: agent, at: seconds)
        }
        let path = files.certificate
        #expect(try check(end - 14 * day, "a") == [])
        #expect(
            try check(end - 14 * day + 1, "a") == [.expiresSoon(path: path, at: end, days: 13)])
        #expect(try check(end, "a") == [.expiresSoon(path: path, at: end, days: 0)])
        #expect(try check(end + 1, "a") == [.expired(path: path, at: end)])
        #expect(try check(now - 7200, "a").count == 2)
        #expect(try check(now, "A") == [.notOfAgent(path: path, id: "A", names: "agent a")])
        #expect(try check(end + 1, "a").allSatisfy(\.isFatal))
    }
}

@Suite("The names of a certificate")
struct CertificateFactsTests {
    private func facts(_ files: CredentialFiles) throws -> CertificateFacts {
        CertificateFacts(
            try #require(NIOSSLCertificate.fromPEMFile(files.certificate).first))
    }

    @Test("let an agent in by its URI name to the letter, or by a DNS name without regard to case")
    func agents() throws {
        let issued = try Issued()
        let byURI = try facts(issued.agent("Loan-07"))
        #expect(byURI.isOf(agent: "Loan-07"))
        for other in ["loan-07", "Loan-0", "Loan-077", "", "urn:jouleflow:agent:Loan-07"] {
            #expect(!byURI.isOf(agent: other), "\(other)")
        }
        let byName = try facts(issued.collector(["Loan-07.example", "10.0.0.5"]))
        #expect(byName.isOf(agent: "loan-07.EXAMPLE"))
        for other in ["loan-07", "10.0.0.5", "a.loan-07.example", "*"] {
            #expect(!byName.isOf(agent: other), "\(other)")
        }
    }

    @Test("are compared with the host as names with names, addresses with addresses")
    func hosts() throws {
        let issued = try Issued()
        let some = try facts(issued.collector(["C.example", "10.0.0.5", "fd00::1"]))
        for host in ["c.example", "C.EXAMPLE", "c.example.", "10.0.0.5", "fd00::1", "fd00:0:0::1"] {
            #expect(some.isOf(host: host), "\(host)")
        }
        for host in ["example", "a.c.example", "c.example.org", "10.0.0.6", "::ffff:10.0.0.5", ""] {
            #expect(!some.isOf(host: host), "\(host)")
        }
        #expect(some.names == "C.example, 10.0.0.5, fd00::1")
    }

    @Test("are not taken from the common name")
    func commonName() throws {
        let issued = try Issued(authorityName: "c.example")
        let root = try CertificateFacts(
            #require(NIOSSLCertificate.fromPEMFile("\(issued.folder)/ca.pem").first))
        #expect(!root.isOf(host: "c.example") && !root.isOf(agent: "c.example"))
        #expect(root.names == "nobody: it has no subject alternative name")
    }
}

@Suite("Certificates that are replaced while the program runs")
struct RotationTests {
    @Test("are used from the next connection on, and an unchanged file is not read again")
    func replaced() throws {
        let issued = try Issued()
        let diary = Diary()
        let files = try issued.agent("a")
        let live = LiveCredentials(files, side: .agent, agent: "a", log: diary.log)
        let first = try live.context()
        #expect(try live.context() === first)
        try renew(files, with: issued.agent("a"))
        let second = try live.context()
        #expect(second !== first)
        #expect(try live.context() === second)
        #expect(diary.count(of: "certificates read again") == 1)
    }

    @Test("and do not fit are told of once, while the old ones hold on")
    func broken() throws {
        let issued = try Issued()
        let diary = Diary()
        let files = try issued.agent("a")
        let live = LiveCredentials(files, side: .agent, agent: "a", log: diary.log)
        let first = try live.context()
        let new = try issued.agent("a")
        // The key comes first: for a moment it does not fit.
        #expect(rename(new.key, files.key) == 0)
        #expect(try live.context() === first)
        #expect(try live.context() === first)
        #expect(diary.count(of: "new certificates are not used") == 1)
        #expect(diary.count(of: "does not belong to") == 1)
        #expect(rename(new.certificate, files.certificate) == 0)
        #expect(try live.context() !== first)
        // A file that goes away is one more change.
        unlink(files.authorities)
        _ = try live.context()
        _ = try live.context()
        #expect(diary.count(of: "there is no \(files.authorities)") == 1)
    }

    @Test("are noticed by whoever waits to try again, each change once")
    func noticed() async throws {
        let issued = try Issued()
        let files = try [issued.agent("a"), issued.agent("b")]
        let live = files.map { LiveCredentials($0, side: .agent, log: Diary().log) }
        let (step, day) = (Duration.milliseconds(5), Duration.seconds(86_400))
        let few = step * 4
        // Files that nobody tried are new to nobody.
        #expect(await !LiveCredentials.areRenewed(live, within: few, every: step))
        for one in live { _ = try one.context() }
        #expect(await !LiveCredentials.areRenewed(live, within: few, every: step))
        for index in 0...1 {
            async let isNoticed = LiveCredentials.areRenewed(live, within: day, every: step)
            try renew(files[index], with: issued.agent("c"))
            #expect(await isNoticed)
            _ = try live[index].context()
            #expect(await !LiveCredentials.areRenewed(live, within: few, every: step))
        }
        // One that goes away is a change too, and one that nobody can use is tried once.
        unlink(files[0].key)
        #expect(await LiveCredentials.areRenewed(live, within: day, every: step))
        _ = try live[0].context()
        #expect(await !LiveCredentials.areRenewed(live, within: few, every: step))
    }

    @Test("and were never good give their problem each time, until they are")
    func neverGood() throws {
        let issued = try Issued()
        let files = try issued.agent("a")
        let live = LiveCredentials(files, side: .agent, agent: "a", log: Diary().log)
        chmod(files.key, 0o644)
        for _ in 1...2 {
            #expect(throws: CredentialProblem.exposedKey(path: files.key)) { try live.refresh() }
        }
        chmod(files.key, 0o600)
        try live.refresh()
    }

    @Test("or expire soon are warned of when they are read and again each interval")
    func expiry() async throws {
        let issued = try Issued()
        let diary = Diary()
        let live = LiveCredentials(
            try issued.agent("a"), side: .agent, agent: "a", log: diary.log,
            now: { wallClockSeconds() + 720 * 86_400 })
        try live.refresh()
        #expect(diary.count(of: "warning the certificate in") == 1)
        await withTaskGroup { group in
            group.addTask { await live.watchExpiry(every: .milliseconds(1)) }
            await diary.wait(for: "warning the certificate in", count: 4)
            group.cancelAll()
        }
        #expect(diary.count(of: "warning the certificate in") >= 4)
    }
}

extension CredentialFiles {
    fileprivate func with(
        ca: String? = nil, certificate: String? = nil, key: String? = nil
    ) -> CredentialFiles {
        CredentialFiles(
            authorities: ca ?? authorities, certificate: certificate ?? self.certificate,
            key: key ?? self.key)
    }
}
