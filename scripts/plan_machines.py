"""What records tell of the machines of a plan in its rounds, as docs/report.md has it: energy by time and factor,
imputation, wall ratio, share, M, coverage, roots; of what had come by a time. For plan_rounds.py."""
import bisect, datetime, hashlib, math, re
from collections import defaultdict, namedtuple
from fractions import Fraction
from types import SimpleNamespace
from plan_records import NO_RULE, QUIET, SEEN

HOUR, MILLION = 3600 * 10**9, 10**6
STATES = ("measured", "bridged", "estimated", "imputed")

Slice = namedtuple("Slice", "start end round site factor market source")
# Energy in the boundary by state, and of idle time; of the whole host, whose idle time is None behind a wall ratio.
Segment = namedtuple("Segment", "slice states idle simulated host host_idle")

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
def total(rows, width=3):
    return [sum(column) for column in zip([0] * width, *rows)]
def nanoseconds(text):
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z", text):
        raise ValueError(f"{text!r} is no time")
    day, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.datetime.fromisoformat(day + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))

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
    for i in range(bisect.bisect_right(covered, low, key=lambda span: span[1]), len(covered)):
        start, end = covered[i]
        if start >= high:
            break
        if start > low:
            yield low, start
        low = max(low, end)
    if low < high:
        yield low, high

def leaf(*data):
    return hashlib.sha256(b"\0" + b"".join(data)).digest()
def merkle(hashes):
    """RFC 6962, 2.1, from the hashes of the leaves."""
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle(hashes[:left]) + merkle(hashes[left:])).digest()

def amount(value, whole):
    return {"microjoules": value, "kwh": Fraction(value, 36 * 10**11), "share": Fraction(value, whole) if whole else 0}
def energy(segments):
    """Of segments, as the report tells it; None where none is known."""
    known = [s for s in segments if s.states is not None]
    states, simulated = total([s.states for s in known], 4), sum(sum(s.states) for s in known if s.simulated)
    parts = dict(zip(STATES, states)) | {
        "total": sum(states), "simulated": simulated, "idle": sum(s.idle for s in known)}
    return {key: amount(value, sum(states)) for key, value in parts.items()} if known else None

class Machine:
    """A host or device of the plan: its slices of time with one factor each, and its records by round."""
    def __init__(self, planned, plan, begin, length, rounds, device):
        self.id, self.plan, self.device = planned["id"], planned, device
        self.share = planned["allocation"].get("share_ppm", MILLION)
        self.ratio = planned.get("wall_ratio", {}).get("ppm")
        end, sites = begin + rounds * length, {site["id"]: site for site in plan["sites"]}
        when = lambda o, key, default: nanoseconds(o[key]) if key in o else default
        slices = []
        for one in planned.get("assignments", [{"site": planned.get("site")}]):
            site = sites[one["site"]]
            low, high = max(begin, when(one, "from", begin)), min(end, when(one, "to", end))
            supplies = [[(when(s, "from", 0), s["factor"], s["source"]) for s in site[key]]
                        for key in ("supplies", "market_supplies")]
            cuts = {low, high} | {at for s in supplies for at, *_ in s if low < at < high}
            first = begin + (low - begin) // length * length
            cuts = sorted(cuts | {t for t in range(first, high, length) if t > low})
            for start, stop in zip(cuts, cuts[1:]):
                found = [next((one for at, *one in reversed(s) if at <= start), (None, None)) for s in supplies]
                slices.append(Slice(start, stop, (start - begin) // length, site, found[0][0],
                                    found[1][0] or found[0][0], found[0][1]))
        self.slices = sorted(slices, key=lambda s: s.start)
        self.starts, self.ends = [s.start for s in self.slices], [s.end for s in self.slices]
        self.rounds, self.records, self.pieces = defaultdict(list), defaultdict(list), defaultdict(list)
        self.leaves = defaultdict(list)  # by round: run, sequence, when it came, hash
        for i, s in enumerate(self.slices):
            self.rounds[s.round].append(i)

    def touched(self, start, end):
        return range(bisect.bisect_right(self.ends, start), bisect.bisect_left(self.starts, end))
    def round_at(self, time):
        return next((self.slices[i].round for i in self.touched(time, time + 1)), None)
    def add(self, record):
        """Divides its energy by time among slices."""
        for r in sorted({self.slices[i].round for i in self.touched(record.start, record.end)}):
            self.records[r].append(record)
        if record.energy is None or not (cut := self.touched(record.begin, record.end)):
            return
        spans = [(max(record.begin, self.starts[i]), min(record.end, self.ends[i])) for i in cut]
        weights = [high - low for low, high in spans]
        shares = divide(whole := sum(record.energy), weights + [record.end - record.begin - sum(weights)])
        for i, span, share in zip(cut, spans, shares):
            own, uses = (record.energy, record.uses) if share == whole else (
                divide(share, record.energy), divide(share, record.uses))
            self.pieces[self.slices[i].round].append((record, i, span, own, uses[1]))

def imputed(machine, r, covered, powers):
    """The energy for gaps, by slice: the hour's 95th percentile or the power before, the larger."""
    found, hours, ends = defaultdict(int), defaultdict(list), [end for end, _ in powers]
    rank = lambda some: sorted(some)[-(len(some) // 20 + 1)]
    for end, power in powers:
        hours[(end - 1) // HOUR].append(power)
    ranks = {hour: rank(some) for hour, some in hours.items()}
    for i in machine.rounds[r] if powers else []:
        for at, stop in gaps(covered, machine.starts[i], machine.ends[i]):
            while at < stop:
                until, before = min(stop, (at // HOUR + 1) * HOUR), bisect.bisect_right(ends, at)
                known = [powers[before - 1][1]] * (before > 0) + [ranks[at // HOUR]] * (at // HOUR in ranks)
                power = max(known) if known else rank([power for _, power in powers])
                found[i], at = found[i] + math.ceil(power * (until - at)), until
    return found

def boundary(machine, r, pieces, more, scopes, simulated):
    """The segments of a round, with energy after wall ratio and share."""
    found = defaultdict(list)
    for piece in pieces:
        found[piece[1]].append(piece)
    for i in machine.rounds[r]:
        if i not in found and not more.get(i):
            yield Segment(machine.slices[i], None, 0, simulated, None, None)
            continue
        states, idle, lacking = total(p[3] for p in found[i]), sum(p[4] for p in found[i]), more.get(i, 0)
        plain, whole = idle, [*states, lacking]
        if machine.ratio:
            lifted = total(p[3] for p in found[i] if p[0].manifest["scope"] == 2)
            idle = half_even(idle, machine.ratio) if any(lifted) and sum(lifted) == sum(states) else idle
            states = [a - b for a, b in zip(states, lifted)]
            states[2] += half_even(sum(lifted), machine.ratio)
            lacking = half_even(lacking, machine.ratio) if 2 in scopes else lacking
        states.append(lacking)
        own = divide(half_even(sum(states), machine.share), states)
        yield Segment(machine.slices[i], own, min(half_even(idle, machine.share), sum(own)), simulated, states,
                      plain if states == whole else None)

def entries(machine, r, until):
    """Of a host's entries in a round, in service or not: the root over them, how many, and the runs' ends."""
    leaves, runs = sorted(one for one in machine.leaves[r] if one[2] <= until), []
    for run, sequence, *_ in leaves:
        if runs and runs[-1][0] == run:
            runs[-1][2] = sequence
        else:
            runs.append([run, sequence, sequence])
    return (merkle([one[3] for one in leaves]), len(leaves), runs) if leaves else (None, None, [])

def row(m, r, until, plan, counting):
    """What is known of a machine in a round. Its counts of the scenarios `counting` must cover its time."""
    records = [x for x in m.records[r] if x.came <= until < x.gone]
    pieces = [p for p in m.pieces[r] if p[0].came <= until < p[0].gone]
    row = SimpleNamespace(machine=m, records=len(records), seen=defaultdict(set), rules=set(), last=[], mass=None)
    row.root, row.received, row.runs = entries(m, r, until)
    row.scopes, row.sources = {x.manifest["scope"] for x in records}, {x.manifest["source"] for x in records}
    row.simulated = any(x.simulated for x in records)
    row.clock = max((x.clock for x in records if x.clock is not None), default=None)
    row.expected = sum(m.slices[i].end - m.slices[i].start for i in m.rounds[r])
    row.spans, twice = union(span for x, _, span, *_ in pieces if not x.instant)
    row.covered = sum(end - start for start, end in row.spans)
    row.enough = row.covered * MILLION >= plan["validity"]["minimum_coverage_ppm"] * row.expected
    powers = sorted((x.end, Fraction(sum(x.energy), x.end - x.begin)) for x, _, span, *_ in pieces
                    if span[1] == x.end and not x.instant)
    more = imputed(m, r, row.spans, powers) if row.enough else {}
    row.segments = list(boundary(m, r, pieces, more, row.scopes, row.simulated))
    windows, counted = [], []
    for x in records:
        ruled = {o for name, o in x.observed.items() if o != NO_RULE and name in counting}
        spans = [(max(x.start, m.starts[i]), min(x.end, m.ends[i])) for i in m.touched(x.start, x.end)
                 if m.slices[i].round == r and not x.instant]
        windows += spans
        counted += spans if ruled and ruled <= {SEEN, QUIET} and not x.stopped else []
        if is_last := m.round_at(x.end - 1) == r and not m.device:
            row.last.append(x)
            row.rules.add(x.manifest["rules"])
        for name, o in x.observed.items():
            if is_last if o <= QUIET else not x.stopped:
                row.seen[name].add(o)
    row.counted = sum(end - start for start, end in union(counted)[0])
    row.twice = max(twice, union(windows)[1])
    if "models" in plan["embodied"]:
        model = next(one for one in plan["embodied"]["models"] if one["id"] == m.plan["model"])
        life = model["lifetime_hours"] * HOUR
        born = nanoseconds(m.plan["installed"]) if "installed" in m.plan else None
        served = sum(s.end - s.start if born is None else max(0, min(s.end, born + life) - max(s.start, born))
                     for s in (m.slices[i] for i in m.rounds[r]))
        row.mass = [Fraction(model[key] * served * m.share, life * MILLION)
                    for key in ("low_grams", "typical_grams", "high_grams")]
    return row
