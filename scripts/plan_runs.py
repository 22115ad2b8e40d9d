"""The runs of an evidence bundle: chains of hashes, signatures, and which of their records are there. For
verify-bundle.py, which docs/bundle.md is the format of."""
import hashlib, struct
from plan_machines import gaps, union
from plan_records import EVER, fields, number, plain

FINDINGS = []
tell = FINDINGS.append
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# Ed25519: RFC 8032, 5.1. Points are (X, Y, Z, T).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(s, p):
    q = (0, 1, 1, 0)
    while s:
        q, p, s = add(q, p) if s & 1 else q, add(p, p), s >> 1
    return q
def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or x == 0 and sign:
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def signed(key, signature, message):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if not a or not r or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    p, q = times(s, BASE), add(r, times(h, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 == (p[1] * q[2] - q[1] * p[2]) % P

def window(frame):
    """When a record's time begins and ends. That of completions ends with a later record, which tells their window."""
    m = fields(frame[8:])
    start = number(m, 4) * 10**9 + number(m, 19)
    return start, start if number(m, 50) else start + number(m, 5) * 10**9 + number(m, 20)

class Run:
    """A run: its chain, its signatures, and which of its records are there."""
    def __init__(self, payload):
        size = struct.unpack_from("<I", payload)[0]
        self.name, self.key = payload[4:4 + size], payload[36 + size:]
        self.agent = plain(self.name.decode())
        self.run, self.seen, self.before, self.last = struct.unpack_from("<4Q", payload, 4 + size)
        self.title, self.order = f"run {self.run:x} of {self.agent}", (
            self.name, struct.unpack_from("<q", payload, 4 + size)[0])
        # Stretches of numbers, each with the number behind it; of those that are there also when their time is.
        self.parts, self.lost, self.deleted, self.held, self.times = [], [], [], [], []
        self.through, self.batch_before = 0, (0, 0)
        self.heads = {0: sha256(b"JFCHAIN1", struct.pack("<3Q", self.run, self.before, self.last))}

    def batch(self, payload, place):
        """Checks a batch, and gives when it came and the records that were not there before."""
        (first, came), previous, signature, at, records = (
            struct.unpack_from("<2Q", payload), payload[16:48], payload[48:112], 112, [])
        while at < len(payload):
            size = struct.unpack_from("<I", payload, at)[0]
            records.append(payload[at + 4:at + 4 + size])
            at += 4 + size
        last, heads = first + len(records) - 1, [previous]
        for record in records:
            heads.append(sha256(heads[-1], record))
        title = f"{place}: records {first} to {last} of {self.title}"
        statement = b"JFBATCH1" + struct.pack("<3Q", self.run, first, last) + previous + heads[-1]
        if at != len(payload) or not signed(self.key, signature, statement + self.name):
            tell(f"{title} are not what their agent signed")
        if not self.seen:
            tell(f"{place}: a batch of {self.title}, whose key never came")
        if (first, last) <= self.batch_before:
            tell(f"{title} are {'there twice' if (first, last) == self.batch_before else 'not in order'}")
        self.batch_before = first, last
        told = dict(enumerate(heads, first - 1))
        if any(self.heads.get(at, head) != head for at, head in told.items()):
            tell(f"{title} do not follow the chain")
        fresh = [(n, record) for n, record in enumerate(records, first) if n > self.through]
        self.heads = told if last >= self.through else self.heads
        self.through = max(last, self.through)
        self.held.append((first, last + 1))
        self.times.append((first, last, window(records[0])[0], window(records[-1])[1]))
        return came, fresh
    def holes(self, rounds):
        """The numbers before, between and behind the records that are there whose time touches the plan's rounds."""
        before, closes, touches = 0, None, False
        for first, last, opens, ends in sorted(self.times, key=lambda one: one[:2]):
            if before == 0:
                touches = opens >= rounds.begin
            else:
                start, end = sorted((closes, opens))
                touches = start < rounds.end and (end > rounds.begin or start == end == rounds.begin)
            if first > before + 1 and touches:
                yield before + 1, first
            before, closes = (last, ends) if last > before else (before, closes)
        if before and closes < rounds.end:
            yield before + 1, EVER
    def close(self, runs, rounds):
        held, parts, holes = union(self.held)[0], union(self.parts)[0], list(self.holes(rounds))
        if any(after[0] < part[1] for part, after in zip(self.parts, self.parts[1:])):
            tell(f"the stretches of {self.title} are not in order")
        known = union(self.held + self.lost + self.deleted)[0]
        for first, last in union(self.parts + [hole for hole in holes if hole[1] < EVER])[0]:
            for at, end in gaps(known, first, last):
                tell(f"records {at} to {end - 1} of {self.title} are missing")
        for first, last in held:
            for at, end in gaps(parts, first, last):
                tell(f"records {at} to {end - 1} of {self.title} are in no part of it")
        for first, last in union(self.lost)[0]:
            if any(start < last and first < end for start, end in held):
                tell(f"records {first} to {last - 1} of {self.title} are told to be lost, and some of them are there")
        deleted = union(self.deleted)[0]
        for first, last in holes:
            for at, end in gaps(list(gaps(deleted, first, last)), first, last):
                tell(f"records {at} to {end - 1} of {self.title} are told to be deleted, and retention keeps what is "
                     "of the plan's time")
        runs[self.agent, self.run], self.heads = self, {}
    def follow(self, runs, rounds):
        """Misses records of the run before it, when all runs are closed: record 1 is signed over how many there were.
        What lies behind the rounds need not be there. Of a run without any record there, nothing need be known where
        this one begins before or behind the rounds; of one that is not there at all, where it begins before them."""
        number, _, opens, _ = min(self.times, default=(0, 0, 0, 0))
        before = runs.get((self.agent, self.before))
        if number != 1 or not self.before:
            return
        if before is None:
            touches = opens >= rounds.begin
        elif before.times:
            touches = max(before.times, key=lambda one: one[1])[3] < rounds.end
        else:
            touches = rounds.begin <= opens < rounds.end
        known = before.held + before.lost + before.deleted if before else []
        reached = max((end - 1 for _, end in known), default=0)
        if touches and reached < self.last:
            tell(f"records {reached + 1} to {self.last} of run {self.before:x} of {self.agent} are missing: "
                 "a later run tells of them")
