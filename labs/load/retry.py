"""Load from clients that follow a retry policy: what failed at first, and what was lost in the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from labs.progress import OnProgress, silent

#: Seconds to wait before the next try, from how many tries have failed and the last one's status (0: no answer at all);
#: None to give up.
Policy = Callable[[int, int], float | None]


@dataclass(frozen=True)
class Tries:
    """What became of one request."""

    #: Status of each try in turn; 0 where there was no answer.
    statuses: tuple[int, ...]
    #: Seconds from its due time to its last answer.
    took_s: float


@dataclass(frozen=True)
class RetriedLoad:
    """What became of all requests of a run."""

    #: Each request.
    requests: tuple[Tries, ...]

    @property
    def failed_at_first(self) -> int:
        """Requests whose first try had no good answer."""
        return sum(one.statuses[0] != 200 for one in self.requests)

    @property
    def lost(self) -> int:
        """Requests without a good answer after all tries."""
        return sum(one.statuses[-1] != 200 for one in self.requests)

    def to_json(self) -> dict:
        """Return the figures as plain JSON."""
        first = Counter(str(one.statuses[0]) for one in self.requests)
        return {
            "requests": len(self.requests),
            "failed_at_first": self.failed_at_first,
            "lost": self.lost,
            "most_tries": max(len(one.statuses) for one in self.requests),
            "slowest_s": max(one.took_s for one in self.requests),
            "first_statuses": dict(first),
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

        async def one(client: httpx.AsyncClient, place: int) -> Tries:
            due_s, statuses = place / rate_rps, []
            await asyncio.sleep(max(0.0, begin_s + due_s - time.monotonic()))
            while True:
                try:
                    answer = await client.post(url, content=bodies[place % len(bodies)])
                    statuses.append(answer.status_code)
                except httpx.HTTPError:
                    statuses.append(0)
                wait_s = None if statuses[-1] == 200 else policy(len(statuses), statuses[-1])
                if wait_s is None:
                    on_progress((place + 1) / count, f"{place + 1} of {count} requests")
                    return Tries(tuple(statuses), time.monotonic() - begin_s - due_s)
                await asyncio.sleep(wait_s)

        async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=64)) as client:
            return RetriedLoad(tuple(await asyncio.gather(*(one(client, place) for place in range(count)))))

    # A notebook's kernel has an event loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()
