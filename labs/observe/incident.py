"""An incident: two replicas under load, a release with a hidden fault, a rollback, and what Prometheus saw of it all.

Times and the incident's number are kept in the workspace, so that a check in another process finds them. The fault's
name is written down once a rollback has removed it, and not before.
"""

import contextlib
import itertools
import json
import secrets
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from labs.observe import prometheus, replica
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, part, silent
from labs.serve.running import Service, start, wait_until_ready
from labs.workspace import workspace_dir

#: Photos a second, for both replicas together; and clients that ask without a pause at the peak.
RATE_RPS, PEAK_CLIENTS = 10, 40

#: Seconds of ordinary load before a peak, of the peak, and after it; with release 41, 42, and after a rollback.
SPANS_S = {"r41": (7, 3, 1), "r42": (14, 4, 4), "rollback": (7, 3, 1)}

#: Seconds after a start that no reading is taken from: the first photos are slow, and rates need a full window.
SETTLING_S = 5

#: What users feel, as 'Find an incident' asks for it.
P95 = 'histogram_quantile(0.95, sum by (le) (rate(serving_request_seconds_bucket{path=~"/predict.*"}[5s])))'

_CONFIG = """global:
  scrape_interval: 1s
scrape_configs:
  - job_name: gourmetgram
    static_configs:
      - targets: [{targets}]
"""


class Incident:
    """Two replicas of the service, a Prometheus that scrapes them, and their load."""

    def __init__(self, model: Path, images: Sequence[bytes]) -> None:
        """Describe it by the ONNX model and the encoded photos that are sent in turn; nothing runs before ``begin``."""
        self._model, self._images, self._seed = model, images, secrets.randbits(32)
        self._folder = workspace_dir() / "incident"
        self._replicas: dict[int, Service] = {}
        self._ports: list[int] = []
        self.server: prometheus.Prometheus | None = None
        #: Unix times in seconds by span: its begin and its end.
        self.spans: dict[str, tuple[float, float]] = {}

    def begin(self, *, ports: int | Sequence[int] = 0, on_progress: OnProgress = silent) -> None:
        """Start both replicas with release 41, and Prometheus at the first of its ports that is free."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _other_model(self._model, self._folder / "model-42.onnx")
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(listen()) for _ in range(2)]
            self._ports = [one.getsockname()[1] for one in sockets]
        config = self._folder / "prometheus.yml"
        config.write_text(_CONFIG.format(targets=", ".join(f'"127.0.0.1:{port}"' for port in self._ports)))
        self._roll_out((), part(on_progress, 0.0, 0.7))
        data = self._folder / f"series-{time.time_ns()}"
        self.server = prometheus.start(config, data=data, ports=ports, on_progress=part(on_progress, 0.7, 1.0))

    def run(self, on_progress: OnProgress = silent) -> dict:
        """Put load on release 41, roll out release 42 under load, and return when it happened, in Unix seconds."""
        self._span("r41", part(on_progress, 0.0, 0.3))
        with self._load(RATE_RPS):
            rolled_out_s = time.time()
            self._roll_out(replica.COMPONENTS, part(on_progress, 0.3, 0.4))
        self._span("r42", part(on_progress, 0.4, 1.0))
        assert self.server is not None, "begin comes before run"
        p95_s = {}
        for name in ("r41", "r42"):  # in ordinary load, just before the peak
            found = self.server.get("query", query=P95, time=self.spans[name][0] + SPANS_S[name][0])["result"]
            p95_s[name] = float(found[0]["value"][1]) if found else 0.0
        spans = {name: list(span) for name, span in self.spans.items()}
        return {"seed": self._seed, "rolled_out_s": rolled_out_s, "spans": spans, "p95_s": p95_s}

    def apply(self, release: str | Path, on_progress: OnProgress = silent) -> dict:
        """Roll out what a file says, put load on it, and return what was rolled back, and whether the fault is gone.

        Raises:
            ValueError: The file is not a release.
        """
        versions = read_release(release)
        kept = [name for name in replica.COMPONENTS if versions[name] == 42]
        self._roll_out(kept, part(on_progress, 0.0, 0.3))
        self._span("rollback", part(on_progress, 0.3, 1.0))
        fault = replica.faulty(self._seed)
        back = sorted(set(replica.COMPONENTS) - set(kept))
        return {"rolled_back": back, "recovered": fault in back, "faulty": fault if fault in back else ""}

    def stop(self) -> None:
        """End everything."""
        for one in (*self._replicas.values(), *([self.server] if self.server else [])):
            one.stop()
        self._replicas, self.server = {}, None

    def _roll_out(self, components: Sequence[str], on_progress: OnProgress) -> None:
        """Replace one replica after the other."""
        for number, port in enumerate(self._ports):
            if number in self._replicas:
                self._replicas[number].stop(5)
            variables: dict[str, Any] = {
                "MODEL": self._model,
                "MAY_WAIT": 8,
                replica.SEED: self._seed,
                replica.NUMBER: number,
                replica.ROLLED_OUT: " ".join(components),
                replica.MODEL: self._folder / "model-42.onnx",
            }
            started = start("labs.observe.replica:create", port=port, **variables)
            report = part(on_progress, number / 2, (number + 1) / 2)
            self._replicas[number] = wait_until_ready(started, on_progress=report)

    def _span(self, name: str, on_progress: OnProgress) -> None:
        """Put ordinary load with a peak on the replicas, and write down when."""
        begin_s, (before_s, peak_s, after_s) = time.time(), SPANS_S[name]
        for clients, seconds in ((0, before_s), (PEAK_CLIENTS, peak_s), (0, after_s)):
            with self._load(RATE_RPS, clients):
                until_s = time.time() + seconds
                while (left_s := until_s - time.time()) > 0:
                    done = (time.time() - begin_s) / (before_s + peak_s + after_s)
                    on_progress(min(done, 1.0), f"{clients} clients at the peak" if clients else "ordinary load")
                    time.sleep(min(left_s, 0.2))
        self.spans[name] = (begin_s, time.time())
        assert self.server is not None, "begin comes first"
        state = {"seed": self._seed, "url": self.server.url, "spans": self.spans}
        (self._folder / "state.json").write_text(json.dumps(state))

    @contextlib.contextmanager
    def _load(self, rate_rps: float, clients: int = 0):
        """Send photos to both replicas in turn, at a rate and from clients that wait for their answers, while open."""
        done, turns = threading.Event(), itertools.count()

        def send(client: httpx.Client) -> int:
            turn = next(turns)
            url = f"http://127.0.0.1:{self._ports[turn % 2]}/predict/raw"
            content = self._images[turn // 2 % len(self._images)]
            with contextlib.suppress(httpx.HTTPError):
                return client.post(url, content=content, headers={"content-type": "image/jpeg"}).status_code
            return 0

        def ask_again(client: httpx.Client) -> None:
            while not done.is_set():
                if send(client) != 200:
                    done.wait(0.1)

        def keep_the_rate(client: httpx.Client, hand_over: Callable) -> None:
            due_s = time.monotonic()
            while not done.is_set():
                hand_over(send, client)
                due_s += 1 / rate_rps
                done.wait(max(0.0, due_s - time.monotonic()))

        limits = httpx.Limits(max_connections=clients + 64)
        with httpx.Client(timeout=3, limits=limits) as client, ThreadPoolExecutor(clients + 33) as pool:
            pool.submit(keep_the_rate, client, pool.submit)
            for _ in range(clients):
                pool.submit(ask_again, client)
            try:
                yield
            finally:
                done.set()


def read_release(path: str | Path) -> dict[str, int]:
    """Return the version of each component that a release file names.

    Raises:
        ValueError: It is no TOML, lacks a component, or names a version that was never built.
    """
    versions = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    if set(versions) != set(replica.COMPONENTS) or not {*versions.values()} <= {41, 42}:
        raise ValueError(f"a release has 41 or 42 for each of these, and for nothing else: {replica.COMPONENTS}")
    return versions


def readings(expression: str) -> dict[str, list[list[float]]]:
    """Return what an expression says in the incident that runs, span by span: a list of values for each series.

    Raises:
        ValueError: Prometheus refuses the expression; the message is its own.
        OSError: The incident's Prometheus does not run.
    """
    state, found = json.loads((workspace_dir() / "incident" / "state.json").read_text()), {}
    for name, (begin_s, end_s) in state["spans"].items():
        span = {"start": begin_s + SETTLING_S, "end": end_s, "step": 1}
        try:
            result = prometheus.get(state["url"], "query_range", query=expression, **span)["result"]
        except httpx.HTTPError:
            raise OSError("the incident's Prometheus does not run any more: begin the incident anew") from None
        found[name] = [[float(value) for _, value in one["values"]] for one in result]
    return found


def _other_model(model: Path, path: Path) -> None:
    """Write a model that prefers one class whatever it sees, as after a mistake in its last layer's bias."""
    import numpy as np
    import onnx

    graph = onnx.load(model)
    biases = [one for one in graph.graph.initializer if list(one.dims) == [11]]
    bias = onnx.numpy_helper.to_array(biases[-1]).copy()
    bias[9] += 8.0
    biases[-1].CopyFrom(onnx.numpy_helper.from_array(np.asarray(bias), biases[-1].name))
    onnx.save(graph, path)
