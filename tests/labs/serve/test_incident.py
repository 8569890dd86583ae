"""Each hidden fault changes what its own metric says of a replica, and nothing names it before it is rolled back."""

import asyncio
import contextlib
import itertools
import re

import httpx
import pytest

from labs.observe import replica
from labs.observe.incident import _other_model, read_release
from labs.serve.photos import photo
from labs.serve.running import start, wait_until_ready


@pytest.fixture(scope="module")
def spoiled(onnx_path, tmp_path_factory):
    """Return the model of release 42 with its fault."""
    path = tmp_path_factory.mktemp("models") / "model-42.onnx"
    _other_model(onnx_path, path)
    return path


def after_photos(model, spoiled, fault: str, rolled_out: tuple[str, ...], count: int = 11) -> dict[str, float]:
    """Return what a replica's metrics say after some photos of all classes, and how many it answered."""
    variables = {
        replica.SEED: next(number for number in itertools.count() if replica.faulty(number) == fault),
        replica.NUMBER: 1,
        replica.ROLLED_OUT: " ".join(rolled_out),
        replica.MODEL: spoiled,
    }
    answered = 0
    with start("labs.observe.replica:create", MODEL=model, MAY_WAIT=2, **variables) as service:
        wait_until_ready(service)
        with httpx.Client(base_url=service.url, timeout=10) as client, contextlib.suppress(httpx.HTTPError):
            for number in range(count):
                content = photo(number % 11 * 60)
                client.post("/predict/raw", content=content, headers={"content-type": "image/jpeg"}).raise_for_status()
                answered += 1
        text = httpx.get(service.url + "/metrics").text if answered == count else ""
    prepared_s = re.findall(r'^serving_stage_seconds_sum\{stage="prepare"\} (\S+)$', text, re.MULTILINE)
    classes = re.findall(r"serving_predictions_total\{.*\} \S+", text)
    return {"answered": answered, "prepare_s": sum(map(float, prepared_s)) / count, "classes": len(classes)}


@pytest.mark.parametrize("fault", ["decoder", "model"])
def test_a_fault_shows_in_its_own_metric_and_is_gone_when_it_alone_is_rolled_back(fault, onnx_path, spoiled):
    """A slower decoder in its stage's seconds, a worse model in the classes that come out."""
    kept = tuple(name for name in replica.COMPONENTS if name != fault)
    faulty = after_photos(onnx_path, spoiled, fault, replica.COMPONENTS)
    usual = after_photos(onnx_path, spoiled, fault, kept)
    assert (faulty["prepare_s"] >= replica._SLOWER_S, faulty["classes"] == 1) == (fault == "decoder", fault == "model")
    assert usual["prepare_s"] < faulty["prepare_s"] or fault == "model"
    assert usual["classes"] > 5


def test_a_process_that_ends_is_gone(onnx_path, spoiled):
    """After so many photos, and not before."""
    found = after_photos(onnx_path, spoiled, "process", replica.COMPONENTS, count=replica._REPLIES + 5)
    assert found["answered"] == replica._REPLIES


def test_a_cache_that_lets_go_of_nothing_grows_with_every_photo():
    """And with nothing else."""

    async def answer(scope, receive, send):
        """Answer nothing."""

    keeping = replica._Keeping(answer)
    for path in ("/predict/raw", "/healthz", "/predict"):
        asyncio.run(keeping({"type": "http", "path": path}, None, None))
    assert sum(map(len, keeping._kept)) == 2 * replica._KEPT_BYTES


def test_every_fault_can_be_drawn():
    """And each of two numbers may draw the same."""
    drawn = {replica.faulty(number) for number in range(100)}
    assert drawn == set(replica.COMPONENTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("admission = 41", "41 or 42 for each of these"),
        ("admission: 41", "Expected '='"),
        ("\n".join(f"{name} = 43" for name in replica.COMPONENTS), "41 or 42 for each of these"),
    ],
)
def test_a_file_that_is_no_release_is_said_in_a_sentence(text, words, tmp_path):
    """Nothing is rolled out then."""
    path = tmp_path / "release.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_release(path)
