import Glibc

// MARK: Acknowledging

extension Spool {
    /// Takes down that a destination has every record up to `through`, and frees what all have. Going
    /// back changes nothing. What cannot be written or removed now is with the next acknowledgement
    /// or append.
    package func acknowledge(through: UInt64, by destination: String) throws(SpoolError) {
        guard let index = destinations.firstIndex(of: destination) else {
            throw .unknownDestination(destination)
        }
        guard through < nextSequence else {
            throw .acknowledgedUnmade(through: through, next: nextSequence)
        }
        if through > acknowledged[index] {
            acknowledged[index] = through
            stalePositions.insert(index)
        }
        release()
        for index in stalePositions {
            let position = Position(
                run: identity.run, acknowledged: acknowledged[index],
                destination: destinations[index])
            let path = directory + "/" + Position.name(of: position.destination)
            if (try? overwrite(path, position.bytes)) != nil { stalePositions.remove(index) }
        }
        try? settleDirectory()
    }

    private func release() {
        let through = released
        for index in segments.indices {
            identity.counts.drop(segments[index].forgetMissing(through: through))
        }
        while segments.count > 1, segments[0].next <= through + 1 {
            let segment = segments.removeFirst()
            identity.counts.released = max(identity.counts.released, segment.next - 1)
            leftovers.append(segment.path)
            isReleaseUntold = true
        }
    }

    private func overwrite(_ path: String, _ bytes: [UInt8]) throws(SpoolError) {
        let file: Descriptor
        do throws(SpoolError) {
            file = try Descriptor(path, O_WRONLY | O_NOFOLLOW)
        } catch {
            guard error.isOfFile else { throw error }
            file = try disk.create(path)
        }
        try disk.write(bytes, to: file, at: 0)
    }
}
