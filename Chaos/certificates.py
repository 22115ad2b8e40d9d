"""Certificates that run out while they are in use. Made with openssl, since no authority in its
right mind gives them out for seconds."""
import time

from fault import Fault
from world import call

# Source: openssl-ca(1), CONFIGURATION FILE OPTIONS.
CONFIGURATION = """\
[ca]
default_ca = chaos
[chaos]
dir = {folder}
new_certs_dir = $dir
database = $dir/index.txt
serial = $dir/serial
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
"""
LEAF = "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n" \
    "extendedKeyUsage = {use}\nsubjectAltName = {name}\n"
AGENT, COLLECTOR = "clientAuth", "serverAuth"
HOUR = 3600


def stamp(seconds):
    return time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds))


class Authority:
    """Gives out certificates with an end of our choice."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        self.key("ca")
        call("openssl", "req", "-x509", "-new", "-key", folder / "ca.key", "-subj", "/CN=chaos",
             "-days", "2", "-config", folder / "openssl.cnf", "-extensions", "authority", "-out",
             folder / "ca.pem")

    def key(self, name):
        path = self.folder / f"{name}.key"
        path.touch(mode=0o600)
        call("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-out", path)

    def issue(self, name, use, alternative, seconds):
        """A certificate that ends in some seconds, for the same key where there was one; it takes
        the place of the one before at once."""
        folder = self.folder
        if not (folder / f"{name}.key").exists():
            self.key(name)
        (folder / "leaf.cnf").write_text(LEAF.format(use=use, name=alternative))
        call("openssl", "req", "-new", "-key", folder / f"{name}.key", "-subj", f"/CN={name}",
             "-config", folder / "openssl.cnf", "-out", folder / "request.pem")
        now = time.time()
        call("openssl", "ca", "-batch", "-notext", "-config", folder / "openssl.cnf", "-cert",
             folder / "ca.pem", "-keyfile", folder / "ca.key", "-in", folder / "request.pem",
             "-startdate", stamp(now - HOUR), "-enddate", stamp(now + seconds), "-extfile",
             folder / "leaf.cnf", "-out", folder / "new.pem")
        (folder / "new.pem").rename(folder / f"{name}.pem")

    def issue_agent(self, agent, seconds):
        self.issue(agent.name, AGENT, f"URI:urn:jouleflow:agent:{agent.name}", seconds)

    def issue_collector(self, collector, seconds):
        host = collector.address.rsplit(":", 1)[0]
        self.issue(collector.name, COLLECTOR, f"IP:{host}", seconds)

    def setting(self, name):
        files = {"ca": "ca.pem", "certificate": f"{name}.pem", "key": f"{name}.key"}
        return "tls: {" + ", ".join(f"{key}: {self.folder / file}"
                                    for key, file in files.items()) + "}"

    def of_agent(self, agent):
        return self.setting(agent.name)

    def of_collector(self, collector):
        return self.setting(collector.name) + "\n"


class Expiry(Fault):
    """Certificates of one side end; connections made after it are refused until there are new ones,
    which are taken without a restart."""
    bound, of_agents = 75, True

    def skipped(self):
        return self.world.refusal(
            'collectors: [{address: "h:1", tls: {ca: a, certificate: b, key: c}}]\n', "tls")

    def happen(self):
        folder = self.world.folder / f"{self.name}-authority-{self.runs}"
        authority = Authority(folder)
        with self.site(agents=2, tls=authority) as site:
            lasting, short = HOUR, 15
            for agent in site.agents:
                authority.issue_agent(agent, short if self.of_agents else lasting)
            for collector in site.collectors:
                authority.issue_collector(collector, lasting if self.of_agents else short)
            ends = time.time() + short
            site.start()
            sizes = [agent.log_size() for agent in site.agents]
            self.pause(max(0, ends - time.time()) + 1)
            # Whoever looks at certificates when connecting alone does so now.
            site.collectors[0].end()
            site.collectors[0].start("ready")
            before = site.collectors[0].durable()
            self.pause(15)
            self.require(site.collectors[0].durable() == before,
                         "records were taken although a certificate had ended")
            for agent, size in zip(site.agents, sizes):
                self.note_complaint(agent, size, about="certificate")
            for program in site.agents if self.of_agents else site.collectors:
                renew = authority.issue_agent if self.of_agents else authority.issue_collector
                renew(program, lasting)
            self.runs += 1
            self.recover(site)


class AgentExpiry(Expiry):
    name = "certificate_agent_ends"
    promise = "Refused and said so; records wait; a new certificate is taken at once."
    bound = 15


class CollectorExpiry(Expiry):
    name = "certificate_collector_ends"
    promise = "The same of the collector's certificate, after the agent's pause."
    of_agents = False
