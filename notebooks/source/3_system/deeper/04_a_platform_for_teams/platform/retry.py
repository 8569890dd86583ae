"""Load from clients that follow a retry policy: first failures, and lost requests."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from labs.runtimes.progress import OnProgress, silent

#: Seconds to wait before the next try, from how many tries have failed and the last one's status
#: (0: no answer at all); fewer than 0 to give up.
Policy = Callable[[int, int], float]


@dataclass(frozen=True)
class RetriedLoad:
    """The outcome of all requests of a run."""

    #: For each request, the status of each try in turn; 0 without an answer.
    statuses: tuple[tuple[int, ...], ...]
    #: For each request, the seconds from its due time to its last answer.
    took_s: tuple[float, ...]

    def to_json(self) -> dict:
        """Return how many requests had no good answer to their first try, and to their last."""
        failed = sum(tries[0] != 200 for tries in self.statuses)
        lost = sum(tries[-1] != 200 for tries in self.statuses)
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
    """Return what became of requests that are due at a fixed rate and repeated as a policy says,
    each within 30 s.
    """
    count = round(rate_rps * duration_s)

    async def run() -> RetriedLoad:
        begin_s = time.monotonic()
        limits = httpx.Limits(max_connections=64)

        async def status_of(client: httpx.AsyncClient, body: bytes) -> int:
            try:
                answer = await client.post(url, content=body)
            except httpx.HTTPError:
                return 0
            return answer.status_code

        async def request(
            client: httpx.AsyncClient, place: int
        ) -> tuple[tuple[int, ...], float]:
            due_s = begin_s + place / rate_rps
            body = bodies[place % len(bodies)]
            statuses: list[int] = []
            await asyncio.sleep(due_s - time.monotonic())
            while True:
                status = await status_of(client, body)
                statuses.append(status)
                wait_s = -1 if status == 200 else policy(len(statuses), status)
                if wait_s < 0:
                    ended = place + 1
                    on_progress(ended / count, f"{ended} of {count} requests")
                    return tuple(statuses), time.monotonic() - due_s
                await asyncio.sleep(wait_s)

        async with httpx.AsyncClient(
            headers=headers, timeout=30, limits=limits
        ) as client:
            requests = [request(client, place) for place in range(count)]
            statuses, took_s = zip(*await asyncio.gather(*requests), strict=True)
            return RetriedLoad(statuses, took_s)

    # A notebook's kernel already has an event loop in this thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()
