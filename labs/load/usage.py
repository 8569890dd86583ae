"""The machine's load during a run: a thread samples processors, memory and GPUs."""

import contextlib
import threading
import time
from collections.abc import Sequence

import psutil

from labs.records.load import MachineUsage

#: Seconds between two samples: reading /proc costs about a millisecond.
EVERY_S = 0.25


class Sampler:
    """Takes readings in the background from ``start`` until ``stop``."""

    def __init__(
        self, sender_pid: int, server_pids: Sequence[int] = (), *, every_s: float = EVERY_S
    ) -> None:
        """Watch the sending process, and the server's with all below them."""
        self._sender_pids = [sender_pid]
        self._server_pids = list(server_pids)
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        #: The columns of ``MachineUsage``, one row a reading.
        self._rows: list[tuple] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> MachineUsage:
        """End, and return all readings as columns."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if not self._rows:
            return MachineUsage()
        offsets_s, cpu, sender, server, memory, readings = zip(*self._rows, strict=True)
        if not self._server_pids:
            server = ()
        by_gpu = list(zip(*readings, strict=True))
        gpu = tuple(tuple(busy for busy, _ in column) for column in by_gpu)
        gpu_memory = tuple(tuple(used_bytes for _, used_bytes in column) for column in by_gpu)
        return MachineUsage(offsets_s, cpu, sender, server, memory, gpu, gpu_memory)

    def _watch(self) -> None:
        psutil.cpu_percent(None)  # each thread's first call has nothing to compare with, and says 0
        handles = _gpu_handles()
        start_s = last_s = time.perf_counter()
        last_sender_s = _cpu_seconds(self._sender_pids)
        last_server_s = _cpu_seconds(self._server_pids)
        while not self._over.wait(self._every_s):
            now_s = time.perf_counter()
            sender_s = _cpu_seconds(self._sender_pids)
            server_s = _cpu_seconds(self._server_pids)
            offset_s = round(now_s - start_s, 3)
            sender_cores = _cores(sender_s - last_sender_s, now_s - last_s)
            server_cores = _cores(server_s - last_server_s, now_s - last_s)
            busy = round(psutil.cpu_percent(None) / 100, 3)
            memory_bytes = int(psutil.virtual_memory().used)
            reading = (offset_s, busy, sender_cores, server_cores, memory_bytes, _gpus(handles))
            self._rows.append(reading)
            last_s = now_s
            last_sender_s = sender_s
            last_server_s = server_s


def _cores(cpu_s: float, wall_s: float) -> float:
    """Return how many processors were kept busy; a process that has ended leaves fewer seconds."""
    return round(max(cpu_s, 0.0) / wall_s, 3)


def _gpu_handles() -> list:
    """Return NVML's handles of this machine's NVIDIA GPUs; an empty list if it does not report
    them.
    """
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        _gpus(handles)  # a slice of a GPU (MIG) cannot be asked
    except Exception:  # pynvml is not there, or its NVMLError
        return []
    return handles


def _gpus(handles: Sequence[object]) -> list[tuple[float, int]]:
    """Return the busy share (0 to 1) and the memory in use (bytes) of each GPU."""
    if not handles:
        return []
    import pynvml

    readings = []
    for handle in handles:
        busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
        used_bytes = int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
        readings.append((busy, used_bytes))
    return readings


def _cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor seconds of processes and all below them; ended processes count 0."""
    spent_s = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.Error):
                    spent_s += sum(member.cpu_times()[:2])
    return spent_s
