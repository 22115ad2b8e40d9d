#!/usr/bin/env python3
"""Recomputes a report from the store of jouleflow-collector, without jouleflow-collector.

Reads the raw records (SQLite, proto/record.proto), checks each frame's CRC-32C, the holes in the
sequences and that the parts of each record's energy sum to the energy, and prints TA without the
flows that another host counted before, E, O, R, the intensities and both means as JSON with the
keys of docs/report.md. Standard library only.
"""
import argparse, datetime, json, sqlite3, struct, sys

WEIGHTS = {"credit": 24, "drawdown": 7, "repayment": 3, "query": 1}  # T/CQJR 032.2-2025, Table 2
SEEN, QUIET, ENCRYPTED, NOT_CAPTURED, NO_RULE, MINIMUM_COVERAGE = 1, 2, 3, 4, 5, 0.95
MEASURED, BRIDGED, ESTIMATED, MODEL = 1, 2, 3, 3
FLEET, MOST_COMPLETIONS, MOST_FLOWS = 2, 4096, 1_000_000

CRC_STEPS = list(range(256))
for _ in range(8):
    CRC_STEPS = [step >> 1 ^ (0x82F63B78 if step & 1 else 0) for step in CRC_STEPS]

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_STEPS[(crc ^ byte) & 0xFF]
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
    flows = [(bool(number(one, 1)), number(one, 2)) for one in map(fields, message.get(19, []))]
    return {"simulated": bool(number(message, 5)), "counted": counted,
            "source": number(message, 7), "flows": flows, "secret": number(message, 20),
            "scenarios": [name.decode() for name in message.get(11, [])]}

def read_frame(frame):
    length, checksum = struct.unpack_from("<II", frame)
    payload = frame[8:]
    if length != len(payload) or crc32c(payload) != checksum:
        raise ValueError("the frame's length or CRC-32C is wrong")
    return fields(payload)

def read_completions(frame, manifest):
    """The flows of a Completions: scenario, digest, what it added to TA."""
    message = read_frame(frame)
    digests = [value for part in message.get(52, [])
               for (value,) in struct.iter_unpack("<Q", part)]
    scenarios, flows = column(message, 51, len(digests)), column(message, 53, len(digests), 1)
    sound = (number(message, 50) == 1 and 0 < len(digests) <= MOST_COMPLETIONS
             and all(0 < added <= MOST_FLOWS for added in flows)
             and all(one < len(manifest["flows"]) and manifest["flows"][one][1] == FLEET
                     for one in scenarios))
    return list(zip(scenarios, digests, flows)) if sound else []

def read_record(frame, manifest):
    message = read_frame(frame)
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
    # TA: complete flows. Which refusals are, the manifest tells; before it did, those of credit.
    whole = ([refusal for refusal, _ in manifest["flows"]]
             or [name == "credit" for name in manifest["scenarios"]])
    flows = [c + (r if refusal else 0) for refusal, c, r in zip(whole, completed, refused)]
    if [c + (b >> 1 ^ -(b & 1)) for c, b in zip(completed, column(message, 37, count))] != flows:
        raise ValueError("the record's flows are not its completed ones and its complete refusals")
    # Energy may belong to windows before this one as well, in which it could not be read.
    return {"start": start, "end": end, "energy": energy, "sequence": number(message, 2),
            "energy_start": start - number(message, 39),
            "agent_stopped": bool(number(message, 21) & 1 << 7),
            "simulated": manifest["simulated"] or bool(number(message, 21) & 1),
            "observed": column(message, 29, count, SEEN), "completed": completed,
            "refused": refused, "duplicates": column(message, 40, count),
            "counted_flows": flows}

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

class Places:
    """Where flows were counted: the windows of all time, as far as the store has their records."""
    def __init__(self):
        self.rows = sqlite3.connect("")  # a file that goes with it
        self.rows.execute("CREATE TABLE places (secret, scenario, digest, end, host, run,"
                          " sequence, position, flows)")

    def add(self, rows):
        self.rows.executemany("INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def repeated(self):
        """All places but the earliest of each flow: scenario, end of the window, host, flows."""
        self.rows.execute("CREATE INDEX by_flow ON places"
                          " (secret, scenario, digest, end, host, run, sequence, position)")
        before = None
        for *flow, end, host, flows in self.rows.execute(
                "SELECT secret, scenario, digest, end, host, flows FROM places ORDER BY"
                " secret, scenario, digest, end, host, run, sequence, position"):
            if flow == before:
                yield flow[1], end, host, flows
            before = flow

def hidden_duplicates(mine, names):
    """Whether duplicates across hosts cannot be told for more than a twentieth of the flows."""
    for name in names:
        flows = untold = 0
        secrets = set()
        for r in mine:
            if name not in r["scenarios"]:
                continue
            i = r["scenarios"].index(name)
            counted = r["counted_flows"][i]
            flows += counted
            if not r["flows"] or r["flows"][i][1] != FLEET:
                continue
            told = r["told"].get(i, 0)
            if counted or told:
                secrets.add(r["secret"])
            untold += max(told, counted) if told != counted else 0
        if len(secrets) > 1 or untold > (1 - MINIMUM_COVERAGE) * flows:
            return True
    return False

def one_round(records, hosts, names, begin, end, factor, repeated):
    energy, problem = None, not hosts
    counts = {name: {"counted_flows": 0, "completed": 0, "refused": 0, "duplicates": 0,
                     "duplicates_across_hosts": 0} for name in names}
    seen = {name: set() for name in names}
    lost = set()
    problem |= hidden_duplicates([r for r in records if begin < r["end"] <= end], names)
    for host in hosts:
        mine = [r for r in records if r["host"] == host and r["start"] < end and r["end"] > begin]
        energy_spans, count_spans = [], []
        # Scenarios that have a rule here in the round: a window without one of them knows nothing of it.
        ruled_in = [(r, {name for name, how in zip(r["scenarios"], r["observed"]) if how != NO_RULE})
                    for r in mine if not r["agent_stopped"]]
        needed = set().union(*(ruled for _, ruled in ruled_in))
        lost |= {name for _, ruled in ruled_in for name in needed - ruled}
        with_all = {id(r) for r, ruled in ruled_in if needed <= ruled}
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
            if ruled and ruled <= {SEEN, QUIET} and id(r) in with_all:
                count_spans.append(span)
            for i, name in enumerate(r["scenarios"]):
                seen[name].add(r["observed"][i])
                for key in ("counted_flows", "completed", "refused", "duplicates"):
                    counts[name][key] += r[key][i]
        for name in names:
            flows = sum(r["counted_flows"][r["scenarios"].index(name)] for r in mine
                        if name in r["scenarios"])
            counts[name]["duplicates_across_hosts"] += min(flows, sum(
                added for one, last, place, added in repeated
                if one == name and place == host and begin < last <= end))
        whole = end - begin
        problem |= union(energy_spans) / whole < MINIMUM_COVERAGE
        has_rule = any(set(r["observed"]) - {NO_RULE} for r in mine)
        problem |= has_rule and union(count_spans) / whole < MINIMUM_COVERAGE
    for name in names:
        known = SEEN in seen[name] and not seen[name] & {ENCRYPTED, NOT_CAPTURED} and name not in lost
        counts[name]["counted_flows"] -= counts[name]["duplicates_across_hosts"]
        counts[name]["ta"] = counts[name]["counted_flows"] if known else None
        if not known:
            counts[name].update(completed=None, refused=None, duplicates=None,
                                duplicates_across_hosts=None)
    result = figures(energy, {name: c["ta"] for name, c in counts.items()}, factor)
    valid = not problem and result["intensity_grams_per_unit"] is not None
    return result | {"valid": valid, "scenarios": counts}

def read_store(store, manifests, asked):
    """The records of the period, and the repeated places of flows of all time."""
    has_kinds = any(row[1] == "kind" for row in store.execute("PRAGMA table_info(records)"))
    rows = store.execute(f"""SELECT agents.name, run_id, run, sequence, manifest, start_ns, end_ns,
        {"kind" if has_kinds else 0}, records.bytes FROM records
        JOIN agents ON agents.id = records.agent_id JOIN runs ON runs.id = run_id
        ORDER BY run_id, sequence""")
    records, previous, waiting, places = [], {}, {}, Places()
    for host, run, run_name, sequence, digest, start, end, kind, frame in rows:
        manifest, window = manifests[digest], (run, digest, start, end)
        inside = start < asked.end and end > asked.begin
        try:
            if kind == 1:
                flows = read_completions(frame, manifest)
                waiting.setdefault(window, []).extend(
                    (sequence, position, *flow) for position, flow in enumerate(flows))
            record = read_record(frame, manifest) if kind == 0 and inside else None
        except (ValueError, TypeError, IndexError, struct.error) as error:
            sys.exit(f"record {sequence} of {host}: {error}")
        if inside and run in previous and sequence != previous[run] + 1:
            sys.stderr.write(f"{host}: no records {previous[run] + 1} to {sequence - 1}\n")
        previous[run] = sequence
        if kind == 1:
            continue
        told = waiting.pop(window, [])
        # A window that has no record (yet), or in which no agent ran, was not counted.
        if told and number(read_frame(frame), 21) & 1 << 7:
            told = []
        places.add((f"{manifest['secret']:016x}", manifest["scenarios"][scenario],
                    f"{flow:016x}", end, host, f"{run_name % 2**64:016x}", place, position, added)
                   for place, position, scenario, flow, added in told)
        if record is not None:
            sums = {}
            for _, _, scenario, _, added in told:
                sums[scenario] = sums.get(scenario, 0) + added
            record.update(host=host, scenarios=manifest["scenarios"], flows=manifest["flows"],
                          secret=manifest["secret"], told=sums)
            records.append(record)
    repeated = [place for place in places.repeated() if asked.begin < place[1] <= asked.end]
    return records, repeated

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
    records, repeated = read_store(store, manifests, asked)
    found = {name for r in records for name in r["scenarios"]}
    names = list(WEIGHTS) if found <= set(WEIGHTS) else sorted(found)
    hosts = sorted({r["host"] for r in records})
    rounds = [one_round(records, hosts, names, t, t + asked.round, asked.factor, repeated)
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
