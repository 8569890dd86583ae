"""The oracle: torch, ONNX Runtime, OpenVINO and the services say the same about the same pictures."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from labs import assets
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.models import load_mobilenet_v2
from labs.data.preprocess import load_image, softmax, to_input
from labs.runtimes.calling import caller
from labs.serve.running import BEFORE
from labs.serve.settings import FAST_DECODE_TOLERANCE

from .conftest import ask, predict_body

#: Probabilities may differ by this much: float32 added up in another order, through fifty layers.
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Return 22 evaluation pictures, two a class."""
    items = list(iterate(assets.dataset("food11-mini"), "evaluation"))
    return [items[index * len(items) // 22][0].read_bytes() for index in range(22)]


@pytest.fixture(scope="module")
def expected(pictures) -> np.ndarray:
    """Return torch's probabilities, computed one picture at a time with the one recipe and the one softmax."""
    torch = caller(load_mobilenet_v2(assets.model("food11-mini-mobilenetv2")))
    return softmax(np.concatenate([torch(to_input(load_image(one))[None]) for one in pictures]))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"model": None, "instances": 1}, id="torch"),
        pytest.param({"max_batch_size": 4, "max_batch_delay_s": 0.02, "instances": 1}, id="onnxruntime, batched"),
        pytest.param({"on_event_loop": True}, id="onnxruntime, on the event loop"),
        pytest.param({"backend": "openvino", "instances": 1}, id="openvino"),
        pytest.param({"app": BEFORE}, id="the tutorial's"),
    ],
)
def test_every_service_gives_torchs_probabilities(serve, pictures, expected, settings):
    """Whatever computes, alone or in a batch with strangers' pictures: the class and its probability are torch's."""
    service = serve(**settings)
    with ThreadPoolExecutor(8) as senders:
        replies = list(senders.map(lambda one: ask(service.url + "/predict", predict_body(one)), pictures))
    assert {reply.status for reply in replies} == {200}
    got = np.array([reply.json["probability"] for reply in replies])
    np.testing.assert_allclose(got, expected.max(axis=1), atol=TOLERANCE)
    assert [reply.json["prediction"] for reply in replies] == [CLASS_NAMES[best] for best in expected.argmax(axis=1)]
    service.stop()


def test_fast_decoding_stays_within_its_tolerance(serve, pictures, expected):
    """A JPEG decoded in half its size gives nearly the same probabilities, and the tolerance says how nearly."""
    large = [enlarged(one) for one in pictures]
    exact, fast = (serve(instances=1, fast_decode=fast) for fast in (False, True))
    apart, differs = [], False
    for one in large:
        full, reduced = (ask(service.url + "/predict/raw", one, "image/jpeg").json for service in (exact, fast))
        differs = differs or full != reduced
        if full["prediction"] == reduced["prediction"]:
            apart.append(abs(full["probability"] - reduced["probability"]))
    assert differs, "nothing was decoded in another way"
    assert len(apart) >= len(large) - 1
    assert max(apart) <= FAST_DECODE_TOLERANCE


def enlarged(content: bytes) -> bytes:
    """Return a picture at twice its size, as a JPEG."""
    image, encoded = load_image(content), io.BytesIO()
    image.resize((512, 512)).save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def test_batches_are_really_made(serve, pictures):
    """The batched service above would agree as well if it never batched: its histogram shows that it does."""
    service = serve(max_batch_size=4, max_batch_delay_s=0.2, instances=1)
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda one: ask(service.url + "/predict/raw", one, "image/jpeg"), pictures))
    counted = dict(
        line.rsplit(" ", 1) for line in ask(service.url + "/metrics").body.decode().splitlines() if line[0] != "#"
    )
    of_one, of_all = (float(counted[f'serving_batch_size_bucket{{le="{end}"}}']) for end in ("1.0", "+Inf"))
    assert of_all == len(pictures)
    assert of_one < of_all
