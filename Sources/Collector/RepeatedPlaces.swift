import Metering
import Store

/// Finds the flows that were counted at several places, in bounded memory: of one share of all flows after
/// another, first the names that occur twice, then their places.
struct RepeatedPlaces {
    /// Flows that are compared at a time.
    static let share: UInt64 = 1 << 22
    /// Places held at a time; more are refused.
    static let most = 1 << 23

    /// Gives each place of `flows` in all; the same ones each time.
    let forEachPlace: ((RepeatedCompletion) throws -> Void) throws -> Void
    let flows: UInt64

    /// Every place of each flow that has several, those of one flow in a row.
    func forEach(_ body: (RepeatedCompletion) throws -> Void) throws {
        guard flows > 1 else { return }
        let shares = (flows - 1) / Self.share + 1
        for share in 0..<shares {
            var names: [UInt64] = []
            try forEachPlace { place in
                let name = Self.name(place)
                guard name % shares == share else { return }
                guard names.count < Self.most * 2 else { throw EvidenceLimit.repeated }
                names.append(name)
            }
            names.sort()
            var several: Set<UInt64> = []
            for (one, next) in zip(names, names.dropFirst()) where one == next {
                several.insert(one)
            }
            guard !several.isEmpty else { continue }
            var places: [RepeatedCompletion] = []
            try forEachPlace { place in
                guard several.contains(Self.name(place)) else { return }
                guard places.count < Self.most else { throw EvidenceLimit.repeated }
                places.append(place)
            }
            places.sort {
                ($0.secret, $0.scenario, $0.digest) < ($1.secret, $1.scenario, $1.digest)
            }
            for place in places { try body(place) }
        }
    }

    /// Seeded anew in each process, so that no file can put all flows into one share.
    private static func name(_ place: RepeatedCompletion) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(place.secret)
        hasher.combine(place.scenario)
        hasher.combine(place.digest)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
