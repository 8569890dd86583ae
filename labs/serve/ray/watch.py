"""Replicas over time, as Ray itself counts them: sampled by a thread while load runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter

from labs.serve.ray.cluster import RayCluster

#: Seconds between two looks.
EVERY_S = 0.5


class ReplicaWatch:
    """Counts a deployment's replicas while a ``with`` block runs; ``rows`` holds what was seen."""

    def __init__(self, cluster: RayCluster, application: str, deployment: str) -> None:
        """Name the deployment to watch."""
        self.rows: list[dict] = []
        self._cluster, self._names, self._ended = cluster, (application, deployment), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> ReplicaWatch:
        self._begin_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def most_running(self) -> int:
        """The most replicas that ran at once."""
        return max((row["running"] for row in self.rows), default=0)

    def _look(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):  # a busy machine may be late with an answer: the next look will do
                states = Counter(one["state"] for one in self._cluster.replicas(*self._names))
                offset_s = round(time.monotonic() - self._begin_s, 2)
                self.rows.append({"offset_s": offset_s, "running": states["RUNNING"], "starting": states["STARTING"]})
            self._ended.wait(EVERY_S)
