import Metering

@testable import Records

/// What is found in an entry's framed bytes, held to the laws of what may be found there.
func examine(entry bytes: [UInt8]) {
    let header = try? RecordCodec.header(of: bytes)
    let record = examine("record", decode: RecordCodec.decode, encode: RecordCodec.encode, bytes)
    let completions = examine(
        "completions", decode: RecordCodec.decodeCompletions, encode: RecordCodec.encode, bytes)
    if let record {
        check(
            header?.run == record.run && header?.sequence == record.sequence
                && header?.manifest == record.manifest && header?.window == record.window
                && header?.flags == record.flags && header?.kind == .window,
            "a record's header is that of the whole record")
        check(record.window.end >= record.window.start, "a window ends after it starts")
        check(record.zones.count <= RecordCodec.maximumZones, "zones are bounded")
        check(record.tally.scenarios.count <= RecordCodec.maximumScenarios, "scenarios are bounded")
        check(record.tally.ruleHits.count <= RecordCodec.maximumRules, "rules are bounded")
    }
    if let completions {
        check(
            header?.run == completions.run && header?.sequence == completions.sequence
                && header?.manifest == completions.manifest
                && header?.window == completions.window && header?.kind == .completions,
            "the header of completions is that of all of them")
        check(
            1...RecordCodec.maximumCompletions ~= completions.flows.count, "flows are bounded")
    }
    check(record == nil || completions == nil, "an entry is of one kind")
}

/// The manifest in these bytes, and what records under it would say; `nil` where there is none.
@discardableResult
func examine(manifest bytes: [UInt8]) -> Manifest? {
    let manifest = examine(
        "manifest", decode: RecordCodec.decodeManifest, encode: RecordCodec.encode, bytes,
        // A manifest that is too long with its rules' names goes without them.
        isComparable: { $0.rules.count < 1_000 })
    guard let manifest else { return nil }
    check(!manifest.agent.isEmpty, "a manifest names its agent")
    check(
        manifest.rules.allSatisfy { $0.scenario < manifest.scenarios.count },
        "a rule's scenario is there")
    check(
        manifest.scenarioFlows.isEmpty
            || manifest.scenarioFlows.count == manifest.scenarios.count,
        "each scenario's flows are told, or none")
    return manifest
}

/// What is decoded, encoded again and decoded again is the same.
private func examine<Value: Equatable>(
    _ what: String, decode: ([UInt8]) throws(RecordError) -> Value,
    encode: (Value) throws(RecordError) -> [UInt8], _ bytes: [UInt8],
    isComparable: (Value) -> Bool = { _ in true }
) -> Value? {
    let value: Value
    do throws(RecordError) { value = try decode(bytes) } catch {
        check(!error.description.isEmpty, "errors have words")
        return nil
    }
    guard isComparable(value) else { return value }
    do throws(RecordError) {
        check(try decode(try encode(value)) == value, "a \(what) encoded again is the same")
    } catch { check(false, "a \(what) that was decoded can be encoded: \(error)") }
    return value
}
