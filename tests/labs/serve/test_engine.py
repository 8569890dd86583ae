"""Who takes which images from the queue."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from labs.serve import engine as engines
from labs.serve.contract import PredictReply
from labs.serve.engine import Computed, Engine, batches_pay, one_by_one
from labs.serve.settings import Settings


class HeldUp:
    """An instance without a model, which answers when it is let go; what is tried here is the queue in front of it."""

    def __init__(self, go: threading.Event) -> None:
        """Take the sign to go on."""
        self._go = go

    def load(self) -> None:
        """Be ready at once."""

    def serve(self, contents: list[bytes], call: object = None) -> Computed:
        """Answer all alike."""
        self._go.wait(30)
        return Computed([PredictReply(prediction="Soup", probability=1.0)] * len(contents), 0.0, 0.0)


async def batch_sizes(monkeypatch: pytest.MonkeyPatch, images: int, **settings: object) -> list[int]:
    """Return how many images each one was answered with, when all came while every instance was busy."""
    go, chosen = threading.Event(), Settings(**settings)
    monkeypatch.setattr(engines, "Instance", lambda _: HeldUp(go))
    engine = Engine(chosen)
    engine.start()
    first = [engine.hand_over(b"") for _ in range(chosen.instance_count)]
    while engine._queue.qsize():
        await asyncio.sleep(0.001)
    waiting = [engine.hand_over(b"") for _ in range(images)]
    go.set()
    outcomes = await asyncio.gather(*first, *waiting)
    await engine.stop()
    return [one.batch_size for one in outcomes[chosen.instance_count :]]


def test_what_waits_is_taken_together(monkeypatch):
    """One instance takes as many as it may of six that wait: four, then two."""
    sizes = asyncio.run(batch_sizes(monkeypatch, 6, instances=1, max_batch_size=4))
    assert sizes == [4, 4, 4, 4, 2, 2]


def test_an_instance_leaves_the_other_its_part(monkeypatch):
    """Two instances and four images: none takes more than two, although it might take four."""
    sizes = asyncio.run(batch_sizes(monkeypatch, 4, instances=2, max_batch_size=4))
    assert max(sizes) <= 2


@pytest.mark.parametrize(("seconds_of", "pays"), [(lambda n: 0.002 * n**2, False), (lambda n: 0.01, True)])
def test_a_batch_is_run_as_one_where_that_is_quicker(seconds_of, pays):
    """On a CPU four images may overflow the caches; where a call has a price of its own, a batch pays."""

    def call(rows):
        time.sleep(seconds_of(len(rows)))
        return rows.sum(axis=(1, 2, 3))[:, None]

    rows = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)
    assert batches_pay(call, rows) == pays
    assert np.array_equal(one_by_one(call)(rows), call(rows))
