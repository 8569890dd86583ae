"""The device's service: behind a token, timed from inside and outside, and gone when it is told to."""

import json
import threading
import time
from pathlib import Path

import httpx
import pytest

from labs import assets
from labs.data.dataset import iterate
from labs.edge.job import Candidate
from labs.edge.serving import (
    DeviceNotReachedError,
    network_latency,
    serve_until,
    served_latency,
)
from labs.records import Ledger


@pytest.fixture(scope="module")
def photo() -> bytes:
    """One JPEG of the course."""
    return next(iter(iterate(assets.dataset("food11-mini"), "evaluation")))[0].read_bytes()


@pytest.fixture
def about(tiny_model: Path, tmp_path: Path):
    """A running service's own words, until the test is over."""
    path = tmp_path / "service.json"
    settings = {"threads": 1, "host": "127.0.0.1", "port": 0, "lifetime_s": 120.0}
    thread = threading.Thread(target=serve_until, args=(tiny_model, path), kwargs=settings, daemon=True)
    thread.start()
    give_up_s = time.monotonic() + 90
    while not path.exists() and thread.is_alive() and time.monotonic() < give_up_s:
        time.sleep(0.05)
    yield {**json.loads(path.read_text()), "path": path, "thread": thread}
    path.unlink(missing_ok=True)
    thread.join(60)


def test_both_ways_end_with_a_class_and_the_service_tells_its_parts(
    tiny_model: Path, photo: bytes, tmp_path: Path
) -> None:
    """In the app's own process and through HTTP, from the bytes of a JPEG; and the ledger takes both."""
    candidate = Candidate("edge-app", tiny_model.name, threads=1)
    app, service = served_latency(candidate, tiny_model.parent, photo, 10)
    assert (app.option, service.option) == ("edge-app", "edge-app-service")
    assert len(app.samples) == len(service.samples) == 10
    assert set(service.details["server_timing_s"]) == {"queue", "prepare", "model"}
    assert sum(service.details["server_timing_s"].values()) < service.value.value * 1.5
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert [ledger.append(record) for record in (app, service)] == [app, service]


def test_without_the_token_nobody_is_served_and_removing_the_file_ends_it(about: dict, photo: bytes) -> None:
    """401 with a reason; health is open; the right token gets a class; and then it is gone."""
    url = f"http://127.0.0.1:{about['port']}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        headers = {"Content-Type": "image/jpeg"}
        assert client.post("/predict/raw", content=photo, headers=headers).status_code == 401
        for wrong in ("Bearer nonsense", "Bearer", about["token"]):
            reply = client.post("/predict/raw", content=photo, headers={**headers, "Authorization": wrong})
            assert reply.json()["status"] == 401
        assert client.get("/healthz").status_code == 200
    record = network_latency(url, about, photo, option="edge-app-network", samples=5)
    assert record.details["photo_bytes"] == len(photo)
    assert record.model.sha256 == about["runs"]["model"]["sha256"]
    about["path"].unlink()
    about["thread"].join(60)
    assert not about["thread"].is_alive()
    with pytest.raises(DeviceNotReachedError, match="floating IP is gone"):
        network_latency(url, about, photo, option="edge-app-network", samples=1)
