"""The figures of a plan from its records, in whole numbers and fractions: energy, imputation, O, M, TA, R,
intensities, coverage and validity, as docs/report.md tells them. For verify-bundle.py."""
import datetime, math
from collections import defaultdict
from fractions import Fraction

WEIGHTS = {"credit": 24, "drawdown": 7, "repayment": 3, "query": 1}  # T/CQJR 032.2-2025, Table 2
SEEN, QUIET, ENCRYPTED, NOT_CAPTURED, NO_RULE = 1, 2, 3, 4, 5
HOUR, MILLION, NONE = 3600 * 10**9, 10**6, (0, 0, 0)

def divide(total, weights):
    """By largest remainder; equal remainders go to the earlier part."""
    if not (whole := sum(weights)):
        return [total] + [0] * (len(weights) - 1)
    parts = [total * weight // whole for weight in weights]
    order = sorted((i for i, w in enumerate(weights) if w), key=lambda i: (-(total * weights[i] % whole), i))
    for i in order[:total - sum(parts)]:
        parts[i] += 1
    return parts
def half_even(value, ppm):
    return round(Fraction(value * ppm, MILLION))
def plus(one, other):
    return [a + b for a, b in zip(one or NONE, other)]

def nanoseconds(text):
    day, _, fraction = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(day + "+00:00")
    return int(at.timestamp()) * 10**9 + int(fraction.ljust(9, "0"))

def union(spans):
    """The stretches that spans cover, in order, and how much is covered twice."""
    merged, twice = [], 0
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            twice += min(end, merged[-1][1]) - start
            merged[-1][1] = max(end, merged[-1][1])
        elif start < end:
            merged.append([start, end])
    return merged, twice

def gaps(covered, low, high):
    for start, end in covered:
        if end > low and start < high:
            if start > low:
                yield low, start
            low = max(low, end)
    if low < high:
        yield low, high

class Machine:
    """A host or device of the plan: its slices (start, end, round, site, factor, market factor)."""
    def __init__(self, planned, plan, begin, length, rounds, device):
        self.id, self.plan, self.device = planned["id"], planned, device
        self.share = planned["allocation"].get("share_ppm", MILLION)
        end, sites = begin + rounds * length, {site["id"]: site for site in plan["sites"]}
        when = lambda o, key, default: nanoseconds(o[key]) if key in o else default
        self.slices, self.windows = [], defaultdict(list)
        for one in planned.get("assignments", [{"site": planned.get("site")}]):
            site = sites[one["site"]]
            low, high = max(begin, when(one, "from", begin)), min(end, when(one, "to", end))
            supplies = [[(when(s, "from", 0), s["factor"]) for s in site[key]]
                        for key in ("supplies", "market_supplies")]
            cuts = {low, high} | {at for s in supplies for at, _ in s if low < at < high}
            cuts = sorted(cuts | {t for t in range(begin, end, length) if low < t < high})
            for start, stop in zip(cuts, cuts[1:]):
                found = [next((f for at, f in reversed(s) if at <= start), None) for s in supplies]
                self.slices.append((start, stop, (start - begin) // length, site, found[0], found[1] or found[0]))
        self.slices.sort(key=lambda s: s[:2])
        self.energy = [None] * len(self.slices)      # (measured, bridged, estimated) of each
        self.processors = [NONE] * len(self.slices)  # of it, of CPUs and memory alone
        self.notes = defaultdict(lambda: {"records": 0, "seen": defaultdict(set), "sums": defaultdict(list)}
                                 | {k: [] for k in ("spans", "energy", "counted")} | {"scopes": set(), "rules": set()})

    def touched(self, start, end):
        return [i for i, s in enumerate(self.slices) if s[0] < end and s[1] > start]
    def round_at(self, time):
        return next((s[2] for s in self.slices if s[0] <= time < s[1]), None)

    def place(self, parts, start, end, scope, instant=False):
        """Divides an energy by time among slices, and notes its power."""
        cut = [(i, max(start, self.slices[i][0]), min(end, self.slices[i][1])) for i in self.touched(start, end)]
        weights = [high - low for _, low, high in cut]
        shares = divide(sum(parts), weights + [end - start - sum(weights)])
        for (i, low, high), share in zip(cut, shares):
            own = divide(share, parts) if share != sum(parts) else parts
            self.energy[i] = plus(self.energy[i], own)
            self.processors[i] = plus(self.processors[i], own if scope == 2 else NONE)
            if not instant:
                self.notes[self.slices[i][2]]["energy"].append((low, high))
        if not instant and (at := self.round_at(end - 1)) is not None:
            self.windows[at].append((end, Fraction(sum(parts), end - start)))

    def imputed(self, r):
        """The energy for gaps, by slice: the hour's 95th percentile or the power before, the larger."""
        covered, found, hours = union(self.notes[r]["energy"])[0], defaultdict(int), defaultdict(list)
        powers = sorted(self.windows[r])
        rank = lambda some: sorted(some)[-(len(some) // 20 + 1)]
        for end, power in powers:
            hours[(end - 1) // HOUR].append(power)
        for i, (first, last, *_) in enumerate(self.slices):
            for at, stop in gaps(covered, first, last) if self.slices[i][2] == r else []:
                while at < stop:
                    until = min(stop, (at // HOUR + 1) * HOUR)
                    known = [power for end, power in powers if end <= at][-1:]
                    known += [rank(hours[at // HOUR])] if at // HOUR in hours else []
                    if powers:
                        power = max(known) if known else rank([power for _, power in powers])
                        found[i] += math.ceil(power * (until - at))
                    at = until
        return found

    def boundary(self, r, enough):
        """Slices with measured, bridged, estimated and imputed energy after wall ratio and share."""
        imputed = self.imputed(r) if enough else {}
        for i, s in enumerate(self.slices):
            if s[2] != r or self.energy[i] is None and not imputed.get(i):
                continue
            parts, more = list(self.energy[i] or NONE), imputed.get(i, 0)
            if ratio := self.plan.get("wall_ratio", {}).get("ppm"):
                parts = [k - p for k, p in zip(parts, self.processors[i])]
                parts[2] += half_even(sum(self.processors[i]), ratio)
                more = half_even(more, ratio) if 2 in self.notes[r]["scopes"] else more
            parts.append(more)
            yield s, divide(half_even(sum(parts), self.share), parts)

class Figures:
    """The figures of a plan, from records in any order."""
    def __init__(self, plan, imports):
        self.plan, schedule = plan, plan["schedule"]
        self.begin, self.length = nanoseconds(schedule["start"]), schedule["length_ns"]
        self.planned = schedule["rounds"]
        self.count = min(self.planned + schedule["reserve"], 10_000)  # no plan may have more
        self.end = self.begin + self.count * self.length
        self.machines = [Machine(one, plan, self.begin, self.length, self.count, key == "devices")
                         for key in ("hosts", "devices") for one in plan[key]]
        self.hosts = {m.id: m for m in self.machines if not m.device}
        self.layer = {s["id"]: set(s["counted_by"]) or set(self.hosts) for s in plan["scenarios"]}
        self.traffic = {s["id"] for s in plan["scenarios"] if s["volume"] == "traffic"}
        self.places, self.counts, self.ledger = defaultdict(list), defaultdict(list), imports["ledger"]
        for machine in self.machines:
            for start, end, energy in imports["meter"].get(machine.plan["meter"], []) if machine.device else []:
                if cut := machine.touched(start, end):
                    whole = machine.slices[cut[0]][0] <= start and end <= machine.slices[cut[0]][1]
                    machine.place((energy, 0, 0) if whole else (0, 0, energy), start, end, 1)
                    for r in {machine.slices[i][2] for i in cut}:
                        machine.notes[r]["records"] += 1

    def add(self, host, run, record, manifest, told):
        """A window's record, with what the completions of the window told."""
        start, instant, names = record["start"], record["end"] <= record["start"], manifest["scenarios"]
        end, told = max(record["end"], start + 1), [] if record["stopped"] else told
        for scenario, digest, flows, place, position in told:
            self.places[manifest["secret"], names[scenario], digest].append(
                (end, host, run, place, position, flows))
        machine, before = self.hosts.get(host), max(0, start - record["carried"])
        if machine is None or before >= self.end or end <= self.begin:
            return
        if record["parts"] is not None:
            machine.place(record["parts"], before, end, manifest["scope"], instant)
        at, observed = machine.round_at(end - 1), dict(zip(names, record["observed"]))
        ruled = {o for name, o in observed.items()
                 if o != NO_RULE and name in self.traffic and host in self.layer[name]}
        known, noted = ruled and ruled <= {SEEN, QUIET} and not record["stopped"], set()
        for low, high, r, *_ in (machine.slices[i] for i in machine.touched(start, end)):
            note, piece = machine.notes[r], (max(start, low), min(end, high))
            if not instant:
                note["spans"].append(piece)
                note["counted"] += [piece] if known else []
            note["scopes"].add(manifest["scope"])
            note["records"] += r not in noted
            noted.add(r)
            for name, o in observed.items():
                if r == at if o <= QUIET else not record["stopped"]:
                    note["seen"][name].add(o)
        if at is None:
            return
        machine.notes[at]["rules"].add(manifest["rules"])
        for i, name in enumerate(names):
            flows, added = record["flows"][i], sum(one[2] for one in told if one[0] == i)
            fleet = manifest["fleet"][i] if manifest["fleet"] else False
            machine.notes[at]["sums"][name].append(
                (flows, max(added, flows) if fleet and added != flows else 0,
                 manifest["secret"] if fleet and (flows or added) else None))
            if host in self.layer.get(name, ()):
                self.counts[name].append((end - 1, flows))

    def repeated(self):
        """Flows of all places but the earliest, by scenario and host."""
        found = defaultdict(list)
        for (_, name, _), places in self.places.items():
            known = [p for p in places if p[1] in self.layer.get(name, ()) and p[1] in self.hosts and (
                not self.begin < p[0] <= self.end or self.hosts[p[1]].round_at(p[0] - 1) is not None)]
            for end, host, *_, flows in sorted(known)[1:]:
                found[name, host].append((end - 1, flows))
        return found

    def word(self, name, low, high):
        """What the ledger tells of a round, if all of it, and whether that was counted."""
        at, total, equal = low, 0, True
        for start, end, flows in self.ledger.get(name, []):
            if start < high and end > low:
                at, total = end if start == at else -1, total + flows
                counted = sum(f for t, f in self.counts[name] if start <= t < end)
                taken = sum(f for (one, _), some in self.taken.items() if one == name
                            for t, f in some if start <= t < end)
                equal &= counted - min(counted, taken) == flows
        return total if at == high else None, equal and at == high

    def volume(self, planned, r, machines, problems):
        """TA, or None where it is not known."""
        name, low = planned["id"], self.begin + r * self.length
        total, equal = self.word(name, low, low + self.length)
        if planned["volume"] == "ledger":
            return total
        told, ta, whole, untold, seen, secrets = total if equal else None, 0, 0, 0, set(), set()
        if planned["reconciled"] and told is None:
            problems.append(f"{name} is not reconciled")
        for m in (m for m in machines if not m.device and m.id in self.layer[name]):
            note, sums = m.notes[r], m.notes[r]["sums"].get(name, [])
            flows = sum(s[0] for s in sums)
            taken = sum(f for t, f in self.taken[name, m.id] if low <= t < low + self.length)
            ta, whole, untold = ta + flows - min(flows, taken), whole + flows, untold + sum(s[1] for s in sums)
            seen, secrets = seen | note["seen"][name], secrets | {s[2] for s in sums} - {None}
            if planned["counted_by"] and note["records"] and (
                    not note["seen"][name] or NO_RULE in note["seen"][name]):
                problems.append(f"{m.id} has no rule for {name}")
        if untold > (1 - 0.95) * whole or len(secrets) > 1:
            problems.append(f"repeated flows of {name} cannot be told")
        if seen & {ENCRYPTED, NOT_CAPTURED}:
            return ta if told == ta else None
        return ta if SEEN in seen and ta else 0 if told == 0 and seen & {SEEN, QUIET} else None

    def mass(self, m, r):
        """M of a machine: low, typical, high."""
        model = {one["id"]: one for one in self.plan["embodied"]["models"]}[m.plan["model"]]
        life = model["lifetime_hours"] * HOUR
        born = nanoseconds(m.plan["installed"]) if "installed" in m.plan else None
        served = sum(s[1] - s[0] if born is None else max(0, min(s[1], born + life) - max(s[0], born))
                     for s in m.slices if s[2] == r)
        return [Fraction(model[key] * served * m.share, life * MILLION)
                for key in ("low_grams", "typical_grams", "high_grams")]

    def round(self, r):
        plan, problems, rows, low = self.plan, [], {}, self.begin + r * self.length
        factors = {f["id"]: f["micrograms_per_kwh"] for f in plan["factors"]}
        machines = [m for m in self.machines if any(s[2] == r for s in m.slices)]
        problems += [] if machines else ["no machine"]
        volumes = {s["id"]: self.volume(s, r, machines, problems) for s in plan["scenarios"]}
        problems += [f"TA of {name} is not known" for name, one in volumes.items() if one is None]
        sums, grams, mass, known, likely, silent, has_pue = [0] * 4, [0, 0], [0] * 3, 0.0, 0.0, 0, True
        for m in machines:
            note, own = m.notes[r], [0] * 4
            expected = sum(s[1] - s[0] for s in m.slices if s[2] == r)
            spans, twice = union(note["energy"])
            covered = sum(end - start for start, end in spans)
            enough = covered * MILLION >= plan["validity"]["minimum_coverage_ppm"] * expected
            if not (note["records"] and enough):
                problems.append(f"{m.id} is known for {covered} of {expected} ns")
            if max(twice, union(note["spans"])[1]) / expected > 1 - 0.99:
                problems.append(f"records of {m.id} overlap")
            for s, parts in m.boundary(r, enough):
                own, pue = plus(own, parts), s[3].get("pue", {}).get("ppm")
                has_pue &= pue is not None
                for i, lift in enumerate((MILLION, pue or MILLION)):
                    grams[i] += Fraction(sum(parts) * factors[s[4]] * lift, 36 * 10**17 * MILLION)
            sums, silent = plus(sums, own), silent + (not covered or not any(own))
            if covered and any(own):
                known, likely = known + sum(own[:3]), likely + sum(own[:3]) * expected / covered
            rows[m.id] = {"covered": covered, "energy": sum(own)}
            mass = plus(mass, self.mass(m, r)) if "models" in plan["embodied"] else None
            counts = {n for n in self.traffic & set(note["seen"]) if not m.device and m.id in self.layer[n]
                      and note["seen"][n] - {NO_RULE}}
            if counts and plan["rule_digests"] and note["rules"] - {""} - set(plan["rule_digests"]):
                problems.append(f"{m.id} counted by other rules")
            if sum(b - a for a, b in union(note["counted"])[0]) < expected and any(
                    not self.word(n, low, low + self.length)[1] for n in counts):
                problems.append(f"the counts of {m.id} are not known all the time")
        likely += silent * likely / (len(machines) - silent) if silent < len(machines) else 0
        units = sum(WEIGHTS[n] * v for n, v in volumes.items()) if set(volumes) == set(WEIGHTS) and all(
            v is not None for v in volumes.values()) else None
        o = [grams[0] if any(sums) else None, grams[1] if any(sums) and has_pue else None]
        chosen = o[plan["scope"] == "facility"]
        sci = (chosen + (mass[1] if mass else 0)) / units if chosen is not None and units else None
        return {"energy": sums, "o_grams": chosen, "o_it_grams": o[0], "o_facility_grams": o[1],
                "mass": mass, "r_cf": units, "sci_grams_per_unit": sci, "volumes": volumes, "rows": rows,
                "coverage": known / likely if likely else 0, "valid": not problems and sci is not None}

    def rounds(self, made):
        """The closed rounds, each with its use: the first valid reserve rounds replace invalid ones."""
        self.taken, lacking, rounds = self.repeated(), 0, {}
        for r in range(self.count):
            if self.begin + (r + 1) * self.length + self.plan["schedule"]["grace_ns"] > made:
                break
            one = rounds[r] = self.round(r)
            planned = "counted" if r < self.planned else "replaces" if lacking else "not_needed"
            one["use"] = planned if one["valid"] or planned == "not_needed" else "invalid"
            lacking += (one["use"] == "invalid") * (r < self.planned) - (one["use"] == "replaces")
        return rounds
