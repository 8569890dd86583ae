"""Closed and open loop: two ways to put load on a server, which answer two different questions.

In a **closed loop** so many clients each wait for their answer before they send the next request. The server sets the
pace: when it stalls, the clients stop asking, and the stall is seen by a handful of requests. It answers "how much can
it do?".

In an **open loop** requests begin when they are due, as users do who know nothing of each other. A latency is counted
from that moment, also where the request left late. Counting from when it really left would *omit* in a coordinated way
just those requests that a stall made wait. It answers "what do users feel at this rate?".

Source: Schroeder, Wierman and Harchol-Balter, 'Open Versus Closed: A Cautionary Tale' (NSDI 2006); the term
'coordinated omission' is Gil Tene's ('How NOT to Measure Latency', 2015).
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from labs.display.format import milliseconds, rate
from labs.load.record import load_record
from labs.load.served import between
from labs.load.target import Target
from labs.load.usage import Reading, Sampler
from labs.records import Measurement
from labs.records.load import ServerSide
from labs.runtimes.progress import Cancelled, OnProgress, silent
from labs.serve.triton.control import Counters


class SenderError(RuntimeError):
    """The sender's process failed; the message ends with what it printed."""


@dataclass(frozen=True)
class Snapshot:
    """How a run stands: what a live picture is drawn from."""

    #: Requests finished, good or bad.
    done: int
    #: Of these, how many failed.
    failed: int
    #: Requests in flight now.
    in_flight: int
    #: Answers a second over the last two seconds.
    rate_rps: float
    #: Median latency of these, in seconds.
    p50_s: float
    #: Their 95th percentile, in seconds.
    p95_s: float
    #: The newest sample of how busy the machine is; None at the very start.
    busy: Reading | None = None
    #: What the server counted since the snapshot before; None where it does not tell.
    server: ServerSide | None = None


#: Told a few times a second how a run stands.
OnSnapshot = Callable[[Snapshot], None]


def closed_loop(
    target: Target,
    *,
    concurrency: int,
    duration_s: float | None = None,
    requests: int | None = None,
    option: str,
    warmup_requests: int | None = None,
    timeout_s: float = 10.0,
    details: dict | None = None,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
    cancel: threading.Event | None = None,
) -> Measurement:
    """Return the record of a run in which ``concurrency`` clients each wait for their answer.

    Args:
        target: What is sent, and where to.
        concurrency: Clients that wait for their answers side by side.
        duration_s: Seconds in which requests are begun; 5 when ``requests`` is not given either.
        requests: Requests in all, instead of a duration.
        option: Name under which the record is kept.
        warmup_requests: Requests sent before the clock starts; two for each client (four at least) when None.
        timeout_s: Seconds after which a request counts as lost.
        details: Anything else to keep with the record, as plain JSON.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the run stands.
        cancel: Stops the run when it is set.

    Raises:
        Cancelled: It was stopped; nothing is recorded.
        NothingAnsweredError: Not one request got a good answer.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it counts clients and starts at 1")
    if duration_s is not None and requests is not None:
        raise ValueError("give a duration or a number of requests, not both")
    if duration_s is None and requests is None:
        duration_s = 5.0
    plan = plan_for(
        target,
        timeout_s=timeout_s,
        warmup_requests=max(4, 2 * concurrency) if warmup_requests is None else warmup_requests,
        warmup_clients=concurrency,
        mode="closed",
        concurrency=concurrency,
        duration_s=duration_s,
        requests=requests,
    )
    words = f"{option}: {concurrency} client{'s' * (concurrency > 1)}"
    return _run(option, target, plan, words, details or {}, on_progress, on_snapshot, cancel)


def open_loop(
    target: Target,
    *,
    rate_rps: float,
    duration_s: float = 5.0,
    seed: int = 0,
    option: str,
    warmup_requests: int = 8,
    timeout_s: float = 10.0,
    details: dict | None = None,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
    cancel: threading.Event | None = None,
) -> Measurement:
    """Return the record of a run in which requests arrive as a Poisson process, whatever became of those before.

    Args:
        target: What is sent, and where to.
        rate_rps: Requests a second that are due, on average.
        duration_s: Seconds in which they are due.
        seed: Makes the arrivals the same in each run, so that two options face the same bursts.
        option: Name under which the record is kept.
        warmup_requests: Requests sent before the clock starts.
        timeout_s: Seconds after which a request counts as lost.
        details: Anything else to keep with the record, as plain JSON.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the run stands.
        cancel: Stops the run when it is set.

    Raises:
        Cancelled: It was stopped; nothing is recorded.
        NothingAnsweredError: Not one request got a good answer.
    """
    if rate_rps <= 0 or duration_s <= 0:
        raise ValueError("an open loop needs a rate and a duration above zero")
    plan = plan_for(
        target,
        timeout_s=timeout_s,
        warmup_requests=warmup_requests,
        warmup_clients=min(4, max(1, warmup_requests)),
        mode="open",
        rate_rps=rate_rps,
        duration_s=duration_s,
        seed=seed,
    )
    words = f"{option}: {rate(rate_rps, 'requests/s')} due"
    return _run(option, target, plan, words, {"seed": seed} | (details or {}), on_progress, on_snapshot, cancel)


def _run(
    option: str,
    target: Target,
    plan: dict,
    words: str,
    details: dict,
    on_progress: OnProgress,
    on_snapshot: OnSnapshot | None,
    cancel: threading.Event | None,
) -> Measurement:
    """Run the sender with a sampler beside it, and return the record."""
    read = target.counters or (lambda: None)
    before: Counters | None = None
    result: dict = {}
    on_progress(0.0, f"{words}, warming up")
    with _Sender(plan) as sender:
        sampler = Sampler(sender.pid, target.pids)
        try:
            for event in sender.events():
                if event["event"] == "ready":
                    before = last = read()
                    started_at, start_s = datetime.now(UTC).isoformat(), time.perf_counter()
                    sampler.start()
                    sender.go()
                elif event["event"] == "progress":
                    if cancel is not None and cancel.is_set():
                        raise Cancelled(f"{words}: cancelled")
                    on_progress(_fraction(plan, event), f"{words}, {_line(event)}")
                    if on_snapshot is not None:
                        now = read()
                        busy = sampler.readings[-1] if sampler.readings else None
                        told = {name: value for name, value in event.items() if name not in ("event", "elapsed_s")}
                        on_snapshot(Snapshot(**told, busy=busy, server=between(last, now)))
                        last = now
                else:
                    result = event
        finally:
            sender.stop()
            usage = sampler.stop()
        after = read()
    on_progress(1.0, f"{words}, done")
    return load_record(
        option,
        target,
        result,
        mode=plan["mode"],
        duration_s=plan["duration_s"] or result["took_s"],
        started_at=started_at,
        start_s=start_s,
        concurrency=plan.get("concurrency") or max(1, result["most_in_flight"]),
        offered_rps=plan.get("rate_rps"),
        server=between(before, after),
        usage=usage,
        details=details,
    )


def _fraction(plan: dict, event: dict) -> float:
    by_time = event["elapsed_s"] / plan["duration_s"] if plan["duration_s"] else 0.0
    by_count = event["done"] / plan["requests"] if plan.get("requests") else 0.0
    return min(1.0, max(by_time, by_count))


def _line(event: dict) -> str:
    failed = f", {event['failed']} failed" if event["failed"] else ""
    return f"{rate(event['rate_rps'], 'requests/s')}, p50 {milliseconds(event['p50_s'])}{failed}"


def plan_for(target: Target, **how: object) -> dict:
    """Return what ``labs.load.sender`` reads: the requests, where they go, and how many are sent when."""
    bodies = [base64.b64encode(body).decode() for body in target.bodies]
    return {"transport": target.transport, "url": target.url, "headers": target.headers, "bodies": bodies, **how}


class _Sender:
    """The sender's process, as a context manager; leaving it ends the process whatever happened."""

    def __init__(self, plan: dict) -> None:
        """Keep the plan; the process starts with ``with``."""
        self._plan = plan

    @property
    def pid(self) -> int:
        """Process id, for those who watch how busy it is."""
        return self._process.pid

    def __enter__(self) -> _Sender:
        self._errors = tempfile.TemporaryFile("w+")  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labs.load.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._process.stdin.write(json.dumps(self._plan) + "\n")
        self._process.stdin.flush()
        return self

    def events(self) -> Iterator[dict]:
        """Yield 'ready', 'progress' events and the 'result', as they come.

        Raises:
            SenderError: The process ended without a result.
        """
        for line in self._process.stdout:
            event = json.loads(line)
            yield event
            if event["event"] == "result":
                return
        self._errors.seek(0)
        raise SenderError(f"the sender stopped without a result:\n{self._errors.read().strip()[-1500:]}")

    def go(self) -> None:
        """Let it begin, after it has said that it is ready."""
        self._tell("go")

    def stop(self) -> None:
        """Ask it to begin no further request; the result then tells what was done so far."""
        self._tell("stop")

    def _tell(self, word: str) -> None:
        # A sender that is gone needs no telling.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()

    def __exit__(self, *_: object) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
