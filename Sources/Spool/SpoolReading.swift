import Chain
import Glibc

/// Where a batch ended, so that the next need not search for its first record.
struct Cursor {
    /// How many are kept: one for each of a few readers.
    static let limit = 4

    let file: Descriptor
    let segment: UInt64
    let sequence: UInt64
    let offset: Int
}

extension Spool {
    /// Consecutive records found in a segment.
    private struct Found {
        var first: UInt64
        var previous: ChainHead?
        var records: [[UInt8]] = []
    }

    /// The oldest records from `sequence` on, all of one segment, or `nil` where there are none.
    /// Ends after `maximumRecords` or before `maximumBytes` would be exceeded, but holds at least
    /// one record. It begins after `sequence` where records are lost.
    package func batch(
        from sequence: UInt64, maximumRecords: Int, maximumBytes: Int
    ) throws(SpoolError) -> SpoolBatch? {
        for index in segments.indices where segments[index].next > sequence {
            let start = max(sequence, segments[index].first)
            guard segments[index].next > start else { continue }
            let found = try read(
                segments[index], from: start, maximumRecords: max(1, maximumRecords),
                maximumBytes: max(0, maximumBytes))
            let end = found.records.isEmpty ? segments[index].next : found.first
            if end > start { noteMissing(start...end - 1, in: index) }
            if let previous = found.previous {
                return SpoolBatch(
                    manifest: segments[index].header.manifest, first: found.first,
                    previous: previous, records: found.records)
            }
        }
        return nil
    }

    private func read(
        _ segment: Segment, from start: UInt64, maximumRecords: Int, maximumBytes: Int
    ) throws(SpoolError) -> Found {
        // Without a place to go on from, the whole segment is read to find one.
        var (offset, expected) = (segment.header.size, segment.first)
        var length = segment.size - offset
        let cursor = takeCursor(of: segment, for: start)
        if let cursor {
            (offset, expected) = (cursor.offset, cursor.sequence)
            length = segment.size - offset
            if cursor.sequence == start {
                // Enough for what may be returned and the one entry that exceeds it.
                let most =
                    Entry.overhead * min(maximumRecords, 1 << 20) + min(maximumBytes, 1 << 30)
                length = min(length, most + Entry.overhead + SpoolLimits.record)
            }
        }
        let file: Descriptor
        let bytes: [UInt8]
        do throws(SpoolError) {
            if let cursor {
                file = cursor.file
            } else {
                file = try Descriptor(segment.path, O_RDONLY | O_NOFOLLOW)
            }
            bytes = try file.read(from: offset, count: length)
        } catch {
            // Without its file, the segment's records are as lost as altered ones.
            guard error.isOfFile else { throw error }
            return Found(first: start)
        }
        var (at, total, found) = (0, 0, Found(first: start))
        while found.records.count < maximumRecords,
            let entry = Entry.next(in: bytes, from: at, expected: expected),
            entry.sequence < segment.next
        {
            if entry.sequence >= start {
                if found.records.isEmpty {
                    (found.first, found.previous) = (entry.sequence, entry.previous)
                } else if entry.sequence != expected
                    || total + entry.record.count > maximumBytes
                {
                    break
                }
                found.records.append(Array(bytes[entry.record]))
                total += entry.record.count
            }
            (at, expected) = (entry.record.upperBound, entry.sequence + 1)
        }
        cursors.append(
            Cursor(file: file, segment: segment.first, sequence: expected, offset: offset + at))
        if cursors.count > Cursor.limit { cursors.removeFirst() }
        return found
    }

    /// The nearest place at or before `start`, which the reader then leaves.
    private func takeCursor(of segment: Segment, for start: UInt64) -> Cursor? {
        let near = cursors.indices.filter {
            cursors[$0].segment == segment.first && cursors[$0].sequence <= start
        }.max { cursors[$0].sequence < cursors[$1].sequence }
        return near.map { cursors.remove(at: $0) }
    }

    /// Counts records that turned out unreadable while open.
    private func noteMissing(_ range: ClosedRange<UInt64>, in index: Int) {
        guard range.upperBound > released else { return }
        var (start, end) = (max(range.lowerBound, released + 1), range.upperBound)
        var others: [ClosedRange<UInt64>] = []
        for other in segments[index].missing {
            if other.upperBound < start || other.lowerBound > end {
                others.append(other)
            } else {
                (start, end) = (min(start, other.lowerBound), max(end, other.upperBound))
            }
        }
        segments[index].missing = (others + [start...end]).sorted { $0.lowerBound < $1.lowerBound }
    }
}
