"""Ten times what it can do: a bounded queue, an honest 503, flat memory, recovery, and a stop that keeps its word."""

from __future__ import annotations

import collections
import io
import re
import threading
import time

import pytest
from PIL import Image

from .conftest import ask

#: A service that takes few requests at once and works long for each: a laptop can drown it tenfold.
SMALL = {"instances": 1, "queue_limit": 3}
SENDERS = 10 * (SMALL["instances"] + SMALL["queue_limit"])


@pytest.fixture(scope="module")
def large_picture() -> bytes:
    """Return a picture that takes long to decode, though it is small to send."""
    content = io.BytesIO()
    Image.new("RGB", (4000, 3000), "olive").save(content, "JPEG", quality=30)
    return content.getvalue()


def drown(url: str, body: bytes, for_s: float) -> list:
    """Return the replies that many senders got who never wait before they ask again."""
    until_s, replies = time.monotonic() + for_s, []

    def send() -> None:
        while time.monotonic() < until_s:
            replies.append(ask(url, body, "image/jpeg"))

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return replies


def test_overload_is_refused_at_once_and_leaves_no_trace(serve, large_picture):
    """Answers and 503s and nothing else; the queue never exceeds its bound; memory stays; then all is as before."""
    service = serve(**SMALL)
    url = service.url + "/predict/raw"
    expected = ask(url, large_picture, "image/jpeg").json
    drown(url, large_picture, for_s=1)  # buffers and pools have their final size after this
    before = service.memory_bytes()
    replies = drown(url, large_picture, for_s=3)
    counts = collections.Counter(reply.status for reply in replies)
    assert set(counts) == {200, 503}
    assert counts[503] > counts[200], "this was no overload"
    refused = next(reply for reply in replies if reply.status == 503)
    assert refused.json["type"] == "/problems/overloaded"
    assert int(refused.headers["retry-after"]) >= 1
    assert all(reply.json == expected for reply in replies if reply.status == 200)
    assert service.memory_bytes() - before < 40_000_000
    # Recovery is complete: nothing waits any more, and as many as it takes at once are all served.
    assert b"serving_in_flight 0.0" in ask(service.url + "/metrics").body
    assert [ask(url, large_picture, "image/jpeg").status for _ in range(5)] == [200] * 5


def _in_flight(url: str) -> int:
    page = ask(url + "/metrics").body.decode()
    return int(float(re.search(r"^serving_in_flight (\S+)", page, re.MULTILINE)[1]))


def test_a_stop_finishes_what_was_started(serve, large_picture):
    """SIGTERM in mid-request: the requests that were taken get their answers, later ones find nobody."""
    service = serve(instances=1, queue_limit=64)
    url, replies = service.url + "/predict/raw", []
    senders = [
        threading.Thread(target=lambda: replies.append(ask(url, large_picture, "image/jpeg"))) for _ in range(12)
    ]
    for sender in senders:
        sender.start()
    # Nobody whose connection is not there yet is turned away by the stop: all have arrived, or have their reply.
    while len(replies) + _in_flight(service.url) < len(senders):
        time.sleep(0.01)
    service.stop()
    for sender in senders:
        sender.join()
    assert [reply.status for reply in replies] == [200] * 12
    with pytest.raises(OSError, match="refused"):
        ask(url, large_picture, "image/jpeg")
