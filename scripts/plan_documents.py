"""The documents of an evidence bundle: facts, canonical JSON, CSV, imports. For verify-bundle.py, which docs/bundle.md
is the format of.

Names are the same where Unicode says so (canonical equivalence), in whatever form they were written: all that is read
is brought to NFC, while digests and signatures are of the bytes as they are."""
import bisect, hashlib, json, re
from collections import defaultdict
from plan_machines import nanoseconds
from plan_records import EVER, plain

MISSING = type("Missing", (), {"__repr__": lambda _: "nothing"})()
def unique(pairs):
    if len(found := {plain(key): plain(value) for key, value in pairs}) < len(pairs):
        raise ValueError(f"a key is there twice: {sorted(key for key, _ in pairs)}")
    return found
def no_number(text):
    raise ValueError(f"{text} is no number")
def parse(text):
    return json.loads(bytes(text).decode(), object_pairs_hook=unique, parse_constant=no_number)
def ordered(value):
    """A value with the keys of its objects in their order; whole numbers alone, up to 2^53 - 1."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value, key=lambda one: one.encode("utf-16-be"))}
    if type(value) is float or type(value) is int and not 0 <= value < 2**53:
        raise ValueError(f"the number {value} is not a whole one from 0 to 2^53 - 1")
    return [ordered(one) for one in value] if isinstance(value, list) else value
def canonical(text):
    """What canonical JSON says: keys in order, no spaces, no escape that need not be. Other bytes do not say it."""
    found = parse(text)
    if json.dumps(ordered(json.loads(bytes(text))), ensure_ascii=False, separators=(",", ":")).encode() != text:
        raise ValueError("it is not canonical JSON")
    return found

# The facts of documents by type, beside their bytes: numbers with #, what may be left out with ?.
FACTS = {16: "format plan made software version", 17: "", 18: "hash start sealed abandoned? reason?", 19: "kind at",
         20: "id# kind sha256 file at signed_by? signature?", 21: "", 24: "round# revision# sha256 at software"}
def read_facts(kind, payload):
    facts, known = parse(payload), {one.rstrip("#?"): one for one in f"{FACTS[kind]} bytes#".split()}
    for key, one in known.items():
        if type(facts.get(key)) is not (int if "#" in one else str) and (key in facts or "?" not in one):
            raise ValueError(f"{key} is {facts.get(key, MISSING)!r}")
    if more := sorted(facts.keys() - known):
        raise ValueError(f"{more} are no facts of it")
    return canonical(payload)

# The keys of what a round closed with, of the entries of its lists too; ? may be left out, # are numbers of digits
# alone, ~ numbers with a point, ! no texts.
CLOSING = {name: {one.rstrip("?#~!"): one for one in keys.split()} for name, keys in {
    "": """format plan round! reserve! from to valid! problems! machines! scenarios! coverage~ imports! r?# o_grams?~
        m_grams?~ sci_grams_per_unit?~ records_root?""", "runs": "run stretches!", "stretches": "first# last# received#",
    "machines": """id device! runs! expected_ns# covered_ns# measured_uj?# bridged_uj?# estimated_uj?# imputed_uj?#
        records_root?""",
    "scenarios": "id ta?# approved?# refused?# failed?# incomplete?# duplicates?# duplicates_across_hosts?#"}.items()}
def check_closing(found, name=""):
    """Refuses a revision with other keys, or with a number that is not written in the one way that they are."""
    if keys := [key for key, one in CLOSING[name].items() if key not in found and "?" not in one]:
        raise ValueError(f"{keys} are not in it")
    for key, value in found.items():
        if not (one := CLOSING[name].get(key)):
            raise ValueError(f"{key} is no key of it")
        if ("!" in one) is (type(value) is str):
            raise ValueError(f"{key} is {value!r}")
        if "#" in one:
            whole(value)
        elif "~" in one and repr(float(value)) != value:
            raise ValueError(f"{key} is {value!r}, and no number is written so")
        for own in value if key in CLOSING else ():
            check_closing(own, key)

FIELD, END = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",\r\n]*)'), re.compile(r"(?:\r?\n)+|\Z")
def rows(text, form=plain):
    """The fields of each line of a CSV, by RFC 4180 and nothing wider."""
    at = re.match(r"(?:\r?\n)*", text).end()
    while at < len(text):
        row, more = [], True
        while more:
            one = FIELD.match(text, at)
            row.append(form(one[2] if one[1] is None else one[1].replace('""', '"')))
            at = one.end()
            more = text[at:at + 1] == ","
            at += more
        if not (end := END.match(text, at)):
            raise ValueError(f"{row} does not end with its line")
        yield row
        at = end.end()
def whole(text):
    """A number as the program writes it: ASCII digits, of 64 bits."""
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text) or int(text) >= 2**64:
        raise ValueError(f"{text!r} is no whole number")
    return int(text)

HEADERS = {"meter": "meter from_ns to_ns energy_uj", "ledger": "scenario from_ns to_ns flows",
           "assets": "id site role planned_as"}
def written(field):
    return field if field and not re.search('[,"\r\n\ufeff]', field) else '"' + field.replace('"', '""') + '"'
def check_import(title, facts, body):
    """What is wrong with the lines of an import: the same content always has the same bytes."""
    if hashlib.sha256(body).hexdigest() != facts["sha256"]:
        yield f"{title} was altered"
    try:
        header, *lines = rows(text := body.decode(), str)
    except ValueError as error:
        return (yield f"{title} cannot be read: {error}")
    if header != HEADERS.get(facts["kind"], "").split() or any(len(line) != 4 for line in lines):
        yield f"{title} cannot be read: its first line is {header}, and each has four fields"
    elif text != "".join(",".join(map(written, line)) + "\n" for line in (header, *lines)):
        yield f"{title} is not written as imports are kept"
    elif any(one[0].encode() > other[0].encode() or one[0] == other[0] and facts["kind"] != "assets" and (
            len(one[1]), one[1]) > (len(other[1]), other[1]) for one, other in zip(lines, lines[1:])):
        yield f"{title}: its lines are not in their order"
def replaced(imports):
    """The lines of imports as (name, start, end, value, came, gone): the latest of the same name and time counts."""
    active = defaultdict(lambda: ([], [], []))
    for facts, body in imports:
        came, rest = nanoseconds(facts["at"]), rows(body.decode())
        if (header := next(rest, None)) != HEADERS[facts["kind"]].split():
            raise ValueError(f"import {facts['id']} ({facts['kind']}, {facts['file']}) begins with {header}")
        for row in rest:
            try:
                name, low, high, value = row[0], *map(whole, row[1:])
                if low >= high:
                    raise ValueError
            except (ValueError, IndexError):
                raise ValueError(f"import {facts['id']} ({facts['kind']}, {facts['file']}): {row} is no line") from None
            starts, ends, lines = active[name]
            cut = slice(bisect.bisect_right(ends, low), bisect.bisect_left(starts, high))
            for line in lines[cut]:
                line[5] = came
            line = [name, low, high, value, came, EVER]
            starts[cut], ends[cut], lines[cut] = [low], [high], [line]
            facts.setdefault("lines", []).append(line)
    return [line for facts, _ in imports for line in facts.get("lines", ())]
