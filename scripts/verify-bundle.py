#!/usr/bin/env python3
"""Verifies an evidence bundle of jouleflow-collector, without jouleflow-collector.
Reads the format of docs/bundle.md, verifies digests, plans, imports, chains and signatures, computes the figures
anew from the raw records (plan_figures.py) and names what is wrong with its place. Status 0: nothing; 1:
something; 5: the file cannot be read. Standard library only; memory grows with the number of records.
"""
import csv, hashlib, json, math, struct, sys
from collections import defaultdict
from fractions import Fraction
from plan_figures import SEEN, Figures, gaps, nanoseconds, union

FLEET, STOPPED, FINDINGS = 2, 1 << 7, []

tell = FINDINGS.append
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# Ed25519: RFC 8032, 5.1. Points are (X, Y, Z, T).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(s, p):
    q = (0, 1, 1, 0)
    while s:
        q, p, s = add(q, p) if s & 1 else q, add(p, p), s >> 1
    return q
def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or x == 0 and sign:
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def signed(key, signature, message):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if not a or not r or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    p, q = times(s, BASE), add(r, times(h, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P

# Protocol buffers: proto/record.proto.
def varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        value, at = value | (data[at] & 0x7F) << shift, at + 1
        if data[at - 1] < 0x80:
            return value & 2**64 - 1, at
    raise ValueError("a number of more than 10 bytes")
def fields(data):
    """The fields of a message: number -> list of raw values."""
    found, at = defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        if (kind := tag & 7) == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
            value = value if kind == 2 else int.from_bytes(value, "little")
        if at > len(data):
            raise ValueError("a field ends beyond its message")
        found[tag >> 3].append(value)
    return found
def number(message, field, default=0):
    return message[field][-1] if field in message else default
def zigzag(value):
    return value >> 1 ^ -(value & 1)
def column(message, field, count, usual=0):
    """A packed column with one element per zone or scenario, or its usual value."""
    values, part, at = [], b"".join(message.get(field, [])), 0
    while at < len(part):
        value, at = varint(part, at)
        values.append(value)
    if len(values) not in (0, count):
        raise ValueError(f"column {field} has {len(values)} elements, not {count}")
    return values or [usual] * count

def read_manifest(data):
    m = fields(data)
    source, zones = number(m, 7), [fields(zone) for zone in m.get(9, [])]
    return {"agent": number(m, 1, b"").decode(), "source": source, "scope": number(m, 8),
            "counted": [number(z, 5) and number(z, 6) == source for z in zones],
            "scenarios": [name.decode() for name in m.get(11, [])], "rules": number(m, 12, b"").decode(),
            "fleet": [number(fields(one), 2) == FLEET for one in m.get(19, [])], "secret": number(m, 20)}
def energy(m, manifest, stopped):
    """Energy as (measured, bridged, estimated); None where it is unknown or contradicts itself."""
    zones, count = column(m, 7, len(manifest["counted"])), 5 + len(manifest["scenarios"])
    total, carried = (sum(zones) + zigzag(number(m, 24))) % 2**64, number(m, 38)
    own = [one for one in zip(zones, column(m, 22, len(zones), 1), manifest["counted"]) if one[2]]
    allowed = {0: (), 3: (3,)}.get(manifest["source"], (2, 3) if stopped else (1, 2, 3))
    sums = [sum(e for e, state, _ in own if state == s) for s in (1, 2, 3)]
    sums[1] += carried
    sound = (not number(m, 25) and own and all(state in allowed for _, state, _ in own) and sum(sums) == total
             and manifest["scope"] == {1: 2}.get(manifest["source"], 1) and sum(column(m, 8, count)) == total)
    return tuple(sums) if sound else None
def read_record(m, manifest):
    start, stopped = number(m, 4) * 10**9 + number(m, 19), bool(number(m, 21) & STOPPED)
    count = len(manifest["scenarios"])
    completed, beyond = column(m, 12, count), column(m, 37, count)
    return {"start": start, "end": start + number(m, 5) * 10**9 + number(m, 20), "stopped": stopped,
            "carried": number(m, 39), "parts": energy(m, manifest, stopped),
            "observed": column(m, 29, count, SEEN),
            "flows": [c + zigzag(b) for c, b in zip(completed, beyond)]}

class Run:
    """A run: its chain, its signatures, and which of its records are there."""
    def __init__(self, payload):
        size = struct.unpack_from("<I", payload)[0]
        self.agent, self.key = payload[4:4 + size].decode(), payload[36 + size:]
        self.run, _, self.before, self.last = struct.unpack_from("<4Q", payload, 4 + size)
        self.title = f"run {self.run:x} of {self.agent}"
        self.parts, self.held, self.through = [], [], 0
        self.heads = {0: sha256(b"JFCHAIN1", struct.pack("<3Q", self.run, self.before, self.last))}

    def batch(self, payload, place):
        """Checks a batch, and gives the records that were not there before."""
        first, previous, signature, at, records = (
            *struct.unpack_from("<Q", payload), payload[16:48], payload[48:112], 112, [])
        while at < len(payload):
            size = struct.unpack_from("<I", payload, at)[0]
            records.append(payload[at + 4:at + 4 + size])
            at += 4 + size
        last, heads = first + len(records) - 1, [previous]
        for record in records:
            heads.append(sha256(heads[-1], record))
        title = f"{place}: records {first} to {last} of {self.title}"
        statement = b"JFBATCH1" + struct.pack("<3Q", self.run, first, last) + previous + heads[-1]
        if at != len(payload) or not signed(self.key, signature, statement + self.agent.encode()):
            tell(f"{title} are not what their agent signed")
        told = dict(enumerate(heads, first - 1))
        if any(self.heads.get(at, head) != head for at, head in told.items()):
            tell(f"{title} do not follow the chain")
        fresh = [(n, record) for n, record in enumerate(records, first) if n > self.through]
        self.heads = told if last >= self.through else self.heads
        self.through = max(last, self.through)
        self.held.append((first, last + 1))
        return fresh
    def close(self, runs):
        held = union(self.held)[0]
        for first, last in self.parts:
            for at, end in gaps(held, first, last + 1):
                tell(f"records {at} to {end - 1} of {self.title} are missing")
        before = runs.get((self.agent, self.before))
        reached = max((end - 1 for _, end in before.held), default=0) if before and before.parts else self.last
        if held and held[0][0] == 1 and reached < self.last:
            tell(f"records {reached + 1} to {self.last} of {before.title} are missing: a later run tells of them")
        runs[self.agent, self.run] = self

def entries(file):
    """Type, payload and place of each entry; ends where a digest is another."""
    digest, count, at = sha256(b"JFBUNDL1"), 0, 8
    if file.read(8) != b"JFBUNDL1":
        return tell("byte 0: this is no bundle of jouleflow-collector")
    while True:
        head, place = file.read(5), f"entry {count}, at byte {at}"
        size = int.from_bytes(head[:4], "little")
        payload = file.read(size) if size <= 4 << 20 else b""
        digest = sha256(digest, head, payload)
        if digest != file.read(32):
            return tell(f"{place}, was altered or is cut off: its digest is another")
        if head[4] == 23:
            if payload != struct.pack("<Q", count) or file.read(1):
                tell(f"{place}: the end is another, or something follows it")
            return print(f"SHA-256 of the bundle: {digest.hex()}")
        yield head[4], payload, place
        count, at = count + 1, at + size + 37

class Bundle:
    def __init__(self, file):
        self.documents, self.manifests, self.runs, self.run, self.figures = [], {}, {}, None, None
        self.waiting, self.window = [], None
        for kind, payload, place in entries(file):
            try:
                self.take(kind, payload, place)
            except Exception as error:  # whatever a hostile file makes of it, the rest is looked at
                tell(f"{place}: cannot be read: {error!r}")
        if self.run:
            self.run.close(self.runs)
    def of(self, kind):
        return [(facts, body) for one, facts, body in self.documents if one == kind]
    def take(self, kind, payload, place):
        if kind == 22:
            self.documents[-1][2].extend(payload)
        elif kind >= 16:
            self.documents.append((kind, json.loads(payload), bytearray()))
        elif kind == 1:
            self.manifests[int.from_bytes(sha256(payload)[:8], "big")] = read_manifest(payload)
        elif kind == 2:
            self.run.close(self.runs) if self.run else self.begin()
            self.run = Run(payload)
        elif kind in (4, 7, 8):
            first, last = struct.unpack("<2Q", payload)
            (self.run.parts if kind == 7 else self.run.held).append((first, last + (kind != 7)))
        elif kind == 3:
            for sequence, record in self.run.batch(payload, place):
                try:
                    self.record(sequence, record)
                except (ValueError, LookupError) as error:
                    tell(f"{place}: record {sequence} of {self.run.title}: {error!r}")
    def begin(self):
        """Checks the documents, which stand before all runs."""
        head, imports = self.of(16)[0][0], {"meter": defaultdict(list), "ledger": defaultdict(list)}
        for kind, key in ((18, "hash"), (24, "sha256")):
            for facts, body in self.of(kind):
                if sha256(body).hex() != facts[key]:
                    tell(f"{'plan' if kind == 18 else 'revision'} {facts[key]} has a text of another hash")
        for facts, body in self.of(20):
            if sha256(body).hex() != facts["sha256"]:
                tell(f"import {facts['id']} ({facts['kind']}, {facts['file']}) was altered")
            for name, *row in list(csv.reader(body.decode().splitlines()))[1:] if facts["kind"] in imports else []:
                low, high, value = map(int, row)  # of the same name and time the latest counts
                kept = [o for o in imports[facts["kind"]][name] if o[1] <= low or o[0] >= high]
                imports[facts["kind"]][name] = sorted(kept + [(low, high, value)])
        facts, body = next(one for one in self.of(18) if one[0]["hash"] == head["plan"])
        plan = json.loads(body)
        if nanoseconds(facts["sealed"]) >= nanoseconds(plan["schedule"]["start"]):
            tell(f"plan {head['plan']} was sealed at {facts['sealed']}, after its first round began")
        self.abandoned, self.made = "abandoned" in facts, nanoseconds(head["made"])
        self.figures = Figures(plan, imports)
    def record(self, sequence, frame):
        run, m = self.run, fields(frame[8:])
        manifest = self.manifests[number(m, 3)]
        told = number(m, 1), number(m, 2), manifest["agent"], int.from_bytes(frame[:4], "little")
        if told != (run.run, sequence, run.agent, len(frame) - 8):
            raise ValueError("it is another")
        if self.window != (window := (run.run, *(number(m, f) for f in (4, 19, 5, 20, 3)))):
            self.waiting, self.window = [], window
        if number(m, 50) == 0:
            told, self.waiting = self.waiting, []
            return self.figures.add(run.agent, run.run, read_record(m, manifest), manifest, told)
        digests = [d for part in m[52] for (d,) in struct.iter_unpack("<Q", part)]
        scenarios, flows = column(m, 51, len(digests)), column(m, 53, len(digests), 1)
        if all(n < len(manifest["fleet"]) and manifest["fleet"][n] for n in scenarios):
            self.waiting += [(*one, sequence, i) for i, one in enumerate(zip(scenarios, digests, flows))]

def same(path, told, computed):
    known = told is not None and computed is not None
    if not (math.isclose(told, computed, rel_tol=1e-12) if isinstance(computed, (float, Fraction)) and known
            else told == computed):
        computed = float(computed) if isinstance(computed, Fraction) else computed
        tell(f"figure {path}: {told} is told, {computed} is computed")

def compare(bundle):
    report, rounds = json.loads(bundle.of(21)[0][1]), bundle.figures.rounds(bundle.made)
    same("rounds, how many", len(report["rounds"]), bundle.figures.count)
    for r, told in enumerate(report["rounds"]):
        path, own = f"rounds[{r}]", rounds.get(r, {"use": "not_closed"})
        same(path + ".use", told["use"], own["use"])
        if r not in rounds:
            continue
        for state, value in zip(("measured", "bridged", "estimated", "imputed"), own["energy"]):
            same(f"{path}.energy.{state}", told["energy"] and told["energy"][state]["microjoules"] or 0, value)
        for key in ("o_grams", "o_it_grams", "o_facility_grams", "r_cf", "sci_grams_per_unit", "coverage"):
            same(f"{path}.{key}", told[key], own[key])
        for key, value in zip(("low", "typical", "high"), own["mass"] or [None] * 3):
            same(f"{path}.m_grams.{key}", (told["m_grams"] or {}).get(key), value)
        same(path + ".ta", {one["scenario"]: one["ta"] for one in told["scenarios"]}, own["volumes"])
        same(path + ".hosts", sorted(host["host"] for host in told["hosts"]), sorted(own["rows"]))
        for host in told["hosts"]:
            row, parts = own["rows"][host["host"]], [s["energy_in_boundary"] for s in host["segments"]]
            same(f"{path}.{host['host']}.covered_seconds", host["quality"]["covered_seconds"],
                 Fraction(row["covered"], 10**9))
            same(f"{path}.{host['host']}.energy", sum(p["total"]["microjoules"] for p in parts if p), row["energy"])
    valid = [one["sci_grams_per_unit"] for one in rounds.values() if one["use"] in ("counted", "replaces")]
    mean = sum(valid) / len(valid) if valid else None
    is_whole, result = len(valid) == bundle.figures.planned, report["result"]
    same("standing, whether an assessment", report["standing"] == "assessment", is_whole and not bundle.abandoned)
    for key, value in (("mean", mean if is_whole else None), ("partial_mean", None if is_whole else mean)):
        same(f"result.{key}_grams_per_unit", result[key + "_grams_per_unit"], value)
    print(f"{len(valid)} valid rounds, mean {mean if mean is None else float(mean)}")

def main():
    try:
        with open(sys.argv[1], "rb") as file:
            bundle = Bundle(file)
    except (OSError, IndexError) as error:
        sys.exit(sys.stderr.write(f"usage: verify-bundle.py FILE: {error}\n") and 5)
    if bundle.of(21):
        try:
            compare(bundle)
        except Exception as error:
            tell(f"the figures cannot be compared: {error!r}")
    elif not FINDINGS:
        tell("it has no figures")
    print(f"{len(FINDINGS)} findings", *FINDINGS[:1000], sep="\n")
    sys.exit(1 if FINDINGS else 0)

if __name__ == "__main__":
    main()
