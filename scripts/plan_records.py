"""The manifests and records of an evidence bundle: Protocol Buffers (proto/record.proto), what each must hold, and what
figures are made of. For verify-bundle.py, which tells where what is wrong with one stands."""
import struct, unicodedata
from collections import defaultdict, namedtuple

SEEN, QUIET, ENCRYPTED, NOT_CAPTURED, NO_RULE = 1, 2, 3, 4, 5
FLEET, STOPPED, SECOND, EVER = 2, 1 << 7, 10**9, 2**64
COUNTS = ("approved", "refused", "failed", "incomplete", "duplicates")
# Bytes of a message and of a text; zones, services or scenarios; rules; completions of an entry, and flows of each.
MOST_BYTES, MOST_TEXT, MOST_NAMES, MOST_RULES, MOST_TOLD, MOST_FLOWS = 65_536, 256, 256, 16_384, 4_096, 1_000_000

# A window's record, or a reading of a device's meter: `came` and `gone`, from when until when it counts; `begin`,
# where its energy begins; `energy`, by state, or None; `uses`, by use: what is not divided, idle, and others;
# `counts`, by scenario: flows and COUNTS; `told`, by scenario: what completions tell of flows.
Record = namedtuple("Record", "host run came gone begin start end instant energy uses manifest stopped simulated clock "
                    "observed counts told", defaults=(False, False, None, {}, {}, {}))

def plain(value):
    """A name, or a list of them, in the form in which names are compared: NFC, so that canonical equivalents are one."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value
def must(holds, words):
    if not holds:
        raise ValueError(words)

def varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        value, at = value | (data[at] & 0x7F) << shift, at + 1
        if data[at - 1] < 0x80:
            return value & 2**64 - 1, at
    raise ValueError("a number of more than 10 bytes")
def fields(data):
    """The fields of a message: number -> list of raw values."""
    found, at = defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        if (kind := tag & 7) == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
            value = value if kind == 2 else int.from_bytes(value, "little")
        if at > len(data):
            raise ValueError("a field ends beyond its message")
        found[tag >> 3].append(value)
    return found
def number(message, field, default=0):
    return message[field][-1] if field in message else default
def zigzag(value):
    return value >> 1 ^ -(value & 1)
def values(message, field):
    """The numbers of a packed column."""
    found, part, at = [], b"".join(message.get(field, [])), 0
    while at < len(part):
        value, at = varint(part, at)
        found.append(value)
    return found
def column(message, field, count, usual=0):
    """A packed column with one element per zone, scenario or service, or its usual value, where it has one."""
    found = values(message, field)
    must(len(found) == count or not found and usual is not None,
         f"column {field} has {len(found)} elements, not {count}")
    return found or [usual] * count

def checksum(data):
    """CRC-32C."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
CRC = list(range(256))
for _ in range(8):
    CRC = [one >> 1 ^ 0x82F63B78 * (one & 1) for one in CRC]

def read_frame(frame):
    """The message of an entry, and the time of its window."""
    must(int.from_bytes(frame[:4], "little") == len(frame) - 8 <= MOST_BYTES, "its length is another")
    must(int.from_bytes(frame[4:8], "little") == checksum(frame[8:]), "its checksum is another")
    m = fields(frame[8:])
    seconds, parts = [number(m, field) for field in (4, 5)], [number(m, field) for field in (19, 20)]
    start, length = (s * SECOND + part for s, part in zip(seconds, parts))
    must(number(m, 1) and number(m, 2), "it has no run, or no sequence")
    must(max(parts) < SECOND and start + length < EVER, "it has no window of time")
    must(number(m, 50) in (0, 1), f"its kind is {number(m, 50)}")
    return m, start, start + length

def name(data):
    """A text, as logs and reports can show it."""
    text = data.decode()
    must(len(data) <= MOST_TEXT and not any(one < " " or "\x7f" <= one <= "\x9f" for one in text),
         f"the text {text[:80]!r} is too long, or has a control character")
    return plain(text)
def read_manifest(data):
    must(len(data) <= MOST_BYTES, f"it is {len(data)} bytes long")
    m = fields(data)
    zones, services, rules, flows = ([fields(one) for one in m.get(field, [])] for field in (9, 10, 18, 19))
    agent, _, _, _, digest = (name(number(m, field, b"")) for field in (1, 2, 3, 4, 12))
    for those, texts in ((zones, (1, 2, 3)), (services, (1,)), (rules, (2,))):
        for one in those:
            [name(number(one, field, b"")) for field in texts]
    must(agent, "it has no agent")
    must(number(m, 6), "it has no window_length")
    names, source, secret = [name(one) for one in m.get(11, [])], number(m, 7), number(m, 20)
    must(len(set(names)) == len(names), f"a manifest names a scenario twice: {names}")
    must(max(map(len, (zones, services, names))) <= MOST_NAMES, "it has too many zones, services or scenarios")
    known = [("source", source, 4), ("scope", number(m, 8), 3), ("model", number(m, 13) - 1, 2),
             ("idle_rule", number(m, 21), 3)]
    known += [one for zone in zones for one in (("kind of a zone", number(zone, 4) - 1, 8),
                                                ("source of a zone", number(zone, 6), 4))]
    known += [("reserved_percent", number(one, 5), 101) for one in services]
    known += [("port", port, 65_536) for one in services for port in values(one, 2)]
    known += [("deduplication", number(one, 2), 3) for one in flows]
    known += [("scenario of a rule", number(one, 1), len(names)) for one in rules]
    for title, value, end in known:
        must(0 <= value < end, f"its {title} is none that there is")
    steps, fleet = [number(one, 1) for one in rules], [number(one, 2) == FLEET for one in flows]
    must(steps == sorted(steps) and not any(number(one, 3) > 1 and number(one, 2, b"") for one in rules) and sum(
        max(number(one, 3), 1) for one in rules) <= MOST_RULES, "its rules are too many, not in order, or share a name")
    must(len(flows) in (0, len(names)) and any(fleet) == (secret != 0), "its scenario_flows contradict it")
    must(14 in m if number(m, 15) else not (number(m, 16) or number(m, 17)), "its idle power contradicts itself")
    return {"agent": agent, "simulated": number(m, 5), "source": source, "scope": number(m, 8), "scenarios": names,
            "counted": [number(zone, 5) and number(zone, 6) == source for zone in zones], "rules": digest,
            "fleet": fleet, "secret": secret}

def check_energy(m, zones, scenarios):
    for energy, state, reason in zip(column(m, 7, zones, None), column(m, 22, zones, 1), column(m, 23, zones)):
        must(0 < state < 6 and reason < 15 and (state == 1) == (reason == 0) and (state < 4 or energy == 0),
             f"a zone has {energy} µJ in state {state} for reason {reason}")
    parts, why, unknown, carried, time = values(m, 8), *(number(m, field) for field in (26, 25, 38, 39))
    must(unknown < 15 and not (unknown and (number(m, 24) or carried or time or parts)), "its energy is told and unknown")
    must(time or not carried, "it has carried_energy and no carried_time")
    must(why < 6 and len(parts) == 5 + scenarios if parts else not why, "its partition is none of its scenarios")
def check_services(m, scenarios):
    services = len(values(m, 10))
    must(services <= MOST_NAMES, f"it has {services} services")
    for time, unknown in ((number(m, 9), number(m, 27)), *zip(values(m, 10), column(m, 28, services))):
        must(unknown < 9 and not (unknown and time), f"{time} ns of CPU time are unknown for reason {unknown}")
    column(m, 32, services, number(m, 15) if services == 1 else None)
    for field in (33, 18):
        column(m, field, services)
    flows, busy = len(values(m, 34)), len(values(m, 44))
    must(flows == services * scenarios or services == 1 and not flows, f"service_flows has {flows} elements")
    must(busy in (0, services * (scenarios + 1)), f"service_busy has {busy} elements")
def check_counts(m, scenarios):
    must(all(0 < one < 6 for one in column(m, 29, scenarios, 1)), "it has a scenario_observation that is none")
    requests = sum(sum(column(m, field, scenarios)) for field in (12, 13, 14, 30, 40)) + sum(
        map(zigzag, column(m, 31, scenarios)))
    steps, hits = values(m, 41), values(m, 42)
    must(len(steps) == len(hits) and 0 not in hits and 0 not in steps[1:] and sum(steps) < MOST_RULES,
         "it has hits of rules that are none")
    must(not hits or not number(m, 43) and (sum(hits) - requests) % EVER == 0, "its rules' hits are not its requests")
    for part in m.get(35, []):
        fields(part)

def energy_of(m, manifest, stopped):
    """Energy by state and by use; None where it is unknown or contradicts itself."""
    zones, names = column(m, 7, len(manifest["counted"])), manifest["scenarios"]
    whole, carried = (sum(zones) + zigzag(number(m, 24))) % 2**64, number(m, 38)
    own = [one for one in zip(zones, column(m, 22, len(zones), 1), manifest["counted"]) if one[2]]
    allowed = {0: (), 3: (3,)}.get(manifest["source"], (2, 3) if stopped else (1, 2, 3))
    states, uses = [sum(e for e, state, _ in own if state == s) for s in (1, 2, 3)], column(m, 8, 5 + len(names))
    states[1] += carried
    sound = (not number(m, 25) and own and all(state in allowed for _, state, _ in own) and values(m, 8)
             and manifest["scope"] == {1: 2}.get(manifest["source"], 1) and sum(states) == sum(uses) == whole < EVER - 1)
    idle, unmonitored, background, other, undivided, *rest = uses
    rest = [energy for _, energy in sorted(zip(names, rest))]
    return (states, (undivided, idle, unmonitored, background, other, *rest)) if sound else (None, None)
def read_record(m, manifest, host, run, came, told):
    """A window's record; `told` are the flows that its completions tell: scenario, digest, flows, place."""
    start, flags = number(m, 4) * SECOND + number(m, 19), number(m, 21)
    end, names, stopped = start + number(m, 5) * SECOND + number(m, 20), manifest["scenarios"], bool(flags & STOPPED)
    must(number(m, 11) == len(names), f"it has {number(m, 11)} scenarios, and its manifest {len(names)}")
    check_energy(m, len(manifest["counted"]), len(names))
    check_services(m, len(names))
    check_counts(m, len(names))
    columns = [column(m, field, len(names)) for field in (12, 13, 14, 30, 40)]
    flows = [a + zigzag(b) for a, b in zip(columns[0], column(m, 37, len(names)))]
    sums = [0] * len(names)
    for i, _, flows_told, _ in () if stopped else told:
        sums[i] += flows_told
    states, uses = energy_of(m, manifest, stopped)
    return Record(
        host, run, came, EVER, max(0, start - number(m, 39)), start, max(end, start + 1), end <= start,
        states, uses, manifest, stopped, bool(flags & 1 or manifest["simulated"]), number(m, 17, None),
        dict(zip(names, column(m, 29, len(names), SEEN))), dict(zip(names, zip(flows, *columns))),
        {name: one for name, one, fleet in zip(names, sums, manifest["fleet"]) if fleet})
def read_completions(m, fleet):
    """The flows that an entry tells of: scenario, digest, flows."""
    digests = [one for part in m.get(52, []) for (one,) in struct.iter_unpack("<Q", part)]
    scenarios, flows = column(m, 51, len(digests)), column(m, 53, len(digests), 1)
    must(0 < len(digests) <= MOST_TOLD and all(0 < one <= MOST_FLOWS for one in flows), "it tells flows that are none")
    must(all(one < len(fleet) and fleet[one] for one in scenarios), "it tells flows of a scenario without digests")
    return list(zip(scenarios, digests, flows))
