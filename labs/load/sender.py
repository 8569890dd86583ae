"""The sender: a separate process, so that it shares no interpreter lock with a notebook or a
server.

``python -m labs.load.sender`` reads a plan (one JSON line) from standard input, warms up, says
'ready' and waits for a second line: the program that started it reads the server's counters in
between. Then come 'progress' a few times a second and 'result', which the plan's file holds, and it
waits for another plan. When standard input ends, that program is gone, and it ends too.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import math
import os
import queue
import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np

#: Seconds between two 'progress' lines, and the answers that their median is taken from.
_TELL_EVERY_S, _RECENT = 0.25, 512

#: gRPC's codes as the HTTP statuses that mean the same. Source: google.rpc.Code, in
#: google/rpc/code.proto.
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

#: Stored bytes of a first answer: enough to read a label or an error.
_EXCERPT = 400


class LoadRun:
    """One run: the requests, their times, and the answers."""

    def __init__(self, transport: Http | Grpc, bodies: list[bytes]) -> None:
        self.transport, self.bodies = transport, bodies
        self.rows: list[tuple[float, float, float, int]] = []
        self.in_flight = self.most_in_flight = self.begun = 0
        self.start_s = time.perf_counter()

    def begin(self) -> None:
        """Restart the clock and forget earlier requests."""
        self.rows.clear()
        self.begun = 0
        self.start_s = time.perf_counter()

    def now_s(self) -> float:
        """Return the seconds since the start."""
        return time.perf_counter() - self.start_s

    async def request(self, due_s: float | None = None) -> None:
        """Send one request and note it. ``due_s`` is when it should have begun; now, when None."""
        sent_s = self.now_s()
        due_s = sent_s if due_s is None else due_s
        body = self.bodies[self.begun % len(self.bodies)]
        self.begun += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        status = await self.transport.send(body)
        self.in_flight -= 1
        self.rows.append((due_s, self.now_s() - due_s, sent_s, status))

    async def closed(self, clients: int, duration_s: float | None, requests: int | None) -> None:
        """Let each client wait for its answer before it sends the next request."""
        end_s = duration_s or math.inf
        most = math.inf if requests is None else requests

        async def client() -> None:
            while self.begun < most and self.now_s() < end_s:
                await self.request()

        await asyncio.gather(*(client() for _ in range(clients)))

    async def open(self, due_s: np.ndarray) -> None:
        """Send each request when it is due, whatever became of the others.

        A thread keeps the time: an event loop's own timers are rounded up to whole milliseconds,
        which would be added to every latency.
        """
        loop = asyncio.get_running_loop()
        in_flight: list[asyncio.Task[None]] = []

        def send(due: float) -> None:
            in_flight.append(loop.create_task(self.request(due)))

        def pace() -> None:
            for due in due_s.tolist():
                time.sleep(max(0.0, due - self.now_s()))
                loop.call_soon_threadsafe(send, due)

        await loop.run_in_executor(None, pace)
        await asyncio.gather(*in_flight)

    async def tell(self) -> None:
        """Report how it stands until cancelled."""
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            latencies_s = [row[1] for row in self.rows[-_RECENT:]]
            p50_s = float(np.median(latencies_s)) if latencies_s else 0.0
            failed = sum(status != 200 for *_, status in self.rows)
            progress = {
                "event": "progress",
                "elapsed_s": self.now_s(),
                "done": len(self.rows),
                "failed": failed,
                "p50_s": p50_s,
            }
            say(progress)


class Http:
    """HTTP/1.1 with kept connections, as many as there are requests in flight."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop."""
        import aiohttp

        self.first = ""
        self._url = url
        self._errors = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=connector,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, body: bytes) -> int:
        """Post one body."""
        try:
            async with self._session.post(self._url, data=body) as answer:
                content = await answer.read()
                self.first = self.first or content[:_EXCERPT].decode(errors="replace")
                return answer.status
        except self._errors as error:
            self.first = self.first or f"{type(error).__name__}: {error}"
            return 0

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


class Grpc:
    """Unary gRPC calls whose messages were encoded beforehand: they go out as bytes and are not
    decoded coming back.
    """

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Open nothing yet; needs a running event loop. ``headers['method']`` is the method's full
        name.
        """
        import grpc

        self.first = ""
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(url, options=unlimited)
        self._call = self._channel.unary_unary(headers["method"])
        self._timeout_s = timeout_s
        self._error = grpc.RpcError

    async def send(self, body: bytes) -> int:
        """Make one call."""
        try:
            content = await self._call(body, timeout=self._timeout_s)
        except self._error as error:
            code = error.code().name
            if not self.first:
                self.first = f"{code}: {error.details()}"[:_EXCERPT]
            return HTTP_STATUS.get(code, 500)
        self.first = self.first or content[:_EXCERPT].decode(errors="replace")
        return 200

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


#: How to talk to a server: bytes out, a status back; nothing here knows what the bytes mean.
TRANSPORTS: dict[str, type[Http | Grpc]] = {"http": Http, "grpc": Grpc}


def arrivals(rate_rps: float, duration_s: float, seed: int) -> np.ndarray:
    """Return the times in seconds at which a Poisson process of this rate has its arrivals, up to
    ``duration_s``.

    There is at least one arrival: if chance gives none, one is put in the middle.

    Source: gaps between arrivals are independent and exponential with mean 1/rate (Kleinrock,
    'Queueing Systems', volume 1, section 2.4).
    """
    expected = rate_rps * duration_s
    # Ten standard deviations more than are expected, so that they always reach the end.
    enough = int(expected + 10 * expected**0.5 + 20)
    gaps_s = np.random.default_rng(seed).exponential(1 / rate_rps, enough)
    due_s = np.cumsum(gaps_s)
    due_s = due_s[due_s < duration_s]
    return due_s if len(due_s) else np.array([duration_s / 2])


def say(event: dict) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def drive(plan: dict, lines: queue.SimpleQueue[str]) -> None:
    """Carry out a plan as soon as a line arrives, and write its result to the plan's file."""
    transport_type = TRANSPORTS[plan["transport"]]
    transport = transport_type(plan["url"], plan["headers"], plan["timeout_s"])
    run = LoadRun(transport, [base64.b64decode(body) for body in plan["bodies"]])
    # The first requests open connections and wake the server; they are not counted.
    await run.closed(plan["warmup_clients"], None, plan["warmup_requests"])
    warmup = len(run.rows)
    gc.unfreeze()  # what an earlier plan left
    gc.collect()
    gc.freeze()
    say({"event": "ready"})
    await asyncio.get_running_loop().run_in_executor(None, lines.get)
    run.begin()
    teller = asyncio.create_task(run.tell())
    if plan["mode"] == "closed":
        await run.closed(plan["concurrency"], plan["duration_s"], plan["requests"])
    else:
        await run.open(arrivals(plan["rate_rps"], plan["duration_s"], plan["seed"]))
    took_s = run.now_s()
    teller.cancel()
    await transport.close()
    rows = []
    for due_s, latency_s, sent_s, status in sorted(run.rows):
        rows.append([round(due_s, 6), round(latency_s, 6), round(sent_s, 6), status])
    result = {
        "rows": rows,
        "took_s": took_s,
        "warmup": warmup,
        "most_in_flight": run.most_in_flight,
        "first": transport.first,
    }
    # Not through the pipe: half a megabyte in one line has stopped halfway.
    Path(plan["result_file"]).write_text(json.dumps(result))
    say({"event": "result"})


def listen(lines: queue.SimpleQueue[str]) -> None:
    """Pass standard input on; at its end, the program that started this has ended, and the result
    is not needed.
    """
    for line in sys.stdin:
        lines.put(line)
    os._exit(1)  # not sys.exit, which would end this thread alone


def main() -> None:
    """Carry out the plans that come, one after another."""
    # An overloaded open loop waits on many connections at once: as many open files as the system
    # lets us have.
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    runner = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # a fifth less processor for each request, where it is installed

        runner = uvloop.run
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(lines,), daemon=True).start()
    while True:
        runner(drive(json.loads(lines.get()), lines))


if __name__ == "__main__":
    main()
