"""How busy the machine was, as columns of a record."""

import os
import time
from types import SimpleNamespace

import pynvml
import pytest

from labs.load.usage import Sampler


@pytest.mark.parametrize("cards", [0, 2])
def test_a_process_that_computes_is_seen(cards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sampler sees this process burn a processor; each GPU has a column of its own; one that is gone counts 0."""
    for name, told in {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: cards,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUtilizationRates": lambda index: SimpleNamespace(gpu=40 + index),
        "nvmlDeviceGetMemoryInfo": lambda index: SimpleNamespace(used=60 + index),
    }.items():
        monkeypatch.setattr(pynvml, name, told)
    here, gone = Sampler(os.getpid(), [os.getpid()], every_s=0.2), Sampler(os.getpid(), [2**22 - 3], every_s=0.2)
    here.start()
    gone.start()
    end_s = time.monotonic() + 1
    while time.monotonic() < end_s:
        sum(range(10_000))
    used, unknown = here.stop(), gone.stop()
    assert len(used.offsets_s) == len(used.cpu) == len(used.memory_bytes) >= 2
    assert min(map(sum, (used.sender_cores, used.server_cores, used.cpu))) > 0
    assert [one[0] for one in used.gpu] == [0.4, 0.41][:cards]
    assert [set(one) for one in used.gpu_memory_bytes] == [{60}, {61}][:cards]
    assert set(unknown.server_cores) == {0.0}
