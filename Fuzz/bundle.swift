// modules: Metering Assessment Bundle CSV Imports
// with: Law.swift
// built: Crypto
// Bundles of any bytes; and of any entries under right digests, in reads of any length: frames, the facts of
// documents, plans, revisions, proofs, imports.
import Assessment
import Imports
import Metering

@testable import Bundle

/// What a reading of a bundle gave.
struct Reading: Equatable {
    var frames: [EvidenceFrame] = []
    var digest: [UInt8] = []
    var error: EvidenceError?

    /// Of these bytes, at most `piece` at once.
    init(_ bytes: [UInt8], piece: Int) {
        var reader = EvidenceReader()
        var at = 0
        do {
            while let frame = try reader.next({ count in
                let end = min(bytes.count, at + min(count, piece))
                defer { at = end }
                return Array(bytes[at..<end])
            }) {
                check(frames.count < bytes.count, "no more entries than bytes")
                frames.append(frame)
            }
            digest = reader.digest
        } catch {
            self.error = error as? EvidenceError
            check(self.error != nil, "a reader throws its own errors alone")
            check(!"\(error)".isEmpty, "errors have words")
        }
    }
}

/// What libFuzzer calls with each input: a byte that says what it is, and it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    guard let kind = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    if kind & 3 == 0 {
        check(
            Reading(bytes, piece: .max) == Reading(bytes, piece: 1 + Int(kind >> 2)),
            "split reads give the same")
        return 0
    }
    let entries = cut(bytes)
    var writer = EvidenceWriter()
    var written = EvidenceFrame.magic
    for (type, payload) in entries { written += writer.entry(type, payload) }
    let (end, digest) = writer.end()
    let reading = Reading(written + end, piece: 1 + Int(kind >> 2))
    // An entry of the end's type in the middle ends it there.
    if !entries.contains(where: { $0.type == EvidenceType.end.rawValue }) {
        check(reading.error == nil && reading.digest == digest, "what was written is read")
        check(
            reading.frames.dropLast().map(\.payload) == entries.map(\.payload),
            "payloads are those that were written")
    }
    var open: EvidenceDocument?
    for (type, payload) in entries { examine(type, payload, &open) }
    return 0
}

/// Entries: type, length in two bytes, payload.
func cut(_ bytes: [UInt8]) -> [(type: UInt8, payload: [UInt8])] {
    var entries: [(UInt8, [UInt8])] = []
    var rest = bytes[...]
    while rest.count >= 3, entries.count < 64 {
        let head = Array(rest.prefix(3))
        rest = rest.dropFirst(3)
        let payload = rest.prefix(Int(head[1]) << 8 | Int(head[2]))
        rest = rest.dropFirst(payload.count)
        entries.append((head[0], Array(payload)))
    }
    return entries
}

/// Facts are read as they would be written, and bytes as the document before them says.
func examine(_ type: UInt8, _ payload: [UInt8], _ open: inout EvidenceDocument?) {
    guard let type = EvidenceType(rawValue: type) else { return }
    guard type == .bytes else {
        do throws(DocumentError) {
            guard let (document, count) = try EvidenceDocument.read(type, payload) else {
                open = nil
                return
            }
            open = document
            #if PLANTED_FAULT
                // Found only behind canonical facts that no seed has.
                if case .imported(let one) = document {
                    check(one.id == 1, "planted: no import has another number than the seeds")
                }
            #endif
            check(document.type == type, "a document is of the type it was read as")
            check((try? document.facts(bytes: count)) == payload, "facts have one form")
        } catch {
            open = nil
            check(!error.description.isEmpty, "errors have words")
        }
        return
    }
    switch open {
    case .plan:
        guard let plan = try? PlanDocument.decode(payload) else { return }
        check((try? PlanDocument.encode(plan)) == payload, "a plan has one form")
    case .revision:
        guard let document = try? RoundDocument(decoding: payload) else { return }
        check((try? document.encode()) == payload, "a revision has one form")
    case .lodging: _ = try? TimeStampResponse(payload)
    case .imported(let facts):
        guard let content = ImportContent(canonical: payload, kind: facts.kind) else { return }
        check(content.canonical == payload, "an import has one form")
    default: break
    }
}
