import ArgumentParser
import Assessment
import Bundle
import Collector
import CommandLines
import Report
import SCI
import Store

/// Which hosts measured weights are of, and how they are shown.
struct WeightsArguments: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }
    enum Count: String, ExpressibleByArgument, CaseIterable { case exchanges, flows }

    @OptionGroup var source: StoreArguments
    @Option(help: "Only this host; several times for several. Without it, all hosts with records.")
    var agent: [String] = []
    @Option(
        help: "The hosts and counting layers of this sealed plan: the first digits of its hash.")
    var plan: String?
    @Option(help: "Only the plan's hosts at this site.")
    var site: String?
    @Option(help: "What use is compared with: exchanges when they take place, or completed flows.")
    var count: Count = .exchanges
    @Option(help: "An emission factor, for what SCI_CF would be: see jouleflow-collector factors.")
    var factor: String?
    @Option(
        help: """
            Your own factors beside those that come with the program, CSV with the columns that \
            `factors --csv-header` prints.
            """)
    var factors: String?
    @Option(help: "table for people, json for machines.")
    var format: Format = .table

    func validate() throws {
        guard agent.isEmpty || plan == nil else {
            throw ValidationError("Say the hosts once: --agent or --plan.")
        }
        guard site == nil || plan != nil else {
            throw ValidationError("--site names a site of a plan: give --plan too.")
        }
    }

    /// Makes the request, answers it from the store and prints it.
    func answer(
        _ request: (WeightsRequest.Hosts, WeightsRequest.Counting) throws -> WeightsRequest
    ) throws {
        let path = try source.path()
        let store = try source.reading()
        let counting: WeightsRequest.Counting = count == .flows ? .flows : .exchanges
        let content: WeightsContent
        do {
            var request = try request(try hosts(in: store), counting)
            request.factor = try emissionFactor()
            content = try Pipeline.weights(request, from: store)
        } catch let failure as Failure {
            throw failure
        } catch {
            if let problem = error as? WeightsRequest.Problem {
                throw Failure(
                    problem.isOfStore ? .unreadable : .usage, TerminalText.tamed("\(problem)"))
            }
            throw Failure(.unreadable, "\(path): \(error)")
        }
        let text = format == .json ? content.json() : content.table()
        try write(Array(text.utf8))
    }

    private func hosts(in store: SQLiteRecordStore) throws -> WeightsRequest.Hosts {
        guard let plan else { return agent.isEmpty ? .all : .named(Set(agent)) }
        let sealed = try store.sealed(plan)
        do throws(DocumentError) {
            return .planned(try PlanDocument.decode(sealed.document), site: site)
        } catch {
            throw Failure(.unreadable, "plan \(sealed.hash): \(error)")
        }
    }

    private func emissionFactor() throws -> EmissionFactor? {
        guard let id = factor else { return nil }
        guard let factor = try FactorTable.find(beside: factors)[id] else {
            throw Failure(
                .usage, "no factor has the id \(id): `jouleflow-collector factors` lists them")
        }
        return factor
    }
}
