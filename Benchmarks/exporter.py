"""prometheus-node-exporter, to measure beside: the one that is installed, else that of the package,
which is fetched and not installed, as its service would run on this machine from then on."""
import collections, http.client, shutil, socket, subprocess
from measuring import wait_until

NAME = "prometheus-node-exporter"
# Bytes of a package's file, and of its files on a host as dpkg reckons them.
Package = collections.namedtuple("Package", "file_bytes installed_bytes")


def package(bench):
    """The file of the package, or None where it cannot be fetched."""
    folder = bench.folder / "exporter-package"
    if not folder.exists():
        folder.mkdir()
        subprocess.run(["apt-get", "download", "-q", NAME], cwd=folder, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120) if shutil.which("apt-get") else None
    return next(folder.glob("*.deb"), None)


def weigh(file):
    """Source: deb-control(5), Installed-Size, in KiB."""
    field = subprocess.run(["dpkg-deb", "-f", file, "Installed-Size"], text=True, check=True,
                           capture_output=True).stdout
    return Package(file.stat().st_size, int(field) << 10)


def program(bench):
    """The program, or None; what to do then is in the notes."""
    if installed := shutil.which(NAME):
        return installed
    if file := package(bench):
        subprocess.run(["dpkg-deb", "-x", file, bench.folder / "exporter"], check=True)
        return bench.folder / "exporter/usr/bin" / NAME
    bench.notes.append(f"{NAME} is not there to compare with: apt-get install {NAME}")
    return None


class Exporter:
    """The program at work, asked over one connection."""

    def __init__(self, bench, executable, *flags):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.child = bench.start(f"exporter-{self.port}", executable, *flags,
                                 f"--web.listen-address=127.0.0.1:{self.port}")
        wait_until(self.child, self.listens)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def scrape(self):
        self.connection.request("GET", "/metrics")
        return self.connection.getresponse().read().decode()
