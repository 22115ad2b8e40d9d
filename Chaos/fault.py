"""What a fault is: it has a name, a promise, a bound for recovery, and a way to happen."""
import random, statistics, time, traceback

from sites import Site
from verdict import FIGURES, judged
from world import CannotRun, Stopped

# How long a recovery that is late is waited for, so that late can be told from never.
PATIENCE = 60


class Fault:
    """One way in which things break. `happen` makes a site, breaks it and mends it; the rest is the
    same for all."""
    name, promise = "", ""
    # Seconds from where the fault has ended to where all that was made by then is durable, and the
    # first record made after it.
    bound = 15
    # Whether records may be lost by it, if the loss is declared.
    loses = False
    # Whether the agents' windows must lie side by side, without a gap and without an overlap.
    covers = True
    is_quick = False
    # Whether it happens several times in a whole run; kills count themselves.
    repeats = True

    def __init__(self, world):
        self.world = world
        self.random = random.Random(f"{world.seed} {self.name}")
        self.runs, self.recoveries, self.broken, self.notes = 0, [], [], []
        # Why it was left out, and whether the time was over before its end.
        self.reason, self.is_cut_short = None, False
        self.figures = dict.fromkeys(FIGURES, 0)

    def skipped(self):
        """Why it cannot happen here; `None` where it can."""
        return None

    def run(self):
        """Lets it happen, and notes what went wrong."""
        self.reason = self.skipped()
        if self.reason:
            return
        try:
            for _ in range(self.world.times if self.repeats else 1):
                self.happen()
        except Stopped:
            self.is_cut_short = True
        except CannotRun as error:
            self.broken.append(f"{error}")
        except Exception as error:
            traceback.print_exc()
            self.broken.append(f"the fault could not be made: {type(error).__name__}: {error}")

    def happen(self):
        raise NotImplementedError

    def seconds(self, whole, quick):
        return quick if self.world.quick else whole

    def site(self, agents=2, collectors=1, **more):
        """A site whose records are judged when the block that uses it ends."""
        return Judged(self, agents=agents, collectors=collectors, **more)

    def pause(self, seconds):
        self.world.pause(seconds)

    def recover(self, site):
        """Waits until all that is made by now is durable, and one record more; notes how long that
        took."""
        marks = site.marks(and_next=True)
        took = site.delivered_in(self.bound + PATIENCE, marks)
        self.note_recovery(took)
        if took is None:
            self.broken.append("what was made was not delivered in "
                               f"{self.bound + PATIENCE} s: {site.last_words()}")

    def note_recovery(self, took):
        self.recoveries.append(self.bound + PATIENCE if took is None else took)
        if took is not None and took > self.bound:
            self.broken.append(f"recovery took {took:.1f} s, promised are {self.bound} s")

    def require(self, holds, sentence):
        if not holds:
            self.broken.append(sentence)

    def note_complaint(self, program, since, about=""):
        """A program must say what happens to it, and what it says is kept for the reader."""
        self.require(program.is_running(), f"{program.name} has ended")
        words = program.complaint(since, about)
        self.require(words, f"{program.name} said nothing of it")
        if words:
            self.notes.append(f"{program.name}: {words[:300]}")

    def judge(self, site):
        figures = judged(site, excused=self.loses)
        for key, value in figures.items():
            self.figures[key] = round(self.figures[key] + value, 3)
        for key, words in (
                ("missing", "records missing"), ("duplicated", "numbers used twice"),
                ("altered", "records altered or never made"),
                ("undeclared_losses", "records lost and not declared"),
                ("false_losses", "records declared lost and not lost"),
                ("conflicts", "records came with two contents"),
                ("alerts", "alerts of the collector"),
                ("chain_breaks", "breaks in the chain of records")):
            self.require(figures[key] == 0, f"{figures[key]} {words}")
        if not self.loses:
            self.require(figures["declared_losses"] == 0,
                         f"{figures['declared_losses']} records declared lost")
        if self.covers:
            self.require(figures["overlapping_windows"] == 0,
                         f"{figures['overlapping_windows']} windows overlap")
            self.require(figures["uncovered_seconds"] == 0,
                         f"{figures['uncovered_seconds']:.1f} s are in no window")

    def result(self):
        """For machines."""
        recoveries = self.recoveries or [0]
        return {
            "runs": self.runs, **self.figures,
            "recovery_seconds": round(max(recoveries), 2),
            "recovery_median_seconds": round(statistics.median(recoveries), 2),
            "recovery_bound_seconds": self.bound, "broken": self.broken, "notes": self.notes}


class Judged(Site):
    """A site that is drained and judged where nothing else went wrong."""

    def __init__(self, fault, **more):
        self.fault = fault
        folder = fault.world.folder / f"{fault.name}-{time.monotonic_ns()}"
        super().__init__(fault.world, folder, **more)

    def __exit__(self, kind, *rest):
        try:
            if kind is None:
                for sentence in self.drain():
                    self.fault.broken.append(sentence)
                self.fault.judge(self)
        finally:
            super().__exit__(kind, *rest)
