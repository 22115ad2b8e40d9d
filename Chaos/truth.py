"""What the agents made, whatever becomes of it: every segment of a spool gets a second name in a
folder of ours as soon as it appears, so that its bytes outlive its removal. The product has no hand
in this, and no hook for it. The format is told in Sources/Spool/Spool.swift."""
import contextlib, os, struct, threading
from pathlib import Path

# Magic, version of the format, a length, run; in version 1 the length is that of the manifest,
# which stands between 48 bytes and a checksum, in version 2 that of the whole header.
MAGIC, HEADER = b"JFSPOOL\n", struct.Struct("<8sIIQ")
HEADER_WITHOUT_MANIFEST = {1: 48 + 4, 2: 0}
ENTRY = struct.Struct("<IIQ")
# Bytes between an entry's number and its record: in version 2 the hash of the records before.
BETWEEN = {1: 0, 2: 32}
LOOK_EVERY = 0.02


def table():
    """Source: CRC-32C (Castagnoli), reflected polynomial 0x82F63B78."""
    rows = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return rows


TABLE = table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def entries(data, checked=True):
    """The run, and (sequence, record) of each whole entry of a segment's file, up to the first that
    is not whole. Without the checksums where speed matters more."""
    if len(data) < HEADER.size:
        return 0, []
    magic, version, length, run = HEADER.unpack_from(data)
    if magic != MAGIC or version not in BETWEEN:
        raise ValueError(f"no segment of a version known here: {magic!r} {version}")
    at = length + HEADER_WITHOUT_MANIFEST[version]
    found, between = [], BETWEEN[version]
    while at + ENTRY.size + between < len(data):
        size, checksum, sequence = ENTRY.unpack_from(data, at)
        record = at + ENTRY.size + between
        end = record + size
        if not size or end > len(data):
            break
        if checked and crc32c(data[at + 8:end]) != checksum:
            break
        found.append((sequence, data[record:end]))
        at = end
    return run, found


class Truth:
    """Keeps all segments of one agent's spool."""

    def __init__(self, spool, kept):
        self.spool, self.kept, self.known = Path(spool), Path(kept), set()
        self.kept.mkdir(exist_ok=True)
        self.lock = threading.Lock()

    def look(self):
        """Gives second names to the segments that are new. Where one goes meanwhile, or the disk
        takes no name, the next look tries again."""
        with self.lock, contextlib.suppress(OSError), os.scandir(self.spool) as names:
            for entry in names:
                if not entry.name.startswith("segment-") or entry.inode() in self.known:
                    continue
                with contextlib.suppress(OSError):
                    os.link(entry.path, self.kept / f"{entry.inode()}-{entry.name}")
                    self.known.add(entry.inode())

    def look_anew(self):
        """After the file system was mended, which may have cost it the last names."""
        with self.lock:
            self.known = {int(path.name.split("-", 1)[0]) for path in self.kept.iterdir()}

    def files(self):
        return sorted(self.kept.iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def last(self):
        """The run of the newest segment and the number of the last record in it; 0, 0 for none."""
        self.look()
        for path in reversed(self.files()):
            run, found = entries(path.read_bytes(), checked=False)
            first = int(path.name.rsplit("-", 1)[1].split(".")[0])
            if run:
                return run, found[-1][0] if found else first - 1
        return 0, 0

    def made(self):
        """({run: {sequence: record}}, how many numbers were used for two different records)"""
        self.look()
        runs, reused = {}, 0
        for path in self.files():
            run, found = entries(path.read_bytes())
            records = runs.setdefault(run, {})
            for sequence, record in found:
                reused += records.setdefault(sequence, record) != record
        return runs, reused


class Watching:
    """Looks at several spools until it is stopped."""

    def __init__(self, truths):
        self.truths, self.ending = truths, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ending.wait(LOOK_EVERY):
            for truth in self.truths:
                truth.look()

    def stop(self):
        self.ending.set()
        self.thread.join()
