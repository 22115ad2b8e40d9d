"""What the sections share: programs that are started and surely ended, and the results."""
import collections, contextlib, json, os, platform, resource, signal, statistics, subprocess
import tempfile, time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CannotMeasure(Exception):
    """A sentence: what is missing, and what to do."""


def machine():
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
             if line.startswith("model name")]
    return {"processor": names[0] if names else platform.machine(), "processors": os.cpu_count(),
            "kernel": platform.release()}


def introduce():
    """Prints what machine this is, and how busy it was before."""
    about = machine()
    print(f"{about['processors']} × {about['processor']}, Linux {about['kernel']}; load before: "
          f"{os.getloadavg()[0]:.2f}", flush=True)


@contextlib.contextmanager
def prepared(programs):
    """A bench in a folder of its own, whose children end with it, also when a signal ends it."""
    def stop(*_):
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with tempfile.TemporaryDirectory(prefix="jouleflow-bench-") as folder, \
            Bench(programs.absolute(), Path(folder)) as bench:
        yield bench


def write(bench, path):
    """Writes the results for machines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    result = {"date": date, "machine": machine(), **bench.result}
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


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
    return finish(bench, bench.start("run", *command), seconds, look_every=0.005)


def finish(bench, child, seconds, look_every=0.1):
    """Waits for the end of a program that was started, and says what it used."""
    limit, peak, done = time.monotonic() + seconds, 0, 0
    while not done:
        if time.monotonic() > limit:
            raise CannotMeasure(f"{Path(child.args[0]).name} took longer than {seconds} s")
        peak = max(peak, peak_bytes(child.pid))
        time.sleep(look_every)
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


def family_cpu_seconds(pid):
    """The same of a process and its children that run. Source: proc(5), stat, ppid."""
    total = cpu_seconds(pid)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                total += cpu_seconds(stat.parent.name)
    return total


class Others:
    """What part of the processors other programs and other machines take, from when it is made.

    Own are this program, its children that end meanwhile, and the families of `running`.
    """

    def __init__(self, *running):
        self.running = running
        self.start, self.began = self.others(), time.monotonic()

    def others(self):
        """Source: proc_stat(5): user, nice and system time, and what a hypervisor took."""
        user, nice, system, _, _, _, _, stolen = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return ((user + nice + system + stolen) / TICKS_PER_SECOND
                - sum(used.ru_utime + used.ru_stime for used in own)
                - sum(map(family_cpu_seconds, self.running)))

    def share(self):
        elapsed = (time.monotonic() - self.began) * os.cpu_count()
        return max(0.0, (self.others() - self.start) / elapsed)


def median(values):
    return statistics.median(values)


def spread(values, digits=1):
    """`12.3 (11.9 to 13.0)`"""
    return (f"{median(values):.{digits}f} ({min(values):.{digits}f} to"
            f" {max(values):.{digits}f})")
