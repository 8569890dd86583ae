"""How busy the machine is while a run goes on: processors, memory and GPUs, sampled by a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from labs.records.load import Usage

#: Seconds between two samples: reading /proc costs about a millisecond.
EVERY_S = 0.25


@dataclass(frozen=True)
class Reading:
    """One sample."""

    #: Seconds after the start.
    offset_s: float
    #: Share of all processors that was busy since the reading before, 0 to 1.
    cpu: float
    #: Processors that the sender kept busy since then.
    sender_cores: float
    #: Processors that the server kept busy since then; None where its process is not known.
    server_cores: float | None
    #: Memory in use by everybody, in bytes.
    memory_bytes: int
    #: Share of the time that each GPU was busy, and its memory in use in bytes.
    gpus: tuple[tuple[float, int], ...] = ()


class Sampler:
    """Takes readings in the background from ``start`` until ``stop``."""

    def __init__(self, sender_pid: int | None = None, server_pids: Sequence[int] = (), *, every_s: float = EVERY_S):
        """Describe what is watched.

        Args:
            sender_pid: The sending process.
            server_pids: Processes of the server; their children count as well.
            every_s: Seconds between two readings.
        """
        self._sender, self._servers, self._every_s = [sender_pid] if sender_pid else [], list(server_pids), every_s
        self._over, self._thread = threading.Event(), threading.Thread(target=self._watch, daemon=True)
        self.readings: list[Reading] = []

    def start(self) -> None:
        """Begin."""
        self._start_s = self._last_s = time.perf_counter()
        self._seconds = (_cpu_seconds(self._sender), _cpu_seconds(self._servers))
        self._thread.start()

    def stop(self) -> Usage:
        """End, and return all readings as columns."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        return columns(self.readings)

    def _watch(self) -> None:
        psutil.cpu_percent(None)  # each thread's first call has nothing to compare with, and says 0
        handles = _gpu_handles()
        while not self._over.wait(self._every_s):
            now_s = time.perf_counter()
            passed_s = max(now_s - self._last_s, 1e-9)
            seconds = (_cpu_seconds(self._sender), _cpu_seconds(self._servers))
            sender, server = (max(new - old, 0.0) / passed_s for new, old in zip(seconds, self._seconds, strict=True))
            self._last_s, self._seconds = now_s, seconds
            self.readings.append(
                Reading(
                    now_s - self._start_s,
                    psutil.cpu_percent(None) / 100,
                    sender,
                    server if self._servers else None,
                    int(psutil.virtual_memory().used),
                    gpus(handles),
                )
            )


def gpus(handles: Sequence[object]) -> tuple[tuple[float, int], ...]:
    """Return the busy share (0 to 1) and the memory in use (bytes) of each GPU; none where NVML fails.

    Args:
        handles: As NVML gives them.
    """
    if not handles:
        return ()
    import pynvml

    with contextlib.suppress(pynvml.NVMLError):
        busy = [pynvml.nvmlDeviceGetUtilizationRates(one).gpu / 100 for one in handles]
        return tuple(zip(busy, (int(pynvml.nvmlDeviceGetMemoryInfo(one).used) for one in handles), strict=True))
    return ()


def _gpu_handles() -> list:
    """Return NVML's handles of this machine's NVIDIA GPUs; none where it is absent."""
    with contextlib.suppress(ImportError):
        import pynvml

        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    return []


def columns(readings: Sequence[Reading]) -> Usage:
    """Return readings as the columns of a record."""
    return Usage(
        offsets_s=tuple(round(one.offset_s, 3) for one in readings),
        cpu=tuple(round(one.cpu, 3) for one in readings),
        sender_cores=tuple(round(one.sender_cores, 3) for one in readings),
        server_cores=tuple(round(one.server_cores, 3) for one in readings if one.server_cores is not None),
        memory_bytes=tuple(one.memory_bytes for one in readings),
        gpu=tuple(zip(*(tuple(busy for busy, _ in one.gpus) for one in readings), strict=False)),
        gpu_memory_bytes=tuple(zip(*(tuple(used for _, used in one.gpus) for one in readings), strict=False)),
    )


def _cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor seconds of processes and all below them; those that are gone count nothing."""
    spent_s = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    spent_s += sum(one.cpu_times()[:2])
    return spent_s
