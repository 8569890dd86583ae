"""The course's service: right as torch is, clear about what it refuses, bounded under overload, and
counted.
"""

import base64
import io
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image

from labs import assets
from labs.data.dataset import iterate
from labs.data.intake import open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import softmax
from labs.runtimes.calling import caller
from labs.runtimes.child import ChildError
from labs.serve.photos import photo
from labs.serve.running import SERVICE, Service, serve_app, start, wait_until_ready
from tests.sent import stored_both_ways

#: Probabilities may differ by this much: float32 added up in another order, through fifty layers.
TOLERANCE = 2e-4


def predict(url: str, content: bytes) -> httpx.Response:
    """Return the reply to a photo as base64 text."""
    text = base64.b64encode(content).decode()
    return httpx.post(f"{url}/predict", json={"image": text}, timeout=60)


def predict_raw(url: str, content: bytes) -> httpx.Response:
    """Return the reply to a photo's own bytes."""
    headers = {"content-type": "image/jpeg"}
    return httpx.post(f"{url}/predict/raw", content=content, headers=headers, timeout=60)


def encoded(kind: str, size: tuple[int, int] = (32, 32), **how: object) -> bytes:
    """Return a picture's file."""
    content = io.BytesIO()
    Image.new("RGB", size, "olive").save(content, kind, **how)
    return content.getvalue()


def test_it_says_what_torch_says(service: Service):
    """Exactly the contract's two fields, whichever way the photo comes."""
    items = list(iterate(assets.dataset("food11-mini"), "evaluation"))
    torch = caller(load_mobilenet_v2(assets.model("food11-mini-mobilenetv2")))
    for path, _ in items[:: len(items) // 5]:
        content = path.read_bytes()
        batch = to_input(open_photo(content))[None]
        expected = softmax(torch(batch)[0])
        answer = predict(service.url, content).json()
        assert answer == predict_raw(service.url, content).json()
        assert set(answer) == {"prediction", "probability"}
        assert answer["prediction"] == CLASS_NAMES[int(np.argmax(expected))]
        assert answer["probability"] == pytest.approx(float(expected.max()), abs=TOLERANCE)


def test_a_photo_that_was_stored_lying_gets_the_answer_of_an_upright_one(service: Service):
    """In both forms of a request."""
    for upright, lying in stored_both_ways():
        for ask in (predict, predict_raw):
            assert ask(service.url, lying).json() == ask(service.url, upright).json()


def test_overload_is_refused_at_once_and_leaves_no_trace(service: Service):
    """Answers and 503s and nothing else; then as many as it takes are all served."""
    large = encoded("JPEG", (4000, 3000), quality=30)
    expected = predict_raw(service.url, large).json()
    replies = []
    until_s = time.monotonic() + 3

    def drown(_: int) -> None:
        while time.monotonic() < until_s:
            replies.append(predict_raw(service.url, large))

    with ThreadPoolExecutor(30) as senders:
        list(senders.map(drown, range(30)))
    counts = Counter(reply.status_code for reply in replies)
    assert set(counts) == {200, 503}
    assert counts[503] > counts[200], "this was no overload"
    for reply in replies:
        if reply.status_code == 503:
            assert reply.headers["retry-after"] == "1"
        else:
            assert reply.json() == expected
    with ThreadPoolExecutor(4) as senders:
        served = list(senders.map(lambda _: predict_raw(service.url, large), range(4)))
    assert [reply.status_code for reply in served] == [200] * 4


def test_replies_are_counted_by_path_and_status(service: Service):
    """Made-up paths are one; and of all that came before, nothing was the service's own fault."""
    assert httpx.get(f"{service.url}/healthz", headers={"host": "evil.example"}).status_code == 421
    predict(service.url, photo(40))
    httpx.post(f"{service.url}/predict", json={})
    assert httpx.get(f"{service.url}/nowhere").status_code == 404
    counted = httpx.get(f"{service.url}/metrics").text
    for labels in (
        'path="/predict",status="200"',
        'path="/predict",status="422"',
        'path="other",status="404"',
    ):
        assert f"serving_requests_total{{{labels}}}" in counted
    assert 'status="500"' not in counted
    assert "serving_in_flight 0.0" in counted
    assert "Traceback" not in service.log(100_000)


def test_who_comes_before_the_model_is_loaded_waits_at_the_door(onnx_path):
    """The socket listens from the start, so that an early request is answered and not refused."""
    with start(MODEL=onnx_path) as service:
        assert httpx.get(service.url + "/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("app", "says"), [(SERVICE, "broken.onnx"), ("no_such_module:app", "no_such_module")]
)
def test_an_app_that_does_not_start_is_said_with_the_log(app, says, tmp_path):
    """The process's own message is in the error, and no process remains."""
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    service = start(app, log_path=tmp_path / "log", MODEL=tmp_path / "broken.onnx")
    with pytest.raises(ChildError, match=says):
        wait_until_ready(service)
    assert not service.alive


def test_a_cell_that_is_run_twice_leaves_one_service(tmp_path):
    """And it may have the port of the one before."""
    code = "from fastapi import FastAPI\napp = FastAPI()\napp.get('/healthz')(lambda: 'here')\n"
    (tmp_path / "app.py").write_text(code)
    first = serve_app(tmp_path)
    second = serve_app(tmp_path, port=int(first.url.rpartition(":")[2]))
    assert (first.alive, second.alive, second.url) == (False, True, first.url)
    assert httpx.get(f"{second.url}/healthz").json() == "here"
    second.stop()
