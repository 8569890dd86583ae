"""The watcher beside a real Triton: it leaves a model that answers alone, loads a dead one again
once, and reports a server that is not there.
"""

import base64
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from labs.machine.busy import slowdown
from labs.serve.photos import photo
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelRepository
from labs.serve.triton.control import Triton, TritonError
from labs.serve.triton.server import LocalTriton, start
from labs.serve.triton.watch import watched
from labs.workspace import WORKSPACE_VARIABLE
from tests.labs.serve.triton.test_serving import WITHIN_S

pytestmark = [pytest.mark.xdist_group("triton"), pytest.mark.timeout(600)]

#: The smallest of the course's models in Python.
MODEL = "food_palette"

#: Seconds between two looks of a test's watcher.
EVERY_S = 0.1


@pytest.fixture
def inputs() -> dict[str, np.ndarray]:
    """Return a request with a photo."""
    return {"INPUT_IMAGE": np.array([[base64.b64encode(photo(0))]], dtype=object)}


@pytest.fixture
def triton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalTriton]:
    """Yield a real server with the model."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    repository = ModelRepository(tmp_path / "models")
    with start([catalogue.food_palette()], repository=repository, within_s=WITHIN_S) as server:
        yield server


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the watcher's warnings so far."""
    caplog.set_level(logging.WARNING, "labs.serve.triton.watch")
    return lambda: [record.getMessage() for record in caplog.records]


def model_process(triton: LocalTriton) -> psutil.Process:
    """Return the process of the model's instance."""
    for process in triton.processes():
        # One that was killed may not be gone yet, and has no command any more.
        with contextlib.suppress(psutil.Error):
            if f"{MODEL}_0_0" in process.cmdline():
                return process
    raise AssertionError(f"{MODEL} has no process")


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return when it is so; a hang fails."""
    until_s = time.monotonic() + 240 * slowdown()
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_a_model_that_answers_is_left_alone(triton, inputs, warnings):
    """It gets the watcher's requests, and keeps its process."""
    process = model_process(triton)
    with watched(triton, MODEL, inputs, every_s=EVERY_S):
        wait_until(lambda: triton.statistics(MODEL).requests >= 5)
    assert model_process(triton) == process
    assert warnings() == []


def test_a_dead_model_is_loaded_again_once(triton, inputs, warnings):
    """It answers with a new process, which later looks leave alone; without a watcher it stays
    dead.
    """
    dead = model_process(triton)
    dead.kill()
    with pytest.raises(TritonError, match="is not healthy"):
        triton.infer(MODEL, inputs)
    with watched(triton, MODEL, inputs, every_s=EVERY_S):
        wait_until(lambda: warnings() != [])
        process = model_process(triton)
        # Counters begin again with a model that was loaded again.
        wait_until(lambda: triton.statistics(MODEL).requests >= 5)
    assert process != dead
    assert model_process(triton) == process
    assert warnings() == [f"{MODEL} had lost its process, and was loaded again"]


def test_a_server_that_is_not_there_is_reported_once(tmp_path, inputs, warnings):
    """The watcher goes on looking, and does not repeat itself."""
    looks = []

    class Counted(Triton):
        """A server whose requests are counted."""

        def infer(self, *arguments, **how):
            looks.append(arguments)
            return super().infer(*arguments, **how)

    nobody = Counted("127.0.0.1:1", "127.0.0.1:1", ModelRepository(tmp_path))
    with watched(nobody, MODEL, inputs, every_s=0.01):
        wait_until(lambda: len(looks) >= 5)
    (warning,) = warnings()
    assert warning.startswith(f"{MODEL} did not answer: Triton does not answer at")
