"""Plants one fault of each kind between a spool and a store, and finds it: a check that cannot fail
would show nothing."""
import contextlib, hashlib, sqlite3, struct, tempfile
from pathlib import Path

import verdict
from link import total, with_right_checksum
from sites import Agent, Collector
from spools import not_the_oldest
from truth import ENTRY, MAGIC, Truth, crc32c, entries

RUN, RECORDS, SECOND = 0xFEDC_BA98_7654_3210, 20, 1_000_000_000
MADE = {number: f"record {number}".encode() * 9 for number in range(1, RECORDS + 1)}
TABLES = """
    CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE runs (id INTEGER PRIMARY KEY, agent_id INTEGER, run INTEGER, durable INTEGER);
    CREATE TABLE records (run_id INTEGER, sequence INTEGER, start_ns INTEGER, end_ns INTEGER,
                          bytes BLOB, kind INTEGER);
    CREATE TABLE losses (run_id INTEGER, first INTEGER, last INTEGER);
    CREATE TABLE conflicts (run_id INTEGER);
    INSERT INTO agents VALUES (1, 'agent-1');
"""

def head_after(count):
    head = b"\xaa"
    for number in range(1, count + 1):
        head = hashlib.sha256(head + MADE[number]).digest()
    return head.hex()


CHAINED = """
    CREATE TABLE statements (run_id INTEGER, first INTEGER, last INTEGER, previous BLOB);
    INSERT INTO statements VALUES (1, 1, 5, x'AA');
    INSERT INTO statements VALUES (1, 6, 20, {head});
"""
# What is done to a sound store, and which figures it must change, to what.
PLANTED = (
    ("nothing", "SELECT 1", {}),
    ("a record missing", "DELETE FROM records WHERE sequence = 7",
     {"missing": 1, "undeclared_losses": 1, "uncovered_seconds": 1.0}),
    ("a record altered", "UPDATE records SET bytes = x'00' WHERE sequence = 7", {"altered": 1}),
    ("a record nobody made", "UPDATE records SET sequence = 99 WHERE sequence = 7",
     {"altered": 1, "missing": 1, "undeclared_losses": 1}),
    ("a loss declared that is none", "INSERT INTO losses VALUES (1, 7, 8)",
     {"false_losses": 2, "declared_losses": 2}),
    ("a loss declared",
     "DELETE FROM records WHERE sequence = 7; INSERT INTO losses VALUES (1, 7, 7)",
     {"missing": 1, "declared_losses": 1, "uncovered_seconds": 1.0}),
    ("two contents", "INSERT INTO conflicts VALUES (1)", {"conflicts": 1}),
    ("an alert", "CREATE TABLE alerts (kind TEXT); INSERT INTO alerts VALUES ('clone'), ('clock')",
     {"alerts": 1}),
    ("a chain that holds", CHAINED.format(head=f"x'{head_after(5)}'"), {}),
    ("a chain that breaks", CHAINED.format(head="x'BB'"), {"chain_breaks": 1}),
    ("a window twice", "UPDATE records SET start_ns = start_ns - 1 WHERE sequence = 7",
     {"overlapping_windows": 1}),
)
# Losses of an agent whose oldest record was 3, and whether they are of the oldest alone.
DROPPED = (
    ([(3, 9)], True), ([(3, 5), (6, 9)], True), ([], False), ([(4, 9)], False),
    ([(2, 9)], False), ([(3, 5), (7, 9)], False))


def segment(version, records):
    """A segment's file as either version of the format writes it."""
    manifest = b"manifest"
    if version == 1:
        data = MAGIC + struct.pack("<IIQQQQ", 1, len(manifest), RUN, 1, 0, 0) + manifest
    else:
        size = 104 + len(manifest) + 4
        data = MAGIC + struct.pack("<IIQQ", 2, size, RUN, 1) + bytes(72) + manifest
    data += struct.pack("<I", crc32c(data))
    for sequence, record in records.items():
        body = struct.pack("<Q", sequence) + bytes(32 if version == 2 else 0) + record
        data += ENTRY.pack(len(record), crc32c(body), sequence) + body[8:]
    return data


class Bare:
    """As much of a site as its verdict needs."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "store").mkdir()
        agent, collector = Agent(self, "agent-1", folder, None), \
            Collector(self, "collector-1", folder / "store", None, "")
        agent.spool.mkdir(parents=True)
        agent.truth = Truth(agent.spool, folder / "kept")
        self.agents, self.collectors = [agent], [collector]

    def collectors_of(self, _agent):
        return self.collectors


def figures(version, script):
    with tempfile.TemporaryDirectory() as folder:
        site = Bare(Path(folder))
        [agent], [collector] = site.agents, site.collectors
        (agent.spool / f"segment-{1:020}.spool").write_bytes(segment(version, MADE))
        agent.truth.look()
        # The name in the spool goes, what was made is still known.
        (agent.spool / f"segment-{1:020}.spool").unlink()
        with contextlib.closing(sqlite3.connect(collector.store)) as store:
            store.executescript(TABLES)
            store.execute("INSERT INTO runs VALUES (1, 1, ?, ?)", (RUN - (1 << 64), RECORDS))
            store.executemany("INSERT INTO records VALUES (1, ?, ?, ?, ?, 0)", [
                (number, number * SECOND, (number + 1) * SECOND, data)
                for number, data in MADE.items()])
            store.executescript(script)
            store.commit()
        return verdict.judged(site)


def findings():
    """Sentences: what was planted and not found."""
    for version in (1, 2):
        for name, script, changed in PLANTED:
            found = figures(version, script)
            expected = {**dict.fromkeys(verdict.FIGURES, 0), "records": RECORDS, **changed}
            if found != expected:
                yield f"version {version}, {name}: {found}"
        whole = segment(version, {1: b"one", 2: b"two"})
        if [len(entries(whole[:cut])[1]) for cut in range(len(whole) - 1, len(whole) - 4, -1)] \
                != [1, 1, 1]:
            yield f"version {version}: a torn entry was taken for whole"
        altered = whole[:-1] + bytes([whole[-1] ^ 1])
        if len(entries(altered)[1]) != 1:
            yield f"version {version}: an altered entry was taken for whole"
    for losses, is_right in DROPPED:
        if (not_the_oldest(losses, 3) is None) != is_right:
            yield f"losses {losses} of records from 3 on are taken for {not is_right}"
    if crc32c(b"123456789") != 0xE3069283:
        yield "CRC-32C of its check string is wrong"
    packet = bytes([0x45, 0, 0, 44, 0, 0, 0, 0, 64, 6, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2]) \
        + bytes(12) + b"\x50" + bytes(7) + b"data"
    right = with_right_checksum(packet)
    if total(right[12:20] + struct.pack("!HH", 6, 24) + right[20:]) != 0xFFFF:
        yield "a packet's checksum is not made right"
