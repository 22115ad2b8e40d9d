"""What the sections share: programs that are started and surely ended, and the results."""
import collections, os, signal, statistics, subprocess, time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CannotMeasure(Exception):
    """A sentence: what is missing, and what to do."""


class Bench:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.result, self.rows, self.notes, self.broken = {}, [], [], []
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            end(child)

    def program(self, name):
        path = self.programs / name
        if not os.access(path, os.X_OK):
            raise CannotMeasure(f"{path} is missing: run make build, or name its folder with --bin")
        return path

    def start(self, name, *command):
        """Starts a program that runs beside; its output goes to files of the folder."""
        with open(self.folder / f"{name}.log", "w") as log:
            child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                                     stderr=subprocess.STDOUT)
        child.log = self.folder / f"{name}.log"
        self.children.append(child)
        return child

    def put(self, key, value):
        """Notes a figure under a key with dots."""
        *path, last = key.split(".")
        place = self.result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = round(value, 3) if isinstance(value, float) else value

    def row(self, what, figure, beside="", ratio="", goal=""):
        self.rows.append((what, figure, beside, ratio, goal))

    def require(self, holds, sentence):
        if not holds:
            self.broken.append(sentence)

    def table(self):
        rows = [("", "Jouleflow", "beside it", "ratio", "goal"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        return "\n" + "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip()
            for row in rows) + "\n"


def wait_until(child, ready, seconds=20):
    """Waits until `ready()`; a child that ends meanwhile cannot be measured."""
    limit = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None or time.monotonic() > limit:
            words = child.log.read_text(errors="replace").strip().split("\n")[-1]
            raise CannotMeasure(f"{Path(child.args[0]).name} did not get ready: {words}")
        time.sleep(0.02)


def end(child):
    """Ends a child that this program started."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


# `cpu` in seconds, `peak` resident memory in bytes, and standard output.
Run = collections.namedtuple("Run", "cpu peak printed")


def run(bench, *command, seconds=100):
    """Runs a program to its end, and says what it used."""
    child = bench.start("run", *command)
    limit, peak, done = time.monotonic() + seconds, 0, 0
    while not done:
        if time.monotonic() > limit:
            raise CannotMeasure(f"{Path(child.args[0]).name} took longer than {seconds} s")
        peak = max(peak, peak_bytes(child.pid))
        time.sleep(0.005)
        done, status, used = os.wait4(child.pid, os.WNOHANG)
    child.returncode = os.waitstatus_to_exitcode(status)
    bench.children.remove(child)
    printed = child.log.read_text(errors="replace")
    if child.returncode:
        raise CannotMeasure(f"{Path(child.args[0]).name}: {printed.strip()[-200:]}")
    return Run(used.ru_utime + used.ru_stime, peak, printed)


def peak_bytes(pid):
    """The most resident memory so far; 0 where it has ended. Source: proc_pid_status(5), VmHWM.

    Not ru_maxrss, which counts what its parent had when the program was started.
    """
    text = Path(f"/proc/{pid}/status").read_text()
    found = [line.split()[1] for line in text.split("\n") if line.startswith("VmHWM:")]
    return int(found[0]) << 10 if found else 0


def cpu_seconds(pid):
    """User and system time of a process and its threads so far. Source: proc(5), stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def median(values):
    return statistics.median(values)


def spread(values, digits=1):
    """`12.3 (11.9 to 13.0)`"""
    return (f"{median(values):.{digits}f} ({min(values):.{digits}f} to"
            f" {max(values):.{digits}f})")
