"""What a report tells beside its figures: which keys it has, the plan's terms, where a host's energy is from, losses,
and the factors it was computed with. For verify-bundle.py, which docs/bundle.md is the format of."""
import csv, pathlib, re, time
from fractions import Fraction
from plan_machines import MILLION, energy, nanoseconds
from plan_rounds import WEIGHTS

SOURCES, SCOPES = ("none", "rapl", "wall", "model"), ("none", "host", "cpu+dram")
# The keys of the report's JSON, schema_version 1; where one has * behind it, _unknown is behind its name in a second.
KEYS = {
    "report": """schema_version kind standard standing standing_reason figure_name scope_labels simulated generated
        software plan sealed_plans assets* hosts factors result scenarios energy* energy_by_source sites rounds
        sensitivity months ledger_reconciliation meter_comparison imports revisions rules losses alerts uncertainties
        weights_check* baseline* iso_deviation part_1 evidence""",
    "plan": """title organization contact hash* sealed* lodging* boundary exclusions period rounds reserve round_seconds
        grace_seconds justification scope minimum_coverage full_coverage maximum_clock_error_ms rule_digests
        standard_weights m_policy m_policy_reason m_sources""",
    "result": """unit planned_rounds valid_rounds mean_grams_per_unit* partial_mean_grams_per_unit*
        sample_deviation_grams_per_unit* ratio_of_sums_grams_per_unit* means_relative_difference*
        without_refusals_grams_per_unit* market_mean_grams_per_unit* o_grams* mean_at_closing_grams_per_unit*
        o_it_grams* o_facility_grams* o_market_grams* means_differ interval_95_grams_per_unit* m_grams* r_cf*""",
    "evidence": "records_root* signers verifier_command*",
    "rounds": """round reserve span use use_round counted problems disclosures annotations revision closed scenarios
        r_cf* energy* sites o_grams* o_it_grams* o_facility_grams* o_market_grams* sci_grams_per_unit* coverage*
        imputed_share* clock_error_ms* m_grams* missing_hosts records_root* hosts""",
    "rounds.hosts": """host role in_service_from in_service_to energy_source energy_scope meter wall_ratio*
        allocation_method boundary_share simulated segments te_grams* lifetime_hours* resource_share* m_grams* flows
        quality""",
    "segments": """site span electricity_source factor grams_per_kwh* factor_year basis gas energy* energy_in_boundary*
        pue* pue_source o_it_grams* o_facility_grams*""",
    "quality": """expected_seconds covered_seconds lost_seconds coverage* kernel_drops gaps unpaired
        encrypted_connections key_evictions clock_error_ms* runs records_expected records_received records_root* signer*
        agent_version*""",
    "flows": """scenario counting_point observed completed approved refused failed incomplete duplicates deduplication
        rules_digest""",
    "runs": "run first_seq last_seq", "span": "from to", "period": "from to", "interval_95_grams_per_unit": "low high",
    "m_grams": "low typical high", "energy": "total measured bridged estimated imputed simulated idle*",
    "part": "microjoules kwh share", "software": "name version",
    "scenarios": """scenario name weight ta* approved refused failed incomplete duplicates duplicates_across_hosts
        outside_counting_layer ledger* origin""",
    "sites": "site name energy* factors pue* pue_source o_it_grams* o_facility_grams* o_market_grams*",
    "hosts": """host role sites device sources scopes method boundary_share allocation simulated energy* measured_share*
        coverage* clock_error_ms* agent_version*""",
    "factors": "factor level uses market_based", "factor": "id area year basis grams_per_kwh gas grade source",
    "energy_by_source": "source scope energy*", "sealed_plans": "title hash sealed period fate",
    "sensitivity": "group choice headline mean_grams_per_unit* relative_change*",
    "months": "month site unit simulated energy_kwh* tonnes*", "assets": """digest listed in_boundary outside not_planned
        not_listed""", "imports": "kind digest time signed_by signature signature_told",
    "ledger_reconciliation": "scenario span counted* ledger* difference digest",
    "meter_comparison": "meter span metered summed* ratio* digest",
    "revisions": "round revision time reason sha256 software kept changes", "rules": "scenario rule hits hosts",
    "losses": "agent run first_sequence last_sequence", "words": "zh en"}
KEYS = {name: [key for one in keys.split() for key in ([one.rstrip("*")] + [one[:-1] + "_unknown"] * (one[-1] == "*"))]
        for name, keys in KEYS.items()}
PARTS = {"total", "measured", "bridged", "estimated", "imputed", "simulated", "idle", "metered", "summed"}

def form(path):
    """The name in KEYS of an object at a path: names and indices."""
    names = [name for name in path if isinstance(name, str)] or ["report"]
    if names[-1].endswith("_unknown"):
        return "words"
    if names[-2:] == ["rounds", "hosts"]:
        return "rounds.hosts"
    if names[-1] in PARTS or names == ["hosts", "energy"]:
        return "part"
    return "energy" if names[-1] == "energy_in_boundary" else names[-1]
def strange_keys(told, named, path=()):
    """Names the keys that a report does not have and those that none has; but for those named before."""
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).lstrip(".")
    if isinstance(told, list):
        for index, one in enumerate(told):
            yield from strange_keys(one, named, (*path, index))
    elif isinstance(told, dict):
        known = KEYS.get(form(path))
        for key in known or ():
            at = f"figure {place}.{key}" if place else f"figure {key}"
            if key not in told and at not in named:
                yield f"{at}: nothing is told"
        for key, one in told.items():
            if known and key not in known:
                yield f"figure {place}{'.' * bool(place)}{key}: {str(one)[:80]} is told, nothing is computed"
            else:
                yield from strange_keys(one, named, (*path, key))

def utc(ns):
    day, fraction = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)), f"{ns % 10**9:09}".rstrip("0")
    return f"{day}{'.' * bool(fraction)}{fraction}Z"
def span(low, high):
    return {"from": utc(low), "to": utc(high)}
def gas(basis):
    return "gCO2e" if basis == "lifecycle" else "gCO2"
def ratio(told):
    return None if told is None else Fraction(told["ppm"], MILLION)
def unique(names):
    return list(dict.fromkeys(names))

def terms(rounds):
    """What a report repeats of its plan."""
    plan, schedule, validity = rounds.plan, rounds.plan["schedule"], rounds.plan["validity"]
    return {"period": span(rounds.begin, rounds.begin + rounds.planned * rounds.length),
            "reserve": schedule["reserve"], "round_seconds": Fraction(rounds.length, 10**9),
            "grace_seconds": Fraction(rounds.grace, 10**9), "justification": schedule.get("justification"),
            "minimum_coverage": Fraction(validity["minimum_coverage_ppm"], MILLION),
            "full_coverage": Fraction(validity["full_coverage_ppm"], MILLION),
            "maximum_clock_error_ms": Fraction(validity["maximum_clock_error_ns"], MILLION),
            "standard_weights": sorted(s["id"] for s in plan["scenarios"]) == sorted(WEIGHTS),
            "m_sources": [f"{m['id']}: {m['source']}" for m in plan["embodied"].get("models", [])]}
def factor(one, plan):
    """A factor of the plan, and what it is used for."""
    uses = [[f"{site['name']}: {s['source']}" for site in plan["sites"] for s in site[key] if s["factor"] == one["id"]]
            for key in ("supplies", "market_supplies")]
    return {"level": one["level"], "uses": unique(uses[0] + uses[1]), "market_based": not uses[0] and bool(uses[1]),
            "factor": {"grams_per_kwh": Fraction(one["micrograms_per_kwh"], MILLION), "gas": gas(one["basis"]), **{
                key: one[key] for key in ("id", "area", "year", "basis", "grade", "source")}}}
def site(one, segments):
    return {"name": one["name"], "factors": unique(s.slice.factor for s in segments), "pue": ratio(one.get("pue")),
            "pue_source": one.get("pue", {}).get("source", "")}
def segment(one, factors):
    """A stretch of one factor, and what the whole host used in it."""
    s, own = one.slice, factors[one.slice.factor]
    host = energy([one._replace(states=one.host, idle=one.host_idle or 0)])
    if host and one.host_idle is None:
        host["idle"] = None
    return {"site": s.site["id"], "span": span(s.start, s.end), "electricity_source": s.source, "factor": s.factor,
            "grams_per_kwh": Fraction(own["micrograms_per_kwh"], MILLION), "factor_year": own["year"],
            "basis": own["basis"], "gas": gas(own["basis"]), "energy": host, "pue": ratio(s.site.get("pue")),
            "pue_source": s.site.get("pue", {}).get("source", "")}
def labels(row):
    """Where the energy of a machine is from, and what part of the host it is of."""
    scopes = {1 if scope == 2 and row.machine.ratio else scope for scope in row.scopes}
    return ["meter"] if row.machine.device else sorted(SOURCES[s] for s in row.sources), sorted(SCOPES[s] for s in scopes)
def host(row, r, plan):
    """The terms of a machine in a round."""
    m, (sources, scopes) = row.machine, labels(row)
    slices = [m.slices[i] for i in m.rounds[r]]
    model = next((one for one in plan["embodied"].get("models", ()) if one["id"] == m.plan.get("model")), None)
    return {"role": m.plan["role"], "in_service_from": utc(slices[0].start), "in_service_to": utc(slices[-1].end),
            "energy_source": "+".join(sources), "energy_scope": "+".join(scopes), "meter": m.plan.get("meter"),
            "wall_ratio": ratio(m.plan.get("wall_ratio")), "allocation_method": m.plan["allocation"]["method"],
            "boundary_share": Fraction(m.share, MILLION), "te_grams": model and model["typical_grams"],
            "lifetime_hours": model and model["lifetime_hours"],
            "resource_share": model and Fraction(m.share, MILLION)}
def losses(runs, hosts):
    return [{"agent": run.agent, "run": f"{run.run:x}", "first_sequence": first, "last_sequence": end - 1}
            for run in runs if run.agent in hosts for first, end in run.lost]

def table(text):
    """The lines of a CSV of factors, as a plan has them; values in micrograms."""
    for one in csv.DictReader(text.splitlines()):
        if not re.fullmatch(r"(?=.*\d)\d{0,20}\.?\d{0,40}", one["kgCO2_per_kWh"] or ""):
            raise ValueError(f"the factor {one['id']} is no decimal number")
    return [one | {"year": int(one["year"]), "micrograms_per_kwh": round(Fraction(one["kgCO2_per_kWh"]) * 10**9)}
            for one in csv.DictReader(text.splitlines())]
def contradictions(text, plan, path=None):
    """Factors of a bundle's CSV that are others than the plan's, or than those that come with the program, where
    their file is there: in a folder of the sources, or beside this one."""
    here = pathlib.Path(__file__).resolve().parent
    paths = [path] if path else [here / "factors.csv", here.parent / "Sources" / "SCI" / "factors.csv"]
    known = next((one for one in map(pathlib.Path, paths) if one.is_file()), None)
    print(f"factors compared with {known}" if known else "factors of other levels than the plan's: compared with none")
    others = [(plan["factors"], "the plan")] + ([(table(known.read_text()), "the program")] if known else [])
    for those, title in others:
        found = {one["id"]: one for one in those}
        for one, own in ((one, found[one["id"]]) for one in table(text) if one["id"] in found):
            for key in ("level", "area", "year", "basis", "micrograms_per_kwh", "grade", "source"):
                if one[key] != own[key]:
                    yield f"the CSV of factors: {key} of {one['id']} is {one[key]}, and {own[key]} in {title}"
