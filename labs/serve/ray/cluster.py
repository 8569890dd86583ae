"""A Ray cluster as a child of the notebook, which Ray's own commands start.

Every port is on loopback (``loopback/sitecustomize.py``), and each asks for Ray's own token,
because a user who may submit an application runs code as the cluster's owner.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from labs.runtimes import child
from labs.runtimes.child import ChildError
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.runtimes.providers import Environment, install
from labs.workspace import PROJECT_DIR, programs_dir, workspace_dir

#: Ports of Serve's HTTP proxy and of Ray's dashboard, in the order in which they are tried.
HTTP_PORTS, DASHBOARD_PORTS = (8110, 8111), (8265, 8266)

#: Bytes of shared memory for Ray's object store on each node: an image's tensor has 0.6 MB.
OBJECT_STORE_BYTES = 100_000_000

#: Processors that Ray may share out. They are not a limit: replicas ask for parts of them.
CPUS = 4

_LOOPBACK = Path(__file__).with_name("loopback")

#: Seconds for it to end by itself. Ray would drain it for 30, but no client waits for its requests
#: any more.
GRACE_S = 3.0

#: Seconds between two looks at the replicas.
EVERY_S = 0.5


class RayError(RuntimeError):
    """Ray did not carry out a command; the message ends with Ray's own."""


class RayCluster:
    """A node of Ray, and Ray Serve on it."""

    def __init__(self, environment: Environment, on_progress: OnProgress = silent) -> None:
        """Start the node and Serve; ``start_ray`` makes the environment first."""
        self._python = environment.python
        # Ray opens its folder, sockets included, to every user, so only the folder around it is
        # closed to others.
        self._private = _private_folder()
        self.folder = self._private / "r"
        #: What Ray's ports ask for.
        self.token = secrets.token_hex(32)
        self._token_path = self._private / "token"
        self._token_path.write_text(self.token)
        choices = (HTTP_PORTS, DASHBOARD_PORTS, 0, 0, 0)
        with contextlib.ExitStack() as stack:  # all at once, so that they differ
            sockets = [stack.enter_context(listen(ports=ports)) for ports in choices]
            bound_ports = [socket.getsockname()[1] for socket in sockets]
        self.port, dashboard, main, client, agent = bound_ports
        self.dashboard_url = f"http://127.0.0.1:{dashboard}"
        self._address = f"127.0.0.1:{main}"
        on_progress(0.0, "ray start --head")
        options = {
            "port": main,
            "num-cpus": CPUS,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": dashboard,
            "ray-client-server-port": client,
            "temp-dir": self.folder,
            "object-store-memory": OBJECT_STORE_BYTES,
            "dashboard-agent-listen-port": agent,
            "include-log-monitor": "false",
        }
        command = [self._python.parent / "ray", "start", "--head", "--block"]
        command += [f"--{name}={value}" for name, value in options.items()]
        command += ["--disable-usage-stats"]
        variables = self.variables
        del variables["RAY_ADDRESS"]
        self._node = child.start(
            command,
            workspace_dir() / "logs" / f"ray-{self.port}.log",
            environment=variables,
            leftovers=[self._private],
        )
        try:
            self._node.wait_for(
                self._has_started,
                what="ray start --head",
                within_s=300,
                on_progress=part(on_progress, 0.0, 0.69),
            )
            self._start_serve(on_progress)
        except ChildError as error:  # it is stopped by then
            raise RayError(str(error)) from None
        except BaseException:
            self.stop()
            raise
        on_progress(1.0, f"Ray Serve listens at {self.url}")

    def _has_started(self) -> bool:
        return "Ray runtime started" in self._node.log(100_000)

    @property
    def url(self) -> str:
        """Address of Serve's HTTP proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """The process that keeps the node; all others of the cluster are its children."""
        return (self._node.pid,)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables under which Ray's commands reach this cluster and no other."""
        foreign = [name for name in os.environ if not name.startswith(("RAY_", "PYTHON"))]
        inherited = {name: os.environ[name] for name in foreign}
        programs = os.pathsep.join([str(self._python.parent), os.environ.get("PATH", "")])
        packages = [str(_LOOPBACK), str(programs_dir() / "ray"), str(PROJECT_DIR)]
        python_path = os.pathsep.join(packages)
        token_path = str(self._token_path)
        own = {
            "PATH": programs,
            "PYTHONPATH": python_path,
            "PYTHONNOUSERSITE": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": token_path,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ADDRESS": self._address,
            "RAY_DASHBOARD_ADDRESS": self.dashboard_url,
            # The proxy would keep as much of a body as arrives before its replica has looked at any
            # of it.
            "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "labs.data.intake.before_ray",
            # Serve kills a proxy that is not ready after 5 s, and on a busy machine with two cores
            # none would ever be.
            "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
            "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
            # Ray runs replicas at niceness 15: beside load from the same processors they would get
            # next to no time.
            "RAY_worker_niceness": "0",
            # Otherwise each node starts a Python for every processor before one is needed.
            "RAY_prestart_worker_first_driver": "0",
            "RAY_enable_worker_prestart": "0",
        }
        return inherited | own

    def _serve_deploy(self, config: Path) -> None:
        """Do ``serve deploy``."""
        folder = programs_dir() / "ray"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(
            ["serve", "deploy", config],
            cwd=folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            output = done.stdout + done.stderr
            raise RayError(f"serve deploy ended with status {done.returncode}:\n{output[-2000:]}")

    def applications(self) -> dict[str, dict]:
        """Return Serve's status, route and deployments with their replicas, by application."""
        return self._serve()["applications"]

    def replicas(self, application: str, deployment: str) -> list[dict]:
        """Return a deployment's replicas: ``replica_id``, ``state``, ``pid``, ``node_id``."""
        deployments = self.applications().get(application, {}).get("deployments", {})
        return deployments.get(deployment, {}).get("replicas", [])

    def deploy(self, config: Path, on_progress: OnProgress = silent) -> None:
        """Do ``serve deploy``, and return when each application runs with all its replicas.

        Raises:
            FileNotFoundError: The file is not written yet; Ray would take its name for a module's.
            RayError: Ray refuses it, an application failed, or the time is over; the message says
                what Serve says.
        """
        if not config.is_file():
            raise FileNotFoundError(
                f"{config} is not there: write it first; its check says what it lacks"
            )
        on_progress(0.0, f"serve deploy {config.name}")
        self._serve_deploy(config)
        begin_s = time.monotonic()
        while True:
            applications = self.applications()
            _require_none_failed(applications)
            if _all_run(applications):
                return
            statuses = {name: applications[name]["status"] for name in applications}
            spent_s = time.monotonic() - begin_s
            if spent_s > 600:
                raise RayError(f"not ready after 600 s: {statuses}")
            words = ", ".join(f"{name} {status}" for name, status in statuses.items())
            on_progress(min(0.99, spent_s / 30), words)
            time.sleep(0.3)

    def kill_replica(self, application: str, deployment: str, *, after_s: float = 0.0) -> int:
        """End a running replica by a signal that no process can catch; return its process id."""
        time.sleep(after_s)
        replicas = self.replicas(application, deployment)
        running = [replica for replica in replicas if replica["state"] == "RUNNING"]
        if not running:
            raise RayError(f"{application} has no running replica of {deployment}")
        pid = running[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        """End every process of the cluster; a second call is fine."""
        self._node.stop(GRACE_S)
        shutil.rmtree(self._private, ignore_errors=True)

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_serve(self, on_progress: OnProgress) -> None:
        """Deploy no application at all: that starts Serve, at the address that the file names."""
        config = self._private / "serve.json"
        http = {"host": "127.0.0.1", "port": self.port}
        settings = {"proxy_location": "HeadOnly", "http_options": http, "applications": []}
        config.write_text(json.dumps(settings))
        on_progress(0.7, "serve deploy, without an application yet")
        try:
            self._serve_deploy(config)
        except RayError as error:
            # Ray waits for a minute, and a busy machine with two cores may need another one.
            if "proxies not available" not in str(error):
                raise
        deadline_s = time.monotonic() + 300
        while not self._proxy_is_ready():
            if time.monotonic() > deadline_s:
                raise RayError("Serve's HTTP proxy is not ready after 300 s")
            time.sleep(0.2)

    def _proxy_is_ready(self) -> bool:
        proxies = self._serve()["proxies"].values()
        return [proxy["status"] for proxy in proxies] == ["HEALTHY"]

    def _serve(self) -> dict:
        """Return all that Serve says of itself."""
        url = f"{self.dashboard_url}/api/serve/applications/"
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def _require_none_failed(applications: dict[str, dict]) -> None:
    """Return quietly where no application has failed; raise RayError with what Serve says."""
    for application in applications.values():
        if application["status"] in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise RayError(f"{application['name']}: {application['message'][-2000:]}")


def _all_run(applications: dict[str, dict]) -> bool:
    """Return whether there are applications, and each has the replicas that it is meant to have."""
    for application in applications.values():
        deployments = application.get("deployments", {}).values()
        if application["status"] != "RUNNING":
            return False
        if any(deployment["status"] != "HEALTHY" for deployment in deployments):
            return False
    return bool(applications)


def start_ray(on_progress: OnProgress = silent) -> RayCluster:
    """Return a cluster of one node with Ray Serve, in an environment that is made on first use.

    Raises:
        EnvironmentUnavailableError: Ray cannot be installed here; the message says why.
        RayError: It did not start.
    """
    environment = install("ray", part(on_progress, 0.0, 0.4))
    return RayCluster(environment, part(on_progress, 0.4, 1.0))


def _private_folder() -> Path:
    """Return a new folder that only its owner may enter, with a short path.

    A socket's path may have 107 characters (macOS: 103), and Ray's own part takes up to 72 of them.
    """
    parent = tempfile.gettempdir()
    if len(parent) > 16:
        parent = "/tmp"
    return Path(tempfile.mkdtemp(prefix="ray-", dir=parent))


class ReplicaWatch:
    """Counts a deployment's replicas while a ``with`` block runs; ``rows`` holds what was seen."""

    def __init__(self, cluster: RayCluster, application: str, deployment: str) -> None:
        """Name the deployment to watch."""
        self.rows: list[dict] = []
        self._cluster = cluster
        self._application = application
        self._deployment = deployment
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> ReplicaWatch:
        self._begin_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.is_set():
            # A busy machine may be late with an answer: the next look will do.
            with contextlib.suppress(OSError):
                replicas = self._cluster.replicas(self._application, self._deployment)
                states = Counter(replica["state"] for replica in replicas)
                offset_s = round(time.monotonic() - self._begin_s, 2)
                running, starting = states["RUNNING"], states["STARTING"]
                row = {"offset_s": offset_s, "running": running, "starting": starting}
                self.rows.append(row)
            self._ended.wait(EVERY_S)
