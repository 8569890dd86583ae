"""Floods: what a client may send and hold is bounded, and others are answered meanwhile."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from labs.serve.limits import BoundedProtocol
from labs.serve.running import Service, running
from labs.serve.settings import PageSettings

from .conftest import ask, converse

HEAD = b"POST /predict/raw HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def service(serve) -> Service:
    """Return a service that is impatient with headers."""
    return serve(instances=1, options={"headers_within_s": 2.0})


@pytest.fixture(scope="module")
def page(service, tmp_path_factory) -> Iterator[Service]:
    """Return a page that is as impatient."""
    log_path = tmp_path_factory.mktemp("page") / "log"
    with running(PageSettings(url=service.url), log_path=log_path, options={"headers_within_s": 2.0}) as page:
        yield page


@contextlib.contextmanager
def connections(service: Service, count: int, begin: bytes = b"") -> Iterator[list[socket.socket]]:
    """Yield open connections on which so much was sent."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(count)]
        for one in opened:
            with contextlib.suppress(OSError):
                one.sendall(begin)
        yield opened


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        pytest.param(b"", b"a: b\r\n", id="short headers"),
        pytest.param(b"a: ", b"b" * 64, id="one long header"),
        pytest.param(CHUNKED + b"0\r\n", b"a: b\r\n", id="trailers"),
        pytest.param(CHUNKED, b"1;" + b"x" * 50 + b"\r\na\r\n", id="chunk extensions"),
    ],
)
def test_endless_heads_cost_a_bounded_amount_of_memory(service, begin, again):
    """Ten megabytes of headers, trailers or chunks' own words: refused with 431, memory stays, others are answered."""
    before, piece = service.memory_bytes(), again * (60_000 // len(again))
    answer = converse(service, HEAD + begin, *[piece] * 160)
    # The server closes while we still send, and the system may then drop what it had sent us: no answer or this one.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert service.memory_bytes() - before < 20_000_000
    assert ask(service.url + "/healthz").status == 200


def test_a_second_request_has_its_time_too(service):
    """After one good answer, a head that never ends gets 408 like a first one, and the connection is closed."""
    first = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = converse(service, first, HEAD)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer
    assert answer.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("begin", [b"", HEAD, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + HEAD], ids=len)
def test_idle_connections_keep_nobody_out(service, page, begin):
    """More of them than may be open, on the service and on the page, idle, in their first request, in their second."""
    for server in (service, page):
        with connections(server, BoundedProtocol.most_connections + 40, begin):
            assert ask(server.url + "/readyz").status == 200


def many_scans(scans: int) -> bytes:
    """Return a progressive JPEG of four megapixels whose last scan is repeated."""
    content = io.BytesIO()
    Image.new("RGB", (2000, 2000), "olive").save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


def test_thousands_of_scans_are_not_decoded(service, jpeg):
    """A JPEG that would keep the decoder for half a minute is refused from its bytes, and holds nobody up."""
    bomb = many_scans(20_000)
    assert len(bomb) < 1_000_000
    senders = [threading.Thread(target=ask, args=(service.url + "/predict/raw", bomb, "image/jpeg")) for _ in range(4)]
    for sender in senders:
        sender.start()
    assert ask(service.url + "/predict/raw", jpeg, "image/jpeg").status == 200
    for sender in senders:
        sender.join()
    refused = ask(service.url + "/predict/raw", bomb, "image/jpeg")
    assert (refused.status, refused.json["type"]) == (422, "/problems/too-many-scans")
    assert ask(service.url + "/predict/raw", many_scans(10), "image/jpeg").status == 200


def test_an_odd_digit_is_no_sample(page):
    """A field that only looks like a number is the visitor's mistake, and none of the page's."""
    for chosen in ("²", "٣", "-1", "99", "9" * 5000, "1.0"):
        body = f"sample={chosen}".encode()
        assert ask(page.url + "/", body, "application/x-www-form-urlencoded").status == 400
    assert ask(page.url + "/", b"\xff\x00", "multipart/form-data").status == 400
    for path in ("²", "99", "-1", "x"):
        assert ask(f"{page.url}/samples/{path.encode().hex() if path == '²' else path}.jpg").status in (404, 422)
