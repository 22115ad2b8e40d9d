import Metering
import Transactions

extension Tally {
    /// Adds what the engine counted between two readings of its counters.
    mutating func note(_ now: EngineCounters, since before: EngineCounters) {
        packets &+= now.packets &- before.packets
        losses.gaps &+= now.gaps &- before.gaps
        losses.gapBytes &+= now.gapBytes &- before.gapBytes
        losses.evicted &+= now.evicted &- before.evicted
        losses.unpairedRequests &+= now.unpairedRequests &- before.unpairedRequests
        losses.unpairedResponses &+= now.unpairedResponses &- before.unpairedResponses
        losses.malformed &+= now.malformedTotal &- before.malformedTotal
        losses.undecoded &+= now.undecoded &- before.undecoded
        losses.shed &+= now.shed &- before.shed
        for index in services.indices {
            services[index].packets &+=
                now.services[index].packets &- before.services[index].packets
            services[index].encryptedConnections &+=
                now.services[index].encryptedConnections
                &- before.services[index].encryptedConnections
        }
    }

    /// Adds the time in flight of each service; nothing where that of some is not told.
    mutating func note(_ busy: [BusyTime], unfinished: UInt64) {
        losses.unfinished &+= unfinished
        guard busy.count == services.count else { return }
        for index in services.indices {
            var sum = services[index].busy ?? BusyTime(scenarios: scenarios.count)
            sum += busy[index]
            services[index].busy = sum
        }
    }

    /// Adds what another tally of the same services has beside the counts of rules.
    mutating func add(_ other: Tally) {
        for index in services.indices {
            services[index].packets &+= other.services[index].packets
            services[index].encryptedConnections &+= other.services[index].encryptedConnections
        }
        note(other.services.compactMap(\.busy), unfinished: other.losses.unfinished)
        losses.gaps &+= other.losses.gaps
        losses.gapBytes &+= other.losses.gapBytes
        losses.evicted &+= other.losses.evicted
        losses.unpairedRequests &+= other.losses.unpairedRequests
        losses.unpairedResponses &+= other.losses.unpairedResponses
        losses.malformed &+= other.losses.malformed
        losses.undecoded &+= other.losses.undecoded
        losses.late &+= other.losses.late
        losses.shed &+= other.losses.shed
        packets &+= other.packets
    }
}
