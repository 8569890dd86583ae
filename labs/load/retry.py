"""Load from clients that follow a retry policy: what failed at first, and what was lost in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from labs.runtimes.progress import OnProgress, silent

#: Seconds to wait before the next try, from how many tries have failed and the last one's status (0: no answer at all);
#: fewer than 0, or None, to give up.
Policy = Callable[[int, int], float | None]


@dataclass(frozen=True)
class RetriedLoad:
    """What became of all requests of a run."""

    #: Of each request, the status of each try in turn; 0 where there was no answer.
    statuses: tuple[tuple[int, ...], ...]
    #: Of each request, the seconds from its due time to its last answer.
    took_s: tuple[float, ...]

    @property
    def failed_at_first(self) -> int:
        """Requests whose first try had no good answer."""
        return sum(tries[0] != 200 for tries in self.statuses)

    @property
    def lost(self) -> int:
        """Requests without a good answer after all tries."""
        return sum(tries[-1] != 200 for tries in self.statuses)

    def to_json(self) -> dict:
        """Return the figures as plain JSON."""
        return {
            "requests": len(self.statuses),
            "failed_at_first": self.failed_at_first,
            "lost": self.lost,
        }


def retried_load(
    url: str,
    bodies: Sequence[bytes],
    policy: Policy,
    *,
    rate_rps: float,
    duration_s: float,
    on_progress: OnProgress = silent,
) -> RetriedLoad:
    """Return what became of requests that are due at a fixed rate and repeated as a policy says, each within 30 s.

    Args:
        url: Where each body is posted to.
        bodies: Sent in turn.
        policy: Says how long to wait before the next try, or to give up.
        rate_rps: Requests a second.
        duration_s: Seconds in which they are due.
        on_progress: Told how far it is.
    """

    async def run() -> RetriedLoad:
        begin_s = time.monotonic()
        count = max(1, round(rate_rps * duration_s))

        async def one(client: httpx.AsyncClient, place: int) -> tuple[tuple[int, ...], float]:
            due_s, statuses = place / rate_rps, []
            await asyncio.sleep(max(0.0, begin_s + due_s - time.monotonic()))
            while True:
                try:
                    answer = await client.post(url, content=bodies[place % len(bodies)])
                    statuses.append(answer.status_code)
                except httpx.HTTPError:
                    statuses.append(0)
                wait_s = None if statuses[-1] == 200 else policy(len(statuses), statuses[-1])
                if wait_s is None or wait_s < 0:
                    on_progress((place + 1) / count, f"{place + 1} of {count} requests")
                    return tuple(statuses), time.monotonic() - begin_s - due_s
                await asyncio.sleep(wait_s)

        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=64)) as client:
            found = await asyncio.gather(*(one(client, place) for place in range(count)))
            return RetriedLoad(*zip(*found, strict=True))

    # A notebook's kernel has an event loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()
