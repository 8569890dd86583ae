"""Who takes which pictures from the queue."""

from __future__ import annotations

import asyncio
import threading

import pytest

from labs.serve import engine as engines
from labs.serve.contract import PredictReply
from labs.serve.engine import Engine
from labs.serve.instance import Computed
from labs.serve.settings import Settings


class HeldUp:
    """A copy without a model, which answers when it is let go; what is tried here is the queue in front of it."""

    def __init__(self, go: threading.Event) -> None:
        """Take the sign to go on."""
        self._go = go

    def load(self) -> None:
        """Be ready at once."""

    def serve(self, contents: list[bytes]) -> Computed:
        """Answer all alike."""
        self._go.wait(30)
        return Computed([PredictReply(prediction="Soup", probability=1.0)] * len(contents), 0.0, 0.0)

    def close(self) -> None:
        """Have nothing to let go of."""


async def batch_sizes(monkeypatch: pytest.MonkeyPatch, pictures: int, **settings: object) -> list[int]:
    """Return how many pictures each one was answered with, when all came while every copy was busy."""
    go, chosen = threading.Event(), Settings(**settings)
    monkeypatch.setattr(engines, "make_instance", lambda _: HeldUp(go))
    engine = Engine(chosen)
    engine.start()
    first = [engine.hand_over(b"") for _ in range(chosen.copies)]
    while engine._queue.qsize():
        await asyncio.sleep(0.001)
    waiting = [engine.hand_over(b"") for _ in range(pictures)]
    go.set()
    outcomes = await asyncio.gather(*first, *waiting)
    await engine.stop()
    return [one.batch_size for one in outcomes[chosen.copies :]]


def test_what_waits_is_taken_together(monkeypatch):
    """One copy takes as many as it may of six that wait: four, then two."""
    sizes = asyncio.run(batch_sizes(monkeypatch, 6, instances=1, max_batch_size=4))
    assert sizes == [4, 4, 4, 4, 2, 2]


def test_a_copy_leaves_the_other_its_part(monkeypatch):
    """Two copies and four pictures: none takes more than two, although it might take four."""
    sizes = asyncio.run(batch_sizes(monkeypatch, 4, instances=2, max_batch_size=4))
    assert max(sizes) <= 2
