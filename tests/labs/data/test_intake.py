"""The intake alone: every input gives a photo or a PhotoError, and photos decoded smaller keep
their class.
"""

import asyncio
import io
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labs import assets
from labs.data import intake
from labs.data.dataset import iterate
from labs.data.intake import Bounded, PhotoError, from_base64, open_photo, to_input


def encoded(size: tuple[int, int], kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """Return a picture's file."""
    Image.new(mode, size, 1).save(content := io.BytesIO(), kind)
    return content.getvalue()


def outcome(content: bytes) -> tuple[int, str]:
    """Return a file's status, and the mode of its image or the message."""
    try:
        return 200, open_photo(content).mode
    except PhotoError as error:
        return error.status, str(error)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_damaged_file_is_a_photo_or_a_refusal(data):
    """Bytes that were overwritten, cut or put in raise nothing else, and no address of this process
    is told.
    """
    kind = data.draw(st.sampled_from(intake.FORMATS))
    content = bytearray(encoded((40, 30), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    status, detail = outcome(bytes(content))
    assert (status in (200, 413, 422), "0x" in detail) == (True, False)


@pytest.mark.parametrize("given", [None, 7, float("inf"), ["a"], "lunch.jpg", "é", b"\xff", "A"])
def test_what_is_no_base64_is_refused(given: object):
    """Whatever a JSON parser may have made of a request."""
    with pytest.raises(PhotoError) as refused:
        from_base64(given)
    assert refused.value.status == pickle.loads(pickle.dumps(refused.value)).status == 422


@pytest.mark.parametrize("kind", [*intake.FORMATS, "GIF"])
def test_the_pixels_of_a_header_decide_before_anything_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    """A photo at the limit is accepted, and one line more is refused; only listed formats are
    tried.
    """
    side = 300
    monkeypatch.setattr(intake, "MOST_PIXELS", side**2)
    for size, status in (((side, side), 200), ((side, side + 1), 413)):
        assert outcome(encoded(size, kind, "L"))[0] == (422 if kind == "GIF" else status)


def test_a_photo_that_is_decoded_smaller_keeps_its_class():
    """Some evaluation pictures as a camera's files: nearly all do, and none that is small is
    decoded otherwise.
    """
    from labs.data.models import load_mobilenet_v2
    from labs.runtimes.calling import caller

    pairs = []
    for path, _ in list(iterate(assets.dataset(), "evaluation"))[::30]:
        with Image.open(path) as small:
            small.convert("RGB").resize((2048, 1536), Image.Resampling.BICUBIC).save(
                content := io.BytesIO(), "JPEG", quality=85
            )
        whole, half = (open_photo(content.getvalue(), least_px=least) for least in (2048, 448))
        assert (whole.size, half.size) == ((2048, 1536), (1024, 768))
        pairs.append((to_input(whole), to_input(half)))
    classify = caller(load_mobilenet_v2(assets.model()))
    whole, half = (classify(np.stack(rows)).argmax(1) for rows in zip(*pairs, strict=True))
    assert (whole == half).mean() >= 0.95
    assert open_photo(encoded((512, 512))).size == (512, 512)


def test_bytes_are_counted_whatever_the_app_does_with_them():
    """A body announced or sent beyond the limit gets one 413; a smaller one passes; a reply that
    has begun continues.
    """

    async def app(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client is gone")
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def status(pieces: list[int], content_length: bytes) -> list[int]:
        messages = [
            {"type": "http.request", "body": bytes(piece), "more_body": True} for piece in pieces
        ]
        messages.append({"type": "http.request", "body": b"", "more_body": False})
        replies = []

        async def receive():
            return messages.pop(0)

        async def send(message):
            replies.append(message)

        headers = [(b"content-length", content_length)] if content_length else []
        scope = {"type": "http", "headers": headers}
        asyncio.run(Bounded(app, most_bytes=100)(scope, receive, send))
        return [reply["status"] for reply in replies if reply["type"] == "http.response.start"]

    assert status([60, 40], b"") == status([100], b"100") == [200]
    assert status([60, 41], b"") == status([1000] * 9, b"") == status([], b"101") == [413]
    assert status([101], b"5") == [413], "a length that is no length"


def test_it_travels_alone(tmp_path):
    """Copied somewhere, it needs Python, numpy and Pillow, and nothing of the course."""
    shutil.copy(intake.__file__, tmp_path)
    code = "import intake, sys; print({'labs', 'fastapi', 'starlette'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
