"""Every server that takes photos: what is sent to break it, its health while workers are held, what a kill costs.

Each test prints its table: ``pytest tests/labs/serve/test_servers.py -rP``.
"""

import base64
import contextlib
import http.client
import io
import json
import re
import select
import time
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
from labs.load.race import together
from labs.load.retry import retried_load
from labs.load.servers import SERVERS
from labs.load.target import Target
from labs.serve.photos import photo
from labs.serve.running import PAGE, start, wait_until_ready
from labs.workspace import WORKSPACE_VARIABLE, programs_dir

#: What a bad request may cost the processes of a server.
MOST_MEMORY_BYTES = 50_000_000

#: Where each server says that it is ready.
READY = {
    "FastAPI": "/healthz",
    "LitServe": "/health",
    "Ray Serve": "/-/healthz",
    "Triton": "/v2/health/ready",
}

#: What the processes that compute are called, whichever server they belong to.
WORKERS = r"spawn_main|ray::ServeReplica|triton_python_backend_stub"


def encoded(content: bytes) -> str:
    """Return a file as requests carry it."""
    return base64.b64encode(content).decode()


def bomb(*size: int) -> str:
    """Return a whole PNG of some thousand bytes that has so many pixels."""
    Image.new("1", size).save(content := io.BytesIO(), "PNG")
    return encoded(content.getvalue())


def many_scans() -> bytes:
    """Return a progressive JPEG that would keep the decoder for half a minute."""
    Image.new("RGB", (2000, 2000), "olive").save(content := io.BytesIO(), "JPEG", progressive=True)
    whole = content.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * 20_000 + whole[-2:]


#: What stands in the place of the photo's text, as JSON, with the contract's status.
PHOTOS = {
    "96 megapixels": (json.dumps(bomb(12_000, 8_000)), 413),
    "192 megapixels": (json.dumps(bomb(16_000, 12_000)), 413),
    "ten million bytes and one": (json.dumps(encoded(bytes(MOST_BYTES + 1))), 413),
    "half a JPEG": (json.dumps(encoded(photo(0)[: len(photo(0)) // 2])), 422),
    "twenty thousand scans": (json.dumps(encoded(many_scans())), 422),
    "text": (json.dumps(encoded(b"hello")), 422),
    "no base64": ('"lunch.jpg"', 422),
    "empty": ('""', 422),
    **{
        value: (value, 422)
        for value in ("1e999", "-1e999", "NaN", "Infinity", "7", "null", '["a"]')
    },
}

#: What is sent in the place of JSON.
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
        pytest.param("Triton", marks=pytest.mark.triton),
    ],
)
def server(
    request, onnx_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Target]]:
    """Yield a running server and its name, once for all tests of this file; each computes one photo at once."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        patch.setattr("labs.load.servers.usable_cpu_count", lambda: 1)
        patch.setenv(
            "WEB_CONCURRENCY", "2"
        )  # uvicorn's --workers: one alone has nobody who looks after it
        solved.write_solved(programs_dir() / "repository", onnx_path)
        yield (
            request.param,
            SERVERS[request.param](stack, tmp_path_factory.mktemp("server"), onnx_path, [photo(0)]),
        )


def holding(target: Target, value: str) -> bytes:
    """Return a request's body with another value, as JSON, in the place of the photo's text."""
    return target.bodies[0].replace(f'"{encoded(photo(0))}"'.encode(), value.encode())


def ask(target: Target, body: object, **headers: str) -> httpx.Response:
    """Return the reply to a body: bytes, or an iterator of them, which says nothing of their number."""
    headers = {"content-type": "application/json"} | target.headers | headers
    return httpx.post(target.url, content=body, headers=headers, timeout=120, trust_env=False)


def refused(reply: httpx.Response, statuses: set[int]) -> None:
    """Assert that a request was refused in words, which hold nothing of the server's process."""
    assert reply.status_code in statuses, reply.text[:300]
    assert any(
        " " in words and len(words) > 10
        for words in reply.json().values()
        if isinstance(words, str)
    ) or (all(fault["msg"] for fault in reply.json()["detail"]))
    assert "0x" not in reply.text
    assert len(reply.content) < 2_000


def processes(target: Target) -> list[psutil.Process]:
    """Return a server's processes."""
    return [one for pid in target.pids for one in psutil.Process(pid).children(recursive=True)]


def memory_bytes(target: Target, what: str) -> int:
    """Return what a server's processes hold together, 'VmRSS', or have held at most, 'VmHWM'."""
    texts = [Path(f"/proc/{one.pid}/status").read_text() for one in processes(target)]
    return sum(
        1024 * int(found)
        for text in texts
        for found in re.findall(rf"^{what}:\s+(\d+)", text, re.MULTILINE)
    )


def costs(target: Target, body: object, **headers: str) -> tuple[httpx.Response, float, float]:
    """Return the reply to a body, its seconds, and the megabytes that the server held meanwhile beyond what it had."""
    for one in processes(target):
        Path(f"/proc/{one.pid}/clear_refs").write_text(
            "5"
        )  # the most that it held is what it holds now
    held_bytes, begin_s = memory_bytes(target, "VmRSS"), time.monotonic()
    reply = ask(target, body, **headers)
    return reply, time.monotonic() - begin_s, (memory_bytes(target, "VmHWM") - held_bytes) / 1e6


def test_a_bad_request_is_the_clients_fault_and_the_next_photo_is_answered(
    server: tuple[str, Target],
):
    """Bombs, half a JPEG, text, nothing, numbers that JSON cannot hold, bodies that are no JSON or do not end."""
    name, target = server
    good = [ask(target, target.bodies[0]) for _ in range(20)][-1]
    rows = {
        what: (holding(target, value), {status}, {}) for what, (value, status) in PHOTOS.items()
    }
    rows |= {what: (body, {400, 422}, {}) for what, body in BODIES.items()}
    if (
        name == "Triton"
    ):  # INVALID_ARG is a 400 there; JSON that its own parser refuses is a 500, whoever serves
        known = list(PHOTOS)[:8]
        rows = {
            what: (body, {400} if what in known else {400, 500}, {})
            for what, (body, *_) in rows.items()
        }
    pieces = [target.bodies[0], *[b"A" * 1_000_000] * 400]
    length = {"content-length": str(sum(map(len, pieces)))}
    endless = {
        "400 MB, counted": (iter(pieces), {413}, length),
        "400 MB in pieces": (iter(pieces), {413}, {}),
    }
    for what, (body, statuses, headers) in (rows | (endless if name != "Triton" else {})).items():
        reply, took_s, more_mb = costs(target, body, **headers)
        print(
            f"{name:<10}{what:<27}{reply.status_code}{took_s:>8.3f} s{more_mb:>8.1f} MB  {reply.text[:60]}"
        )
        refused(reply, statuses)
        # (A photo that is just small enough is parsed as well, and costs as much.)
        assert more_mb * 1e6 < MOST_MEMORY_BYTES or what == "ten million bytes and one"
        again = ask(target, target.bodies[0])
        assert (
            (again.status_code, again.json())
            == (good.status_code, good.json())
            == (200, good.json())
        )
    if (
        name == "Triton"
    ):  # 2.51 keeps a body to its end, without a bound; the page that strangers reach has one
        model = urlsplit(target.url).path.split("/")[3]
        with start(PAGE, PAGE_SERVER=urljoin(target.url, "/"), PAGE_TRITON_MODEL=model) as page:
            page_too = replace(
                target, url=wait_until_ready(page).url, pids=(*target.pids, page.pid)
            )
            for what, (body, _, headers) in endless.items():
                reply, took_s, more_mb = costs(page_too, body, **headers)
                print(f"its page  {what:<27}{reply.status_code}{took_s:>8.3f} s{more_mb:>8.1f} MB")
                assert reply.status_code in {400, 413}, "400: it is no form, and was not read"
                assert more_mb * 1e6 < MOST_MEMORY_BYTES


def test_health_is_told_while_the_workers_are_held_and_a_hundred_wait(server: tuple[str, Target]):
    """No answer has come yet to a hundred photos that take long, and it is there; then each is answered or refused."""
    name, target = server
    body, at = holding(target, json.dumps(bomb(5_000, 1_000))), urlsplit(target.url)
    with contextlib.ExitStack() as stack:

        def sent(method: str, path: str, *more: object) -> http.client.HTTPConnection:
            one = stack.enter_context(
                contextlib.closing(http.client.HTTPConnection(at.netloc, timeout=300))
            )
            one.request(method, path, *more)
            return one

        waiting, took_s = [], []

        def unanswered() -> int:
            return len(waiting) - len(select.select([one.sock for one in waiting], [], [], 0)[0])

        for _ in range(20):
            while unanswered() < 100:  # where this machine is slow, some are answered meanwhile
                waiting.append(sent("POST", at.path, body, {"content-type": "application/json"}))
                assert len(waiting) < 500
            begin_s = time.monotonic()
            assert sent("GET", READY[name]).getresponse().status == 200
            took_s.append(time.monotonic() - begin_s)
        wait = unanswered()
        print(
            f"{name:<10}{1e3 * took_s[0]:.0f} ms in the burst, then {1e3 * max(took_s[1:]):.0f} at most; {wait} wait"
        )
        assert wait > 0
        assert {one.getresponse().status for one in waiting} <= {200, 503}


def test_what_a_kill_costs(server: tuple[str, Target]):
    """Requests lost, with and without a retry, seconds until the next good answer, and what 'ready' says meanwhile.

    Only Triton does not start again what died, and goes on to say that the server is ready: there, `Triton.revive` is
    the way back.
    """
    name, target = server
    lines = {one: Path(f"/proc/{one.pid}/cmdline").read_text() for one in processes(target)}
    computing = max(
        (one for one in lines if re.search(WORKERS, lines[one])),
        key=lambda one: one.cpu_times().user,
    )

    def kill(on_progress: object) -> tuple[float, Counter[int]]:
        time.sleep(2)
        computing.kill()
        killed_s, told = time.monotonic(), Counter()
        while time.monotonic() < killed_s + 12:
            told[
                httpx.get(urljoin(target.url, READY[name]), timeout=60, trust_env=False).status_code
            ] += 1
            time.sleep(0.1)
        return killed_s, told

    # A dead instance of Triton's says nothing at all, for as long as a client waits: two such tries are enough.
    load = partial(
        retried_load,
        target.url,
        target.bodies,
        lambda n, s: 0.1 * 2**n if n < (6 if s else 2) else -1,
    )
    begin_s = time.monotonic()
    found, (killed_s, told) = together(
        partial(load, rate_rps=10, duration_s=6, headers=target.headers), kill
    )
    ends_s = begin_s + np.arange(60) / 10 + found.took_s - killed_s
    again_s = min(
        ends_s[(ends_s > 0) & [tries[-1] == 200 for tries in found.statuses]], default=np.inf
    )
    print(
        f"{name:<10}{found.to_json()}, good again after {again_s:.2f} s, 'ready' said {dict(told)}"
    )
    assert (found.to_json()["lost"] > 0) == (name == "Triton")
    assert name != "Triton" or set(told) == {200}
