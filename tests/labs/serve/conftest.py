"""The real service on the real model, as a child process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from labs.serve.models import fp32_model
from labs.serve.running import Service, start, wait_until_ready


@pytest.fixture(scope="session")
def onnx_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the shipped model as ONNX, exported once a test run whichever worker comes first."""
    # xdist gives each worker a folder below a common one.
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "served-models"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        return fp32_model(folder)


@pytest.fixture(scope="module")
def service(onnx_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Yield a service with one worker and three places to wait; it has to survive all tests in a
    row.
    """
    log_path = tmp_path_factory.mktemp("service") / "log"
    with start(log_path=log_path, MODEL=onnx_path, MAY_WAIT=3) as started:
        yield wait_until_ready(started)
