"""The rounds of a plan from its records, as docs/report.md tells them: TA, R, O, intensities, coverage, validity, and
which of them count; of what had come by a time, so that what a round closed with is computed too."""
from collections import defaultdict
from fractions import Fraction
from types import SimpleNamespace
from plan_machines import MILLION, Machine, entries, leaf, merkle, nanoseconds, row, total
from plan_records import COUNTS, ENCRYPTED, EVER, NO_RULE, NOT_CAPTURED, QUIET, SEEN, Record

WEIGHTS = {"credit": 24, "drawdown": 7, "repayment": 3, "query": 1}  # T/CQJR 032.2-2025, Table 2

class Rounds:
    """The rounds of a plan. Imports: rows of (name, start, end, value, came, gone) by kind, without overlap."""
    def __init__(self, plan, imports):
        self.plan, schedule, self.keys, self.counts = plan, plan["schedule"], {}, {}
        self.begin, self.length = nanoseconds(schedule["start"]), schedule["length_ns"]
        self.planned, self.grace = schedule["rounds"], schedule["grace_ns"]
        self.count = self.planned + schedule["reserve"]
        if not 0 < self.planned <= self.count <= 10_000:
            raise ValueError(f"a plan of {self.planned} rounds and {schedule['reserve']} in reserve: 10,000 at most")
        self.end = self.begin + self.count * self.length
        self.machines = [Machine(one, plan, self.begin, self.length, self.count, key == "devices")
                         for key in ("hosts", "devices") for one in plan[key]]
        self.hosts = {m.id: m for m in self.machines if not m.device}
        self.layer = {s["id"]: set(s["counted_by"]) or set(self.hosts) for s in plan["scenarios"]}
        self.traffic = {s["id"] for s in plan["scenarios"] if s["volume"] == "traffic"}
        self.factors = {f["id"]: f["micrograms_per_kwh"] for f in plan["factors"]}
        self.places, self.repeats, self.ledger = defaultdict(list), defaultdict(set), defaultdict(list)
        self.meter = defaultdict(list)
        for name, start, end, flows, came, gone in imports["ledger"]:
            for r in range(max(0, (start - self.begin) // self.length), min(
                    self.count, -((self.begin - end) // self.length))):
                self.ledger[name, r].append((start, end, flows, came, gone))
        for name, start, end, value, came, gone in imports["meter"]:
            if name in self.hosts and gone == EVER:
                self.meter[name].append((start, end, value))
            for m in (m for m in self.machines if m.device and m.plan["meter"] == name):
                if cut := m.touched(start, end):
                    whole = m.starts[cut[0]] <= start and end <= m.ends[cut[0]]
                    m.add(Record(m.id, 0, came, gone, start, start, end, False, (value, 0, 0) if whole else (
                        0, 0, value), (value, 0), {"scope": 1, "source": 0, "rules": ""}))

    def add(self, record, places):
        """A window's record, and the flows that its completions tell: secret, scenario, digest, place, flows."""
        for secret, name, digest, place, flows in () if record.stopped else places:
            known = self.places[secret, name, digest]
            known.append((record.end, record.host, record.run, *place, flows, record.came))
            if len(known) > 1:
                for time in {one[0] - 1 for one in (known if len(known) == 2 else known[-1:])}:
                    self.repeats[(time - self.begin) // self.length].add((secret, name, digest))
        if record.host in self.hosts:
            self.hosts[record.host].add(record)
    def entry(self, host, run, sequence, came, last, frame):
        if host in self.hosts and self.begin <= last < self.end:
            self.hosts[host].leaves[(last - self.begin) // self.length].append((run, sequence, came, leaf(frame)))

    def repeated(self, r, until):
        """Flows of the round at all places but the earliest, by scenario and host."""
        found = defaultdict(list)
        for key in self.repeats[r]:
            known = [p for p in self.places[key] if p[-1] <= until and p[1] in self.layer.get(key[1], ()) and p[1] in (
                self.hosts) and (not self.begin < p[0] <= self.end or self.hosts[p[1]].round_at(p[0] - 1) is not None)]
            for place in sorted(known)[1:]:
                if (place[0] - 1 - self.begin) // self.length == r:
                    found[key[1], place[1]].append((place[0] - 1, place[-2]))
        return found

    def lines(self, name, r, until, repeated):
        """The ledger's totals in a round beside what was counted, the sum where they are the whole round, and
        whether all of them, then, are equal to what was counted."""
        low, high, lines = self.begin + r * self.length, self.begin + (r + 1) * self.length, []
        at, flows = low, self.counts[name]
        for start, end, told, came, gone in sorted(self.ledger[name, r]):
            if came <= until < gone and low <= start and end <= high:
                counted = sum(f for t, f in flows if start <= t < end)
                taken = sum(f for t, f in repeated if start <= t < end)
                counted -= min(counted, taken)
                lines.append({"scenario": name, "counted": counted, "ledger": told, "difference": counted - told,
                              "time": (start, end)})
                at = end if start == at else -1
        whole = sum(line["ledger"] for line in lines) if at == high else None
        return lines, whole, whole is not None and not any(line["difference"] for line in lines)

    def scenario(self, planned, r, until, rows, repeated, problems):
        """TA, or None where it is not known, and the counts beside it, as the report tells them."""
        name, traffic = planned["id"], planned["volume"] == "traffic"
        rows = [row for row in rows if not row.machine.device]
        own = [row for row in rows if row.machine.id in self.layer[name]]
        self.counts[name] = [(x.end - 1, x.counts[name][0]) for row in own for x in row.last if name in x.counts]
        lines, whole, equal = self.lines(
            name, r, until, [one for row in own for one in repeated.get((name, row.machine.id), [])])
        found = dict.fromkeys((*COUNTS, "duplicates_across_hosts", "outside_counting_layer")) | {
            "scenario": name, "weight": WEIGHTS.get(name, 0), "ledger": whole, "lines": lines if traffic else [], "equal": equal, "ta": whole}
        if not traffic:
            return found | {"refusals": None if name == "credit" else 0}
        if planned["reconciled"] and not equal:
            problems.append(f"{name} is not reconciled")
        volume, untold, seen, secrets, taken = 0, 0, set(), set(), 0
        sums = total([x.counts[name] for row in own for x in row.last if name in x.counts], 1 + len(COUNTS))
        for row in own:
            counts = [(x.counts[name][0], x.told.get(name), x.manifest["secret"]) for x in row.last if name in x.counts]
            flows = sum(one[0] for one in counts)
            off = min(flows, sum(f for _, f in repeated.get((name, row.machine.id), [])))
            volume, taken, seen = volume + flows - off, taken + off, seen | row.seen[name]
            untold += sum(max(told, one) for one, told, _ in counts if told not in (None, one))
            secrets |= {secret for one, told, secret in counts if told is not None and (one or told)}
            if planned["counted_by"] and row.records and (not row.seen[name] or NO_RULE in row.seen[name]):
                problems.append(f"{row.machine.id} has no rule for {name}")
        if untold > (1 - 0.95) * sums[0] or len(secrets) > 1:
            problems.append(f"repeated flows of {name} cannot be told")
        told = whole if equal else None
        if seen & {ENCRYPTED, NOT_CAPTURED}:
            ta = volume if told == volume else None
        else:
            ta = volume if SEEN in seen and volume else 0 if told == 0 and seen & {SEEN, QUIET} else None
        found["ta"] = ta
        if ta is not None:
            others = [row for row in rows if row.machine.id not in self.layer[name]]
            outside = sum(x.counts[name][0] for row in others for x in row.last if name in x.counts)
            found |= dict(zip(COUNTS, sums[1:])) | {"duplicates_across_hosts": taken, "outside_counting_layer": outside}
        return found | {"refusals": min(sums[2], sums[0] - min(sums[0], sums[1])) if name == "credit" else 0}

    def grams(self, segments, scope, market=False, factors=None):
        """O of segments, or None where it is not known."""
        products, found, factors = 0, False, factors or self.factors
        if market and not any(site["market_supplies"] for site in self.plan["sites"]):
            return None
        for s in (s for s in segments if s.states is not None):
            factor = factors[s.slice.market if market else s.slice.factor]
            pue = s.slice.site.get("pue", {}).get("ppm") if scope == "facility" else MILLION
            if factor is None or pue is None:
                return None
            products, found = products + sum(s.states) * factor * pue, True
        return Fraction(products, 36 * 10**17 * MILLION) if found else None

    def round(self, r, until=EVER - 1):
        """A round's figures, of what had come by a time."""
        problems, repeated, low = [], self.repeated(r, until), self.begin + r * self.length
        counting = {m.id: {n for n in self.traffic if m.id in self.layer[n]} for m in self.machines}
        rows = [row(m, r, until, self.plan, counting[m.id]) for m in self.machines if m.rounds.get(r)]
        problems += [] if rows else ["no machine"]
        scenarios = [self.scenario(s, r, until, rows, repeated, problems) for s in self.plan["scenarios"]]
        problems += [f"TA of {s['scenario']} is not known" for s in scenarios if s["ta"] is None]
        equal, known, likely, silent = {s["scenario"] for s in scenarios if s["equal"]}, 0.0, 0.0, 0
        for one in rows:
            name, own = one.machine.id, total([s.states for s in one.segments if s.states is not None], 4)
            if not (one.records and one.enough):
                problems.append(f"{name} is known for {one.covered} of {one.expected} ns")
            if one.twice / one.expected > 1 - 0.99:
                problems.append(f"records of {name} overlap")
            silent += not one.covered or all(s.states is None for s in one.segments)
            if one.covered and any(s.states is not None for s in one.segments):
                known, likely = known + sum(own[:3]), likely + sum(own[:3]) * one.expected / one.covered
            counts = {n for n in counting[name] & set(one.seen) if one.seen[n] - {NO_RULE}} if (
                not one.machine.device) else set()
            if counts and self.plan["rule_digests"] and one.rules - {""} - set(self.plan["rule_digests"]):
                problems.append(f"{name} counted by other rules")
            if one.counted < one.expected and not counts <= equal:
                problems.append(f"the counts of {name} are not known all the time")
        likely += silent * likely / (len(rows) - silent) if silent < len(rows) else 0
        def units(volumes):
            return sum(WEIGHTS[n] * v for n, v in volumes.items()) if set(volumes) == set(WEIGHTS) and None not in (
                volumes.values()) else None
        one = SimpleNamespace(problems=problems, rows=rows, scenarios=scenarios, segments=[
            s for one in rows for s in one.segments], units=units({s["scenario"]: s["ta"] for s in scenarios}))
        one.span = low, low + self.length
        one.units_without_refusals = units({s["scenario"]: None if None in (s["ta"], s["refusals"]) else s["ta"] - min(
            s["ta"], s["refusals"]) for s in scenarios})
        one.mass = total([row.mass for row in rows]) if "models" in self.plan["embodied"] else None
        one.o = self.grams(one.segments, self.plan["scope"])
        one.grams = None if one.o is None else one.o + (one.mass[1] if one.mass else 0)
        one.sci = one.grams / one.units if one.grams is not None and one.units else None
        one.valid, one.missing = not problems and one.sci is not None, [
            row.machine.id for row in rows if not row.machine.device and not row.records]
        one.coverage = 0 if silent == len(rows) else known / likely if likely else 1
        roots = [leaf(m.id.encode(), b"\0", root) for m in self.hosts.values() if (root := entries(m, r, until)[0])]
        one.root = merkle(roots) if roots else None
        return one

    def standings(self, valid):
        """What becomes of closed rounds: the first valid reserve rounds replace invalid ones."""
        found, lacking = {}, []
        for r in valid:
            if r < self.planned:
                found[r] = ("counted" if valid[r] else "invalid", None)
                lacking += [] if valid[r] else [r]
            elif not lacking:
                found[r] = ("not_needed", None)
            elif valid[r]:
                found[r], found[lacking[0]] = ("replaces", lacking[0] + 1), ("invalid", r + 1)
                del lacking[0]
            else:
                found[r] = ("invalid", None)
        return found
    def has_later(self, r, closing):
        """Whether anything that a round rests on came after it closed, or may have."""
        came = [one for m in self.machines for some in (m.records[r], (p[0] for p in m.pieces[r])) for one in some]
        return bool(self.repeats[r]) or any(one.came > closing or one.gone < EVER for one in came) or any(
            one[2] > closing for m in self.machines for one in m.leaves[r]) or any(
            came > closing or gone < EVER for name in self.layer for *_, came, gone in self.ledger[name, r])
    def closed(self, made):
        """The rounds that were closed at a time, with their figures then and as they closed."""
        rounds = {}
        for r in range(self.count):
            if (closing := self.begin + (r + 1) * self.length + self.grace) > made:
                break
            rounds[r] = self.round(r)
            rounds[r].closing = self.round(r, closing) if self.has_later(r, closing) else rounds[r]
        for r, (use, other) in self.standings({r: one.valid for r, one in rounds.items()}).items():
            rounds[r].use, rounds[r].other = use, other
        return rounds
