"""A small platform: several teams on one machine, each with its processors, and restarted when it dies."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from labs.loopback import listen
from labs.machine.fingerprint import usable_cpu_count
from labs.progress import OnProgress, part, silent
from labs.serve.running import Service, start, wait_until_ready
from labs.serve.settings import Settings

#: Seconds between two looks at each deployment.
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class Deployment:
    """What one team gets."""

    #: What is served.
    settings: Settings
    #: Processors that it may use, by number; all when empty. Where the system cannot pin, only their number counts.
    cpus: tuple[int, ...] = ()

    @property
    def served(self) -> Settings:
        """The settings that its process gets: a copy for each of its processors, unless so many were asked for."""
        # Nobody is let in before the model is loaded: after a crash, who comes too early waits at the door.
        changes: dict = {"wait_for_model": True}
        if self.cpus and self.settings.instances is None:
            changes["instances"] = min(self.settings.instance_count, len(self.cpus))
        return self.settings.model_copy(update=changes)


@dataclass
class _Kept:
    """A deployment with its address, which outlives its processes."""

    #: What was asked for.
    deployment: Deployment
    #: The listening socket.
    socket: socket.socket
    #: The process that serves now.
    service: Service
    #: How often it had to be replaced.
    restarts: int = 0


class Platform:
    """Keeps deployments running, as a context manager."""

    def __init__(self, deployments: Mapping[str, Deployment], *, on_progress: OnProgress = silent) -> None:
        """Start all of them, and return when they are ready.

        Args:
            deployments: What each team gets, by its name.
            on_progress: Told how far it is; may raise ``Cancelled``.
        """
        self._over = threading.Event()
        self._kept: dict[str, _Kept] = {}
        try:
            for number, (name, one) in enumerate(deployments.items()):
                share = part(on_progress, number / len(deployments), (number + 1) / len(deployments))
                door = listen()
                self._kept[name] = _Kept(one, door, _started(one, door))
                wait_until_ready(self._kept[name].service, on_progress=share)
        except BaseException:
            self.close()
            raise
        self._thread = threading.Thread(target=self._watch, name="platform", daemon=True)
        self._thread.start()

    def service(self, name: str) -> Service:
        """Return the process that serves a team right now."""
        return self._kept[name].service

    def settings(self, name: str) -> Settings:
        """Return what a team's process serves with."""
        return self._kept[name].deployment.served

    def restarts(self, name: str) -> int:
        """Return how often a team's process had to be replaced."""
        return self._kept[name].restarts

    def kill(self, name: str, *, after_s: float = 0.0) -> None:
        """Kill a team's process the hard way, as a crash would, and leave the rest to the platform.

        Args:
            name: The team.
            after_s: Seconds to wait before it.
        """
        self._over.wait(after_s)
        self._kept[name].service.process.kill()

    def close(self) -> None:
        """Stop everything."""
        self._over.set()
        if hasattr(self, "_thread"):
            self._thread.join()
        for kept in self._kept.values():
            kept.service.stop()
            kept.socket.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            for kept in self._kept.values():
                if not kept.service.alive:
                    # The address stays: who connects in between waits for the next process, and is not refused.
                    kept.service.stop()
                    kept.service = _started(kept.deployment, kept.socket)
                    kept.restarts += 1


def halves() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return this machine's processors in two halves, for two teams; twice all of them where there is only one."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(usable_cpu_count()))
    middle = len(cpus) // 2
    return (tuple(cpus[:middle]), tuple(cpus[middle:])) if middle else (tuple(cpus), tuple(cpus))


def _started(deployment: Deployment, door: socket.socket) -> Service:
    cpus = {"cpus": ",".join(map(str, deployment.cpus))} if deployment.cpus else {}
    return start(deployment.served, listening=door, options={**cpus, "stop_within_s": 5})
