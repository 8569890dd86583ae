"""Tests of every photo server: harmful requests, its health while workers are held, the cost of a
kill.

Each test prints its table: ``pytest test_servers.py -rP``.
"""

import base64
import contextlib
import http.client
import io
import json
import re
import select
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from grading.builder import repository as solved
from labs.data.intake import MOST_BYTES
from labs.data.labels import CLASS_NAMES
from labs.deeper.whole.servers import BASELINE, SERVERS, servers_table, serving
from labs.load.race import race, together
from labs.load.target import LoadTarget
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, start, wait_until_ready
from labs.workspace import WORKSPACE_VARIABLE, programs_dir
from tests.labs.serve.conftest import onnx_path
from tests.sent import stored_both_ways

__all__ = ["onnx_path"]

# A client of a dead instance of Triton's waits half a minute, twice.
pytestmark = pytest.mark.timeout(700)

#: Largest cost of a bad request for the processes of a server.
MOST_MEMORY_BYTES = 50_000_000

#: Where each server says that it is ready.
READY = {
    "FastAPI": "/healthz",
    "LitServe": "/health",
    "Ray Serve": "/-/healthz",
    "Triton": "/v2/health/ready",
}

#: Names of the computing processes of all servers.
WORKERS = r"spawn_main|ray::ServeReplica|triton_python_backend_stub"


def encoded(content: bytes) -> str:
    """Return a file as requests carry it."""
    return base64.b64encode(content).decode()


def as_json(content: bytes) -> str:
    """Return a file's text as JSON."""
    return json.dumps(encoded(content))


def bomb(*size: int) -> bytes:
    """Return a whole PNG of some thousand bytes with the given number of pixels."""
    content = io.BytesIO()
    Image.new("1", size).save(content, "PNG")
    return content.getvalue()


def many_scans() -> bytes:
    """Return a progressive JPEG that would keep the decoder for half a minute."""
    content = io.BytesIO()
    Image.new("RGB", (2000, 2000), "olive").save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    begin, end = whole.rindex(b"\xff\xda"), len(whole) - 2
    scan = whole[begin:end]
    return whole[:end] + scan * 20_000 + whole[end:]


def half_a_photo() -> bytes:
    """Return the first half of a JPEG."""
    whole = photo(0)
    return whole[: len(whole) // 2]


#: Photos that are too large, as JSON in the place of the photo's text.
TOO_LARGE = {
    "96 megapixels": as_json(bomb(12_000, 8_000)),
    "192 megapixels": as_json(bomb(16_000, 12_000)),
    "ten million bytes and one": as_json(bytes(MOST_BYTES + 1)),
}

#: Values that are not photos, in the same place.
NO_PHOTO = {
    "half a JPEG": as_json(half_a_photo()),
    "twenty thousand scans": as_json(many_scans()),
    "text": as_json(b"hello"),
    "no base64": '"lunch.jpg"',
    "empty": '""',
}

#: JSON values that are not text.
NO_TEXT = ["1e999", "-1e999", "NaN", "Infinity", "7", "null", '["a"]']

#: JSON in the place of the photo's text, with the contract's status.
PHOTOS = {name: (text, 413) for name, text in TOO_LARGE.items()}
PHOTOS |= {name: (text, 422) for name, text in NO_PHOTO.items()}
PHOTOS |= {text: (text, 422) for text in NO_TEXT}

#: Those of them that are no text.
REFUSED_BY_PARSER = list(PHOTOS)[8:]

#: Bodies that replace the JSON.
BODIES = {
    "an empty body": b"",
    "a text": b"hello",
    "half of JSON": b"[",
    "a JPEG's head": b"\xff\xd8\xff",
}


@pytest.fixture(
    scope="module",
    params=[
        "FastAPI",
        pytest.param("LitServe", marks=pytest.mark.slow),
        pytest.param("Ray Serve", marks=pytest.mark.slow),
        pytest.param("Triton", marks=[pytest.mark.triton, pytest.mark.slow]),
    ],
)
def server(
    request, onnx_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, LoadTarget]]:
    """Yield a running server and its name, once for all tests of this file; each computes one photo
    at once.
    """
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        patch.setattr("labs.deeper.whole.servers.usable_cpu_count", lambda: 1)
        # uvicorn's --workers: a single worker has no supervisor.
        patch.setenv("WEB_CONCURRENCY", "2")
        solved.write_solved(programs_dir() / "repository", onnx_path)
        folder = tmp_path_factory.mktemp("server")
        yield request.param, SERVERS[request.param](stack, folder, onnx_path, [photo(0)])


def holding(target: LoadTarget, value: str) -> bytes:
    """Return a request's body with another value, as JSON, in the place of the photo's text."""
    text = as_json(photo(0))
    return target.bodies[0].replace(text.encode(), value.encode())


def ask(target: LoadTarget, body: object, **headers: str) -> httpx.Response:
    """Return the reply to a body: bytes, or an iterator of them, without an announced length."""
    headers = {"content-type": "application/json"} | target.headers | headers
    return httpx.post(
        target.url, content=body, headers=headers, timeout=120, trust_env=False
    )


def refused(reply: httpx.Response, statuses: set[int]) -> None:
    """Assert that a request was refused in words, which hold nothing of the server's process."""
    assert reply.status_code in statuses, reply.text[:300]
    answer = reply.json()
    texts = [value for value in answer.values() if isinstance(value, str)]
    in_words = any(" " in text and len(text) > 10 for text in texts)
    assert in_words or all(fault["msg"] for fault in answer["detail"])
    assert "0x" not in reply.text
    assert len(reply.content) < 2_000


def processes(target: LoadTarget) -> list[psutil.Process]:
    """Return a server's processes."""
    family: list[psutil.Process] = []
    for pid in target.pids:
        family += psutil.Process(pid).children(recursive=True)
    return family


def memory_bytes(target: LoadTarget, what: str) -> int:
    """Return what a server's processes hold together, 'VmRSS', or have held at most, 'VmHWM'."""
    held_kib = 0
    for process in processes(target):
        status = Path(f"/proc/{process.pid}/status").read_text()
        if line := re.search(rf"^{what}:\s+(\d+)", status, re.MULTILINE):
            held_kib += int(line[1])
    return 1024 * held_kib


def costs(
    target: LoadTarget, body: object, **headers: str
) -> tuple[httpx.Response, float, float]:
    """Return the reply to a body, its seconds, and the megabytes that the server held meanwhile
    beyond what it had.
    """
    for process in processes(target):
        # The most that it held is what it holds now.
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    held_bytes = memory_bytes(target, "VmRSS")
    begin_s = time.monotonic()
    reply = ask(target, body, **headers)
    took_s = time.monotonic() - begin_s
    more_bytes = memory_bytes(target, "VmHWM") - held_bytes
    return reply, took_s, more_bytes / 1e6


def test_a_bad_request_is_the_clients_fault_and_the_next_photo_is_answered(
    server: tuple[str, LoadTarget],
):
    """Bombs, half a JPEG, text, an empty body, numbers that JSON cannot hold, bodies that are not
    JSON or never end.
    """
    name, target = server
    for _ in range(20):
        good = ask(target, target.bodies[0])
    assert good.status_code == 200
    pieces = [target.bodies[0], *[b"A" * 1_000_000] * 400]
    length = {"content-length": str(sum(map(len, pieces)))}
    endless = [
        ("400 MB, counted", iter(pieces), {413}, length),
        ("400 MB in pieces", iter(pieces), {413}, {}),
    ]
    requests = list(bad_requests(name, target))
    if name != "Triton":
        requests += endless
    for what, body, statuses, headers in requests:
        reply, took_s, more_mb = costs(target, body, **headers)
        figures = f"{reply.status_code}{took_s:>8.3f} s{more_mb:>8.1f} MB"
        print(f"{name:<10}{what:<27}{figures}  {reply.text[:60]}")
        refused(reply, statuses)
        # (A photo that is just small enough is parsed as well, and costs as much.)
        assert more_mb * 1e6 < MOST_MEMORY_BYTES or what == "ten million bytes and one"
        next_reply = ask(target, target.bodies[0])
        assert (next_reply.status_code, next_reply.json()) == (200, good.json())
    if name == "Triton":
        # 2.51 keeps a body to its end, without a bound; the page that strangers reach has one.
        model = urlsplit(target.url).path.split("/")[3]
        with start(
            PAGE, PAGE_SERVER=urljoin(target.url, "/"), PAGE_TRITON_MODEL=model
        ) as page:
            url = wait_until_ready(page).url
            page_too = replace(target, url=url, pids=(*target.pids, page.pid))
            for what, body, _, headers in endless:
                reply, took_s, more_mb = costs(page_too, body, **headers)
                print(
                    f"its page  {what:<27}{reply.status_code}{took_s:>8.3f} s{more_mb:>8.1f} MB"
                )
                assert reply.status_code in {400, 413}, (
                    "400: it is no form, and was not read"
                )
                assert more_mb * 1e6 < MOST_MEMORY_BYTES


def test_a_photo_that_was_stored_lying_gets_the_answer_of_an_upright_one(
    server: tuple[str, LoadTarget],
):
    """Each server turns it by EXIF before it cuts out the middle."""
    _, target = server
    for upright, lying in stored_both_ways():
        replies = [
            ask(target, holding(target, as_json(stored))) for stored in (upright, lying)
        ]
        assert [reply.status_code for reply in replies] == [200, 200]
        assert replies[0].json() == replies[1].json()


def bad_requests(
    name: str, target: LoadTarget
) -> Iterator[tuple[str, bytes, set[int], dict]]:
    """Yield what is sent to a server: words for it, a body, the statuses that may come back, and
    headers.
    """
    for what, (value, status) in PHOTOS.items():
        statuses = {status}
        if name == "Triton":
            # INVALID_ARG is a 400 there; JSON that its own parser refuses is a 500, for any model.
            statuses = {400, 500} if what in REFUSED_BY_PARSER else {400}
        yield what, holding(target, value), statuses, {}
    for what, body in BODIES.items():
        yield what, body, {400, 500} if name == "Triton" else {400, 422}, {}


def test_health_is_told_while_the_workers_are_held_and_a_hundred_wait(
    server: tuple[str, LoadTarget],
):
    """No answer has come yet to a hundred photos that take long, and it is there; then each is
    answered or refused.
    """
    name, target = server
    body = holding(target, as_json(bomb(5_000, 1_000)))
    address = urlsplit(target.url)
    with contextlib.ExitStack() as stack:

        def sent(method: str, path: str, *more: object) -> http.client.HTTPConnection:
            connection = http.client.HTTPConnection(address.netloc, timeout=300)
            stack.enter_context(contextlib.closing(connection))
            connection.request(method, path, *more)
            return connection

        waiting = []
        took_s = []

        def unanswered() -> int:
            sockets = [connection.sock for connection in waiting]
            answered, _, _ = select.select(sockets, [], [], 0)
            return len(sockets) - len(answered)

        for _ in range(20):
            while (
                unanswered() < 100
            ):  # where this machine is slow, some are answered meanwhile
                headers = {"content-type": "application/json"}
                waiting.append(sent("POST", address.path, body, headers))
                assert len(waiting) < 500
            begin_s = time.monotonic()
            assert sent("GET", READY[name]).getresponse().status == 200
            took_s.append(time.monotonic() - begin_s)
        wait = unanswered()
        burst_ms, most_ms = 1e3 * took_s[0], 1e3 * max(took_s[1:])
        print(
            f"{name:<10}{burst_ms:.0f} ms in the burst, then {most_ms:.0f} at most; {wait} wait"
        )
        assert wait > 0
        assert {connection.getresponse().status for connection in waiting} <= {200, 503}


def test_what_a_kill_costs(server: tuple[str, LoadTarget]):
    """Lost requests, with and without a retry, seconds until the next good answer, and the
    readiness during that time.

    Only Triton does not start again what died, and goes on to say that the server is ready: there,
    `Triton.revive` is the way back.
    """
    # The clients are those of another deep dive.
    retried_load = pytest.importorskip("labs.deeper.platform.retry").retried_load
    name, target = server
    computing = [
        process for process in processes(target) if re.search(WORKERS, command(process))
    ]
    busiest = max(computing, key=lambda process: process.cpu_times().user)

    def kill(on_progress: object) -> tuple[float, Counter[int]]:
        time.sleep(2)
        busiest.kill()
        killed_s = time.monotonic()
        url = urljoin(target.url, READY[name])
        ready: Counter[int] = Counter()
        while time.monotonic() < killed_s + 12:
            ready[httpx.get(url, timeout=60, trust_env=False).status_code] += 1
            time.sleep(0.1)
        return killed_s, ready

    def wait_s(number: int, status: int) -> float:
        # A dead instance of Triton's says nothing at all, for as long as a client waits: two such
        # tries are enough.
        most = 6 if status else 2
        return 0.1 * 2**number if number < most else -1

    load = partial(
        retried_load, target.url, target.bodies, wait_s, headers=target.headers
    )
    begin_s = time.monotonic()
    result, (killed_s, ready) = together(partial(load, rate_rps=10, duration_s=6), kill)
    ends_s = begin_s + np.arange(60) / 10 + result.took_s - killed_s
    is_good = np.array([tries[-1] == 200 for tries in result.statuses])
    good_again_s = min(ends_s[(ends_s > 0) & is_good], default=np.inf)
    figures = result.to_json()
    print(
        f"{name:<10}{figures}, good again after {good_again_s:.2f} s, 'ready' said {dict(ready)}"
    )
    assert (figures["lost"] > 0) == (name == "Triton")
    assert name != "Triton" or set(ready) == {200}


def command(process: psutil.Process) -> str:
    """Return a process's command line."""
    return Path(f"/proc/{process.pid}/cmdline").read_text()


@pytest.mark.slow
@pytest.mark.triton
def test_all_servers_answer_the_same_photo_alike_and_take_their_turns() -> None:
    """Each names the same class; under load nothing fails, and every second round runs in reverse
    order.
    """
    solved.write_solved(programs_dir() / "repository", fp32_model())
    with serving() as targets:
        assert list(targets) == list(SERVERS)
        words = []
        for target in targets.values():
            request = urllib.request.Request(target.url, target.bodies[0], target.headers)
            with urllib.request.urlopen(request, timeout=60) as reply:
                # As JSON or as Triton's bytes.
                answer = reply.read().replace(b"\\/", b"/")
            words.append({name for name in CLASS_NAMES if name.encode() in answer})
        assert words == [words[0]] * len(targets)
        assert len(words[0]) == 1
        records = race(targets, concurrency=2, rounds=2, duration_s=0.5)
    assert [record.option for record in records] == [*SERVERS, *reversed(SERVERS)]
    assert not any(record.load.failures for record in records)
    table = servers_table(records).set_index("server")
    assert list(table.index) == list(SERVERS)
    assert table.loc[BASELINE, "× p50"] == ""
