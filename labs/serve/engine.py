"""The part that computes: a bounded queue, and copies of the model that take pictures from it.

Each copy has a thread here that feeds it, while the event loop stays free to read requests. The queue has an end on
purpose: under overload a queue without one only makes everybody wait longer, until nobody is left who wants the answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import queue
import threading
import time
from dataclasses import dataclass, field

from labs.serve.contract import PredictReply
from labs.serve.instance import Computed, Instance, make_instance
from labs.serve.settings import Settings

_log = logging.getLogger("labs.serve")

#: The outcome of a picture that nobody waits for any more.
_GONE = ConnectionError("the client is gone")

#: Weight of the newest batch in the running mean of the time that a picture takes.
_NEWEST = 0.05


class OverloadedError(RuntimeError):
    """The queue is full."""

    def __init__(self, retry_after_s: int) -> None:
        """Keep the whole seconds after which there should be room again."""
        super().__init__("the queue is full")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture, and where its time went."""

    #: The reply, or the reason why there is none.
    result: PredictReply | Exception
    #: Seconds from handing over to the moment a copy of the model took it.
    queue_s: float
    #: Seconds for decoding and preparing it.
    prepare_s: float
    #: Seconds in the model, for the whole batch.
    model_s: float
    #: Pictures in that batch.
    batch_size: int


@dataclass(slots=True, eq=False)
class _Work:
    """A picture on its way through the queue."""

    content: bytes
    future: asyncio.Future
    handed_over_s: float = field(default_factory=time.perf_counter)


class Engine:
    """Copies of one model behind one queue; used from one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Describe the engine; nothing is loaded before ``start``."""
        self._settings = settings
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._limit = settings.queue_limit + settings.copies * settings.max_batch_size
        self._threads: list[threading.Thread] = []
        self._loaded = 0
        self._picture_s = 0.01
        #: Pictures handed over and not answered yet.
        self.in_flight = 0
        #: Why the model could not be loaded, or None.
        self.failure: str | None = None

    @property
    def ready(self) -> bool:
        """Whether every copy has loaded and answered a first picture."""
        return self._loaded == self._settings.copies

    def start(self) -> None:
        """Begin to load the copies, and return at once; ``ready`` tells when they are."""
        self._loop = asyncio.get_running_loop()
        for number in range(self._settings.copies):
            thread = threading.Thread(target=self._run, name=f"model-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Finish what was handed over, then end the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def hand_over(self, content: bytes) -> asyncio.Future[Outcome]:
        """Return a future for one picture's outcome; cancel it and the picture is passed over.

        Raises:
            OverloadedError: As many wait as may.
        """
        if self.in_flight >= self._limit:
            wait_s = self.in_flight * self._picture_s / self._settings.copies
            raise OverloadedError(max(1, math.ceil(wait_s)))
        future = self._loop.create_future()
        self.in_flight += 1
        self._queue.put(_Work(content, future))
        return future

    def _run(self) -> None:
        """Load one copy, then serve until told to end: a thread's whole life."""
        try:
            instance = make_instance(self._settings)
            instance.load()
            self._loop.call_soon_threadsafe(self._count_loaded)
            while batch := self._next_batch():
                outcomes = self._serve(instance, batch)
                self._loop.call_soon_threadsafe(self._deliver, batch, outcomes)
            instance.close()
        except Exception as error:  # whatever a runtime throws: the service has to say it and not to fade in silence
            _log.exception("a copy of the model could not be loaded")
            self.failure = f"{type(error).__name__}: {error}"

    def _next_batch(self) -> list[_Work]:
        """Return the next pictures, waiting for the first; none when it is time to end."""
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
        """Return how many pictures a copy takes at most, with the one that it has.

        Who does not wait for a batch to fill takes a fair part of what is there: three pictures in one copy and none in
        the other that is free would take longer than two and one.
        """
        most = self._settings.max_batch_size
        if self._settings.max_batch_delay_s > 0:
            return most
        return min(most, math.ceil((self._queue.qsize() + 1) / self._settings.copies))

    def _serve(self, instance: Instance, batch: list[_Work]) -> list[Outcome]:
        """Return the outcome of each picture of a batch; who is gone is passed over."""
        taken_s = time.perf_counter()
        wanted = [work for work in batch if not work.future.cancelled()]
        if wanted:
            made = _computed(instance, [work.content for work in wanted])
            self._picture_s += _NEWEST * ((time.perf_counter() - taken_s) / len(wanted) - self._picture_s)
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


def _computed(instance: Instance, contents: list[bytes]) -> Computed:
    """Return what a copy makes of a batch; whatever it throws concerns this batch, and its clients get to know."""
    try:
        return instance.serve(contents)
    except Exception as error:
        return Computed([error] * len(contents), 0.0, 0.0)
