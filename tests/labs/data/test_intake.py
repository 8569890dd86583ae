"""The intake alone: every input gives a photo or a PhotoError, and photos decoded smaller keep
their class.
"""

import asyncio
import io
import pickle
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from pydantic import BaseModel, ConfigDict, FiniteFloat

from labs import assets
from labs.data import intake
from labs.data.dataset import iterate
from labs.data.intake import Bounded, PhotoError, from_base64, guard, open_photo, to_input
from labs.data.preprocess import load_image
from labs.serve.photos import sent_photos
from tests.sent import stored_both_ways


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


def turned(orientation: int, kind: str, size: tuple[int, int] = (1200, 900)) -> bytes:
    """Return a picture, dark at its left edge and green at its top, as a camera stores it that
    was held otherwise.
    """
    upright = Image.new("RGB", size, "white")
    upright.paste("black", (0, 0, size[0] // 3, size[1]))
    upright.paste("green", (0, 0, size[0], size[1] // 3))
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(content := io.BytesIO(), kind, exif=exif, **{"JPEG": {"quality": 95}}.get(kind, {}))
    return content.getvalue()


@pytest.mark.parametrize("kind", intake.FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_camera_was_held(kind: str, orientation: int):
    """In each of the eight ways, also where it is decoded at half of its size."""
    image = open_photo(turned(orientation, kind))
    width, height = image.size
    assert width > height
    left, right = image.getpixel((width // 6, height // 2)), image.getpixel((width - 9, height - 9))
    red, green, _ = image.getpixel((width // 2, height // 6))
    assert max(left) < 40 < 215 < min(right)
    assert red < 40 < 90 < green


def test_a_photo_that_was_stored_lying_gives_the_tensor_of_an_upright_one(tmp_path: Path):
    """To the last bit, for servers and for data sets."""
    pairs = list(stored_both_ways())
    assert len(pairs) == 3
    for upright, lying in pairs:
        assert Image.open(io.BytesIO(lying)).tobytes() != Image.open(io.BytesIO(upright)).tobytes()
        tensor = to_input(open_photo(upright))
        assert np.array_equal(to_input(open_photo(lying)), tensor)
        (tmp_path / "lying.png").write_bytes(lying)
        assert np.array_equal(to_input(load_image(tmp_path / "lying.png")), tensor)


def test_nearly_all_sent_photos_keep_their_class_if_they_are_decoded_smaller():
    """Every fourth photo, against a decoder that makes every pixel."""
    from labs.data.models import load_mobilenet_v2
    from labs.runtimes.calling import caller

    contents = [content for content, _ in sent_photos()][::4]
    classify = caller(load_mobilenet_v2(assets.model()))
    classes = []
    for least_px in (2 * intake.INPUT_SIZE_PX, intake.MOST_PIXELS):
        tensors = [to_input(open_photo(content, least_px=least_px)) for content in contents]
        classes.append(classify(np.stack(tensors)).argmax(1))
    assert np.mean(classes[0] == classes[1]) >= 0.95


def test_damaged_notes_of_a_camera_do_no_harm():
    """The photo is decoded as it lies."""
    content = turned(6, "JPEG")
    place = content.index(b"Exif")
    damaged = content[: place + 6] + bytes(8) + content[place + 14 :]
    assert open_photo(damaged).size == (450, 600)


class Bodies:
    """An app behind ``Bounded``, and clients whose bodies arrive piece by piece."""

    def __init__(self, **bounds: float) -> None:
        """Begin without a client."""
        self.seen: list[bytes] = []
        self.bounded = Bounded(self._app, **bounds)

    async def _app(self, scope, receive, send):
        message = await receive()
        assert not message["more_body"], "the app gets a body as one message"
        self.seen.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, pieces: AsyncIterator[bytes], length: bytes = b"") -> int:
        """Return the status of a body; 0 if nothing was answered."""
        statuses = []

        async def receive():
            async for piece in pieces:
                return {"type": "http.request", "body": piece, "more_body": True}
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            statuses.append(message.get("status"))

        headers = [(b"content-length", length)] if length else []
        await self.bounded({"type": "http", "headers": headers}, receive, send)
        return statuses[0] if statuses else 0


async def whole(*sizes: int) -> AsyncIterator[bytes]:
    """Yield pieces of these sizes."""
    for size in sizes:
        yield bytes(size)


async def half(size: int) -> AsyncIterator[bytes]:
    """Yield one piece, and never another one."""
    yield bytes(size)
    await asyncio.Event().wait()


def test_a_body_has_a_limit_whatever_is_said_of_its_length():
    """What is announced or sent beyond it is a 413, once; the app sees whole bodies only."""

    def status(sizes: list[int], length: bytes) -> tuple[int, list[int]]:
        bodies = Bodies(most_bytes=100)
        status = asyncio.run(bodies.ask(whole(*sizes), length))
        return status, [len(body) for body in bodies.seen]

    assert status([60, 40], b"") == status([100], b"100") == (200, [100])
    assert status([60, 41], b"") == status([1000] * 9, b"") == status([], b"101") == (413, [])
    assert status([101], b"5") == (413, []), "a length that is no length"


@pytest.mark.parametrize("most_bytes", [1, 1000, 100_000, 2_000_000])
def test_the_app_gets_what_was_sent_however_it_arrives(most_bytes: int):
    """In single bytes, in pieces beside the size that is held together, or at once."""
    random = np.random.default_rng(most_bytes)
    sent = random.bytes(min(3_000_000, 20_000 * most_bytes))

    async def pieces() -> AsyncIterator[bytes]:
        begin = 0
        while begin < len(sent):
            end = begin + random.integers(1, most_bytes, endpoint=True)
            yield sent[begin:end]
            begin = end

    bodies = Bodies()
    assert asyncio.run(bodies.ask(pieces())) == 200
    assert bodies.seen == [sent]


def test_a_body_that_stops_is_given_up_before_the_app_sees_it():
    """With a 408; others are answered meanwhile."""

    async def both() -> list[int]:
        bodies = Bodies(within_s=0.05)
        stopped = asyncio.create_task(bodies.ask(half(10)))
        others = [await bodies.ask(whole(5)) for _ in range(3)]
        assert bodies.seen == [bytes(5)] * 3
        return [await stopped, *others]

    assert asyncio.run(both()) == [408, 200, 200, 200]


def test_all_bodies_together_have_a_limit_and_the_largest_gives_way():
    """A small one gets through, however many large ones never end; what was given up counts no
    longer.
    """

    async def many() -> list[int]:
        bodies = Bodies(most_together=100, within_s=60)
        begun = [asyncio.create_task(bodies.ask(half(size))) for size in (50, 30, 40)]
        refused = await begun[0]
        small = await bodies.ask(whole(10, 10))
        assert not any(task.done() for task in begun[1:])
        for task in begun[1:]:
            task.cancel()
        return [refused, small]

    assert asyncio.run(many()) == [503, 200]


def test_a_client_that_goes_gets_nothing_and_costs_nothing():
    """The app does not hear of it."""

    async def gone() -> tuple[int, int]:
        bodies = Bodies()
        sent = []

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        await bodies.bounded({"type": "http", "headers": []}, receive, send)
        return len(bodies.seen), len(sent)

    assert asyncio.run(gone()) == (0, 0)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"number": 1e999}', 400, "number: Input should be a finite number"),
        (b'{"number": 1, "\\ud800": 2}', 400, "unable to parse raw data as a unicode"),
        (b"[", 400, "JSON decode error"),
        (b"7" * 200, 413, "too many bytes"),
        (b'{"number": 7}', 500, "the service failed"),
    ],
    ids=["infinite", "no Unicode", "half of JSON", "too long", "a fault"],
)
def test_an_app_has_one_form_of_errors(body: bytes, status: int, words: str):
    """Whoever refuses, and also where the app itself fails."""

    class Numbers(BaseModel):
        model_config = ConfigDict(extra="forbid")
        number: FiniteFloat

    app = FastAPI()
    guard(
        app,
        lambda status, message: JSONResponse({"sorry": message}, status),
        most_bytes=100,
        unfit=400,
    )

    @app.post("/")
    def divide(numbers: Numbers) -> float:
        return 1 / (numbers.number - 7)

    with TestClient(app, raise_server_exceptions=False) as client:
        headers = {"content-type": "application/json"}
        reply = client.post("/", content=body, headers=headers)
        assert reply.status_code == status
        assert words in reply.json()["sorry"]
        for unknown in (client.get("/no/such/path"), client.put("/")):
            assert list(unknown.json()) == ["sorry"]


def test_it_travels_alone(tmp_path):
    """Copied somewhere, it needs Python, numpy and Pillow, and nothing of the course."""
    shutil.copy(intake.__file__, tmp_path)
    code = "import intake, sys; print({'labs', 'fastapi', 'starlette'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
