"""Bad input and floods, in every way that the internet knows: told as problem details, and the service lives on."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image

from labs.serve.contract import KINDS, PROBLEM_MEDIA_TYPE
from labs.serve.limits import BoundedProtocol
from labs.serve.running import Service, running
from labs.serve.settings import PageSettings

from .conftest import Reply, ask, converse, predict_body

LIMITS = {"max_body_bytes": 1_000_000, "body_timeout_s": 1.0}


@pytest.fixture(scope="module")
def service(serve):
    """Return one service for all of this file: what it survives, it survives in a row."""
    return serve(**LIMITS, options={"headers_within_s": 1.0})


@pytest.fixture(scope="module", autouse=True)
def open_files(service) -> int:
    """Return how many files and connections the service holds before anybody is rude to it."""
    return service.processes()[0].num_fds()


def assert_problem(reply: Reply, kind: str) -> None:
    """Check that a reply is a problem of this kind, in the one form."""
    status, title = KINDS[kind]
    assert (reply.status, reply.headers["content-type"]) == (status, PROBLEM_MEDIA_TYPE), reply.body
    assert set(reply.json) == {"type", "title", "status", "detail"}
    assert (reply.json["type"], reply.json["title"], reply.json["status"]) == (f"/problems/{kind}", title, status)
    assert reply.json["detail"]


def bomb() -> bytes:
    """Return a PNG of under 2 KB that claims 50 000 × 50 000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def line_of_pixels() -> bytes:
    """Return a PNG of a kilobyte whose shorter side is one pixel: resized to 224 as it is, it would be gigapixels."""
    content = io.BytesIO()
    Image.new("RGB", (1, 1_000_000), "olive").save(content, "PNG")
    return content.getvalue()


def noise_of(kind: str) -> bytes:
    """Return a small picture in a format."""
    content = io.BytesIO()
    Image.new("RGB", (32, 32), "olive").save(content, kind)
    return content.getvalue()


def as_json(value: object) -> bytes:
    """Return a body that holds a value where the picture belongs."""
    return json.dumps({"image": value}).encode()


def test_a_good_picture_gets_exactly_the_contracts_reply(service, jpeg):
    """Two fields, a known class, a probability; nothing more, since old clients read just this."""
    reply = ask(service.url + "/predict", predict_body(jpeg))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert set(reply.json) == {"prediction", "probability"}
    assert reply.json["prediction"] == "Bread"
    assert 0 < reply.json["probability"] <= 1
    assert ask(service.url + "/predict/raw", jpeg, "image/jpeg").json == reply.json
    assert {part.split(";")[0] for part in reply.headers["server-timing"].split(", ")} == {"queue", "prepare", "model"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[1, 2]", "wrong-form"),
        (b"{}", "wrong-form"),
        (as_json(7), "wrong-form"),
        (as_json(None), "wrong-form"),
        (as_json(["a"]), "wrong-form"),
        (b'{"image": "aaaa", "user": "root"}', "wrong-form"),
        (as_json(""), "not-base64"),
        (as_json("not base64!"), "not-base64"),
        (as_json("aGVsbG8"), "not-base64"),
        (as_json("héllo"), "not-base64"),
        (as_json("data:image/png;base64,aGVsbG8="), "not-base64"),
        (as_json("aGVsbG8="), "not-an-image"),
        pytest.param(as_json(base64.b64encode(noise_of("GIF")).decode()), "not-an-image", id="GIF"),
        pytest.param(as_json(base64.b64encode(noise_of("PNG")[:-30]).decode()), "not-an-image", id="cut PNG"),
        pytest.param(as_json(base64.b64encode(noise_of("JPEG")[:200]).decode()), "not-an-image", id="cut JPEG"),
        pytest.param(as_json(base64.b64encode(bomb()).decode()), "too-many-pixels", id="bomb"),
        pytest.param(as_json("A" * 1_000_000), "too-large", id="a megabyte of A"),
    ],
)
def test_a_bad_body_is_a_problem_with_its_name(service, body, kind):
    """4xx, in the one form, with a way out."""
    assert_problem(ask(service.url + "/predict", body), kind)


@pytest.mark.parametrize(
    ("body", "media_type", "kind"),
    [
        (b"", "image/jpeg", "not-an-image"),
        (b"hello", "image/jpeg", "not-an-image"),
        (b"{}", "application/json", "wrong-media-type"),
        pytest.param(noise_of("GIF"), "image/gif", "wrong-media-type", id="GIF"),
        pytest.param(bomb(), "image/png", "too-many-pixels", id="bomb"),
        pytest.param(b"x" * 1_000_001, "image/png", "too-large", id="a megabyte of x"),
    ],
)
def test_a_bad_file_is_a_problem_too(service, body, media_type, kind):
    """The raw endpoint says no in the same words."""
    assert_problem(ask(service.url + "/predict/raw", body, media_type), kind)


def test_a_line_of_pixels_is_a_picture_and_no_bomb(service):
    """It is answered, and nobody's memory grows by gigabytes over it."""
    before = service.memory_bytes()
    assert ask(service.url + "/predict/raw", line_of_pixels(), "image/png").status == 200
    assert service.memory_bytes() - before < 50_000_000


def test_what_does_not_exist_is_said_in_the_same_form(service):
    """The framework's own refusals come as problem details as well, and each kind has a page."""
    for reply, status in ((ask(service.url + "/nowhere"), 404), (ask(service.url + "/predict"), 405)):
        assert (reply.status, reply.headers["content-type"], reply.json["type"]) == (
            status,
            PROBLEM_MEDIA_TYPE,
            "about:blank",
        )
    assert all(ask(f"{service.url}/problems/{kind}").json["status"] == KINDS[kind][0] for kind in KINDS)


def test_fifty_megabytes_are_refused_before_they_are_sent(service):
    """An announced length is judged at once; an unannounced one (chunked) as soon as it passes the limit."""
    head = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    assert b"413" in converse(service, head + b"Content-Length: 50000000\r\n\r\n").split(b"\r\n")[0]
    chunk = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"
    before = service.memory_bytes()
    answer = converse(service, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 190)
    # The server closes while we still send, and the system may then drop what it had sent us: no answer or this one.
    assert answer == b"" or b"413" in answer.split(b"\r\n")[0]
    assert service.memory_bytes() - before < 20_000_000


def test_who_sends_too_slowly_is_sent_away(service):
    """Headers and bodies that never end get 408 in the one form, and their connection is closed."""
    begun = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{"
    for unfinished in (b"POST /predict HT", begun):
        head, _, body = converse(service, unfinished).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["type"] == "/problems/too-slow"


def test_who_leaves_early_is_not_computed_for(service, jpeg):
    """A client that hangs up leaves nothing in flight."""
    body = predict_body(jpeg)
    head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(20):
        converse(service, head + body, within_s=0.001)
        converse(service, head + body[:5000], within_s=0.001)
    deadline_s = time.monotonic() + 30
    while b"serving_in_flight 0.0" not in ask(service.url + "/metrics").body and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert b"serving_in_flight 0.0" in ask(service.url + "/metrics").body


HEAD = b"POST /predict/raw HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def page(service, tmp_path_factory) -> Iterator[Service]:
    """Return a page that is as impatient."""
    log_path = tmp_path_factory.mktemp("page") / "log"
    with running(PageSettings(url=service.url), log_path=log_path, options={"headers_within_s": 1.0}) as page:
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


def test_after_all_of_this_it_serves_as_before(service, open_files, jpeg):
    """Alive, right, with no error of its own in its log, and without a connection that nobody uses any more."""
    deadline_s = time.monotonic() + 60
    while (held := service.processes()[0].num_fds()) > open_files and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert held <= open_files
    assert ask(service.url + "/healthz").status == 200
    assert ask(service.url + "/predict", predict_body(jpeg)).json["prediction"] == "Bread"
    assert "Traceback" not in service.log(100_000)
    # Counted by status, by themselves: whichever of the tests above ran on this very service.
    assert (ask(service.url + "/predict", b"{}").status, ask(service.url + "/nowhere").status) == (422, 404)
    counted = ask(service.url + "/metrics").body.decode()
    assert 'serving_requests_total{path="/predict",status="422"}' in counted
    assert 'path="other",status="404"' in counted
    assert 'status="500"' not in counted
