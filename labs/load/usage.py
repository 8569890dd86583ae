"""How busy the machine is while a run goes on: processors, memory and GPUs, sampled by a thread."""

import contextlib
import threading
import time
from collections.abc import Sequence

import psutil

from labs.records.load import Usage

#: Seconds between two samples: reading /proc costs about a millisecond.
EVERY_S = 0.25


class Sampler:
    """Takes readings in the background from ``start`` until ``stop``."""

    def __init__(
        self, sender_pid: int, server_pids: Sequence[int] = (), *, every_s: float = EVERY_S
    ) -> None:
        """Watch the sending process, and the server's with all below them."""
        self._pids, self._every_s = ([sender_pid], list(server_pids)), every_s
        self._over, self._thread = (
            threading.Event(),
            threading.Thread(target=self._watch, daemon=True),
        )
        #: The columns of ``Usage``, one row a reading.
        self._rows: list[tuple] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> Usage:
        """End, and return all readings as columns."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if not self._rows:
            return Usage()
        offsets_s, cpu, sender, server, memory, cards = zip(*self._rows, strict=True)
        gpu, gpu_memory = ([[card[what] for card in row] for row in cards] for what in (0, 1))
        return Usage(
            offsets_s, cpu, sender, server if self._pids[1] else (), memory,
            gpu=tuple(zip(*gpu, strict=True)), gpu_memory_bytes=tuple(zip(*gpu_memory, strict=True)),
        )  # fmt: skip

    def _watch(self) -> None:
        psutil.cpu_percent(None)  # each thread's first call has nothing to compare with, and says 0
        handles = _gpu_handles()
        start_s = last_s = time.perf_counter()
        before = [_cpu_seconds(pids) for pids in self._pids]
        while not self._over.wait(self._every_s):
            now_s, now = time.perf_counter(), [_cpu_seconds(pids) for pids in self._pids]
            cores = [
                round(max(new - old, 0.0) / (now_s - last_s), 3)
                for new, old in zip(now, before, strict=True)
            ]
            last_s, before = now_s, now
            busy, memory_bytes = (
                round(psutil.cpu_percent(None) / 100, 3),
                int(psutil.virtual_memory().used),
            )
            self._rows.append(
                (round(now_s - start_s, 3), busy, *cores, memory_bytes, _gpus(handles))
            )


def _gpu_handles() -> list:
    """Return NVML's handles of this machine's NVIDIA GPUs; none where there is no driver, or it does not tell."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        _gpus(handles)  # a slice of a GPU (MIG) cannot be asked
    except Exception:  # pynvml is not there, or its NVMLError
        return []
    return handles


def _gpus(handles: Sequence[object]) -> list[tuple[float, int]]:
    """Return the busy share (0 to 1) and the memory in use (bytes) of each GPU."""
    if not handles:
        return []
    import pynvml

    return [
        (
            pynvml.nvmlDeviceGetUtilizationRates(one).gpu / 100,
            int(pynvml.nvmlDeviceGetMemoryInfo(one).used),
        )
        for one in handles
    ]


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
