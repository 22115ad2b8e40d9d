#!/usr/bin/env python3
"""Verifies an evidence bundle of jouleflow-collector, without jouleflow-collector.
Reads the format of docs/bundle.md, verifies digests, plans, imports, chains and signatures, computes the report anew
from the raw records (plan_documents.py: documents and imports; plan_runs.py: chains, signatures and holes of runs;
plan_records.py: manifests and records; plan_machines.py: what each machine used; plan_rounds.py: rounds;
plan_figures.py: the report; plan_beside.py: what it tells beside figures, and factors) and names what is wrong with its
place. Status 0: nothing; 1: something; 5: the bundle, or the file of factors that is named behind it, cannot be read.
Python's own library alone; memory grows with the number of records.
"""
import itertools, math, re, struct, sys
from fractions import Fraction
from plan_beside import contradictions, losses, named, published, strange_keys, table, terms, utc
from plan_documents import FACTS, MISSING, canonical, check_closing, check_import, parse, read_facts, replaced
from plan_figures import Report, counting
from plan_machines import nanoseconds
from plan_records import number, read_completions, read_frame, read_manifest, read_record
from plan_rounds import Rounds
from plan_runs import FINDINGS, Run, sha256, tell


def entries(file):
    """Type, payload and place of each entry; ends where a digest is another."""
    digest, count, at = sha256(b"JFBUNDL1"), 0, 8
    if file.read(8) != b"JFBUNDL1":
        raise OSError(f"{file.name}, byte 0: this is no bundle of jouleflow-collector")
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

# The order of entries: types that stand beside each other.
ORDER = ((16,), (17,), (18, 19), (20,), (24,), (1,), (2, 3, 4, 7, 8), (5,), (21,))

class Bundle:
    """What a bundle holds: documents as (type, facts, bytes, place), and what its records come to."""
    def __init__(self, file):
        self.documents, self.manifests, self.runs, self.run, self.rounds = [], {}, {}, None, None
        self.waiting, self.window, self.is_open, self.is_over, self.place = [], None, False, False, 0
        for kind, payload, place in itertools.chain(entries(file), [(None, b"", "the end")]):
            try:
                self.take(kind, payload, place)
            except Exception as error:  # whatever a hostile file makes of it, the rest is looked at
                tell(f"{place}: cannot be read: {error!r}")
            if self.is_over:
                break
    def of(self, kind):
        return [(facts, body) for one, facts, body, _ in self.documents if one == kind]
    def close(self):
        """A document is over: its bytes must be as many as its facts tell."""
        if self.is_open:
            kind, facts, body, place = self.documents[-1]
            if len(body) != facts["bytes"]:
                tell(f"{place}: {facts['bytes']} bytes of the document are told, {len(body)} are there")
        self.is_open = False
    def take(self, kind, payload, place):
        if kind == 22:
            if not self.is_open:
                raise ValueError("bytes of no document")
            return self.documents[-1][2].extend(payload)
        self.close()
        if (stage := next((i for i, kinds in enumerate(ORDER) if kind in kinds), self.place)) < self.place:
            tell(f"{place}: type {kind} is not in its order")
        self.place = stage
        if kind is None:
            if self.run:
                self.run.close(self.runs, self.rounds)
            elif self.of(21):
                self.begin()
            for run in self.runs.values():
                run.follow(self.runs, self.rounds)
        elif kind in FACTS:
            if kind in (16, 17, 21) and self.of(kind):
                tell(f"{place}: second {({16: 'head', 17: 'factors', 21: 'figures'})[kind]}")
            self.documents.append((kind, read_facts(kind, payload), bytearray(), place))
            self.is_open = True
        elif kind == 1:
            if (digest := int.from_bytes(sha256(payload)[:8], "big")) in self.manifests:
                tell(f"{place}: manifest {digest:x} is in it twice")
            self.manifests[digest] = read_manifest(payload)
        elif kind == 2:
            before, run = self.run, Run(payload)
            if before:
                before.close(self.runs, self.rounds)
            else:
                self.begin()
            if before and before.order >= run.order:
                what = "in it twice" if (run.agent, run.run) in self.runs else "not in its order"
                tell(f"{place}: {run.title} is {what}")
            self.run, self.rounds.keys[run.agent, run.run] = run, sha256(run.key)[:8].hex()
        elif kind in (4, 7, 8):
            first, last = struct.unpack("<2Q", payload)
            {4: self.run.lost, 7: self.run.parts, 8: self.run.deleted}[kind].append((first, last + 1))
        elif kind == 3:
            came, records = self.run.batch(payload, place)
            for sequence, record in records:
                try:
                    self.record(sequence, record, came)
                except Exception as error:
                    tell(f"{place}: record {sequence} of {self.run.title}: {error!r}")
        elif kind != 5:
            tell(f"{place}: type {kind} is none that this version knows")
    def begin(self):
        """Checks the documents, which stand before all runs."""
        self.is_over = True  # without them nothing can be computed
        head, before, proofs = self.of(16)[0][0], (0, 0), []
        for kind, facts, body, place in self.documents:
            if kind == 19 and (facts, body) in proofs:
                tell(f"{place}: a proof ({facts['kind']}) is in it twice")
            proofs = [] if kind == 18 else [*proofs, (facts, body)] if kind == 19 else proofs
        if head["format"] != "jouleflow-bundle-1":
            raise ValueError(f"the format is {head['format']!r}")
        for kind, key in ((18, "hash"), (24, "sha256")):
            for facts, body in self.of(kind):
                if sha256(body).hex() != facts[key]:
                    tell(f"{'plan' if kind == 18 else 'revision'} {facts[key]} has a text of another hash")
        latest = 0
        for facts, body in self.of(20):
            title = f"import {facts['id']} ({facts['kind']}, {facts['file']})"
            FINDINGS.extend(check_import(title, facts, body))
            if facts["id"] <= latest:
                tell(f"{title} is not in its place")
            latest = facts["id"]
        for facts, _ in self.of(24):
            this = facts["round"], facts["revision"]
            if this != (before[0], before[1] + 1) and (this[0] <= before[0] or this[1] != 1):
                tell(f"revision {this[1]} of round {this[0]} is not in its place")
            before = this
        plans = [one for one in self.of(18) if one[0]["hash"] == head["plan"]]
        if len(plans) != 1:
            tell(f"the plan {head['plan']} is in it {len(plans)} times")
        (self.facts, body), self.made = plans[0], head["made"]
        self.plan = canonical(body)
        self.is_late = nanoseconds(self.facts["sealed"]) >= nanoseconds(self.plan["schedule"]["start"])
        if nanoseconds(self.facts["start"]) != nanoseconds(self.plan["schedule"]["start"]):
            tell(f"the plan {head['plan']} begins at {self.plan['schedule']['start']} and is told to begin at "
                 f"{self.facts['start']}")
        if self.is_late:
            tell(f"plan {head['plan']} was sealed at {self.facts['sealed']}, after its first round began")
        self.rounds = Rounds(self.plan, {kind: replaced([one for one in self.of(20) if one[0]["kind"] == kind])
                                         for kind in ("meter", "ledger")})
        self.is_over = False
    def record(self, sequence, frame, came):
        run, (m, start, end) = self.run, read_frame(frame)
        if (manifest := self.manifests.get(number(m, 3))) is None:
            raise ValueError(f"its manifest {number(m, 3):x} is not there, or cannot be read")
        if (number(m, 1), number(m, 2), manifest["agent"]) != (run.run, sequence, run.agent):
            raise ValueError("it is another")
        last = max(end, start + 1) - 1
        self.rounds.entry(run.agent, run.run, sequence, came, last, frame)
        if self.window != (window := (run.run, start, end, number(m, 3))):
            self.waiting, self.window = [], window
        try:
            if number(m, 50):
                self.waiting += [(*one, (sequence, i)) for i, one in enumerate(read_completions(m, manifest["fleet"]))]
                return
            told, self.waiting = self.waiting, []
            record = read_record(m, manifest, run.agent, run.run, came, told)
        except Exception:
            if start < self.rounds.end and last >= self.rounds.begin:
                raise
            return  # no figure rests on it
        self.rounds.add(record, [(manifest["secret"], manifest["scenarios"][i], digest, place, flows)
                                 for i, digest, flows, place in told])

def same(path, told, computed, absent=MISSING):
    """Compares what is computed, and as much of what is told. A pair is a value and its scale."""
    value, scale = computed if isinstance(computed, tuple) else (computed, 0)
    if isinstance(value, dict) and isinstance(told, dict):
        for key, one in value.items():
            same(f"{path}.{key}" if path else key, told.get(key, absent), one, absent)
    elif isinstance(value, list) and isinstance(told, list):
        if len(told) != len(value):
            tell(f"figure {path}: {len(told)} entries are told, {len(value)} are computed")
        for index, (one, other) in enumerate(zip(told, value)):
            same(f"{path}[{index}]", one, other, absent)
    else:
        is_number = isinstance(value, (int, float, Fraction)) and bool not in (type(told), type(value))
        if absent is None and is_number and isinstance(told, str) and re.fullmatch(
                r"-?[0-9]{1,20}([.][0-9]{1,40})?(e[+-]?[0-9]{1,3})?", told):  # as revisions tell numbers, and no report
            told = Fraction(told)
        near = not isinstance(value, int) and is_number and isinstance(told, (int, float, Fraction)) and math.isclose(
            told, value, rel_tol=1e-12, abs_tol=float(scale) * 1e-12)
        if not near and (told != value or isinstance(told, bool) != isinstance(value, bool)):
            tell(f"figure {path}: {told} is told, {float(value) if isinstance(value, Fraction) else value} is computed")

def compare(bundle, own):
    facts, plan = bundle.facts, bundle.plan
    factors = table(text := bundle.of(17)[0][1].decode())
    FINDINGS.extend(contradictions(factors, plan, own := published(text) if own is None else own))
    report = Report(bundle.rounds, nanoseconds(bundle.made), [*(own or ()), *plan["factors"], *factors], facts["hash"])
    result, head = report.same["result"], bundle.of(16)[0][0]
    standing = "not_assessment" if bundle.is_late or "abandoned" in facts else (
        "assessment" if result["valid_rounds"] == result["planned_rounds"] else "incomplete")
    lists = [(one["sha256"], body) for one, body in bundle.of(20) if one["kind"] == "assets"]
    own = ("title", "organization", "contact", "boundary", "exclusions", "scope", "rule_digests")
    same("", told := parse(bundle.of(21)[0][1]), {
        "schema_version": 1, "kind": "plan_report", "software": {"name": head["software"], "version": head["version"]},
        "standing": standing, "generated": bundle.made, "plan": {key: plan[key] for key in own} | {
            "hash": facts["hash"], "sealed": facts["sealed"], "rounds": plan["schedule"]["rounds"],
            "m_policy": "included" if "models" in plan["embodied"] else "omitted"} | terms(bundle.rounds),
        "losses": losses(bundle.runs.values(), bundle.rounds.hosts),
        "assets": {"digest": lists[-1][0]} | report.assets(lists[-1][1].decode()) if lists else None,
        "sealed_plans": [{"hash": one["hash"], "sealed": one["sealed"]} for one, _ in bundle.of(18)],
        "imports": counting(bundle.of(20))} | report.same)
    FINDINGS.extend(strange_keys(told, {one.partition(": nothing is told")[0] for one in FINDINGS}))
    FINDINGS.extend(report.strange(told, [one for one, _ in bundle.of(24)]))
    for one, body in (one for one in bundle.of(24) if one[0]["revision"] == 1):
        if one["round"] - 1 in report.closed:
            title, low, high = f"round {one['round']} as it closed", *map(utc, report.closed[one["round"] - 1].span)
            try:
                check_closing(kept := canonical(body))
            except ValueError as error:
                tell(f"{title}: {error}")
                kept = parse(body)
            same(title, kept, report.closing(one["round"] - 1) | {"from": low, "to": high}, None)
        else:
            tell(f"round {one['round']} has figures that it closed with, and is not closed")
    print(f"made by {head['software']} {head['version']}: sentences are not compared")
    valid, mean = result["valid_rounds"], result["mean_grams_per_unit"]
    print(f"{'what is there gives ' * bool(FINDINGS)}{valid} valid rounds, mean {mean if mean is None else float(mean)}")

def main():
    try:
        own = named(sys.argv[2]) if len(sys.argv) > 2 else None
        with open(sys.argv[1], "rb") as file:
            bundle = Bundle(file)
    except (OSError, IndexError) as error:
        sys.exit(sys.stderr.write(f"usage: verify-bundle.py FILE [FACTORS.csv]: {error}\n") and 5)
    if bundle.is_over:
        tell("nothing was computed")
    elif bundle.of(21):
        try:
            compare(bundle, own)
        except Exception as error:
            tell(f"the figures cannot be compared: {error!r}")
    elif not FINDINGS:
        tell("it has no figures")
    print(f"{len(FINDINGS)} findings", *FINDINGS[:1000], sep="\n")
    sys.exit(1 if FINDINGS else 0)

if __name__ == "__main__":
    main()
