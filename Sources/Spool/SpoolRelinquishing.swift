// MARK: Records that can be sent no more

extension Spool {
    /// Lets go of the records whose manifest is another's, and of those before them: nobody would take
    /// them from this agent, and what follows them could not be sent. Gives how many records not all
    /// destinations had; they are counted as dropped.
    ///
    /// Where the newest records are of that kind, a run begins that names none before it: a run is
    /// one agent's. Else the run goes on, with a hole. On disk nothing changes before the next append,
    /// or `settleRelinquished`; until then a spool that is opened again finds the same.
    package func relinquish(where isOthers: ([UInt8]) -> Bool) -> UInt64 {
        guard let last = segments.lastIndex(where: { isOthers($0.header.manifest) }) else {
            return 0
        }
        let isWholeRun = last == segments.count - 1
        var lost = segments[...last].reduce(0) { $0 + held(by: $1) }
        if isWholeRun { lost += missingAtEnd.map { $0.upperBound - $0.lowerBound + 1 } ?? 0 }
        relinquished += segments[...last].map(\.path)
        let end = segments[last].next - 1
        segments.removeFirst(last + 1)
        writer = nil
        cursors = []
        if isWholeRun {
            beginRun(lost: lost)
        } else {
            identity.counts.drop(lost)
            identity.counts.released = max(identity.counts.released, end)
        }
        return lost
    }

    private func beginRun(lost: UInt64) {
        // What this run's records tell of losses nobody has heard where nobody has one of them.
        let isUnheard = acknowledged.allSatisfy { $0 == 0 }
        let before = isUnheard ? identity.counts.dropped : identity.untold
        let untold = min(before.addingClamped(lost), SpoolLimits.sequence)
        identity = Identity(
            run: UInt64.random(in: 1 ... .max), predecessor: .none, untold: untold)
        isNewRun = true
        isIdentityUnwritten = true
        acknowledged = acknowledged.map { _ in 0 }
        // Their files still tell of the run before, which is gone on with if this one is never begun.
        stalePositions = []
    }

    /// Moves the files of such records aside, once the identity tells of it, and where the run goes on a
    /// segment's header. Takes up again what failed before.
    package func settleRelinquished() throws(SpoolError) {
        guard !relinquished.isEmpty else { return }
        try storeIdentity(isDurable: true)
        while let path = relinquished.first {
            do throws(SpoolError) {
                try DamagedFiles.setAside(path, in: directory, on: disk)
            } catch { guard error.isGone else { throw error } }
            relinquished.removeFirst()
            isDirectoryDirty = true
        }
    }
}
