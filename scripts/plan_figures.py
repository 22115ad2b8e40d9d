"""The figures of a plan from its records, as docs/report.md tells them, in whole numbers and fractions, under the
keys of the report's JSON. For verify-bundle.py: plan_rounds.py computes rounds, this the rest of the report."""
import bisect, math, time
from collections import defaultdict
from fractions import Fraction
import plan_beside as beside
from plan_documents import rows
from plan_machines import MILLION, STATES, amount, divide, energy, gaps, leaf, merkle, nanoseconds, total
from plan_records import COUNTS, EVER
from plan_rounds import WEIGHTS

LEVELS = ("province", "region", "national")
REGIONS = {"华北": "北京 天津 河北 山西 山东 内蒙古", "东北": "辽宁 吉林 黑龙江", "华东": "上海 江苏 浙江 安徽 福建",
           "华中": "江西 河南 湖北 湖南", "西北": "陕西 甘肃 青海 宁夏 新疆", "南方": "广东 广西 海南 贵州 云南",
           "西南": "重庆 四川"}
REGION = {province: region for region, provinces in REGIONS.items() for province in provinces.split()}

def student(freedom):
    """The 0.975 quantile: Abramowitz and Stegun, 26.7.3 and 26.7.4, by halving."""
    def within(t):
        angle, odd = math.atan(t / math.sqrt(freedom)), freedom % 2
        term, total, square = math.cos(angle) if odd else 1, 0, math.cos(angle) ** 2
        for step in range(odd, freedom - 1, 2):
            total += term
            term *= square * (step + 1) / (step + 2)
        product = math.sin(angle) * total
        return (angle + product) * 2 / math.pi if odd else product
    low, high = 0, 16
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < 0.95 else (low, middle)
    return low

def sum_or_none(values):
    values = list(values)
    return None if None in values or not values else sum(values)

class Report:
    """`same` of it has each figure that is compared, under its path in the report's JSON."""
    def __init__(self, rounds, made, factors, plan_hash):
        self.rounds, self.plan, self.hash = rounds, rounds.plan, plan_hash
        # The first of an id counts: those of the program, of the plan, others.
        self.table = list({one["id"]: one for one in reversed(factors)}.values())[::-1]
        self.factors = {f["id"]: f for f in self.plan["factors"]}
        self.closed = closed = rounds.closed(made)
        self.counted = [one for one in closed.values() if one.use in ("counted", "replaces")]
        # The sums are over those that are invalid only because nothing was counted, too.
        self.summed = [one for one in closed.values() if one in self.counted or (
            one.use == "invalid" and not one.problems and one.units == 0 and one.grams is not None)]
        self.same = {
            "simulated": any(s.simulated and sum(s.states or ()) for one in closed.values() for s in one.segments),
            "rounds": [{"round": r + 1, "reserve": r >= rounds.planned, "span": beside.span(
                *(rounds.begin + n * rounds.length for n in (r, r + 1)))} | (self.round(closed[r], r) if r in closed else {
                    "use": "not_closed", "counted": False, "closed": None}) for r in range(rounds.count)],
            "result": self.result(closed), "sensitivity": self.lines, "months": self.months(closed.values()),
            "scenarios": self.scenarios(), "sites": self.sites(self.segments), "hosts": self.hosts(),
            "energy": energy(self.segments), "energy_by_source": self.sources(),
            "ledger_reconciliation": [
                {k: v for k, v in line.items() if k != "time"} | {"span": beside.span(*line["time"])}
                for one in closed.values() for s in one.scenarios for line in s["lines"]],
            "meter_comparison": self.meters(closed.values()),
            "factors": [beside.factor(f, self.plan) for f in self.plan["factors"]],
            "evidence": {"records_root": (roots := [leaf(one.root) for one in closed.values() if one.root])
                         and merkle(roots).hex() or None}}

    @property
    def segments(self):
        return [s for one in self.summed for s in one.segments]
    def carbon(self, segments):
        return {f"o_{key}grams": self.rounds.grams(segments, *how) for key, how in {
            "": (self.plan["scope"],), "it_": ("it",), "facility_": ("facility",),
            "market_": (self.plan["scope"], True)}.items()}
    def sites(self, segments):
        found = defaultdict(list)
        for s in segments:
            found[s.slice.site["id"]].append(s)
        return [{"site": site["id"], "energy": energy(found[site["id"]])} | beside.site(site, found[site["id"]]) | {
            k: v for k, v in self.carbon(found[site["id"]]).items() if k != "o_grams"}
            for site in self.plan["sites"] if site["id"] in found]

    def round(self, one, r):
        scenarios = [{k: v for k, v in s.items() if k not in ("lines", "refusals", "equal")} for s in one.scenarios]
        clocks, whole = [row.clock for row in one.rows if row.clock is not None], energy(one.segments)
        return self.carbon(one.segments) | {
            "imputed_share": whole and whole["imputed"]["share"],
            "counted": one in self.counted, "closed": beside.utc(one.span[1] + self.rounds.grace),
            "clock_error_ms": Fraction(max(clocks), 1000) if clocks else None,
            "use": one.use, "use_round": one.other, "energy": whole, "r_cf": one.units,
            "sites": self.sites(one.segments), "sci_grams_per_unit": one.sci, "coverage": one.coverage,
            "m_grams": one.mass and dict(zip(("low", "typical", "high"), one.mass)), "scenarios": scenarios,
            "missing_hosts": one.missing, "records_root": one.root and one.root.hex(),
            "hosts": [beside.host(row, r, self.plan) | self.host(row) for row in one.rows]}
    def host(self, row):
        quality = {"lost_seconds": Fraction(max(0, row.expected - row.covered), 10**9), "expected_seconds": Fraction(row.expected, 10**9), "covered_seconds": Fraction(row.covered, 10**9),
                   "coverage": Fraction(row.covered, row.expected)}
        if not row.machine.device:
            quality |= {"records_root": row.root and row.root.hex(), "records_received": row.received,
                        "records_expected": row.received and sum(b - a + 1 for _, a, b in row.runs),
                        "runs": [{"run": f"{run:x}", "first_seq": a, "last_seq": b} for run, a, b in row.runs],
                        "signer": "+".join(dict.fromkeys(
                            self.rounds.keys[row.machine.id, run] for run, *_ in row.runs)) or None,
                        "clock_error_ms": row.clock and Fraction(row.clock, 1000)}
        return {"host": row.machine.id, "simulated": row.simulated, "quality": quality,
                "m_grams": row.mass and row.mass[1], "segments": [
                    beside.segment(s, self.factors) | {"energy_in_boundary": energy([s])} | {k: v for k, v in self.carbon([s]).items()
                                                           if k in ("o_it_grams", "o_facility_grams")}
                    for s in row.segments]}

    def mean(self, grams, units=lambda one: one.units):
        """The mean over the rounds that count, where each has these grams, without M, and units."""
        terms = [(grams(one), units(one)) for one in self.counted]
        return sum(g / u for g, u in terms) / len(terms) if terms and all(
            g is not None and u for g, u in terms) else None
    def counterpart(self, level):
        """The factor of a level in the place of a factor of the plan, in micrograms; None where there is none."""
        found = {}
        for factor in self.plan["factors"]:
            own, value = factor["level"], factor["micrograms_per_kwh"]
            if own in LEVELS and own != level:
                area = "全国" if level == "national" else (own, level) == ("province", "region") and REGION.get(
                    factor["area"])
                best = beside.counterpart(self.table, level, area, factor)
                value = best and best["micrograms_per_kwh"]
            found[factor["id"]] = value
        return found

    def result(self, closed):
        scope, included = self.plan["scope"], "models" in self.plan["embodied"]
        market = any(site["market_supplies"] for site in self.plan["sites"])
        typical = lambda one: one.mass[1] if one.mass else 0
        def plus(o, m=typical):
            return lambda one: None if (grams := o(one)) is None else grams + m(one)
        def location(scope=scope, **how):
            return lambda one: self.rounds.grams(one.segments, scope, **how)
        means = [self.mean(plus(location(factors=self.counterpart(level)))) for level in LEVELS]
        means += [self.mean(plus(location(market=True)))] * market
        means += [self.mean(plus(location(each))) for each in ("it", "facility")]
        means += [self.mean(plus(location(), lambda one, i=i: one.mass[i])) for i in range(3) if included]
        means += [self.mean(location()), self.mean(plus(location()), lambda one: one.units_without_refusals)]
        valid = [one.sci for one in self.counted]
        planned, average = self.rounds.planned, sum(valid) / len(valid) if valid else None
        whole = len(valid) == planned
        self.lines = [{"mean_grams_per_unit": mean, "relative_change": mean if mean is None or not average else (
            mean / average - 1, 1)} for mean in means]
        deviation = math.sqrt(sum((x - average) ** 2 for x in valid) / (len(valid) - 1)) if len(valid) > 1 else None
        width = deviation and student(len(valid) - 1) * deviation / math.sqrt(len(valid))
        summed, units = self.summed, sum(one.units for one in self.summed)
        ratio = Fraction(sum(one.grams for one in summed)) / units if units else None
        apart = abs(average - ratio) / ratio if average is not None and ratio else None
        closing = self.rounds.standings({r: one.closing.sci if one.closing.valid else None
                                         for r, one in closed.items()})
        firsts = [closed[r].closing.sci for r, (use, _) in closing.items() if use in ("counted", "replaces")]
        mass = [one.mass for one in summed]
        return (self.carbon([s for one in summed for s in one.segments]) if summed else {}) | {
            "planned_rounds": planned, "valid_rounds": len(valid), "unit": self.unit(closed),
            "mean_grams_per_unit": average if whole else None,
            "partial_mean_grams_per_unit": None if whole else average,
            "sample_deviation_grams_per_unit": deviation if deviation is None else (deviation, average),
            "interval_95_grams_per_unit": None if width is None or not whole else {
                "low": (average - width, average), "high": (average + width, average)},
            "ratio_of_sums_grams_per_unit": ratio, "means_differ": (apart or 0) > 0.05,
            "means_relative_difference": apart if apart is None else (apart, 1),
            "without_refusals_grams_per_unit": means[-1], "market_mean_grams_per_unit": means[3] if market else None,
            "mean_at_closing_grams_per_unit": sum(firsts) / planned if len(firsts) == planned else None,
            "m_grams": dict(zip(("low", "typical", "high"), map(sum, zip(*mass)))) if summed and included else None,
            "r_cf": sum_or_none(one.units for one in summed)}
    def unit(self, closed):
        segments = [s for one in self.counted for s in one.segments] or [s for one in closed.values() for s in one.segments]
        gases = {self.gas(s.slice.factor) for s in segments if s.states is not None}
        gases |= {"gCO2e"} if "models" in self.plan["embodied"] else set()
        return "mixed" if len(gases) > 1 else gases.pop() if gases else "gCO2"
    def gas(self, factor):
        return beside.gas(self.factors[factor]["basis"])

    def scenarios(self):
        keys = ("ta", "approved", "refused", "failed", "incomplete", "duplicates", "duplicates_across_hosts",
                "outside_counting_layer", "ledger")
        return [{"scenario": s["id"], "weight": WEIGHTS.get(s["id"], 0)} | {key: sum_or_none(one.scenarios[i][key] for one in self.summed)
                                         for key in keys} for i, s in enumerate(self.plan["scenarios"])]
    def sources(self):
        found = defaultdict(list)
        for row in (row for one in self.summed for row in one.rows):
            sources, scopes = beside.labels(row)
            found["+".join(sources), "+".join(scopes)] += row.segments
        return [{"source": key[0], "scope": key[1], "energy": energy(found[key])} for key in sorted(found)]
    def hosts(self):
        whole, found = sum(sum(s.states or ()) for s in self.segments), []
        for machine in self.rounds.machines:
            rows = [row for one in self.summed for row in one.rows if row.machine is machine]
            own = [s.states for row in rows for s in row.segments if s.states is not None]
            total, expected = sum(map(sum, own)), sum(row.expected for row in rows)
            told, clocks = [beside.labels(row) for row in rows], [row.clock for row in rows if row.clock is not None]
            found.append({
                "role": machine.plan["role"], "device": machine.device, "boundary_share": Fraction(machine.share, MILLION),
                "sites": beside.unique(one["site"] for one in machine.plan.get("assignments", [machine.plan])),
                "sources": ["meter"] if machine.device else sorted({s for one, _ in told for s in one}),
                "scopes": sorted({s for _, one in told for s in one}),
                "clock_error_ms": Fraction(max(clocks), 1000) if clocks else None,
                "host": machine.id, "energy": amount(total, whole) if own else None,
                "measured_share": Fraction(sum(s[0] for s in own), total) if total else None,
                "coverage": Fraction(sum(row.covered for row in rows), expected) if expected else None,
                "simulated": any(row.simulated for row in rows)})
        return found

    def assets(self, lines):
        """The boundary against an asset list, of lines id, site, role, name in the plan."""
        assets, planned = list(rows(lines))[1:], [m.id for m in self.rounds.machines]
        named = {asset[3] for asset in assets}
        return {"listed": len(assets), "in_boundary": sum(asset[3] in planned for asset in assets),
                "outside": [{"id": asset[0]} for asset in assets if not asset[3]],
                "not_planned": [{"id": asset[0]} for asset in assets if asset[3] and asset[3] not in planned],
                "not_listed": [{"id": name} for name in planned if name not in named]}

    def months(self, closed):
        """By site and calendar month of Asia/Shanghai: each side of a month's end its share, floored, the last the
        rest."""
        parts = defaultdict(list)
        for s in (s for one in closed for s in one.segments):
            at, rest = s.slice.start, s.states
            while at < s.slice.end:
                day = time.gmtime(at // 10**9 + 8 * 3600)
                later = f"{day.tm_year + day.tm_mon // 12}-{day.tm_mon % 12 + 1:02}-01T00:00:00Z"
                stop = min(s.slice.end, nanoseconds(later) - 8 * 3600 * 10**9)
                share = rest
                if rest is not None and stop < s.slice.end:
                    share = [e * (stop - at) // (s.slice.end - s.slice.start) for e in s.states]
                    rest = [a - b for a, b in zip(rest, share)]
                parts[f"{day.tm_year}-{day.tm_mon:02}", s.slice.site["id"]].append(s._replace(states=share))
                at = stop
        found = []
        for month, site in sorted(parts):
            own = parts[month, site]
            grams, known = self.rounds.grams(own, self.plan["scope"]), [s for s in own if s.states is not None]
            gases = {self.gas(s.slice.factor) for s in known}
            found.append({
                "month": month, "site": site, "tonnes": grams if grams is None else grams / MILLION,
                "energy_kwh": Fraction(sum(sum(s.states) for s in known), 36 * 10**11) if known else None,
                "unit": "mixed" if len(gases) > 1 else "tCO2e" if gases == {"gCO2e"} else "tCO2",
                "simulated": any(s.simulated for s in own)})
        return found
    def meters(self, closed):
        """The readings of a meter of a host's name beside its own counters, of those that its energy covers."""
        own, found = {}, []
        for name, readings in self.rounds.meter.items():
            starts, ends = [one[0] for one in sorted(readings)], [one[1] for one in sorted(readings)]
            pieces = [p[0] for some in self.rounds.hosts[name].pieces.values() for p in some]
            for x in {id(x): x for x in pieces}.values():
                cut = range(bisect.bisect_right(ends, x.begin), bisect.bisect_left(starts, x.end))
                weights = [min(x.end, ends[i]) - max(x.begin, starts[i]) for i in cut]
                shares = divide(sum(x.energy), weights + [x.end - x.begin - sum(weights)])
                for i, share in zip(cut, shares):
                    own[name, starts[i]] = own.get((name, starts[i]), 0) + share
        for one, row in ((one, row) for one in closed for row in one.rows if row.machine.id in self.rounds.meter):
            low, high = one.span
            told = [(value, own.get((row.machine.id, start), 0)) for start, end, value in self.rounds.meter[
                row.machine.id] if low <= start and end <= high and not list(gaps(row.spans, start, end))]
            if told and not row.machine.device:
                other, primary = map(sum, zip(*told))
                found.append({"meter": row.machine.id, "span": beside.span(low, high), "metered": amount(other, other), "summed": amount(
                    primary, other), "ratio": Fraction(primary, other) if other else None})
        return found

    def closing(self, r):
        """What a round closed with, as its first revision tells it, but for the words of its problems."""
        one, keys = self.closed[r].closing, (*COUNTS, "duplicates_across_hosts")
        machines = []
        for row in one.rows:
            known = [s.states for s in row.segments if s.states is not None]
            machines.append({
                "id": row.machine.id, "device": row.machine.device, "expected_ns": row.expected,
                "covered_ns": row.covered, "records_root": row.root and row.root.hex()} | {
                f"{state}_uj": value for state, value in zip(STATES, total(known, 4) if known else [None] * 4)})
        return {"plan": self.hash, "round": r + 1, "reserve": r >= self.rounds.planned, "valid": one.valid,
                "r": one.units, "o_grams": one.o, "m_grams": one.mass and one.mass[1], "sci_grams_per_unit": one.sci,
                "coverage": one.coverage, "records_root": one.root and one.root.hex(), "machines": machines,
                "scenarios": [{"id": s["scenario"], "ta": s["ta"]} | {key: s[key] for key in keys}
                              for s in one.scenarios]}

    def strange(self, told, kept):
        """What is wrong with the revisions that a report lists, beside those that were kept."""
        listed = {(*(one[key] for key in ("round", "revision", "sha256", "time", "software")),)
                  for one in told["revisions"] if one["kept"]}
        there = {(*(one[key] for key in ("round", "revision", "sha256", "at", "software")),) for one in kept}
        for one in sorted(listed ^ there):
            where = "the report alone" if one in listed else "no list of the report"
            yield f"revision {one[1]} of round {one[0]} ({one[2]}) is in {where}"
        for number in sorted({r + 1 for r in self.closed} - {one["round"] for one in told["revisions"]}):
            yield f"round {number} is closed, and no revision tells with what"

def counting(imports):
    """The list of a report's imports: those with a line that nothing took the place of, and the last list of assets."""
    ids = [facts["id"] for facts, _ in imports]
    if ids != sorted(set(ids)):
        raise ValueError(f"the imports {ids} are not in the order of their coming")
    last = [facts for facts, _ in imports if facts["kind"] == "assets"][-1:]
    return [{"kind": one["kind"], "digest": one["sha256"], "time": one["at"], "signed_by": one.get("signed_by")}
            | ({} if "signature" in one else {"signature": "none"}) for one, _ in imports
            if one in last or any(line[5] == EVER for line in one.get("lines", ()))]
