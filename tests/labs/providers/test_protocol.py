"""Framed messages: what goes in comes out, and what is no message is refused."""

from __future__ import annotations

import io
import json
import os
import struct
import threading
import time

import numpy as np
import pytest

from labs.providers import protocol


def joined(header: dict, arrays: list[np.ndarray]) -> bytes:
    """Return a frame as bytes."""
    return b"".join(bytes(piece) for piece in protocol.encode(header, arrays))


def frame(text: bytes, rest: bytes = b"") -> bytes:
    """Return a frame with any header."""
    return struct.pack(">I", len(text)) + text + rest


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32", "uint8", "int8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_travel_unchanged(dtype: str, shape: tuple[int, ...]) -> None:
    """Any numeric type and shape, empty ones and single numbers too, comes back bit for bit."""
    sent = (np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    header, (received,) = protocol.decode(io.BytesIO(joined({"id": 7}, [sent])).read)
    assert header == {"id": 7}
    assert received.dtype == sent.dtype
    np.testing.assert_array_equal(received, sent)


def test_views_travel_as_what_they_show() -> None:
    """A transposed, strided view arrives as its values, not as the memory under it."""
    sent = np.arange(24, dtype=np.float32).reshape(4, 6).T[::2]
    _, (received,) = protocol.decode(io.BytesIO(joined({}, [sent])).read)
    np.testing.assert_array_equal(received, sent)


def test_messages_follow_each_other_through_small_pieces() -> None:
    """A stream that hands out a byte at a time gives the same messages, in order."""
    stream = io.BytesIO(joined({"id": 1}, [np.arange(3.0)]) + joined({"id": 2}, []))
    first, second = (protocol.decode(lambda size: stream.read(1)) for _ in range(2))
    assert (first[0], first[1][0].tolist()) == ({"id": 1}, [0.0, 1.0, 2.0])
    assert second == ({"id": 2}, [])


@pytest.mark.parametrize("array", [np.array([{}], dtype=object), np.array(["a"]), np.array([1 + 2j])])
def test_only_numbers_are_sent(array: np.ndarray) -> None:
    """Objects, which would need pickle, are refused before anything is written."""
    with pytest.raises(TypeError, match="do not travel"):
        protocol.encode({}, [array])


@pytest.mark.parametrize(
    "content",
    [
        b"Hello from a library that prints\n",
        struct.pack(">I", 0),
        struct.pack(">I", 1 << 30),
        frame(b"not json"),
        frame(b"[]"),
        frame(b"{}"),
        frame(b"\xff\xfe"),
        frame(json.dumps({"arrays": [{"dtype": "|O", "shape": [1]}]}).encode(), bytes(8)),
        frame(json.dumps({"arrays": [{"dtype": "<U1", "shape": [1]}]}).encode(), bytes(4)),
        frame(json.dumps({"arrays": [{"dtype": "<f4", "shape": [-1]}]}).encode()),
        frame(json.dumps({"arrays": [{"dtype": "<f4", "shape": [1 << 40]}]}).encode()),
        frame(json.dumps({"arrays": [{"dtype": "<f4", "shape": None}]}).encode()),
    ],
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    """Stray text, absurd sizes, foreign types and broken headers end in ProtocolError, without eating memory."""
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(io.BytesIO(content).read)


def test_every_cut_is_noticed() -> None:
    """A stream that ends anywhere inside a message says so; no half array is ever returned."""
    whole = joined({"id": 1}, [np.arange(4, dtype=np.float32)])
    for length in range(len(whole)):
        with pytest.raises(protocol.ConnectionLostError):
            protocol.decode(io.BytesIO(whole[:length]).read)


def test_silence_has_an_end() -> None:
    """Reading from somebody who says nothing, and writing to somebody who reads nothing, both give up."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        with pytest.raises(protocol.NoAnswerError):
            protocol.decode(protocol.read_until(reading, time.monotonic() + 0.05))
        with pytest.raises(protocol.NoAnswerError):
            protocol.write_all(writing, [bytes(1 << 22)], time.monotonic() + 0.05)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_slow_reader_gets_everything() -> None:
    """A message larger than the pipe is written as the other side reads it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sent = np.random.default_rng(0).normal(size=500_000)
    writer = threading.Thread(
        target=protocol.write_all, args=(writing, protocol.encode({}, [sent]), time.monotonic() + 30)
    )
    writer.start()
    try:
        _, (received,) = protocol.decode(protocol.read_until(reading, time.monotonic() + 30))
    finally:
        writer.join()
        os.close(reading)
        os.close(writing)
    np.testing.assert_array_equal(received, sent)
