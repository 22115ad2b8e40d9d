"""Records business traffic of HTTP/1.1 on loopback: wrk asks, nginx answers, tcpdump records.

Four kinds of business requests have a code in the response's body, `0000`, `E1001` or `E2002`, that
nginx draws and logs; one kind's responses are chunked. One request in thirty is a health check or
leads nowhere.
"""
import collections, json, os, pwd, resource, shutil, socket, time
from measuring import CannotMeasure, end, wait_until

WHERE = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# As long as wrk may take to bring about the exchanges that are wanted.
LONGEST_SECONDS = 60
FREE_BYTES = 3 << 30
# Of one process of wrk and of nginx, which may open as many files and a few.
MOST_CONNECTIONS = 10_000
SCENARIOS = {
    "credit": ("POST", "/api/credit/apply"), "drawdown": ("POST", "/api/loan/drawdown"),
    "repayment": ("POST", "/api/repay"), "query": ("GET", "/api/loan/query"),
}
OUTCOMES = {"completed": "0000", "refused": "E1001", "failed": "E2002"}


def missing():
    """Why nothing can be recorded here, or None."""
    absent = [name for name in ("nginx", "wrk", "tcpdump") if not program(name)]
    if absent:
        return f"{' and '.join(absent)} missing: scripts/install-dependencies --bench"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        return "capturing on loopback needs root or CAP_NET_RAW"
    return None


def program(name):
    return shutil.which(name, path=WHERE)


def body(scenario, code_last):
    """A response's body; nginx puts the code in."""
    plan = [{"term": term, "principal": "250.00", "interest": f"{term * 7 % 13}.5"}
            for term in range(1, 13)]
    data = {
        "credit": {"applyNo": "A" + "7q" * 10, "limit": 50000, "rate": "0.00035",
                   "items": [{"k": k, "v": "v" * 24} for k in range(12)]},
        "drawdown": {"loanNo": "L" + "4x" * 9, "amount": 3000, "plan": plan},
        "repayment": {"repayNo": "R" + "9z" * 9, "status": "ACCEPTED", "remark": "r" * 210},
        "query": {"loans": [{"no": f"L{n:018}", "plan": plan[:4]} for n in range(6)]},
    }[scenario]
    code, rest = {"code": "$code"}, {"msg": "OK", "data": data}
    return json.dumps({**rest, **code} if code_last else {**code, **rest})


def configuration(folder, port, connections, processes, code_last):
    places = []
    for scenario, (_, path) in SCENARIOS.items():
        # nginx cannot know the length of what sub_filter writes, and sends chunks.
        chunked = "sub_filter_types *; sub_filter '@' '';" if scenario == "query" else ""
        answer = f"return 200 '{body(scenario, code_last)}';"
        places.append(f"location = {path} {{ {chunked} {answer} }}")
    temporary = "".join(f"{part}_temp_path {folder}/{part};"
                        for part in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    user = f"user {user_name()};" if os.geteuid() == 0 else ""
    return f"""
daemon off; worker_processes {processes}; {user}
pid {folder}/nginx.pid; error_log {folder}/nginx.err error;
events {{ worker_connections {connections // processes + 1000}; }}
http {{
    {temporary}
    default_type application/json; keepalive_timeout 60s; keepalive_requests 1000;
    split_clients $request_id $code {{ 4% E1001; 1% E2002; * 0000; }}
    log_format flows '$uri $status $code';
    access_log {folder}/access.log flows buffer=256k flush=1s;
    server {{
        listen 127.0.0.1:{port} reuseport backlog=4096;
        {' '.join(places)}
        location = /health {{ return 204; }}
        location / {{ return 404; }}
    }}
}}
"""


LOAD = """
local pad = string.rep("0123456789abcdef", 26)
local headers = {["Content-Type"] = "application/json", ["X-Channel"] = "APP"}
local function post(path, length)
    local body = string.format('{"userId":"U%09d","amount":%d,"note":"%s"}',
        math.random(1e9), math.random(50000), pad:sub(1, length))
    return wrk.format("POST", path, headers, body)
end
local threads = 0
function setup(thread) threads = threads + 1; thread:set("number", threads) end
function init() math.randomseed(number) end
function request()
    local dice = math.random(100)
    if dice <= 15 then return post("/api/credit/apply", 400) end
    if dice <= 35 then return post("/api/loan/drawdown", 240) end
    if dice <= 55 then return post("/api/repay", 160) end
    if dice <= 97 then
        local path = "/api/loan/query?userId=U" .. math.random(1e9) .. "&page=1"
        return wrk.format("GET", path, headers)
    end
    if dice <= 99 then return wrk.format("GET", "/health", headers) end
    return wrk.format("GET", "/nowhere/" .. math.random(1000), headers)
end
function delay() return math.random(0, 6) end
"""


class Recording:
    """A file of at least so many exchanges, the port of the service, and what nginx logged."""

    def __init__(self, bench, name, exchanges, connections=64, code_last=False):
        self.folder = bench.folder / name
        self.folder.mkdir()
        if shutil.disk_usage(self.folder).free < FREE_BYTES:
            raise CannotMeasure(f"{self.folder} has less than {FREE_BYTES >> 30} GiB of room")
        self.file, self.log = self.folder / "http.pcap", self.folder / "access.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        processes = -(-connections // MOST_CONNECTIONS)
        allow_files(connections // processes + 1500)
        (self.folder / "load.lua").write_text(LOAD)
        (self.folder / "nginx.conf").write_text(
            configuration(self.folder, self.port, connections, processes, code_last))
        self.record(bench, name, exchanges, connections // processes, processes)
        self.truth, self.others = self.logged()

    def record(self, bench, name, exchanges, connections, processes):
        nginx = bench.start(f"{name}-nginx", program("nginx"), "-c", self.folder / "nginx.conf")
        wait_until(nginx, self.listens)
        dump = bench.start(
            f"{name}-tcpdump", program("tcpdump"), "-i", "lo", "-s", "0", "-B", "65536", "-Z",
            user_name(), "-w", self.file, f"tcp port {self.port}")
        wait_until(dump, lambda: "listening on" in dump.log.read_text())
        loads = [
            bench.start(
                f"{name}-wrk-{number}", program("wrk"), "-t2", f"-c{connections}",
                f"-d{LONGEST_SECONDS}s", "-s", self.folder / "load.lua",
                f"http://127.0.0.1:{self.port}")
            for number in range(processes)]
        with open(self.log) as log:
            self.exchanges = 0
            while self.exchanges < exchanges and loads[0].poll() is None:
                time.sleep(0.2)
                self.exchanges += log.read().count("\n")
            for load in loads:
                end(load)
            # nginx writes its log each second; then there is no more to come.
            quiet = time.monotonic() + 2.5
            while time.monotonic() < quiet:
                time.sleep(0.2)
                if more := log.read().count("\n"):
                    self.exchanges += more
                    quiet = time.monotonic() + 2.5
        end(dump)
        end(nginx)
        said = dump.log.read_text()
        if "\n0 packets dropped by kernel" not in said:
            raise CannotMeasure("packets were lost in recording: " + said.strip().split("\n")[-1])

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def logged(self):
        """Responses by scenario and code, and the number of others."""
        scenarios = {path: scenario for scenario, (_, path) in SCENARIOS.items()}
        found = collections.Counter()
        for line in self.log.read_text().splitlines():
            path, status, code = line.rsplit(" ", 2)
            if path != "-" and status != "400":
                found[scenarios.get(path), code] += 1
        others = sum(number for (scenario, _), number in found.items() if scenario is None)
        return {key: number for key, number in found.items() if key[0]}, others

    def settings(self):
        """The agent's settings for it."""
        scenarios = []
        for scenario, (method, path) in SCENARIOS.items():
            outcome = ", ".join(f'{name}: {{status: 2xx, body: {{code: "{code}"}}}}'
                                for name, code in OUTCOMES.items())
            scenarios.append(
                f"  - id: {scenario}\n    steps: [{{when: {{method: {method}, path: {path}}},"
                f" completes: true, outcome: {{{outcome}}}}}]\n")
        path = self.folder / "agent.yaml"
        path.write_text(
            f"version: 1\nagent: {{id: bench, state: {self.folder}/state}}\nservices:\n"
            f"  - {{name: gateway, ports: [{self.port}], counts_flows: true}}\nscenarios:\n"
            + "".join(scenarios) + "collectors: []\n")
        return path

    def remove(self):
        shutil.rmtree(self.folder)


def user_name():
    return pwd.getpwuid(os.geteuid()).pw_name


def allow_files(wanted):
    """Lets this program's children have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (ValueError, PermissionError):
            raise CannotMeasure(f"{wanted} open files are needed, and {hard} allowed: ulimit -Hn")
