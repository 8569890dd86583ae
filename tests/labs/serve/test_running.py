"""A server is ready when it says so, and gone when it should be (as a child: `tests/labs/runtimes/test_child.py`)."""

import httpx
import pytest

from labs.runtimes.progress import Cancelled
from labs.serve.running import SERVICE, ServiceError, serve_app, start, wait_until_ready


def test_who_comes_before_the_model_is_loaded_waits_at_the_door(onnx_path):
    """The socket listens from the start, so that an early request is answered and not refused."""
    with start(MODEL=onnx_path) as service:
        assert httpx.get(service.url + "/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize(("app", "says"), [(SERVICE, "broken.onnx"), ("no_such_module:app", "no_such_module")])
def test_an_app_that_does_not_start_is_said_with_the_log(app, says, tmp_path):
    """The process's own words are in the error, and no process stays behind."""
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    service = start(app, log_path=tmp_path / "log", MODEL=tmp_path / "broken.onnx")
    with pytest.raises(ServiceError, match=says):
        wait_until_ready(service)
    assert not service.alive


def test_a_cancelled_wait_leaves_no_process(onnx_path):
    """Pressing Cancel while it starts stops what was started."""
    service = start(MODEL=onnx_path)

    def cancel(fraction: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        wait_until_ready(service, on_progress=cancel)
    assert not service.alive


def test_a_cell_that_is_run_twice_leaves_one_service(onnx_path):
    """And it may have the port of the one before."""
    first = serve_app(app=SERVICE, MODEL=onnx_path)
    port = int(first.url.rpartition(":")[2])
    second = serve_app(app=SERVICE, MODEL=onnx_path, port=port)
    assert (first.alive, second.alive, second.url) == (False, True, first.url)
    second.stop()
