"""How busy the machine was, as columns of a record."""

from __future__ import annotations

import dataclasses
import os

from labs.load.usage import Reading, Sampler, columns, gpus
from labs.records.load import Usage

GPUS = ((0.9, 4_000_000), (0.0, 1_000_000))


def test_readings_become_columns() -> None:
    """Each GPU has a column of its own, and all columns are of one length."""
    readings = [Reading(0.25 * n, 0.5, 0.2, 1.1, 10**9, GPUS) for n in range(1, 4)]
    made = columns(readings)
    assert made.offsets_s == (0.25, 0.5, 0.75)
    assert made.gpu == ((0.9, 0.9, 0.9), (0.0, 0.0, 0.0))
    assert made.gpu_memory_bytes[1] == (1_000_000,) * 3
    assert Usage.from_json(dataclasses.asdict(made)) == made
    assert columns([]) == Usage()


def test_gpus_are_read_through_nvml(monkeypatch) -> None:
    """Busy share and memory of each GPU, by the names that NVML's own module has; one that fails is no error."""
    import pynvml

    def lost(index: int) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetUtilizationRates", lambda index: pynvml.c_nvmlUtilization_t(gpu=40 + index, memory=9)
    )
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetMemoryInfo", lambda index: pynvml.c_nvmlMemory_t(total=100, free=40, used=60 + index)
    )
    assert gpus([0, 1]) == ((0.40, 60), (0.41, 61))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", lost)
    assert gpus([0, 1]) == ()


def test_a_process_that_computes_is_seen() -> None:
    """The sampler sees this process burn a processor, and the machine cannot be less busy than that."""
    sampler = Sampler(os.getpid(), [os.getpid()], every_s=0.2)
    sampler.start()
    while len(sampler.readings) < 3:
        sum(range(10_000))
    used = sampler.stop()
    assert sum(used.sender_cores) > 0
    assert sum(used.server_cores) > 0
    assert max(used.cpu) > 0


def test_processes_that_are_gone_do_not_matter() -> None:
    """A server that ends in mid-run leaves zeros and no error."""
    sampler = Sampler(None, [2**22 - 3], every_s=0.01)
    sampler.start()
    while not sampler.readings:
        pass
    assert set(sampler.stop().server_cores) == {0.0}
