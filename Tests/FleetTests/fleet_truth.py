#!/usr/bin/env python3
"""Computes what the report on the lab's fleet must say, and compares every number of it.

Prints how many figures are equal, and those that are not; ends with status 1 where there is one.

usage: fleet_truth.py PLAY REPORT
"""
import csv, io, json, math, sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fleet_play as lab  # noqa: E402
from fleet_energy import (  # noqa: E402
    ROUNDS, SECOND, START, STATES, MachineRound, Window, windows)
from fleet_flows import SCENARIOS, Flows, round_of  # noqa: E402

# Student's t for a confidence of 95 % and six degrees of freedom, from tables.
T_95 = 2.446911851144969
MONTH = START + 350 * SECOND
# What is of the machine that the test runs on.
LEFT_OUT = {"clock_error_ms"}
MACHINES = lab.HOSTS + [lab.DEVICE["id"]]


class Truth:
    def __init__(self, play):
        self.play, self.flows = play, Flows(play)
        rows = csv.DictReader(io.StringIO(play["factors"]))
        self.factors = {row["id"]: row for row in rows}
        self.runs = {host["id"]: windows(host["id"], host["energies"]) for host in play["hosts"]}
        all_windows = {host: sum(runs, []) for host, runs in self.runs.items()}
        all_windows[lab.DEVICE["id"]] = self.metered(lab.DEVICE["meter"])
        self.machines = {}
        for number in ROUNDS:
            made = [MachineRound(machine, number, all_windows[machine]) for machine in MACHINES]
            self.machines[number] = [one for one in made if one.expected]
        self.choose()

    def metered(self, meter):
        """Readings: one over the end of a round is interpolated."""
        made = []
        for name, low, high, energy in self.play["metered"]:
            if name == meter:
                span = (START + low * SECOND, START + high * SECOND)
                is_whole = round_of(span[0]) == round_of(span[1] - 1)
                made.append(Window(*span, energy, "measured" if is_whole else "estimated"))
        return made

    # Carbon

    def grams(self, segments, market=False, pue=False, factor=None):
        total = Fraction(0)
        for one in segments:
            name = one.market if market else one.factor
            name = factor(name) if factor else name
            if name is None:
                return None
            kilograms = Fraction(self.factors[name]["kgCO2_per_kWh"])
            term = Fraction(sum(one.energy.values()), 3_600_000_000_000) * kilograms * 1000
            total += term * (Fraction(lab.PUES[one.site]) if pue else 1)
        return total

    def embodied(self, number, which="typical_kg"):
        return sum(one.embodied(lab.MODEL[which]) for one in self.machines[number])

    def boundary(self, numbers, machines=None):
        return [one for number in numbers for machine in self.machines[number]
                if machines is None or machine.id in machines for one in machine.boundary]

    def intensity(self, number, **choice):
        units = self.flows.units(number, choice.pop("without_refusals", False))
        mass = choice.pop("mass", "typical_kg")
        grams = self.grams(self.boundary([number]), **choice)
        if not units or grams is None:
            return None
        return (grams + (self.embodied(number, mass) if mass else 0)) / units

    def choose(self):
        """Which rounds count: in the place of each that is invalid, the first in reserve that is not."""
        self.is_sound = {}
        for number in ROUNDS:
            covered = all(one.is_filled for one in self.machines[number])
            self.is_sound[number] = covered and self.flows.units(number) is not None
        valid = {number for number in ROUNDS if self.is_sound[number] and self.flows.units(number)}
        self.use, self.partner = {}, {}
        lacking = [number for number in range(lab.PLANNED) if number not in valid]
        for number in ROUNDS:
            if number < lab.PLANNED:
                self.use[number] = "counted" if number in valid else "invalid"
            elif lacking and number in valid:
                self.use[number] = "replaces"
                self.partner[number] = lacking.pop(0)
                self.partner[self.partner[number]] = number
            else:
                self.use[number] = "not_needed" if not lacking else "invalid"
        self.counted = [number for number in ROUNDS if self.use[number] in ("counted", "replaces")]
        # What sums are over: of R = 0 too, whose carbon was emitted for no business.
        self.summed = sorted(self.counted + [
            number for number in range(lab.PLANNED)
            if self.is_sound[number] and self.flows.units(number) == 0])

    # Parts of the report

    def energy(self, segments, simulated, idle=True):
        known = [one for one in segments if one.known or any(one.energy.values())]
        if not known:
            return None
        states = {state: sum(one.energy[state] for one in known) for state in STATES}
        total = sum(states.values())
        made = {"total": part(total, total), "simulated": part(simulated, total)}
        for state in STATES:
            made[state] = part(states[state], total)
        made["idle"] = part(sum(one.idle for one in known), total) if idle else None
        return made

    def of_rounds(self, numbers, site=None, machines=None):
        segments = [one for one in self.boundary(numbers, machines) if site in (None, one.site)]
        simulated = sum(
            sum(one.energy.values()) for number in numbers for machine in self.machines[number]
            if not machine.is_device and (machines is None or machine.id in machines)
            for one in machine.boundary if site in (None, one.site))
        return segments, self.energy(segments, simulated)

    def sites(self, numbers):
        made = []
        for site in "ab":
            segments, energy = self.of_rounds(numbers, site)
            made.append({"site": site, "energy": energy, "pue": Fraction(lab.PUES[site]),
                         **self.carbon(segments)})
        return made

    def carbon(self, segments):
        return {"o_it_grams": self.grams(segments), "o_facility_grams": self.grams(segments, pue=True),
                "o_market_grams": self.grams(segments, market=True)}

    def mass(self, numbers):
        return {word: sum(self.embodied(number, f"{word}_kg") for number in numbers)
                for word in ("low", "typical", "high")}

    def scenario(self, name, numbers):
        flows = self.flows
        volumes = [flows.volume(number, name) for number in numbers]
        ledgers = [self.ledger(name, number) for number in numbers]
        made = {"scenario": name, "weight": SCENARIOS[name],
                "ta": None if None in volumes else sum(volumes),
                "ledger": None if None in ledgers else sum(ledgers)}
        for key, what in (("approved", "completed"), ("refused", "refused"), ("failed", "failed"),
                          ("incomplete", "incomplete"), ("duplicates", "duplicates"),
                          ("duplicates_across_hosts", "across")):
            made[key] = None if None in volumes else sum(
                flows.sum(number, name, what) for number in numbers)
        made["outside_counting_layer"] = None if None in volumes else 0
        return made

    def ledger(self, name, number):
        told = [flows for scenario, low, flows in self.ledger_lines()
                if scenario == name and round_of(low) == number]
        return sum(told) if told else None

    def ledger_lines(self):
        for line in csv.DictReader(io.StringIO(self.play["ledger"])):
            low = [second for second in range(0, 900, 100) if lab.instant(second) == line["from"]]
            yield line["scenario"], START + low[0] * SECOND, int(line["flows"])

    def round(self, number):
        segments, energy = self.of_rounds([number])
        machines = self.machines[number]
        return {
            "round": number + 1, "reserve": number >= lab.PLANNED, "use": self.use[number],
            "use_round": self.partner[number] + 1 if number in self.partner else None,
            "revision": 1, "r_cf": self.flows.units(number), "energy": energy,
            "scenarios": [self.scenario(name, [number]) for name in SCENARIOS],
            "sites": self.sites([number]), "o_grams": self.grams(segments), **self.carbon(segments),
            "sci_grams_per_unit": self.intensity(number), "m_grams": self.mass([number]),
            "imputed_share": energy["imputed"]["share"], "coverage": fleet_coverage(machines),
            "missing_hosts": [], "hosts": [self.host_round(one) for one in machines]}

    @staticmethod
    def revisions():
        """All came in time: each round has what it closed with, and no more."""
        return [{"round": number + 1, "revision": 1, "changes": []} for number in ROUNDS]

    def host_round(self, machine):
        return {
            "host": machine.id, "boundary_share": machine.share,
            "wall_ratio": Fraction(lab.RATIOS[machine.id]) if machine.id in lab.RATIOS else None,
            "segments": [self.segment(machine, *three)
                         for three in zip(machine.metered, machine.host, machine.boundary)],
            "te_grams": lab.MODEL["typical_kg"] * 1000, "lifetime_hours": lab.MODEL["lifetime_hours"],
            "resource_share": machine.share, "m_grams": machine.embodied(lab.MODEL["typical_kg"]),
            "flows": self.host_flows(machine), "quality": self.quality(machine)}

    def segment(self, machine, metered, host, boundary):
        factor = self.factors[boundary.factor]
        simulated = 0 if machine.is_device else 1
        return {
            "site": boundary.site, "factor": boundary.factor,
            "electricity_source": boundary.source,
            "grams_per_kwh": Fraction(factor["kgCO2_per_kWh"]) * 1000,
            "factor_year": int(factor["year"]), "pue": Fraction(lab.PUES[boundary.site]),
            "energy": self.energy([host], simulated * sum(host.energy.values()),
                                  idle=host.energy == metered.energy),
            "energy_in_boundary": self.energy([boundary], simulated * sum(boundary.energy.values())),
            "o_it_grams": self.grams([boundary]), "o_facility_grams": self.grams([boundary], pue=True)}

    def host_flows(self, machine):
        made = []
        for name in SCENARIOS if machine.id in lab.COUNTING else ():
            counts = self.flows.counts[machine.id, machine.number, name]
            seen = self.flows.is_seen(machine.id, machine.number, name)
            values = {"completed": counts["flows"] - counts["across"], "approved": counts["completed"],
                      "refused": counts["refused"], "failed": counts["failed"],
                      "incomplete": counts["incomplete"],
                      "duplicates": counts["duplicates"] + counts["across"]}
            made.append({"scenario": name, "observed": seen,
                         **{key: value if seen else None for key, value in values.items()}})
        return made

    def quality(self, machine):
        made = {"expected_seconds": Fraction(machine.expected, SECOND),
                "covered_seconds": Fraction(machine.covered, SECOND),
                "lost_seconds": Fraction(machine.expected - machine.covered, SECOND),
                "coverage": Fraction(machine.covered, machine.expected)}
        counts = ("kernel_drops", "gaps", "unpaired", "encrypted_connections", "key_evictions",
                  "records_expected", "records_received")
        if machine.is_device:
            return {**made, **dict.fromkeys(counts), "runs": []}
        runs = self.sequences(machine)
        total = sum(last - first + 1 for first, last in runs)
        return {**made, **dict.fromkeys(counts, 0), "records_expected": total,
                "records_received": total,
                "encrypted_connections": self.flows.encrypted[machine.id, machine.number],
                "runs": AnyOrder([{"first_seq": first, "last_seq": last}
                                  for first, last in sorted(runs)], "first_seq")}

    def sequences(self, machine):
        """First and last number of each run's entries: records, and before them completions."""
        found = []
        for run in self.runs[machine.id]:
            number, own = 0, []
            for window in run:
                second = (window.start - START) // SECOND
                entries = 2 if second in self.flows.told[machine.id] else 1
                if round_of(window.end - 1) == machine.number:
                    own += range(number + 1, number + entries + 1)
                number += entries
            if own:
                found.append((own[0], own[-1]))
        return found

    def result(self):
        counted = self.counted
        values = [self.intensity(number) for number in counted]
        mean = sum(values) / len(values)
        ratio_rounds = self.summed
        segments, _ = self.of_rounds(ratio_rounds)
        carbon = sum(self.grams(self.boundary([number])) + self.embodied(number)
                     for number in ratio_rounds)
        ratio = carbon / sum(self.flows.units(number) for number in ratio_rounds)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
        width = T_95 * deviation / math.sqrt(len(values))
        assert abs(mean - ratio) / ratio > Fraction(5, 100), "the lab's means must differ"
        return {
            "planned_rounds": lab.PLANNED, "valid_rounds": len(counted), "mean_grams_per_unit": mean,
            "mean_at_closing_grams_per_unit": mean, "partial_mean_grams_per_unit": None,
            "sample_deviation_grams_per_unit": Root(deviation),
            "interval_95_grams_per_unit": {"low": Root(mean - width), "high": Root(mean + width)},
            "ratio_of_sums_grams_per_unit": ratio, "means_differ": True,
            "means_relative_difference": abs(mean - ratio) / ratio,
            "without_refusals_grams_per_unit": self.mean(without_refusals=True),
            "market_mean_grams_per_unit": self.mean(market=True), "o_grams": self.grams(segments),
            **self.carbon(segments), "m_grams": self.mass(ratio_rounds),
            "r_cf": sum(self.flows.units(number) for number in ratio_rounds)}

    def mean(self, **choice):
        values = [self.intensity(number, **choice) for number in self.counted]
        return None if None in values else sum(values) / len(values)

    def counterpart(self, level):
        """The factor of a wider area in the place of another; nothing tells a narrower area's."""
        wider = {("province", "region"): "西南", ("province", "national"): "全国",
                 ("region", "national"): "全国"}

        def other(name):
            own = self.factors[name]
            if own["level"] in (level, "own"):
                return name
            area = wider.get((own["level"], level))
            found = [row for row in self.factors.values()
                     if (row["area"], row["level"], row["basis"]) == (area, level, own["basis"])
                     and int(row["year"]) <= int(own["year"])]
            return max(found, key=lambda row: int(row["year"]))["id"] if found else None
        return other

    def sensitivity(self):
        mean = self.mean()
        lines = [self.mean(factor=self.counterpart(level)) for level in ("province", "region", "national")]
        lines += [self.mean(market=True), mean, self.mean(pue=True), self.mean(mass="low_kg"), mean,
                  self.mean(mass="high_kg"), self.mean(mass=None), self.mean(without_refusals=True)]
        return [{"mean_grams_per_unit": line, "relative_change": None if line is None else line / mean - 1}
                for line in lines]

    def months(self):
        made = {}
        for one in self.boundary(ROUNDS):
            for month, low, high in (("2025-11", one.start, min(one.end, MONTH)),
                                     ("2025-12", max(one.start, MONTH), one.end)):
                if low >= high:
                    continue
                floors = {state: one.energy[state] * (MONTH - one.start) // (one.end - one.start)
                          for state in STATES}
                part_of = one.energy
                if one.start < MONTH < one.end:
                    part_of = floors if month == "2025-11" else {
                        state: one.energy[state] - floors[state] for state in STATES}
                piece = made.setdefault((month, one.site), [])
                piece.append((part_of, one.factor))
        lines = []
        for (month, site), pieces in sorted(made.items()):
            grams = sum(Fraction(sum(energy.values()), 3_600_000_000_000) * 1000
                        * Fraction(self.factors[factor]["kgCO2_per_kWh"]) for energy, factor in pieces)
            total = sum(sum(energy.values()) for energy, _ in pieces)
            lines.append({"month": month, "site": site, "tonnes": grams / 10**6,
                          "energy_kwh": Fraction(total, 3_600_000_000_000)})
        return lines

    def host(self, machine, total):
        rounds = [one for number in self.summed for one in self.machines[number] if one.id == machine]
        segments = [one for each in rounds for one in each.boundary]
        energy = sum(sum(one.energy.values()) for one in segments)
        measured = sum(one.energy["measured"] for one in segments)
        return {"host": machine, "boundary_share": Fraction(lab.SHARES.get(machine, "1")),
                "energy": part(energy, total), "measured_share": Fraction(measured, energy),
                "coverage": Fraction(sum(one.covered for one in rounds),
                                     sum(one.expected for one in rounds))}

    def source(self, machine):
        if machine.is_device:
            return "meter", "host"
        if machine.id in lab.WALL:
            return "wall", "host"
        return "rapl", "host" if machine.id in lab.RATIOS else "cpu+dram"

    def by_source(self):
        groups = {}
        for number in self.summed:
            for one in self.machines[number]:
                groups.setdefault(self.source(one), set()).add(one.id)
        return [{"source": source, "scope": scope,
                 "energy": self.of_rounds(self.summed, machines=machines)[1]}
                for (source, scope), machines in sorted(groups.items())]

    def reconciliation(self):
        lines = []
        for number in ROUNDS:
            for name in SCENARIOS:
                for scenario, low, ledger in self.ledger_lines():
                    if scenario == name and round_of(low) == number:
                        counted = self.flows.volume(number, name)
                        lines.append({"scenario": name, "counted": counted, "ledger": ledger,
                                      "difference": counted - ledger})
        return lines

    def comparison(self):
        meter, low, high, energy = next(one for one in self.play["metered"] if one[0] in lab.HOSTS)
        own = sum(window.energy for run in self.runs[meter] for window in run
                  if low <= (window.start - START) // SECOND < high)
        return [{"meter": meter, "metered": part(energy, energy), "summed": part(own, energy),
                 "ratio": Fraction(own, energy)}]

    def report(self):
        _, energy = self.of_rounds(self.summed)
        validity = {"rounds": lab.PLANNED, "reserve": lab.RESERVE, "round_seconds": lab.ROUND,
                    "grace_seconds": 10, "minimum_coverage": Fraction(95, 100),
                    "full_coverage": Fraction(99, 100), "maximum_clock_error_ms": 1000}
        names = sorted(set(lab.FACTORS.values()))
        hits = self.flows.hits
        return {
            "schema_version": 1, "standing": "assessment", "simulated": True, "plan": validity,
            "hosts": [self.host(one, energy["total"]["microjoules"]) for one in MACHINES],
            "factors": Each("id", {name: {"factor": {
                "id": name, "year": int(self.factors[name]["year"]),
                "grams_per_kwh": Fraction(self.factors[name]["kgCO2_per_kWh"]) * 1000}}
                for name in names}, inner="factor"),
            "result": self.result(), "energy": energy,
            "scenarios": [self.scenario(name, self.summed) for name in SCENARIOS],
            "energy_by_source": self.by_source(), "sites": self.sites(self.summed),
            "rounds": [self.round(number) for number in ROUNDS], "sensitivity": self.sensitivity(),
            "months": self.months(), "ledger_reconciliation": self.reconciliation(),
            "meter_comparison": self.comparison(), "revisions": self.revisions(), "losses": [], "alerts": [],
            "rules": Each("rule", {name: {"scenario": scenario, "hits": count}
                                   for (scenario, name), count in hits.items()})}


def part(energy, total):
    return {"microjoules": energy, "kwh": Fraction(energy, 3_600_000_000_000),
            "share": Fraction(energy, total) if total else 0}


def fleet_coverage(machines):
    known, expected, silent = Fraction(0), Fraction(0), 0
    for machine in machines:
        total = sum(sum(one.energy.values()) - one.energy["imputed"] for one in machine.boundary)
        fraction = Fraction(machine.covered, machine.expected)
        if not fraction:
            silent += 1
            continue
        known += total
        expected += total / fraction
    expected += silent * expected / (len(machines) - silent)
    return known / expected


# Comparing

class Root(float):
    """A number with a square root in it: compared to nine digits."""


class AnyOrder:
    """A list by a number in its elements: runs are in the order of their names, which are drawn."""

    def __init__(self, elements, key):
        self.elements, self.key = elements, key


class Each:
    """A list whose elements are known by a text in them."""

    def __init__(self, key, elements, inner=None):
        self.key, self.elements, self.inner = key, elements, inner


class Comparison:
    def __init__(self):
        self.equal, self.faults = 0, []

    def fault(self, path, sentence):
        self.faults.append(f"{path}: {sentence}")

    def compare(self, path, truth, found):
        if isinstance(truth, Each):
            self.each(path, truth, found)
        elif isinstance(truth, AnyOrder):
            self.compare(path, truth.elements, sorted(found, key=lambda one: one[truth.key]))
        elif isinstance(truth, dict):
            self.object(path, truth, found)
        elif isinstance(truth, list):
            if not isinstance(found, list) or len(found) != len(truth):
                return self.fault(path, f"{len(truth)} elements, not {json.dumps(found)[:300]}")
            for index, (one, other) in enumerate(zip(truth, found)):
                self.compare(f"{path}[{index}]", one, other)
        elif truth is None or isinstance(truth, (str, bool)):
            self.note(path, truth, found, truth == found and type(truth) is type(found))
        else:
            is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
            near = 0 if isinstance(truth, int) else abs(truth) * (1e-9 if isinstance(truth, Root) else 1e-12)
            # Differences of nearly equal numbers lose digits.
            near = max(near, 1e-12) if path.endswith("relative_change") else near
            self.note(path, truth, found, is_number and abs(Fraction(found) - Fraction(truth)) <= near)

    def note(self, path, truth, found, is_equal):
        if is_equal:
            self.equal += 1
        else:
            word = float(truth) if isinstance(truth, Fraction) else truth
            self.fault(path, f"{json.dumps(found, ensure_ascii=False)[:300]}, and truly {word}")

    def object(self, path, truth, found):
        if not isinstance(found, dict):
            return self.fault(path, f"an object, not {json.dumps(found)}")
        for key, value in found.items():
            if key in truth:
                self.compare(f"{path}.{key}", truth[key], value)
            elif key not in LEFT_OUT:
                self.unknown(f"{path}.{key}", value)
        for key in truth.keys() - found.keys():
            self.fault(f"{path}.{key}", "is missing")

    def each(self, path, truth, found):
        names = [(one[truth.inner] if truth.inner else one)[truth.key] for one in found]
        if sorted(names) != sorted(truth.elements):
            return self.fault(path, f"{names}, and truly {sorted(truth.elements)}")
        for name, one in zip(names, found):
            self.compare(f"{path}[{name}]", truth.elements[name], one)

    def unknown(self, path, value):
        """What the truth does not tell must hold no number."""
        if isinstance(value, dict):
            for key, one in value.items():
                if key not in LEFT_OUT:
                    self.unknown(f"{path}.{key}", one)
        elif isinstance(value, list):
            for index, one in enumerate(value):
                self.unknown(f"{path}[{index}]", one)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self.fault(path, f"{value}, which the truth does not tell")


def words(report):
    """What the report must say in words: why rounds are invalid, what is disclosed."""
    faults = []

    def expect(holds, sentence):
        if not holds:
            faults.append(sentence)

    def say(number, kind):
        return " ".join(one["en"] for one in report["rounds"][number][kind])
    expect("a07" in say(4, "problems") and "94.00 %" in say(4, "problems"), "round 5 must name a07")
    expect("query" in say(4, "problems"), "round 5 must name the scenario that was not observed")
    expect("b05" in say(4, "problems"), "round 5 must name b05, whose labels came twice")
    expect(say(5, "problems") != "", "round 6 must say that there was no business")
    for number, host in ((2, "a04"), (1, "a05"), (3, "a06")):
        expect(host in say(number, "disclosures") and "98.00 %" in say(number, "disclosures"),
               f"round {number + 1} must disclose {host}")
    for number in (0, 1, 2, 3, 6, 7, 8):
        expect(say(number, "problems") == "", f"round {number + 1} has no problem")
    labels = " ".join(one["zh"] for one in report["scope_labels"])
    expect("CPU+内存" in labels, "the scope of a09 must be labelled")
    expect(report["result"]["unit"] == "mixed", "the unit must be mixed")
    return faults


def main(play, report):
    play, report = (json.loads(Path(path).read_text()) for path in (play, report))
    comparison = Comparison()
    comparison.compare("report", Truth(play).report(), report)
    faults = comparison.faults + words(report)
    print(f"{comparison.equal} figures are equal, {len(faults)} are not")
    for fault in faults[:60]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
