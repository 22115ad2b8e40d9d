package import Assessment
import Bundle
import Foundation
package import Logging
package import Metering
import NIOPosix
import Records
import ServiceLifecycle
package import Store

extension Pipeline {
    /// Brings roll-ups up to date with a step of so many entries. False where nothing is left.
    package static func continueRebuild(
        _ store: any RecordStore & RollupStore, entries: Int = 5_000
    ) throws -> Bool {
        let manifests = KnownManifests(store)
        return try store.continueRebuild(entries: entries) { parts(of: $0, manifests) }
    }

    /// What a stored record adds to roll-ups.
    static func parts(of record: StoredRecord, _ manifests: KnownManifests) -> [HourPart] {
        let header = try? RecordCodec.header(of: record.bytes)
        let window =
            header?.window
            ?? Window(
                start: record.start, end: record.end, duration: record.end.since(record.start))
        return RecordParts.of(
            record.bytes, window, try? manifests.manifest(record.manifest, of: record.agent))
    }

    /// The rounds of every plan ever sealed, those in reserve among them: an abandoned plan's result can be
    /// asked for too. Throws where a plan cannot be read.
    package static func plannedTime(in store: any PlanStore) throws -> [Interval] {
        try store.plans().map { sealed in
            let schedule = try PlanDocument.decode(sealed.document).schedule
            return Interval(
                start: schedule.start,
                end: schedule.end(afterRounds: schedule.rounds + schedule.reserve))
        }
    }

    /// Deletes the next entries that end before `cutoff`: see ``RecordRetention``.
    package static func deleteRecords(
        _ store: any RecordStore & RecordRetention, before cutoff: Timestamp, keeping: [Interval],
        at now: Timestamp
    ) throws -> RetentionOutcome {
        let manifests = KnownManifests(store)
        return try store.deleteRecords(before: cutoff, keeping: keeping, at: now) { record in
            guard let manifest = try? manifests.manifest(record.manifest, of: record.agent) else {
                return []
            }
            return Completions.told(in: record.bytes, under: manifest)?.incoming(manifest) ?? []
        }
    }
}

/// Keeps a store while a server writes to it: adds older records to roll-ups that do not have them, and
/// deletes raw windows by age. In short steps with pauses, so that records that come wait little.
package struct StoreUpkeep: Service {
    /// What it needs of a store.
    package typealias Store = any RecordStore & RollupStore & RecordRetention & PlanStore

    private let store: Store
    private let keepWindows: Nanoseconds?
    private let pause: Duration
    private let interval: Duration
    private let now: @Sendable () -> Timestamp
    private let log: Logger

    /// Without `keepWindows` nothing is deleted. Before each step the store is asked for the time of its plans:
    /// what they need stays, and nothing is deleted where one cannot be read.
    package init(
        _ store: Store, keepWindows: Nanoseconds?,
        pause: Duration = .milliseconds(50), interval: Duration = .seconds(3_600),
        now: @escaping @Sendable () -> Timestamp = { .now }, log: Logger
    ) {
        self.store = store
        self.keepWindows = keepWindows
        self.pause = pause
        self.interval = interval
        self.now = now
        self.log = log
    }

    /// Runs until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            do {
                try await finishRollups()
                while keepWindows != nil {
                    await deleteOldWindows()
                    try await Task.sleep(for: interval)
                }
                while true { try await Task.sleep(for: .seconds(86_400)) }
            } catch {}
        }
    }

    private func finishRollups() async throws {
        while true {
            do {
                let waiting = try await onDisk { try store.rollupState().waiting }
                guard waiting > 0 else { return }
                log.notice(
                    "adding stored records to the roll-ups", metadata: ["at most": "\(waiting)"])
                while try await onDisk({ try Pipeline.continueRebuild(store) }) {
                    try await Task.sleep(for: pause)
                }
                log.notice("the roll-ups are up to date")
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                log.error("the roll-ups cannot be brought up to date: \(error)")
                try await Task.sleep(for: interval)
            }
        }
    }

    private func deleteOldWindows() async {
        guard let keepWindows else { return }
        let now = now()
        let cutoff = Timestamp(now.rawValue - min(now.rawValue, keepWindows.rawValue))
        var deleted = 0
        do {
            while true {
                let outcome = try await onDisk {
                    try Pipeline.deleteRecords(
                        store, before: cutoff, keeping: try Pipeline.plannedTime(in: store),
                        at: now)
                }
                deleted += outcome.deleted
                guard outcome.hasMore else { break }
                try await Task.sleep(for: pause)
            }
        } catch is CancellationError {
        } catch {
            log.error("old windows cannot be deleted: \(error)")
        }
        guard deleted > 0 else { return }
        log.notice(
            "old windows were deleted; their roll-ups and the heads of their chains stay",
            metadata: ["entries": "\(deleted)", "older than": "\(Self.text(cutoff))"])
    }

    private static func text(_ time: Timestamp) -> String {
        Date(timeIntervalSince1970: Double(time.rawValue / 1_000_000_000)).formatted(.iso8601)
    }

    private func onDisk<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(work)
    }
}
