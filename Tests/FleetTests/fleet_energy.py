#!/usr/bin/env python3
"""What the hosts of the lab's fleet used: by window, by segment, in the boundary.

From the energy that each used in each second and what was done to its agent, clock and counters, by the
rules of docs/report.md, in whole numbers and fractions, with nothing of the program.
"""
import math, sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fleet_play as lab  # noqa: E402

SECOND, START, ROUND = lab.SECOND, lab.START, lab.ROUND * lab.SECOND
ROUNDS = range(lab.PLANNED + lab.RESERVE)
HOUR = 3600 * SECOND
STATES = ("measured", "bridged", "estimated", "imputed")


def start_of(number):
    return START + number * ROUND


def half_even(value):
    return round(value) if isinstance(value, Fraction) else value


# Windows: what the lab knows that a host's agent can tell.

class Window:
    """`span` as its host's clock says; `energy` is None where counters cannot tell it."""

    def __init__(self, start, end, energy, state="measured", idle=0, covers=None):
        self.start, self.end, self.energy, self.state, self.idle = start, end, energy, state, idle
        # Energy that comes late covers the time before its window too.
        self.covers = covers or (start, end)


def may_wrap_twice(host, seconds):
    """Whether half of a counter's range, or more, can be used in a time at 1,000 W."""
    return any(seconds * 10**9 > 2**32 * unit // 1000 // 2 for unit in lab.units(host))


def windows(host, energies):
    """The windows of a host with a record, as its own clock labels them, by run of its spool."""
    events = lab.EVENTS.get(host, [])
    at = {}
    for second, kind, *value in events:
        at.setdefault(second, []).append((kind, *value))
    lost, silent, bridged, failing = set(), set(), set(), set()
    for second, kind, *_ in events:
        if kind == "reset":
            lost.update((second, second + 1))
    stops = [second for second, kind, *_ in events if kind == "stop"]
    starts = [second for second, kind, *_ in events if kind == "start"]
    for stop, start in zip(stops, starts):
        kinds = {kind for kind, *_ in at[start]}
        down = range(stop, start)
        if "forget" in kinds:
            silent.update(down)
        elif "boot" in kinds or may_wrap_twice(host, start - stop):
            lost.update(down)
        else:
            bridged.update(down)
    for second, kind, *_ in events:
        if kind == "fail":
            failing = set(range(second, next(s for s, k, *_ in events if k == "mend")))
    runs, made, waiting = [[]], [], 0
    idle = lab.IDLE_WATTS["wall" if host in lab.WALL else "rapl"] * 10**6
    offset, before, begin, planned = 0, 0, -lab.LEAD, -lab.LEAD + 1
    pending, seconds, waits_since = 0, 0, None
    for second in range(-lab.LEAD, lab.SECONDS - lab.LEAD):
        used = sum(energies[second + lab.LEAD])
        for kind, *value in at.get(second, []):
            if kind == "step":
                offset += value[0]
            if kind == "forget":
                runs.append([])
        if second in silent:
            begin, planned = second + 1, second + 2
            continue
        pending, seconds = pending + used, seconds + 1
        closed, now = [], second + 1 + offset
        if offset != before:
            label = second + 1 + before
            while planned <= label:
                closed.append((begin, planned))
                begin, planned = planned, planned + 1
            if label > begin:
                closed.append((begin, label))
                begin = label
            if begin - now > 1:
                begin = now
            planned, before = max(begin, now) + 1, offset
        while planned <= now:
            closed.append((begin, planned))
            begin, planned = planned, planned + 1
        assert len(closed) <= 1, "a step that the lab does not know"
        for low, high in closed:
            span = (START + low * SECOND, START + high * SECOND)
            if second in lost:
                window = Window(*span, None)
            elif second in failing:
                window = Window(*span, None)
                waiting, waits_since = waiting + pending, waits_since or span[0]
            elif waiting:
                window = Window(*span, waiting + pending, "bridged", 0, (waits_since, span[1]))
                waiting, waits_since = 0, None
            else:
                state = "bridged" if second in bridged else "measured"
                window = Window(*span, pending, state, min(pending, idle * seconds))
            runs[-1].append(window)
            pending, seconds = 0, 0
    return runs


# Service: where and when, by what electricity.

class Segment:
    def __init__(self, start, end, site):
        self.start, self.end, self.site = start, end, site
        self.source, self.factor, self.market = lab_supply(site, start)
        self.energy = {state: 0 for state in STATES}
        self.idle, self.known = 0, False


def lab_supply(site, at):
    if site == "b":
        return "grid", lab.FACTORS["grid-b"], lab.FACTORS["contract"]
    if lab.FAILOVER <= at < lab.BACK:
        return "generator", lab.FACTORS["diesel"], lab.FACTORS["diesel"]
    return "grid", lab.FACTORS["grid-a"], lab.FACTORS["grid-a"]


def second_of(value, default):
    return default if value is None else START + value * SECOND


def segments(machine, number):
    spans = [(machine[0], None, None)]
    if machine == lab.DEVICE["id"]:
        spans = [(lab.DEVICE["site"], None, None)]
    spans = lab.ASSIGNMENTS.get(machine, spans)
    made = []
    for site, low, high in spans:
        begin = max(start_of(number), second_of(low, 0))
        end = min(start_of(number + 1), second_of(high, 2**63))
        cuts = [cut for cut in (lab.FAILOVER, lab.BACK) if site == "a" and begin < cut < end]
        edges = [begin, *cuts, end]
        made += [Segment(a, b, site) for a, b in zip(edges, edges[1:]) if a < b]
    return made


def overlap(a, b, c, d):
    return max(0, min(b, d) - max(a, c))


def share(energy, part, whole):
    assert energy * part % whole == 0, "the lab cuts where whole microjoules are"
    return energy * part // whole


def powers(chosen):
    """The mean powers of windows in microjoules a nanosecond, the smallest first."""
    return sorted(Fraction(one.energy, one.covers[1] - one.covers[0]) for one in chosen)


def percentile(ordered):
    """The 95th by nearest rank."""
    return ordered[math.ceil(len(ordered) * Fraction(95, 100)) - 1]


class MachineRound:
    """What a machine used in a round: metered, of the host, and in the boundary, by segment."""

    def __init__(self, machine, number, all_windows):
        self.id, self.number, self.is_device = machine, number, machine == lab.DEVICE["id"]
        self.metered = segments(machine, number)
        self.expected = sum(one.end - one.start for one in self.metered)
        # Those whose last nanosecond is in the round and in service.
        self.own = [one for one in all_windows if self.serves(one.end - 1)]
        self.known = [one for one in all_windows if one.energy is not None]
        self.add_known()
        gaps = self.gaps()
        self.covered = self.expected - sum(high - low for low, high in gaps)
        self.is_filled = self.expected and Fraction(self.covered, self.expected) >= Fraction(95, 100)
        if self.is_filled:
            for low, high in gaps:
                self.fill(low, high)
        self.host = [self.scoped(one) for one in self.metered]
        self.boundary = [self.allocated(one) for one in self.host]

    def serves(self, at):
        return any(one.start <= at < one.end for one in self.metered)

    def add_known(self):
        for window in self.known:
            low, high = window.covers
            for one in self.metered:
                part = overlap(low, high, one.start, one.end)
                if part == 0:
                    continue
                one.known = True
                one.energy[window.state] += share(window.energy, part, high - low)
                one.idle += share(window.idle, part, high - low)

    def gaps(self):
        found = []
        for one in self.metered:
            at = one.start
            for low, high in sorted(window.covers for window in self.known):
                if high <= at or low >= one.end:
                    continue
                if low > at:
                    found.append((at, low))
                at = max(at, high)
            if at < one.end:
                found.append((at, one.end))
        return found

    def fill(self, low, high):
        """Hour by hour, the larger of the hour's 95th percentile and the power before the gap."""
        while low < high:
            end = min(high, (low // HOUR + 1) * HOUR)
            own = [one for one in self.own if one.energy is not None]
            hourly = powers(one for one in own if (one.end - 1) // HOUR == low // HOUR)
            before = [one for one in own if one.end <= low]
            latest = max((one.end for one in before), default=None)
            last = powers(one for one in before if one.end == latest)
            found = [percentile(hourly)] * bool(hourly) + last[-1:] or [percentile(powers(own))]
            for one in self.metered:
                if one.start <= low < one.end:
                    one.energy["imputed"] += math.ceil(max(found) * (end - low))
            low = end

    def scoped(self, one):
        """After the wall ratio."""
        made = copy(one)
        if self.id in lab.RATIOS:
            ratio = Fraction(lab.RATIOS[self.id])
            known = sum(one.energy[state] for state in STATES if state != "imputed")
            made.energy = dict.fromkeys(STATES, 0)
            made.energy["estimated"] = half_even(known * ratio)
            made.energy["imputed"] = half_even(one.energy["imputed"] * ratio)
            made.idle = half_even(one.idle * ratio)
        return made

    def allocated(self, one):
        made = copy(one)
        part = Fraction(lab.SHARES.get(self.id, "1"))
        total = sum(one.energy.values())
        rest = half_even(total * part)
        made.idle = min(half_even(one.idle * part), rest)
        if total:
            exact = {state: Fraction(one.energy[state] * rest, total) for state in STATES}
            made.energy = {state: math.floor(exact[state]) for state in STATES}
            left = rest - sum(made.energy.values())
            order = sorted(STATES, key=lambda state: (made.energy[state] - exact[state],
                                                      STATES.index(state)))
            for state in order[:left]:
                made.energy[state] += 1
        return made

    @property
    def share(self):
        return Fraction(lab.SHARES.get(self.id, "1"))

    def embodied(self, kilograms):
        installed = START + lab.INSTALLED.get(self.id, -10**9) * SECOND
        life = lab.MODEL["lifetime_hours"] * HOUR
        if self.id not in lab.INSTALLED:
            time = self.expected
        else:
            time = sum(overlap(one.start, one.end, installed, installed + life)
                       for one in self.metered)
        return Fraction(kilograms * 1000 * time, life) * self.share


def copy(one):
    made = Segment(one.start, one.end, one.site)
    made.energy, made.idle, made.known = dict(one.energy), one.idle, one.known
    return made
