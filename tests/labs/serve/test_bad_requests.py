"""What is sent to break a service, at every server that takes photos: a 4xx in words, and the next photo answered."""

import base64
import contextlib
import io
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from grading.builder import repository as solved
from labs.data.intake import MOST_BYTES
from labs.load.served import app_target
from labs.load.servers import SERVERS
from labs.load.target import Target
from labs.serve.photos import photo
from labs.serve.running import start, wait_until_ready
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE, programs_dir

#: Bytes of a body that never seems to end, and what it may cost the processes of a server.
HUGE_BYTES, MOST_MEMORY_BYTES = 400_000_000, 50_000_000


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


#: What is sent as the photo's text, with the contract's status.
PHOTOS = {
    "96 megapixels": (bomb(12_000, 8_000), 413),
    "192 megapixels": (bomb(16_000, 12_000), 413),
    "ten million bytes and one": (encoded(bytes(MOST_BYTES + 1)), 413),
    "half a JPEG": (encoded(photo(0)[: len(photo(0)) // 2]), 422),
    "twenty thousand scans": (encoded(many_scans()), 422),
    "text": (encoded(b"hello"), 422),
    "no base64": ("lunch.jpg", 422),
    "empty": ("", 422),
}

#: What stands in the place of the text, as JSON; and what is sent in the place of JSON.
VALUES, BODIES = ("1e999", "-1e999", "NaN", "Infinity", "7", "null", '["a"]'), (b"", b"hello", b"[", b"\xff\xd8\xff")


def solution(stack: contextlib.ExitStack, folder: Path, model: Path, photos: list[bytes]) -> Target:
    """Start what the lesson's solution serves, as ``SERVERS`` start theirs."""
    (folder / "app.py").write_text(solved.solved_text("http.app"))
    for given in ("serve/compared/classifier.py", "data/intake.py"):
        shutil.copy(PROJECT_DIR / "labs" / given, folder)
    service = stack.enter_context(start("app:app", folder=folder, log_path=folder / "log", MODEL=model))
    return app_target(wait_until_ready(service), model, photos)


@pytest.fixture(
    scope="module",
    params=[
        "FastAPI",
        "the lesson's solution",
        pytest.param("LitServe", marks=pytest.mark.slow),
        pytest.param("Ray Serve", marks=pytest.mark.slow),
        pytest.param("Triton", marks=pytest.mark.triton),
    ],
)
def target(request, onnx_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Yield a running server, once for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv(WORKSPACE_VARIABLE, str(tmp_path_factory.mktemp("workspace")))
        solved.write_solved(programs_dir() / "repository", onnx_path)
        begin = SERVERS.get(request.param, solution)
        yield begin(stack, tmp_path_factory.mktemp("server"), onnx_path, [photo(0)])


def around(target: Target) -> tuple[bytes, bytes]:
    """Return what stands before and behind the quoted text in a request's body."""
    before, after = target.bodies[0].split(f'"{encoded(photo(0))}"'.encode())
    return before, after


def is_triton(target: Target) -> bool:
    """Return whether a Triton answers there."""
    return "/v2/models/" in target.url


def ask(target: Target, body: object) -> httpx.Response:
    """Return the reply to a body: bytes, or an iterator of them, which says nothing of their number."""
    headers = {"content-type": "application/json"} | target.headers
    return httpx.post(target.url, content=body, headers=headers, timeout=120, trust_env=False)


def refused(reply: httpx.Response, statuses: set[int]) -> None:
    """Assert that a request was refused in words, which hold nothing of the server's process."""
    assert reply.status_code in statuses, reply.text[:300]
    assert any(" " in words and len(words) > 10 for words in reply.json().values() if isinstance(words, str)) or (
        all(fault["msg"] for fault in reply.json()["detail"])
    )
    assert "0x" not in reply.text
    assert len(reply.content) < 2_000


def test_a_bad_request_is_the_clients_fault_and_the_next_photo_is_answered(target: Target):
    """Bombs, half a JPEG, text, nothing, numbers that JSON cannot hold, and bodies that are no JSON."""
    good = ask(target, target.bodies[0])
    before, after = around(target)
    sent = [(before + json.dumps(text).encode() + after, {status}) for text, status in PHOTOS.values()]
    sent += [(before + value.encode() + after, {422}) for value in VALUES] + [(body, {400, 422}) for body in BODIES]
    for place, (body, statuses) in enumerate(sent):
        if is_triton(target):  # INVALID_ARG is a 400 there; JSON that its own parser refuses is a 500, whoever serves
            statuses = {400} if place < len(PHOTOS) else {400, 500}
        refused(ask(target, body), statuses)
        again = ask(target, target.bodies[0])
        assert (again.status_code, again.json()) == (good.status_code, good.json()) == (200, good.json())


@pytest.mark.parametrize("counted", [True, False], ids=["its length told", "in pieces"])
def test_a_body_without_end_is_refused_while_it_arrives(target: Target, counted: bool):
    """413, and it costs no memory to speak of; the next photo is answered."""
    before, after = around(target)
    piece = b"A" * 1_000_000

    def endless() -> Iterator[bytes]:
        yield before + b'"'
        yield from [piece] * (HUGE_BYTES // len(piece))
        yield b'"' + after

    processes = [one for pid in target.pids for one in psutil.Process(pid).children(recursive=True)]
    held, ended = [memory_bytes(processes)], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            held.append(memory_bytes(processes))

    watching = threading.Thread(target=watch)
    watching.start()
    length = {"content-length": str(len(before) + len(after) + 2 + HUGE_BYTES)} if counted else {}
    try:
        reply = httpx.post(target.url, content=endless(), headers=length, timeout=120, trust_env=False)
    finally:
        ended.set()
        watching.join()
    # Triton's own HTTP server keeps a body until its end, without a bound in 2.51: there the model refuses.
    refused(reply, {400} if is_triton(target) else {413})
    assert is_triton(target) or 0 < held[0] <= max(held) < held[0] + MOST_MEMORY_BYTES
    print(f"{target.url}: {(max(held) - held[0]) / 1e6:.1f} MB more for {HUGE_BYTES / 1e6:.0f} MB")
    assert ask(target, target.bodies[0]).status_code == 200


def memory_bytes(processes: list[psutil.Process]) -> int:
    """Return what processes hold together; each shared page is counted in each, and the same before as after."""
    held = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            held += one.memory_info().rss
    return held
