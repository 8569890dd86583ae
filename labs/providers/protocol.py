"""What goes over the pipes between a notebook and a worker: framed messages of JSON and raw arrays, never pickles.

A frame is four bytes of length, that many bytes of JSON, and then the bytes of the arrays that the JSON describes, in
order. Only plain numbers travel, so neither side can make the other run code.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import struct
import time
from collections.abc import Callable, Sequence

import numpy as np

#: Raised with every change of the messages; both sides come from one checkout, so a mismatch is a mixed-up path.
VERSION = 1

#: Ceilings that no honest message reaches: past them the stream is broken, and reading on would eat all memory.
MAX_HEADER_BYTES, MAX_ARRAY_BYTES = 1 << 20, 1 << 31

_LENGTH = struct.Struct(">I")
_DTYPES = frozenset({"<f4", "<f8", "<f2", "<i8", "<i4", "|u1", "|i1", "|b1"})

#: Takes at most that many bytes off the stream; b"" means that the other side is gone.
ReadSome = Callable[[int], bytes]


class ProtocolError(RuntimeError):
    """The bytes are not a message: something else wrote into the stream, or the two sides differ in version."""


class ConnectionLostError(EOFError):
    """The other side is gone."""


class NoAnswerError(TimeoutError):
    """The other side is there and does not answer in time."""


def encode(header: dict, arrays: Sequence[np.ndarray] = ()) -> list[bytes | memoryview]:
    """Return the pieces of one frame, without copying the arrays.

    Args:
        header: Plain JSON values.
        arrays: Arrays of plain numbers.

    Raises:
        TypeError: An array holds something other than numbers.
    """
    contiguous = [np.ascontiguousarray(array) for array in arrays]
    for array in contiguous:
        if array.dtype.str not in _DTYPES:
            raise TypeError(f"arrays of {array.dtype} do not travel; convert to one of {', '.join(sorted(_DTYPES))}")
    described = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in contiguous]
    text = json.dumps({**header, "arrays": described}).encode()
    if len(text) > MAX_HEADER_BYTES:
        raise ProtocolError(f"a header of {len(text)} bytes is too long; send arrays as arrays")
    return [_LENGTH.pack(len(text)) + text, *(memoryview(array.reshape(-1)).cast("B") for array in contiguous)]


def decode(read_some: ReadSome) -> tuple[dict, list[np.ndarray]]:
    """Return the next message's header and arrays.

    Args:
        read_some: Where its bytes come from.

    Raises:
        ConnectionLostError: The stream ended.
        ProtocolError: The bytes are not a message.
    """
    (length,) = _LENGTH.unpack(_read(read_some, _LENGTH.size))
    if not 0 < length <= MAX_HEADER_BYTES:
        raise ProtocolError(f"a header of {length} bytes cannot be: something else wrote into the stream")
    try:
        header = json.loads(bytes(_read(read_some, length)))
        described = [(np.dtype(_known(one["dtype"])), tuple(map(int, one["shape"]))) for one in header.pop("arrays")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"a header that is not one: {error!r}") from error
    return header, [_read_array(read_some, dtype, shape) for dtype, shape in described]


def write_all(descriptor: int, pieces: Sequence[bytes | memoryview], deadline_s: float = math.inf) -> None:
    """Write all pieces to a file descriptor.

    Args:
        descriptor: Where to; to keep a deadline, it must not block.
        pieces: What ``encode`` returned.
        deadline_s: Point of the monotonic clock at which to give up.

    Raises:
        BrokenPipeError: The other side is gone.
        NoAnswerError: It has stopped reading.
    """
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                _wait(descriptor, selectors.EVENT_WRITE, deadline_s)


def read_until(descriptor: int, deadline_s: float) -> ReadSome:
    """Return a reader of a file descriptor that raises ``NoAnswerError`` at a point of the monotonic clock."""

    def read_some(size: int) -> bytes:
        _wait(descriptor, selectors.EVENT_READ, deadline_s)
        return os.read(descriptor, size)

    return read_some


def _wait(descriptor: int, event: int, deadline_s: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not selector.select(None if math.isinf(left_s) else left_s):
            raise NoAnswerError("no answer in time")


def _known(name: str) -> str:
    if name not in _DTYPES:
        raise ValueError(f"no arrays of {name!r} travel here")
    return name


def _read_array(read_some: ReadSome, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > MAX_ARRAY_BYTES:
        raise ProtocolError(f"an array of shape {shape} cannot be")
    return np.frombuffer(_read(read_some, size), dtype).reshape(shape)


def _read(read_some: ReadSome, size: int) -> bytearray:
    content = bytearray(size)
    view, filled = memoryview(content), 0
    while filled < size:
        piece = read_some(min(size - filled, 1 << 20))
        if not piece:
            raise ConnectionLostError(f"the stream ended after {filled} of {size} bytes")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return content
