"""Records the traffic of traffic.py with tcpdump."""
import shutil, time
from measuring import CannotMeasure, end, wait_until
from traffic import Traffic, program, user_name

# As long as wrk may take to bring about the exchanges that are wanted.
LONGEST_SECONDS = 60
FREE_BYTES = 3 << 30


class Recording(Traffic):
    """A file of at least so many exchanges; `truth` is what nginx logged."""

    def __init__(self, bench, name, exchanges, **how):
        if shutil.disk_usage(bench.folder).free < FREE_BYTES:
            raise CannotMeasure(f"{bench.folder} has less than {FREE_BYTES >> 30} GiB of room")
        super().__init__(bench, name, **how)
        self.file = self.folder / "http.pcap"
        self.record(exchanges)
        self.truth = self.log.take()
        self.config = self.folder / "agent.yaml"
        self.config.write_text(self.settings("agent: {id: bench}", "collectors: []"))

    def record(self, exchanges):
        dump = self.bench.start(
            f"{self.name}-tcpdump", program("tcpdump"), "-i", "lo", "-s", "0", "-B", "65536", "-Z",
            user_name(), "-w", self.file, f"tcp port {self.port}")
        wait_until(dump, lambda: "listening on" in dump.log.read_text())
        loads = self.ask(LONGEST_SECONDS)
        found = 0
        while found < exchanges and loads[0].poll() is None:
            time.sleep(0.2)
            found += self.log.read()
        for load in loads:
            end(load)
        self.log.settle()
        end(dump)
        end(self.nginx)
        said = dump.log.read_text()
        if "\n0 packets dropped by kernel" not in said:
            raise CannotMeasure("packets were lost in recording: " + said.strip().split("\n")[-1])
