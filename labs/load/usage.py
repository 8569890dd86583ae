"""How busy the machine is while a run goes on: processors, memory and GPUs, sampled by a thread."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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


class Gpus:
    """The NVIDIA GPUs of this machine through NVML; none where it is absent."""

    def __init__(self) -> None:
        """Open NVML, if there is one."""
        self._handles: list = []
        try:
            import pynvml
        except ImportError:
            return
        self._nvml = pynvml
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]

    def read(self) -> tuple[tuple[float, int], ...]:
        """Return busy share (0 to 1) and memory in use (bytes) of each GPU."""
        with contextlib.suppress(Exception if not self._handles else self._nvml.NVMLError):
            return tuple(
                (
                    self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
                    int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used),
                )
                for handle in self._handles
            )
        return ()


class Sampler:
    """Takes readings in the background from ``start`` until ``stop``."""

    def __init__(
        self,
        sender_pid: int | None = None,
        server_pids: Sequence[int] = (),
        *,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.perf_counter,
        gpus: Gpus | None = None,
    ) -> None:
        """Describe what is watched.

        Args:
            sender_pid: The sending process.
            server_pids: Processes of the server; their children count as well.
            every_s: Seconds between two readings.
            clock: Monotonic clock in seconds.
            gpus: The GPUs; those of this machine when None.
        """
        self._sender = [sender_pid] if sender_pid else []
        self._servers = list(server_pids)
        self._every_s, self._clock, self._gpus = every_s, clock, gpus or Gpus()
        self._over, self._thread = threading.Event(), None
        self.readings: list[Reading] = []

    def start(self) -> None:
        """Begin."""
        self._start_s = self._last_s = self._clock()
        self._seconds = (_cpu_seconds(self._sender), _cpu_seconds(self._servers))
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> Usage:
        """End, and return all readings as columns."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        return columns(self.readings)

    def _watch(self) -> None:
        psutil.cpu_percent(None)  # each thread's first call has nothing to compare with, and says 0
        while not self._over.wait(self._every_s):
            self.readings.append(self._read())

    def _read(self) -> Reading:
        now_s = self._clock()
        passed_s = max(now_s - self._last_s, 1e-9)
        seconds = (_cpu_seconds(self._sender), _cpu_seconds(self._servers))
        sender, server = (max(new - old, 0.0) / passed_s for new, old in zip(seconds, self._seconds, strict=True))
        self._last_s, self._seconds = now_s, seconds
        return Reading(
            now_s - self._start_s,
            psutil.cpu_percent(None) / 100,
            sender,
            server if self._servers else None,
            int(psutil.virtual_memory().used),
            self._gpus.read(),
        )


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
    return sum(times.user + times.system for times in _times(pids))


def _times(pids: Sequence[int]) -> Iterator:
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    yield one.cpu_times()
