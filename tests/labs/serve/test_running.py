"""A server is ready when it says so, and gone when it should be (as a child: `tests/labs/runtimes/test_child.py`)."""

from __future__ import annotations

import pytest

from labs.runtimes.progress import Cancelled
from labs.serve.running import ServiceError, running, start, wait_until_ready
from labs.serve.settings import Settings

from .conftest import ask


def test_alive_comes_before_ready_and_early_requests_are_told(onnx_path, tmp_path):
    """While the model loads, probes are answered, and a prediction gets 503 with Retry-After instead of a long wait."""
    seen = []
    service = start(Settings(model=onnx_path), log_path=tmp_path / "log")
    try:
        wait_until_ready(service, path="/healthz")
        seen.append(ask(service.url + "/predict", b'{"image": "aGVsbG8="}'))
        wait_until_ready(service)
        seen.append(ask(service.url + "/predict", b'{"image": "aGVsbG8="}'))
    finally:
        service.stop()
    # It may have loaded in between; what it must not do is fail in another way.
    assert seen[0].status in (422, 503)
    assert seen[0].status != 503 or seen[0].headers["retry-after"] == "1"
    assert seen[1].status == 422


def test_early_requests_can_wait_at_the_door(onnx_path, tmp_path):
    """With ``wait_for_model``, whoever connects before the server is up gets an answer: scale from zero."""
    service = start(Settings(model=onnx_path, wait_for_model=True), log_path=tmp_path / "log")
    try:
        assert ask(service.url + "/readyz").status == 200
    finally:
        service.stop()


def test_a_model_that_cannot_load_is_said_with_the_log(tmp_path):
    """The error names the file's trouble, and no process stays behind."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with (
        pytest.raises(ServiceError, match=r"broken\.onnx"),
        running(Settings(model=broken), log_path=tmp_path / "log"),
    ):
        pass


def test_an_app_that_does_not_start_is_said_with_the_log(onnx_path, tmp_path):
    """The process's own words are in the error."""
    with (
        pytest.raises(ServiceError, match="no_such_module"),
        running(Settings(model=onnx_path), app="no_such_module:app", log_path=tmp_path / "log"),
    ):
        pass


def test_a_cancelled_wait_leaves_no_process(onnx_path, tmp_path):
    """Pressing Cancel while it starts stops what was started."""
    service = start(Settings(model=onnx_path), log_path=tmp_path / "log")

    def cancel(fraction: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        wait_until_ready(service, on_progress=cancel)
    assert not service.alive
