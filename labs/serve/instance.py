"""One instance of the model: encoded images in, a reply for each of them out; used from one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from labs.bench.targets import Call, caller
from labs.preprocess import INPUT_SIZE_PX, ImageDecodeError, load_image, to_input
from labs.serve.contract import IMAGE_FORMATS, PredictReply, reply_from
from labs.serve.settings import Settings


class InstanceError(RuntimeError):
    """An instance failed over an image, or over a whole batch."""


@dataclass(frozen=True, slots=True)
class Computed:
    """What an instance made of a batch."""

    #: A reply for each image, or the reason why there is none.
    results: list[PredictReply | Exception]
    #: Seconds for decoding and preparing the batch.
    prepare_s: float
    #: Seconds in the model.
    model_s: float


class Instance:
    """A model, and room for a batch of its inputs."""

    def __init__(self, settings: Settings) -> None:
        """Describe the instance; nothing is loaded yet."""
        self._settings = settings
        self._rows = np.zeros((settings.max_batch_size, 3, INPUT_SIZE_PX, INPUT_SIZE_PX), np.float32)
        self._call: Call | None = None

    def load(self) -> None:
        """Load the instance's own model."""
        self._call = self.open(self._settings.intra_op_threads)

    def open(self, threads: int) -> Call:
        """Return the model with so many threads, after a prediction in each size.

        That allocates, and on a GPU chooses kernels; not on a client's time.
        """
        call = caller(self._settings.open_model(threads))
        for size in {1, self._settings.max_batch_size}:
            call(self._rows[:size])
        # On a GPU a batch is what keeps it busy; on a CPU it may overflow the caches (lesson 11 shows by how much).
        return call if self._settings.device != "cpu" or batches_pay(call, self._rows) else one_by_one(call)

    def serve(self, contents: list[bytes], call: Call | None = None) -> Computed:
        """Return what each file shows.

        Args:
            contents: Encoded images, ``max_batch_size`` at most.
            call: What predicts in place of this instance's own model.
        """
        return serve_batch(contents, self._decode, self._rows, call or self._call)

    def _decode(self, content: bytes) -> Image.Image:
        draft_px = INPUT_SIZE_PX if self._settings.fast_decode else None
        return load_image(content, formats=IMAGE_FORMATS, max_pixels=self._settings.max_pixels, draft_px=draft_px)


def batches_pay(call: Call, rows: np.ndarray, rounds: int = 5) -> bool:
    """Return whether a batch of all rows takes less time than its rows one after the other, by the best of some rounds.

    Args:
        call: Returns the logits of some rows.
        rows: A batch, float32 (N, 3, 224, 224).
        rounds: How often both are tried, in turns; what disturbs a machine makes a call slower and never faster.
    """
    together_s, apart_s = (min(times) for times in zip(*(_both(call, rows) for _ in range(rounds)), strict=True))
    return together_s <= apart_s


def _both(call: Call, rows: np.ndarray) -> tuple[float, float]:
    begin_s = time.perf_counter()
    call(rows)
    half_s = time.perf_counter()
    one_by_one(call)(rows)
    return half_s - begin_s, time.perf_counter() - half_s


def one_by_one(call: Call) -> Call:
    """Return a function that gives the rows of a batch to the model singly, and their logits as one array."""
    return lambda rows: np.concatenate([call(rows[one : one + 1]) for one in range(len(rows))])


def serve_batch(
    contents: list[bytes], decode: Callable[[bytes], Image.Image], rows: np.ndarray, call: Call
) -> Computed:
    """Return what each file shows; one that is broken does not touch the others.

    Args:
        contents: Encoded images.
        decode: Makes an image of each.
        rows: Room for their inputs, float32 (at least as many, 3, 224, 224).
        call: Returns the logits of some rows.
    """
    begin_s, results, filled = time.perf_counter(), [], 0
    for content in contents:
        try:
            to_input(decode(content), out=rows[filled])
        except ImageDecodeError as error:
            results.append(error)
        except Exception as error:  # a decoder's own bug must not end the instance
            results.append(InstanceError(f"{type(error).__name__}: {error}"))
        else:
            results.append(filled)
            filled += 1
    prepared_s = time.perf_counter()
    try:
        logits = call(rows[:filled]) if filled else ()
        results = [reply_from(logits[one]) if isinstance(one, int) else one for one in results]
    except Exception as error:  # whatever a runtime throws, it concerns this batch only
        failed = InstanceError(f"{type(error).__name__}: {error}")
        results = [failed if isinstance(one, int) else one for one in results]
    return Computed(results, prepared_s - begin_s, time.perf_counter() - prepared_s)
