import CertificateAuthority
import Foundation
import Testing

@Suite("The small authority")
final class CertificateAuthorityTests {
    private let folder = NSTemporaryDirectory() + "jf-ca-\(UUID().uuidString)"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0
    }

    @Test("writes keys that only their owner may read, whatever the umask")
    func modes() throws {
        let root = try CertificateAuthority.make(named: "test", in: folder)
        let authority = try CertificateAuthority(in: folder)
        let agent = try authority.issueAgent("loan-07", to: folder)
        let collector = try authority.issueCollector(hosts: ["c.example"], to: folder)
        #expect(root.certificate == "\(folder)/ca.pem" && root.key == "\(folder)/ca.key")
        #expect(agent.certificate == "\(folder)/agent-loan-07.pem")
        #expect(collector.key == "\(folder)/collector-c.example.key")
        for files in [root, agent, collector] {
            #expect(try mode(files.key) == 0o600)
            #expect(try mode(files.certificate) == 0o644)
        }
    }

    @Test("overwrites nothing and leaves no half of a pair")
    func overwriting() throws {
        let root = try CertificateAuthority.make(named: "test", in: folder)
        let before = try Data(contentsOf: URL(filePath: root.key))
        #expect(throws: AuthorityError.exists(path: root.key)) {
            try CertificateAuthority.make(named: "test", in: folder)
        }
        #expect(try Data(contentsOf: URL(filePath: root.key)) == before)
        let authority = try CertificateAuthority(in: folder)
        let certificate = "\(folder)/agent-a.pem"
        try Data().write(to: URL(filePath: certificate))
        #expect(throws: AuthorityError.exists(path: certificate)) {
            try authority.issueAgent("a", to: folder)
        }
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/agent-a.key"))
        #expect(try Data(contentsOf: URL(filePath: certificate)).isEmpty)
    }

    @Test("issues nothing beyond its own end, and nothing after it")
    func ends() throws {
        let now = Date()
        let root = try CertificateAuthority.make(named: "test", in: folder, at: now)
        let years = root.notAfter.timeIntervalSince(now) / 86_400
        #expect((3651...3654).contains(years))
        let late = root.notAfter - 86_400
        let issued = try CertificateAuthority(in: folder, at: late)
            .issueAgent("a", to: folder, at: late)
        #expect(issued.notAfter == root.notAfter)
        #expect(throws: AuthorityError.expired(path: root.certificate)) {
            try CertificateAuthority(in: self.folder, at: root.notAfter + 1)
        }
    }

    @Test("refuses ids and hosts that no agent or certificate has", arguments: ["", "a b", "é"])
    func names(bad: String) throws {
        _ = try CertificateAuthority.make(named: "test", in: folder)
        let authority = try CertificateAuthority(in: folder)
        #expect(throws: AuthorityError.badAgent(bad)) {
            try authority.issueAgent(bad, to: self.folder)
        }
        #expect(throws: AuthorityError.badHost(bad)) {
            try authority.issueCollector(hosts: ["c.example", bad], to: self.folder)
        }
        #expect(throws: AuthorityError.badHost("a_b")) {
            try authority.issueCollector(hosts: ["a_b"], to: self.folder)
        }
        #expect(throws: AuthorityError.badAgent(String(repeating: "a", count: 65))) {
            try authority.issueAgent(String(repeating: "a", count: 65), to: self.folder)
        }
    }

    @Test("is refused where its key is missing, exposed, damaged or another's")
    func unusable() throws {
        #expect(throws: AuthorityError.unreadable(path: "\(folder)/ca.pem", errno: ENOENT)) {
            try CertificateAuthority(in: self.folder)
        }
        let root = try CertificateAuthority.make(named: "test", in: folder)
        chmod(root.key, 0o644)
        #expect(throws: AuthorityError.exposedKey(path: root.key)) {
            try CertificateAuthority(in: self.folder)
        }
        chmod(root.key, 0o600)
        let agent = try CertificateAuthority(in: folder).issueAgent("a", to: folder)
        #expect(rename(agent.key, root.key) == 0)
        #expect(throws: AuthorityError.keyMismatch(certificate: root.certificate, key: root.key)) {
            try CertificateAuthority(in: self.folder)
        }
        try Data("key".utf8).write(to: URL(filePath: root.key))
        chmod(root.key, 0o600)
        #expect(
            throws: AuthorityError.notPEM(path: root.key, holds: "P-256 private key")
        ) { try CertificateAuthority(in: self.folder) }
    }
}
