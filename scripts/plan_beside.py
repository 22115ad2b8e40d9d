"""What a report tells beside its figures: which keys it has, the plan's terms, where a host's energy is from, losses,
and the factors it was computed with. For verify-bundle.py, which docs/bundle.md is the format of."""
import hashlib, pathlib, re, time
from fractions import Fraction
from plan_documents import rows, whole
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
    "losses": "agent run first_sequence last_sequence", "words": "zh en", "lodging": "holder time proof",
    "outside": "id site role reason", "not_planned": "id site role reason", "not_listed": "id site role reason",
    "changes": "figure before* after*", "alerts": "agent kind text first last count", "uncertainties": "subject text"}
KEYS = {name: [key for one in keys.split() for key in ([one.rstrip("*")] + [one[:-1] + "_unknown"] * (one[-1] == "*"))]
        for name, keys in KEYS.items()}
# What a report says in two languages, beside what ends with _unknown; elsewhere these names are of texts.
WORDS = set("""standing_reason figure_name scope_labels m_policy_reason fate method allocation group choice signature_told
    problems disclosures annotations origin reason figure iso_deviation part_1 weights_check baseline subject""".split())
PARTS = {"total", "measured", "bridged", "estimated", "imputed", "simulated", "idle", "metered", "summed"}

def form(path):
    """The name in KEYS of an object at a path: names and indices."""
    names = [name for name in path if isinstance(name, str)] or ["report"]
    if names[-1].endswith("_unknown") or names[-1] in WORDS or names[-2:] in (["scenarios", "name"],
                                                                              ["uncertainties", "text"]):
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
        if known is None:
            yield f"figure {place}: keys are told, {', '.join(map(str, told))[:80]}, where no report has any"
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

# The first line of a CSV of factors; SHA-256 of the whole of the one that comes with the program.
HEADER = ["id", "level", "area", "year", "basis", "kgCO2_per_kWh", "grade", "source"]
PUBLISHED, BYTES = "08bf1219a482fbd8d24402e5d5c96386295dc7255872b055df3e9b5be2e774ef", 12394
def table(text):
    """The lines of a CSV of factors, as a plan has them; values in micrograms."""
    lines, found = rows(text.lstrip("\ufeff")), {}
    if (header := next(lines, [])) != HEADER:
        raise ValueError(f"the CSV of factors begins with {header}")
    for line in lines:
        if len(line) != len(HEADER) or not line[0] or line[0] in found:
            raise ValueError(f"the CSV of factors: {line} is no line, or its id is there already")
        one = dict(zip(HEADER, line))
        if not re.fullmatch("(?=.*[0-9])[0-9]{0,20}[.]?[0-9]{0,40}", one["kgCO2_per_kWh"]) or Fraction(
                one["kgCO2_per_kWh"]) > 5:
            raise ValueError(f"the factor {line[0]} is no decimal number from 0 to 5")
        if not 1900 <= whole(one["year"]) <= 2200:
            raise ValueError(f"the factor {line[0]} is of the year {one['year']}")
        found[line[0]] = one | {"year": int(one["year"]),
                                "micrograms_per_kwh": round(Fraction(one["kgCO2_per_kWh"]) * 10**9)}
    return list(found.values())
def counterpart(table, level, area, factor):
    """The factor of an area in the place of another: of the same basis, of its year or the newest before; of several
    the first of the table. None where there is none."""
    known = [one for one in table if (one["level"], one["area"], one["basis"]) == (level, area, factor["basis"])
             and one["year"] <= factor["year"]]
    return max(known, default=None, key=lambda one: one["year"])
def named(path):
    """The factors of a file that is named behind the bundle: those that come with the program."""
    print(f"factors compared with {path}")
    with open(path, "rb") as file:
        try:
            return table(file.read().decode())
        except ValueError as error:
            raise OSError(f"{path} is no file of factors: {error}") from None
def published(text):
    """The factors that come with the program: of their file in a folder of the sources, or beside this one; without it,
    the first bytes of a bundle's CSV, where they have its digest."""
    here = pathlib.Path(__file__).resolve().parent
    paths = here / "factors.csv", here.parent / "Sources" / "SCI" / "factors.csv"
    if path := next((one for one in paths if one.is_file()), None):
        return named(path)
    print("factors compared with the digest of those that come with the program")
    first = text.encode()[:BYTES]
    return table(first.decode()) if hashlib.sha256(first).hexdigest() == PUBLISHED else None
def contradictions(told, plan, published):
    """What is wrong with a bundle's table of factors: those of the plan, and those that come with the program, are all
    there, and the same in every column."""
    if published is None:
        yield "the CSV of factors does not begin with those that come with the program: name their file behind the bundle"
    found = {one["id"]: one for one in told}
    for those, title in ((plan["factors"], "the plan has"), (published or [], "comes with the program")):
        for own in those:
            if own["id"] not in found:
                yield f"the CSV of factors: {own['id']}, which {title}, is not in it"
                continue
            for key in ("level", "area", "year", "basis", "micrograms_per_kwh", "grade", "source"):
                if (one := found[own["id"]])[key] != own[key]:
                    place = "the plan" if title == "the plan has" else "the program"
                    yield f"the CSV of factors: {key} of {own['id']} is {one[key]}, and {own[key]} in {place}"
    known = {one["id"] for one in (*plan["factors"], *(published or ()))}
    if others := [one for one in found if one not in known]:
        print(f"factors of the CSV that neither the plan nor the program has: {len(others)}, {others[:10]}")
