"""The place where faults happen: a mount and a network namespace of this program's own, so that no
mount, no packet and no rule of it is seen outside, and all of them are gone when it ends, however
it ends. Programs that it starts are killed by the kernel where it dies."""
import concurrent.futures, contextlib, ctypes, os, shutil, signal, subprocess, tempfile
import threading, time
from pathlib import Path

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
TOOLS = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux", "setpriv": "util-linux",
         "mkfs.ext4": "e2fsprogs", "fsck.ext4": "e2fsprogs", "losetup": "mount", "mount": "mount"}


class CannotRun(Exception):
    """A sentence: what is missing, and what to do."""


class Stopped(Exception):
    """The whole run ends: the time is over, or somebody wants it to."""


def isolate():
    """Moves this process, still of one thread, into namespaces of its own. Source: unshare(2)."""
    if os.geteuid() != 0:
        raise CannotRun("needs root: it makes namespaces, TUN devices and mounts of its own")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        raise CannotRun(f"these packages are missing: {' '.join(missing)}; run "
                        "scripts/install-dependencies --chaos")
    unshare(CLONE_NEWNS | CLONE_NEWNET)
    call("mount", "--make-rprivate", "/")
    call("ip", "link", "set", "lo", "up")


def unshare(flags):
    if LIBC.unshare(flags) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise CannotRun(f"cannot make a namespace ({reason}): it needs CAP_SYS_ADMIN")


def call(*command, text=None):
    """Runs a tool to its end; its words where it fails."""
    done = subprocess.run(list(map(str, command)), input=text, text=True, capture_output=True,
                          timeout=60)
    if done.returncode:
        raise CannotRun(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


# A program is killed with the thread that started it (PR_SET_PDEATHSIG in prctl(2)), so one thread
# that lasts starts them all.
STARTER = concurrent.futures.ThreadPoolExecutor(max_workers=1)


class Child:
    """A program that was started; its words go to the end of a file."""

    def __init__(self, command, log, environment=None, network=None, pipes=False):
        words = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]
        if network:
            words = ["nsenter", f"--net={network}", *words]
        self.name = Path(command[0]).name
        pipe = subprocess.PIPE if pipes else None
        with open(log, "a") as words_file:
            self.start_of_words = words_file.tell()
            self.process = STARTER.submit(
                subprocess.Popen, words, stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or words_file, stderr=words_file,
                env={**os.environ, **(environment or {})}, start_new_session=True,
                text=True).result()
        self.log, self.is_stopped = Path(log), False

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process.poll() is None

    def said(self):
        """What it has written since it was started."""
        with open(self.log, errors="replace") as words:
            words.seek(self.start_of_words)
            return words.read()

    def send(self, number):
        if self.is_running():
            self.process.send_signal(number)
            self.is_stopped = number == signal.SIGSTOP

    def kill(self):
        self.send(signal.SIGKILL)
        self.process.wait()

    def end(self, seconds=15):
        """SIGTERM, then SIGKILL. Its exit status, negative where a signal ended it."""
        if self.is_stopped:
            self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(seconds)
        self.kill()
        return self.process.returncode


class World:
    """What all faults share: the programs, a folder, ports, and the end of the run."""

    def __init__(self, programs, seed, quick, deadline, kills, times):
        self.programs, self.seed, self.quick, self.deadline = programs, seed, quick, deadline
        self.all_kills, self.times, self.began = kills, times, time.monotonic()
        self.ending = threading.Event()
        self.lock, self.last_port = threading.Lock(), 20_000

    def __enter__(self):
        for name in ("jouleflow-agent", "jouleflow-collector"):
            if not os.access(self.programs / name, os.X_OK):
                raise CannotRun(f"{self.programs / name} is missing: run make build, or name its "
                                "folder with --bin")
        self.temporary = tempfile.TemporaryDirectory(prefix="jouleflow-chaos-")
        self.folder = Path(self.temporary.name)
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()

    def program(self, part):
        return self.programs / f"jouleflow-{part}"

    def kills(self, of_thousand):
        """A fault's share of all kills."""
        return max(1, round(self.all_kills * of_thousand / 1000))

    def refusal(self, collectors, what):
        """Why the agent does not take these settings of collectors; `None` where it does."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            settings = Path(folder) / "agent.yaml"
            settings.write_text("version: 1\nenergy: {source: none}\nservices: [{name: web, ports: "
                                "[1]}]\n" + collectors)
            done = subprocess.run([self.program("agent"), "check", settings], text=True,
                                  capture_output=True, timeout=20)
        # Anything else that may be wrong with them is no reason.
        if "not available in this version" in done.stdout + done.stderr:
            return f"this version's agent does not know {what}"
        return None

    def port(self):
        with self.lock:
            self.last_port += 1
            return self.last_port

    def pause(self, seconds):
        """Lets time pass; ends the fault where the run ends."""
        left = self.deadline - time.monotonic()
        if self.ending.wait(max(0, min(seconds, left))) or seconds > left:
            raise Stopped

    def wait_until(self, ready, seconds, every=0.05):
        """Whether `ready()` came true in time."""
        limit = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > limit:
                return False
            self.pause(every)
        return True
