import ArgumentParser
import CertificateAuthority
import CommandLines
import Foundation

/// `jouleflow-collector ca`.
struct CACommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "Makes certificates for TLS, for those who have no authority of their own.",
        discussion: """
            Once, on a host that is neither an agent's nor a collector's where you can:
              jouleflow-collector ca init
            For each collector, with all names and addresses that agents connect to:
              jouleflow-collector ca collector collector.example 10.0.0.5
            For each agent, with its agent.id (agent.yaml; the host name where it gives none):
              jouleflow-collector ca agent loan-07 loan-08

            Everything is written to the folder jouleflow-ca, or as --ca and --out say. Where the \
            files go:
              ca.pem                        every agent and collector: tls.ca
              collector-NAME.pem and .key   that collector: tls.certificate and tls.key
              agent-ID.pem and .key         that agent: tls.certificate and tls.key
              ca.key                        nowhere: who has it can pose as any agent
            Keys have mode 0600 and belong to the account that runs the program on their host. \
            Nothing is overwritten: to renew, write to another folder with --out, then put the \
            new files in the place of the old ones; no restart is needed. The manual tls.md tells more.

            Exit status: 0 done, 2 usage, 3 the files there cannot be used or exist, 4 permission.
            """,
        subcommands: [Initialise.self, IssueCollector.self, IssueAgent.self])

    struct Initialise: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Makes the authority: ca.pem and ca.key, ten years.")

        @Option(help: "The folder to write to; it is made where it is missing.")
        var out = "jouleflow-ca"

        @Option(help: "The authority's name, for people who look into certificates.")
        var name = "Jouleflow authority"

        func run() throws {
            let made = try issuing { () throws(AuthorityError) in
                try CertificateAuthority.make(named: name, in: out)
            }
            print(made.sentence)
            print("Give \(made.certificate) to all hosts as tls.ca; \(made.key) stays here.")
        }
    }

    struct IssueCollector: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "collector",
            abstract: "Makes the certificate of a collector: two years.")

        @Argument(
            help: "The names and IP addresses that agents connect to; the first names the files.")
        var hosts: [String]

        @OptionGroup var folders: Folders

        func run() throws {
            let made = try issuing { () throws(AuthorityError) in
                try CertificateAuthority(in: folders.ca)
                    .issueCollector(hosts: hosts, to: folders.target)
            }
            print(made.sentence)
            print(
                """
                Put both and ca.pem beside collector.yaml on that host, and write there:
                  tls: {ca: ca.pem, certificate: \(made.name).pem, key: \(made.name).key}
                """)
        }
    }

    struct IssueAgent: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "agent", abstract: "Makes the certificates of agents: two years.")

        @Argument(help: "The agents' ids: agent.id in agent.yaml, or else the host's name.")
        var ids: [String]

        @OptionGroup var folders: Folders

        func run() throws {
            for id in ids {
                let made = try issuing { () throws(AuthorityError) in
                    try CertificateAuthority(in: folders.ca).issueAgent(id, to: folders.target)
                }
                print(made.sentence)
                print(
                    """
                    Put both and ca.pem beside agent.yaml on the host of \(id), and write there \
                    under collectors:
                      tls: {ca: ca.pem, certificate: \(made.name).pem, key: \(made.name).key}
                    """)
            }
        }
    }

    struct Folders: ParsableArguments {
        @Option(help: "The folder of the authority.")
        var ca = "jouleflow-ca"

        @Option(help: "The folder to write to; without it, that of the authority.")
        var out: String?

        var target: String { out ?? ca }
    }
}

/// Does `work`, or ends the program with what is wrong.
private func issuing<T>(_ work: () throws(AuthorityError) -> T) throws -> T {
    do throws(AuthorityError) { return try work() } catch {
        throw Failure(error.isPermission ? .permission : .configuration, "\(error)")
    }
}

extension IssuedFiles {
    fileprivate var name: String {
        String(certificate.split(separator: "/").last ?? "").replacing(/\.pem$/, with: "")
    }

    fileprivate var sentence: String {
        let day = notAfter.formatted(.iso8601.year().month().day())
        return "Made \(certificate), good until \(day), and its key \(key)."
    }
}
