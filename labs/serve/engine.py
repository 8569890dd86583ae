"""The part that computes: a bounded queue, and instances of the model, each a thread that takes images from it.

Threads are enough, since decoding, scaling and the model all let go of Python's lock while they compute; and an image
never leaves the process. The queue has an end on purpose: under overload a queue without one only makes everybody wait
longer, until nobody is left who wants the answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from labs.data.preprocess import INPUT_SIZE_PX, ImageDecodeError, load_image, to_input
from labs.runtimes.calling import Call, caller
from labs.serve.contract import IMAGE_FORMATS, PredictReply, reply_from
from labs.serve.settings import Settings

_log = logging.getLogger("labs.serve")

#: The outcome of an image that nobody waits for any more.
_GONE = ConnectionError("the client is gone")

#: Seconds after which a thread lets another one have Python's lock; its own 5 ms are a model's whole time.
_SWITCH_S = 0.0005

#: Weight of the newest batch in the running mean of the time that an image takes.
_NEWEST = 0.05


class OverloadedError(RuntimeError):
    """The queue is full."""

    def __init__(self, retry_after_s: int) -> None:
        """Keep the whole seconds after which there should be room again."""
        super().__init__("the queue is full")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image, and where its time went."""

    #: The reply, or the reason why there is none.
    result: PredictReply | Exception
    #: Seconds from handing over to the moment an instance took it.
    queue_s: float
    #: Seconds for decoding and preparing it.
    prepare_s: float
    #: Seconds in the model, for the whole batch.
    model_s: float
    #: Images in that batch.
    batch_size: int


@dataclass(slots=True, eq=False)
class _Work:
    """An image on its way through the queue."""

    content: bytes
    future: asyncio.Future
    handed_over_s: float = field(default_factory=time.perf_counter)


class Engine:
    """Instances of one model behind one queue; used from one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Describe the engine; nothing is loaded before ``start``."""
        self._settings = settings
        self._instances = [Instance(settings) for _ in range(settings.instance_count)]
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._limit = settings.queue_limit + settings.instance_count * settings.max_batch_size
        self._threads: list[threading.Thread] = []
        self._alone: Call | None = None
        self._loaded = 0
        self._image_s = 0.01
        #: Images handed over and not answered yet.
        self.in_flight = 0
        #: Why the model could not be loaded, or None.
        self.failure: str | None = None

    @property
    def ready(self) -> bool:
        """Whether every instance has loaded and answered a first image."""
        return self._loaded == len(self._instances)

    def start(self) -> None:
        """Begin to load the instances, and return at once; ``ready`` tells when they are."""
        sys.setswitchinterval(_SWITCH_S)
        self._loop = asyncio.get_running_loop()
        for number, instance in enumerate(self._instances):
            thread = threading.Thread(target=self._run, args=(instance,), name=f"model-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Finish what was handed over, then end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def hand_over(self, content: bytes) -> asyncio.Future[Outcome]:
        """Return a future for one image's outcome; cancel it and the image is passed over.

        Raises:
            OverloadedError: As many wait as may.
        """
        if self.in_flight >= self._limit:
            wait_s = self.in_flight * self._image_s / len(self._instances)
            raise OverloadedError(max(1, math.ceil(wait_s)))
        work = _Work(content, self._loop.create_future())
        self.in_flight += 1
        if self._settings.on_event_loop:
            self._deliver([work], self._serve(self._instances[0], [work]))
        else:
            self._queue.put(work)
        return work.future

    def _run(self, instance: Instance) -> None:
        """Load one instance, then serve until told to end: a thread's whole life."""
        try:
            instance.load()
            if instance is self._instances[0]:
                self._alone = self._open_alone(instance)
            self._loop.call_soon_threadsafe(self._count_loaded)
            while batch := self._next_batch():
                outcomes = self._serve(instance, batch)
                self._loop.call_soon_threadsafe(self._deliver, batch, outcomes)
        except Exception as error:  # whatever a runtime throws: the service has to say it and not to fade in silence
            _log.exception("an instance of the model could not be loaded")
            self.failure = f"{type(error).__name__}: {error}"

    def _open_alone(self, instance: Instance) -> Call | None:
        """Return the same model with more threads, for an image that is the only one; None where it gets no more.

        One at a time calls it: whoever takes it knows of one image in flight, its own, until that one is delivered.
        """
        threads = self._settings.threads_when_alone
        return instance.open(threads) if threads > self._settings.intra_op_threads else None

    def _next_batch(self) -> list[_Work]:
        """Return the next images, waiting for the first; none when it is time to end."""
        first = self._queue.get()
        if first is None:
            return []
        batch, most, until_s = [first], self._share(), time.perf_counter() + self._settings.max_batch_delay_s
        while len(batch) < most:
            try:
                following = self._queue.get(timeout=max(0.0, until_s - time.perf_counter()))
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)  # the sign to end comes after what was handed over: for this thread, next time
                break
            batch.append(following)
        return batch

    def _share(self) -> int:
        """Return how many images an instance takes at most, with the one that it has.

        Who does not wait for a batch to fill takes a fair part of what is there: three images in one instance and none
        in the other that is free would take longer than two and one.
        """
        most = self._settings.max_batch_size
        if self._settings.max_batch_delay_s > 0:
            return most
        return min(most, math.ceil((self._queue.qsize() + 1) / len(self._instances)))

    def _serve(self, instance: Instance, batch: list[_Work]) -> list[Outcome]:
        """Return the outcome of each image of a batch; who is gone is passed over."""
        taken_s = time.perf_counter()
        wanted = [work for work in batch if not work.future.cancelled()]
        if wanted:
            call = self._alone if self.in_flight == 1 else None
            made = _computed(instance, [work.content for work in wanted], call)
            self._image_s += _NEWEST * ((time.perf_counter() - taken_s) / len(wanted) - self._image_s)
            results = dict(zip(map(id, wanted), made.results, strict=True))
            times = (made.prepare_s, made.model_s, len(wanted))
        else:
            results, times = {}, (0.0, 0.0, 0)
        return [Outcome(results.get(id(work), _GONE), taken_s - work.handed_over_s, *times) for work in batch]

    def _count_loaded(self) -> None:
        self._loaded += 1

    def _deliver(self, batch: list[_Work], outcomes: list[Outcome]) -> None:
        for work, outcome in zip(batch, outcomes, strict=True):
            self.in_flight -= 1
            if not work.future.done():
                work.future.set_result(outcome)


def _computed(instance: Instance, contents: list[bytes], call: Call | None) -> Computed:
    """Return what an instance makes of a batch; whatever it throws concerns this batch, and its clients get to know."""
    try:
        return instance.serve(contents, call)
    except Exception as error:
        return Computed([error] * len(contents), 0.0, 0.0)


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
        # On a GPU a batch is what keeps it busy; on a CPU it may overflow the caches.
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
