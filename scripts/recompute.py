#!/usr/bin/env python3
"""Recomputes a report from the store of jouleflow-collector, without jouleflow-collector.

Reads the raw records (SQLite, proto/record.proto), checks each frame's CRC-32C, the holes in the
sequences and that the parts of each record's energy sum to the energy, and prints TA, E, O, R,
the intensities and both means as JSON with the keys of docs/report.md. Standard library only.
"""
import argparse, datetime, json, sqlite3, struct, sys

WEIGHTS = {"credit": 24, "drawdown": 7, "repayment": 3, "query": 1}  # T/CQJR 032.2-2025, Table 2
SEEN, QUIET, ENCRYPTED, NOT_CAPTURED, NO_RULE, MINIMUM_COVERAGE = 1, 2, 3, 4, 5, 0.95
MEASURED, BRIDGED, ESTIMATED, MODEL = 1, 2, 3, 3

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at

def fields(data):
    """The fields of a message: number -> list of raw values."""
    found, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        if (kind := tag & 7) == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        elif kind == 2:
            length, at = varint(data, at)
            if at + length > len(data):
                raise ValueError("a field ends beyond its message")
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {kind}")
        found.setdefault(tag >> 3, []).append(value)
    return found

def number(message, field, default=0):
    return message.get(field, [default])[-1]

def column(message, field, count, usual=0):
    """A packed column with one element per zone or scenario, or its usual value."""
    values = []
    for part in message.get(field, []):
        at = 0
        while at < len(part):
            value, at = varint(part, at)
            values.append(value)
    if len(values) not in (0, count):
        raise ValueError(f"column {field} has {len(values)} elements, not {count}")
    return values or [usual] * count

def read_manifest(data):
    message = fields(data)
    # The host's energy is that of the counted zones of the manifest's source.
    counted = [bool(number(zone, 5)) and number(zone, 6) == number(message, 7)
               for zone in map(fields, message.get(9, []))]
    return {"simulated": bool(number(message, 5)), "counted": counted,
            "source": number(message, 7),
            "scenarios": [name.decode() for name in message.get(11, [])]}

def read_record(frame, manifest):
    length, checksum = struct.unpack_from("<II", frame)
    payload = frame[8:]
    if length != len(payload) or crc32c(payload) != checksum:
        raise ValueError("the frame's length or CRC-32C is wrong")
    message = fields(payload)
    start = number(message, 4) * 10**9 + number(message, 19)
    end = start + number(message, 5) * 10**9 + number(message, 20)
    count = number(message, 11)
    if count != len(manifest["scenarios"]):
        raise ValueError("the record does not fit its manifest")
    energy = None
    if not number(message, 25):
        zones = column(message, 7, len(manifest["counted"]))
        beyond = number(message, 24)
        energy = (sum(zones) + (beyond >> 1 ^ -(beyond & 1))) % 2**64
        parts = column(message, 8, 5 + count)
        if sum(parts) != energy:
            raise ValueError(f"the parts sum to {sum(parts)}, not {energy} microjoules")
        own = sum(e for e, counted in zip(zones, manifest["counted"]) if counted)
        if own + number(message, 38) != energy:
            raise ValueError("the counted zones and what is carried do not sum to the energy")
        states = [state for state, counted
                  in zip(column(message, 22, len(zones), MEASURED), manifest["counted"]) if counted]
        allowed = {MODEL: {ESTIMATED}}.get(manifest["source"], {MEASURED, BRIDGED, ESTIMATED})
        if number(message, 21) & 1 << 7:
            allowed = allowed - {MEASURED}
        if not states or not allowed.issuperset(states) or manifest["source"] == 0:
            raise ValueError("the energy contradicts its zones' states or its source")
    completed, refused = column(message, 12, count), column(message, 13, count)
    # TA: complete flows. A refusal of credit is one (Table 1), others are not.
    flows = [c + (r if name == "credit" else 0)
             for name, c, r in zip(manifest["scenarios"], completed, refused)]
    if [c + (b >> 1 ^ -(b & 1)) for c, b in zip(completed, column(message, 37, count))] != flows:
        raise ValueError("the record's flows are not its completed ones and credit's refusals")
    # Energy may belong to windows before this one as well, in which it could not be read.
    return {"start": start, "end": end, "energy": energy, "sequence": number(message, 2),
            "energy_start": start - number(message, 39),
            "agent_stopped": bool(number(message, 21) & 1 << 7),
            "simulated": manifest["simulated"] or bool(number(message, 21) & 1),
            "observed": column(message, 29, count, SEEN), "completed": completed,
            "refused": refused, "counted_flows": flows}

def point(text):
    value = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError("a time needs its zone")
    return int(value.timestamp()) * 10**9

def duration(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]] * 10**9

def union(spans):
    total = reach = 0
    for start, end in sorted(spans):
        total, reach = total + max(0, end - max(start, reach)), max(reach, end)
    return total

def figures(energy, ta, factor):
    kwh = None if energy is None else energy / 3.6e12
    grams = None if kwh is None else kwh * factor
    known = set(ta) == set(WEIGHTS) and all(v is not None for v in ta.values())
    units = sum(WEIGHTS[name] * count for name, count in ta.items()) if known else None
    return {"energy_kwh": kwh, "o_grams": grams, "m_grams": None, "r_cf": units,
            "intensity_grams_per_unit": grams / units if grams is not None and units else None}

def one_round(records, hosts, names, begin, end, factor):
    energy, problem = None, not hosts
    counts = {name: {"counted_flows": 0, "completed": 0, "refused": 0} for name in names}
    seen = {name: set() for name in names}
    for host in hosts:
        mine = [r for r in records if r["host"] == host and r["start"] < end and r["end"] > begin]
        energy_spans, count_spans = [], []
        for r in mine:
            span = (max(begin, r["start"]), min(end, r["end"]))
            if span != (r["start"], r["end"]):
                sys.exit(f"record {r['sequence']} of {host} reaches over the end of a round: "
                         "choose rounds that begin where windows do")
            if r["energy"] is not None:
                energy = (energy or 0) + r["energy"]
                if r["energy_start"] < begin:
                    sys.exit(f"record {r['sequence']} of {host} holds energy from before its "
                             "round: choose rounds that begin where energy was read")
                energy_spans.append((r["energy_start"], span[1]))
            if r["agent_stopped"]:
                continue  # as if there were no record: the time stays uncovered
            ruled = set(r["observed"]) - {NO_RULE}
            if ruled and ruled <= {SEEN, QUIET}:
                count_spans.append(span)
            for i, name in enumerate(r["scenarios"]):
                seen[name].add(r["observed"][i])
                for key in counts[name]:
                    counts[name][key] += r[key][i]
        whole = end - begin
        problem |= union(energy_spans) / whole < MINIMUM_COVERAGE
        has_rule = any(set(r["observed"]) - {NO_RULE} for r in mine)
        problem |= has_rule and union(count_spans) / whole < MINIMUM_COVERAGE
    for name in names:
        known = SEEN in seen[name] and not seen[name] & {ENCRYPTED, NOT_CAPTURED}
        counts[name]["ta"] = counts[name]["counted_flows"] if known else None
        if not known:
            counts[name].update(completed=None, refused=None)
    result = figures(energy, {name: c["ta"] for name, c in counts.items()}, factor)
    valid = not problem and result["intensity_grams_per_unit"] is not None
    return result | {"valid": valid, "scenarios": counts}

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, dest, kind in (
            ("--db", "db", str), ("--from", "begin", point), ("--to", "end", point),
            ("--round", "round", duration), ("--factor-g-per-kwh", "factor", float)):
        parser.add_argument(name, dest=dest, required=True, type=kind)
    asked = parser.parse_args()
    store = sqlite3.connect(f"file:{asked.db}?mode=ro", uri=True)
    manifests = {digest: read_manifest(data)
                 for digest, data in store.execute("SELECT digest, bytes FROM manifests")}
    records, previous = [], {}
    rows = store.execute("""SELECT agents.name, run_id, sequence, manifest, bytes FROM records
        JOIN agents ON agents.id = agent_id WHERE start_ns < ? AND end_ns > ?
        ORDER BY run_id, sequence""", (asked.end, asked.begin))
    for host, run, sequence, manifest, frame in rows:
        try:
            record = read_record(frame, manifests[manifest])
        except (ValueError, TypeError, IndexError, struct.error) as error:
            sys.exit(f"record {sequence} of {host}: {error}")
        if run in previous and sequence != previous[run] + 1:
            sys.stderr.write(f"{host}: no records {previous[run] + 1} to {sequence - 1}\n")
        previous[run] = sequence
        record.update(host=host, scenarios=manifests[manifest]["scenarios"])
        records.append(record)
    found = {name for r in records for name in r["scenarios"]}
    names = list(WEIGHTS) if found <= set(WEIGHTS) else sorted(found)
    hosts = sorted({r["host"] for r in records})
    rounds = [one_round(records, hosts, names, t, t + asked.round, asked.factor)
              for t in range(asked.begin, asked.end, asked.round)]
    valid = [r["intensity_grams_per_unit"] for r in rounds if r["valid"]]
    pairs = [r for r in rounds if r["o_grams"] is not None and r["r_cf"] is not None]
    units = sum(r["r_cf"] for r in pairs)
    ratio = sum(r["o_grams"] for r in pairs) / units if units else None
    mean = sum(valid) / len(valid) if valid else None
    complete = len(valid) == len(rounds)
    print(json.dumps({
        "simulated": any(r["simulated"] for r in records), "records": len(records),
        "summary": {"rounds": len(rounds), "valid_rounds": len(valid),
                    "mean_grams_per_unit": mean if complete else None,
                    "partial_mean_grams_per_unit": None if complete else mean,
                    "ratio_of_sums_grams_per_unit": ratio, "ratio_of_sums_rounds": len(pairs)},
        "rounds": rounds}, ensure_ascii=False, indent=2))

if __name__ == "__main__":
    main()
