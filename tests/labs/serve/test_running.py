"""A server as a child process: ready when it says so, gone when it should be, and never left over."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from labs.progress import Cancelled
from labs.serve.running import ServiceError, running, start, wait_until_ready
from labs.serve.settings import Settings

from .conftest import ask


def test_it_listens_on_loopback_and_leaves_nothing(serve):
    """A free port of its own, on loopback only; after the stop neither process nor port is there."""
    service = serve()
    assert service.url.startswith("http://127.0.0.1:")
    assert ask(service.url + "/readyz").json == {"status": "ready"}
    port = int(service.url.rpartition(":")[2])
    service.stop()
    assert not service.alive
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


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


def test_it_ends_when_its_parent_dies(onnx_path, tmp_path):
    """A kernel that is killed takes its servers with it: they read the end of a pipe."""
    code = f"""
import time
from pathlib import Path
from labs.serve.running import start, wait_until_ready
from labs.serve.settings import Settings

service = start(Settings(model=Path({str(onnx_path)!r})), log_path=Path({str(tmp_path / "log")!r}))
print(wait_until_ready(service).pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline_s = time.monotonic() + 30
    while _exists(child) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not _exists(child)


def _exists(pid: int) -> bool:
    """Return whether a process lives; a zombie that nobody has buried is dead."""
    try:
        os.kill(pid, 0)
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
