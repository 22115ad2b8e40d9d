"""Business traffic of HTTP/1.1 on loopback: wrk asks, nginx answers and logs what it answered.

Four kinds of business requests have a code in the response's body, `0000`, `E1001` or `E2002`, that
nginx draws and logs; one kind's responses are chunked. One request in thirty is a health check or
leads nowhere.
"""
import collections, json, os, pwd, resource, shutil, socket, time
from measuring import CannotMeasure, wait_until

WHERE = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# Of one process of wrk and of nginx, which may open as many files and a few.
MOST_CONNECTIONS = 10_000
# nginx writes its log each second; then there is no more to come.
QUIET_SECONDS = 2.5
SCENARIOS = {
    "credit": ("POST", "/api/credit/apply"), "drawdown": ("POST", "/api/loan/drawdown"),
    "repayment": ("POST", "/api/repay"), "query": ("GET", "/api/loan/query"),
}
# What their bodies name them by; a query has none.
CODES = {"credit": "CRD001", "drawdown": "LN0002", "repayment": "RP0003"}
OUTCOMES = {"completed": "0000", "refused": "E1001", "failed": "E2002"}


def missing():
    """Why there can be no traffic that is captured here, or None."""
    absent = [name for name in ("nginx", "wrk", "tcpdump") if not program(name)]
    if absent:
        return f"{' and '.join(absent)} missing: scripts/install-dependencies --bench"
    return no_capture()


def no_capture():
    """Why nothing can be captured here, or None."""
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


def configuration(folder, port, connections, processes, code_last, requests):
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
    default_type application/json; keepalive_timeout 60s; keepalive_requests {requests};
    split_clients $request_id $code {{ 4% E1001; 1% E2002; * 0000; }}
    log_format flows '$uri $status $code $bytes_sent';
    access_log {folder}/access.log flows buffer=256k flush=1s;
    server {{
        listen 127.0.0.1:{port} reuseport backlog=4096;
        {' '.join(places)}
        location = /health {{ return 204; }}
        location / {{ return 404; }}
    }}
}}
"""


ASK = """
local pad = string.rep("0123456789abcdef", 26)
local headers = {["Content-Type"] = "application/json", ["X-Channel"] = "APP"}
local function post(path, code, length)
    local body = string.format('{"txnCode":"%s","userId":"U%09d","amount":%d,"note":"%s"}',
        code, math.random(1e9), math.random(50000), pad:sub(1, length))
    return wrk.format("POST", path, headers, body)
end
local threads = 0
function setup(thread) threads = threads + 1; thread:set("number", threads) end
function init() math.randomseed(number) end
function request()
    local dice = math.random(100)
    if dice <= 15 then return post("/api/credit/apply", "CRD001", 400) end
    if dice <= 35 then return post("/api/loan/drawdown", "LN0002", 240) end
    if dice <= 55 then return post("/api/repay", "RP0003", 160) end
    if dice <= 97 then
        local path = "/api/loan/query?userId=U" .. math.random(1e9) .. "&page=1"
        return wrk.format("GET", path, headers)
    end
    if dice <= 99 then return wrk.format("GET", "/health", headers) end
    return wrk.format("GET", "/nowhere/" .. math.random(1000), headers)
end
"""
# As fast as it goes; with pauses that let two cores carry client, server and whoever captures, and with
# longer ones; and a new connection for each request.
LOADS = {
    "fast": ASK,
    "paced": ASK + "function delay() return math.random(0, 6) end\n",
    "busy": ASK + "function delay() return math.random(0, 10) end\n",
    "short": ASK + "headers['Connection'] = 'close'\n"
                   "function delay() return math.random(50, 100) end\n",
}


class Counts(collections.namedtuple("Counts", "flows others")):
    """`flows`: business requests by scenario and outcome. `others`: how many others there were."""

    @property
    def total(self):
        return sum(self.flows.values()) + self.others

    def differences(self, logged):
        """A sentence for each number that is not the log's."""
        pairs = [(f"{scenario} {outcome}", self.flows.get((scenario, outcome), 0),
                  logged.flows.get((scenario, outcome), 0))
                 for scenario in SCENARIOS for outcome in OUTCOMES]
        return [f"{words} {counted}, logged {wanted}"
                for words, counted, wanted in [*pairs, ("others", self.others, logged.others)]
                if counted != wanted]


class AccessLog:
    """What nginx answered, read as it is written."""

    def __init__(self, path):
        self.path, self.file, self.rest = path, None, ""
        # Lines are few that differ.
        self.lines = collections.Counter()

    def read(self):
        """Reads on; says how many lines there were."""
        self.file = self.file or open(self.path)
        before = self.lines.total()
        while block := self.file.read(1 << 22):
            *lines, self.rest = (self.rest + block).split("\n")
            self.lines.update(lines)
        return self.lines.total() - before

    def settle(self):
        """Reads on until no more comes."""
        quiet = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < quiet:
            time.sleep(0.2)
            if self.read():
                quiet = time.monotonic() + QUIET_SECONDS

    def take(self):
        """The responses that were read since the last time."""
        scenarios = {path: scenario for scenario, (_, path) in SCENARIOS.items()}
        outcomes = {code: outcome for outcome, code in OUTCOMES.items()}
        flows, others = collections.Counter(), 0
        for line, number in self.lines.items():
            path, status, code, sent = line.rsplit(" ", 3)
            # No request, or no byte of a response: the client was gone.
            if path == "-" or status == "400" or sent == "0":
                continue
            if scenario := scenarios.get(path):
                flows[scenario, outcomes[code]] += number
            else:
                others += number
        self.lines.clear()
        return Counts(flows, others)


class Traffic:
    """An nginx of its own in a folder of its own; `port` is the service's, `log` what it answered.

    `requests` is how many a connection carries before nginx closes it.
    """

    def __init__(self, bench, name, connections=64, code_last=False, requests=1000):
        self.bench, self.name, self.folder = bench, name, bench.folder / name
        self.folder.mkdir()
        self.log = AccessLog(self.folder / "access.log")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.processes = -(-connections // MOST_CONNECTIONS)
        self.connections = connections // self.processes
        allow_files(self.connections + 1500)
        for load, text in LOADS.items():
            (self.folder / f"{load}.lua").write_text(text)
        (self.folder / "nginx.conf").write_text(configuration(
            self.folder, self.port, connections, self.processes, code_last, requests))
        self.nginx = bench.start(f"{name}-nginx", program("nginx"), "-c",
                                 self.folder / "nginx.conf")
        wait_until(self.nginx, self.listens)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, seconds, load="paced", connections=None):
        """Starts a wrk for each process of nginx."""
        connections = connections or self.connections
        return [
            self.bench.start(
                f"{self.name}-wrk-{load}-{number}", program("wrk"),
                f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "-s",
                self.folder / f"{load}.lua", f"http://127.0.0.1:{self.port}")
            for number in range(self.processes)]

    def settings(self, *keys):
        """The agent's settings for it, with further lines of top-level keys."""
        return rules(self.port, *keys)

    def remove(self):
        shutil.rmtree(self.folder)


def rules(port, *keys):
    """An agent's settings that count this traffic at a port, with further lines of top-level keys."""
    scenarios = []
    for scenario, (method, path) in SCENARIOS.items():
        outcome = ", ".join(f'{name}: {{status: 2xx, body: {{code: "{code}"}}}}'
                            for name, code in OUTCOMES.items())
        scenarios.append(
            f"  - id: {scenario}\n    steps: [{{when: {{method: {method}, path: {path}}},"
            f" completes: true, outcome: {{{outcome}}}}}]\n")
    return (f"version: 1\nservices:\n"
            f"  - {{name: gateway, ports: [{port}], counts_flows: true}}\nscenarios:\n"
            + "".join(scenarios) + "".join(f"{key}\n" for key in keys))


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
