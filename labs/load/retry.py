"""Load from clients that follow a retry policy: what failed at first, and what was lost in the end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from labs.runtimes.progress import OnProgress, silent

#: Seconds to wait before the next try, from how many tries have failed and the last one's status (0: no answer at all);
#: fewer than 0 to give up.
Policy = Callable[[int, int], float]


@dataclass(frozen=True)
class RetriedLoad:
    """What became of all requests of a run."""

    #: Of each request, the status of each try in turn; 0 where there was no answer.
    statuses: tuple[tuple[int, ...], ...]
    #: Of each request, the seconds from its due time to its last answer.
    took_s: tuple[float, ...]

    def to_json(self) -> dict:
        """Return how many requests had no good answer to their first try, and to their last."""
        failed, lost = (sum(tries[place] != 200 for tries in self.statuses) for place in (0, -1))
        return {"requests": len(self.statuses), "failed_at_first": failed, "lost": lost}


def retried_load(
    url: str,
    bodies: Sequence[bytes],
    policy: Policy,
    *,
    rate_rps: float,
    duration_s: float,
    headers: dict[str, str] | None = None,
    on_progress: OnProgress = silent,
) -> RetriedLoad:
    """Return what became of requests that are due at a fixed rate and repeated as a policy says, each within 30 s."""
    count = round(rate_rps * duration_s)

    async def run() -> RetriedLoad:
        begin_s, limits = time.monotonic(), httpx.Limits(max_connections=64)

        async def one(client: httpx.AsyncClient, place: int) -> tuple[tuple[int, ...], float]:
            due_s, statuses = begin_s + place / rate_rps, []
            await asyncio.sleep(due_s - time.monotonic())
            while True:
                try:
                    statuses.append(
                        (await client.post(url, content=bodies[place % len(bodies)])).status_code
                    )
                except httpx.HTTPError:
                    statuses.append(0)
                wait_s = -1 if statuses[-1] == 200 else policy(len(statuses), statuses[-1])
                if wait_s < 0:
                    on_progress((place + 1) / count, f"{place + 1} of {count} requests")
                    return tuple(statuses), time.monotonic() - due_s
                await asyncio.sleep(wait_s)

        async with httpx.AsyncClient(headers=headers, timeout=30, limits=limits) as client:
            return RetriedLoad(
                *zip(
                    *await asyncio.gather(*(one(client, place) for place in range(count))),
                    strict=True,
                )
            )

    # A notebook's kernel has an event loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()
