"""Prometheus and promtool, found or unpacked from Debian's packages without root; and a dashboard
for Grafana.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from labs.runtimes import child
from labs.runtimes.child import Child, ChildError
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, silent
from labs.workspace import cache_dir, workspace_dir

#: Debian's and Ubuntu's packages: the two programs, and what the server's own page is drawn with.
PACKAGES = ("prometheus", "promtool")
_PAGE_PACKAGES = (
    *(
        "libjs-bootstrap4",
        "libjs-d3",
        "libjs-eonasdan-bootstrap-datetimepicker",
        "libjs-jquery",
        "libjs-moment",
    ),
    *(
        "libjs-jquery-hotkeys",
        "libjs-moment-timezone",
        "libjs-mustache",
        "libjs-popper.js",
        "libjs-rickshaw",
    ),
    "fonts-glyphicons-halflings",
)

#: Pages of this machine's own addresses may read what is asked of it; Prometheus lets every page
#: otherwise.
_ORIGINS = r"https?://(127\.0\.0\.1|localhost)(:\d+)?"

#: Height and width of a panel, in Grafana's grid of 24 columns.
_HEIGHT, _WIDTH = 8, 12

#: Grafana's units, by the last word of a panel's title.
_UNITS = {"s": "s", "1/s": "reqps", "share": "percentunit", "bytes": "bytes"}
_SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


class PrometheusUnavailableError(RuntimeError):
    """Prometheus is missing and cannot be fetched, or does not start; the message gives the reason
    and the fix.
    """


@dataclass(frozen=True)
class Programs:
    """The two programs."""

    prometheus: Path
    #: Checks configurations and rules, and makes blocks of recorded series.
    promtool: Path
    #: Files of the server's page, if they are in another place than it expects; None otherwise.
    page: Path | None = None

    def check(self, config: str | Path) -> str:
        """Return what ``promtool check config`` complains about; an empty text when nothing."""
        done = subprocess.run(
            [self.promtool, "check", "config", config],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else (done.stderr + done.stdout).strip()


def programs(on_progress: OnProgress = silent) -> Programs:
    """Return Prometheus' programs: this machine's own, or the copies in the course's cache.

    Args:
        on_progress: Told what is fetched (35 MB, once); may raise ``Cancelled``.

    Raises:
        PrometheusUnavailableError: The programs are missing, and this is not Debian or Ubuntu, or
            has no network.
    """
    own = [Path(path) for name in PACKAGES if (path := shutil.which(name))]
    if len(own) == len(PACKAGES):
        return Programs(*own)
    root = cache_dir() / "prometheus"
    if not root.is_dir():
        _unpack(root, on_progress)
    on_progress(1.0, "Prometheus is there")
    prometheus, promtool = (root / "usr" / "bin" / name for name in PACKAGES)
    return Programs(prometheus, promtool, root / "usr" / "share" / "prometheus" / "web")


class Prometheus(Child):
    """A running server."""

    def __init__(self, url: str, command: Sequence[str], child: Child) -> None:
        """Name a started process's address, such as 'http://127.0.0.1:9090', and its command
        line.
        """
        super().__init__(child.process, child.log_path)
        self.url, self.command = url, tuple(command)

    def get(self, path: str, **parameters: str | float) -> dict:
        """Return the data of one call of its HTTP API.

        Args:
            path: Such as 'query' or 'targets', below ``/api/v1/``.
            parameters: The call's parameters, such as ``query="up"``.

        Raises:
            ValueError: Prometheus refuses the call; the message is Prometheus' own.
        """
        reply = httpx.get(
            f"{self.url}/api/v1/{path}", params=parameters, timeout=30
        ).json()
        if reply["status"] == "error":
            raise ValueError(reply["error"])
        return reply["data"]


def start(
    config: str | Path,
    *,
    data: Path | None = None,
    ports: int | Iterable[int] = 0,
    on_progress: OnProgress = silent,
) -> Prometheus:
    """Return a ready server on loopback, which ends with this process.

    Args:
        data: Folder of its series; one in the workspace when None.
        ports: Ports in the order in which they are tried; a free one when 0.

    Raises:
        PrometheusUnavailableError: It is not here, or it ended; the message holds what it said.
        PortsTakenError: All ports are taken.
    """
    paths = programs(on_progress)
    with listen("127.0.0.1", ports) as free:
        port = free.getsockname()[1]
    series = data or workspace_dir() / "prometheus"
    command = [
        str(paths.prometheus),
        f"--config.file={Path(config).resolve()}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={series.resolve()}",
        f"--web.cors.origin={_ORIGINS}",
    ]
    if paths.page:
        command.append(f"--web.local-assets={paths.page}/")
    url = f"http://127.0.0.1:{port}"
    server = Prometheus(
        url,
        command,
        child.start(command, workspace_dir() / "logs" / f"prometheus-{port}.log"),
    )

    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/-/ready", timeout=2).is_success
        return False

    try:
        server.wait_for(ready, what="Prometheus", within_s=30.0, on_progress=on_progress)
    except ChildError as error:
        raise PrometheusUnavailableError(str(error)) from None
    return server


def _unpack(root: Path, on_progress: OnProgress) -> None:
    """Fetch the packages, unpack them beside the place where they belong, and move them there when
    all is whole.
    """
    from labs.runtimes.debian import EmulationUnavailableError, fetch, unpack

    on_progress(0.1, "fetching Prometheus' packages (35 MB)")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=root.parent, prefix="prometheus-", ignore_cleanup_errors=True
    ) as folder:
        fetched, unpacked = Path(folder) / "fetched", Path(folder) / "made"
        try:
            archives = fetch(fetched, *PACKAGES, alone=True)
            on_progress(0.6, "fetching what its page is drawn with")
            with contextlib.suppress(
                EmulationUnavailableError
            ):  # it serves without its page, too
                archives = fetch(fetched, *_PAGE_PACKAGES, alone=True)
        except EmulationUnavailableError as error:
            raise PrometheusUnavailableError(
                f"Prometheus is not installed, and its packages cannot be fetched: {error}. With "
                "root: 'sudo apt install prometheus'; on macOS: 'brew install prometheus'; then "
                "run this cell again."
            ) from None
        on_progress(0.8, "unpacking")
        unpack(archives, unpacked)
        with contextlib.suppress(OSError):  # another notebook was faster
            unpacked.rename(root)


def grafana_dashboard(title: str, expressions: Mapping[str, str]) -> str:
    """Return a dashboard in Grafana's JSON model, to be imported; Grafana then asks which
    Prometheus it is for.

    Args:
        expressions: PromQL by the panel's title; 'p95, s' gets the unit 's'.

    Source: Grafana, 'Dashboard JSON model', schema version 39 (Grafana 11).
    """
    panels = [
        _panel(place, panel, expression)
        for place, (panel, expression) in enumerate(expressions.items())
    ]
    source = {
        "name": "DS_PROMETHEUS",
        "label": "Prometheus",
        "type": "datasource",
        "pluginId": "prometheus",
    }
    dashboard = {
        "__inputs": [{**source, "pluginName": "Prometheus", "description": ""}],
        "title": title,
        "schemaVersion": 39,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "panels": panels,
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _panel(place: int, title: str, expression: str) -> dict[str, object]:
    """Return the panel at a place, counted from 0, in two columns."""
    row, column = divmod(place, 2)
    unit = _UNITS.get(title.rpartition(", ")[2], "short")
    position = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "expr": expression, "datasource": _SOURCE}],
    }
