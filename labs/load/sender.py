"""The sender: a process of its own, so that neither a notebook nor a server shares its interpreter's lock.

``python -m labs.load.sender`` reads a plan (one JSON line) from standard input, warms up, says 'ready' and waits for a
second line: whoever started it reads the server's counters in between. Then come 'progress' a few times a second and
'result'. A third line on standard input, or its end, stops it early.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import os
import sys
import threading
import time
from collections import deque

import numpy as np

#: Seconds between two 'progress' lines.
_TELL_EVERY_S = 0.25
#: Answers that the numbers of a 'progress' line are taken from.
_RECENT = 512

#: gRPC's codes as the HTTP statuses that mean the same. Source: google.rpc.Code, in google/rpc/code.proto.
HTTP_STATUS = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 0,
}

#: What is kept of a first answer, in bytes: enough to read a label or an error.
_EXCERPT = 400


class Run:
    """One run: what was sent, when, and what came back."""

    def __init__(self, transport: Http | Grpc, bodies: list[bytes]) -> None:
        self.transport, self.bodies = transport, bodies
        self.rows: list[tuple[float, float, float, int]] = []
        self.in_flight = self.most_in_flight = self.begun = 0
        self.stopped = threading.Event()
        self.start_s = time.perf_counter()
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)

    def begin(self) -> None:
        """Start the clock anew and forget what was sent before."""
        self.rows.clear()
        self._recent.clear()
        self.begun = 0
        self.start_s = time.perf_counter()

    async def request(self, due_s: float | None = None) -> None:
        """Send one request and note it. ``due_s`` is when it should have begun; now, when None."""
        sent_s = time.perf_counter() - self.start_s
        due_s = sent_s if due_s is None else due_s
        body = self.bodies[self.begun % len(self.bodies)]
        self.begun += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        status = await self.transport.send(body)
        self.in_flight -= 1
        now_s = time.perf_counter() - self.start_s
        self.rows.append((due_s, now_s - due_s, sent_s, status))
        self._recent.append((now_s, now_s - due_s))

    async def closed(self, clients: int, duration_s: float | None, requests: int | None) -> None:
        """Let each client wait for its answer before it sends the next request."""

        async def client() -> None:
            while not self.stopped.is_set():
                if requests is not None and self.begun >= requests:
                    return
                if duration_s is not None and time.perf_counter() - self.start_s >= duration_s:
                    return
                await self.request()

        await asyncio.gather(*(client() for _ in range(clients)))

    async def open(self, due_s: np.ndarray) -> None:
        """Send each request when it is due, whatever became of the others.

        A thread keeps the time: an event loop's own timers are rounded up to whole milliseconds, which would be added
        to every latency.
        """
        loop, flying = asyncio.get_running_loop(), set()

        def launch(due: float) -> None:
            task = loop.create_task(self.request(due))
            flying.add(task)
            task.add_done_callback(flying.discard)

        def pace() -> None:
            for due in due_s.tolist():
                wait_s = due - (time.perf_counter() - self.start_s)
                if (wait_s > 0 and self.stopped.wait(wait_s)) or self.stopped.is_set():
                    return
                loop.call_soon_threadsafe(launch, due)

        await loop.run_in_executor(None, pace)
        await asyncio.gather(*flying)

    def progress(self) -> dict:
        """Return how it stands."""
        now_s = time.perf_counter() - self.start_s
        recent = [one for one in self._recent if one[0] >= now_s - 2.0]
        window_s = min(now_s, 2.0) if len(recent) < _RECENT else now_s - recent[0][0]
        latencies = [latency for _, latency in recent]
        p50_s, p95_s = np.percentile(latencies, [50, 95]).tolist() if latencies else (0.0, 0.0)
        return {
            "event": "progress",
            "elapsed_s": now_s,
            "done": len(self.rows),
            "failed": sum(status != 200 for *_, status in self.rows),
            "in_flight": self.in_flight,
            "rate_rps": len(recent) / max(window_s, 1e-9),
            "p50_s": p50_s,
            "p95_s": p95_s,
        }

    async def tell(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            say(self.progress())


class Http:
    """HTTP/1.1 with kept connections, as many as there are requests in flight."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop."""
        import aiohttp

        self.first = ""
        self._url, self._lost = url, (aiohttp.ClientError, asyncio.TimeoutError, OSError)
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, body: bytes) -> int:
        """Post one body."""
        try:
            async with self._session.post(self._url, data=body) as answer:
                given = await answer.read()
                self.first = self.first or given[:_EXCERPT].decode(errors="replace")
                return answer.status
        except self._lost as error:
            self.first = self.first or f"{type(error).__name__}: {error}"
            return 0

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


class Grpc:
    """Unary gRPC calls whose messages were encoded beforehand: they go out as bytes and are not decoded coming back."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop. ``headers['method']`` is the method's full name."""
        import grpc

        self.first = ""
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(url, options=unlimited)
        self._call = self._channel.unary_unary(headers["method"])
        self._timeout_s, self._error = timeout_s, grpc.RpcError

    async def send(self, body: bytes) -> int:
        """Make one call."""
        try:
            given = await self._call(body, timeout=self._timeout_s)
        except self._error as error:
            self.first = self.first or f"{error.code().name}: {error.details()}"[:_EXCERPT]
            return HTTP_STATUS.get(error.code().name, 500)
        self.first = self.first or given[:_EXCERPT].decode(errors="replace")
        return 200

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


#: How to talk to a server: bytes out, a status back; nothing here knows what the bytes mean.
TRANSPORTS = {"http": Http, "grpc": Grpc}


def arrivals(rate_rps: float, duration_s: float, seed: int) -> np.ndarray:
    """Return the times in seconds at which a Poisson process of this rate has its arrivals, up to ``duration_s``.

    There is at least one: where chance sends nobody, one comes in the middle.

    Source: gaps between arrivals are independent and exponential with mean 1/rate (Kleinrock, 'Queueing Systems',
    volume 1, section 2.4).
    """
    expected = rate_rps * duration_s
    gaps_s = np.random.default_rng(seed).exponential(1 / rate_rps, int(expected + 10 * expected**0.5 + 20))
    due_s = np.cumsum(gaps_s)
    due_s = due_s[due_s < duration_s]
    return due_s if len(due_s) else np.array([duration_s / 2])


def say(event: dict) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def drive(plan: dict) -> dict:
    """Carry out a plan and return its result."""
    transport = TRANSPORTS[plan["transport"]](plan["url"], plan["headers"], plan["timeout_s"])
    run = Run(transport, [base64.b64decode(body) for body in plan["bodies"]])
    # The first requests open connections and wake the server; they are not counted.
    await run.closed(plan["warmup_clients"], None, plan["warmup_requests"])
    warmup = len(run.rows)
    gc.collect()
    gc.freeze()
    say({"event": "ready"})
    if not await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        run.stopped.set()
    threading.Thread(target=listen, args=(run.stopped,), daemon=True).start()
    run.begin()
    begun_cpu_s = time.process_time()
    teller = asyncio.create_task(run.tell())
    if plan["mode"] == "closed":
        await run.closed(plan["concurrency"], plan["duration_s"], plan["requests"])
    else:
        await run.open(arrivals(plan["rate_rps"], plan["duration_s"], plan["seed"]))
    took_s, cpu_s = time.perf_counter() - run.start_s, time.process_time() - begun_cpu_s
    teller.cancel()
    await transport.close()
    rows = sorted(run.rows)
    return {
        "event": "result",
        "rows": [[round(value, 6) for value in row[:3]] + [row[3]] for row in rows],
        "took_s": took_s,
        "cpu_s": cpu_s,
        "warmup": warmup,
        "most_in_flight": run.most_in_flight,
        "first": transport.first,
        "stopped": run.stopped.is_set(),
    }


def listen(stopped: threading.Event) -> None:
    """Wait for a line on standard input, or for its end: whoever started this wants it to stop, or is gone."""
    sys.stdin.readline()
    stopped.set()


def allow_many_connections() -> None:
    """Raise the number of open files as far as the system lets us: an overloaded open loop waits on many at once."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Read a plan, carry it out, write the result."""
    allow_many_connections()
    plan = json.loads(sys.stdin.readline())
    runner = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # a fifth less processor for each request, where it is installed

        runner = uvloop.run
    say(runner(drive(plan)))
    # Not sys.exit: at shutdown the interpreter would wait for the lock of the stream that ``listen`` reads.
    os._exit(0)


if __name__ == "__main__":
    main()
