"""Closed and open loop: two ways to put load on a server, which answer two different questions.

In a **closed loop**, each client waits for its answer before it sends the next request. The server
sets the pace: when it stalls, the clients stop asking, and the stall is seen by a handful of
requests. It answers "how much can it do?".

In an **open loop** requests begin when they are due, as users do who know nothing of each other. A
latency is counted from that moment, also where the request left late. Counting from when it really
left would *omit* in a coordinated way just those requests that a stall made wait. It answers "what
do users feel at this rate?".

Source: Schroeder, Wierman and Harchol-Balter, 'Open Versus Closed: A Cautionary Tale' (NSDI 2006);
the term 'coordinated omission' is Gil Tene's ('How NOT to Measure Latency', 2015).
"""

import atexit
import base64
import contextlib
import json
import math
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from labs.display.format import milliseconds, rate
from labs.load.record import load_record
from labs.load.served import between
from labs.load.target import LoadTarget
from labs.load.usage import Sampler
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, silent

#: Waits of a second, one after another, in which a sender may say nothing beyond its requests' own
#: time limits. They are counted, so that a computer that sleeps meanwhile adds one.
_SILENT_WAITS = 60


class SenderError(RuntimeError):
    """The sender's process failed or fell silent; the message ends with its output."""


def closed_loop(
    target: LoadTarget,
    *,
    concurrency: int,
    duration_s: float | None = None,
    requests: int | None = None,
    option: str,
    warmup_requests: int | None = None,
    timeout_s: float = 10.0,
    details: dict | None = None,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return the record of a run in which ``concurrency`` clients each wait for their answer.

    Args:
        concurrency: Clients that wait for their answers side by side.
        duration_s: Seconds in which requests are begun; 5 when ``requests`` is not given either.
        requests: Requests in all, instead of a duration.
        warmup_requests: Requests sent before the clock starts; one for each client (four at least)
            when None, since each opens a connection.
        on_progress: Told how far it is; may raise ``Cancelled``, and then nothing is recorded.

    Raises:
        NothingAnsweredError: Not one request got a good answer.
    """
    has_two_ends = duration_s is not None and requests is not None
    if concurrency < 1 or has_two_ends:
        raise ValueError(
            "concurrency counts clients and starts at 1; a duration or a number of requests, "
            "not both"
        )
    if duration_s is None and requests is None:
        duration_s = 5.0
    if warmup_requests is None:
        warmup_requests = max(4, concurrency)
    plan = plan_for(
        target,
        timeout_s=timeout_s,
        warmup_requests=warmup_requests,
        warmup_clients=concurrency,
        mode="closed",
        concurrency=concurrency,
        duration_s=duration_s,
        requests=requests,
    )
    clients = "client" if concurrency == 1 else "clients"
    words = f"{option}: {concurrency} {clients}"
    return _run(option, target, plan, words, details or {}, on_progress)


def open_loop(
    target: LoadTarget,
    *,
    rate_rps: float,
    duration_s: float = 5.0,
    seed: int = 0,
    option: str,
    warmup_requests: int = 8,
    timeout_s: float = 10.0,
    details: dict | None = None,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Return the record of a run whose requests arrive as a Poisson process, answered or not.

    Args:
        seed: Makes the arrivals the same in each run, so that two options face the same bursts.
        option: Name of the record. This and the following arguments are as for ``closed_loop``.

    Raises:
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
    details = {"seed": seed} | (details or {})
    return _run(option, target, plan, words, details, on_progress)


def plan_for(target: LoadTarget, **how: object) -> dict:
    """Return what ``labs.load.sender`` reads: the requests, where they go, and how many are sent
    when.
    """
    bodies = [base64.b64encode(body).decode() for body in target.bodies]
    return {
        "transport": target.transport,
        "url": target.url,
        "headers": target.headers,
        "bodies": bodies,
        **how,
    }


def _run(
    option: str, target: LoadTarget, plan: dict, words: str, details: dict, on_progress: OnProgress
) -> Measurement:
    """Run the sender with a sampler beside it, and return the record."""
    read = target.counters
    on_progress(0.0, f"{words}, warming up")
    with _sender() as sender:
        sampler = Sampler(sender.process.pid, target.pids)
        events = sender.events(plan)
        next(events)  # it is ready
        before = read() if read else None
        started_at = datetime.now(UTC).isoformat()
        start_s = time.perf_counter()
        sampler.start()
        print("go", file=sender.process.stdin, flush=True)
        try:
            for event in events:
                if event["event"] == "progress":
                    on_progress(_fraction(plan, event), f"{words}, {_line(event)}")
        finally:
            usage = sampler.stop()
        server = between(before, read()) if read and before else None
    on_progress(1.0, f"{words}, done")
    result = event
    duration_s = plan["duration_s"] or result["took_s"]
    concurrency = plan.get("concurrency") or max(1, result["most_in_flight"])
    return load_record(
        option,
        target,
        result,
        mode=plan["mode"],
        duration_s=duration_s,
        started_at=started_at,
        start_s=start_s,
        concurrency=concurrency,
        offered_rps=plan.get("rate_rps"),
        server=server,
        usage=usage,
        details=details,
    )


def _fraction(plan: dict, event: dict) -> float:
    by_time = event["elapsed_s"] / plan["duration_s"] if plan["duration_s"] else 0.0
    by_count = event["done"] / plan["requests"] if plan.get("requests") else 0.0
    return min(1.0, max(by_time, by_count))


def _line(event: dict) -> str:
    answered = rate(event["done"] / event["elapsed_s"], "requests/s")
    p50 = milliseconds(event["p50_s"])
    failed = f", {event['failed']} failed" if event["failed"] else ""
    return f"{answered}, p50 {p50}{failed}"


class _Sender:
    """A process of ``labs.load.sender``, which carries out one plan after another."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "labs.load.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        """Pass the lines of the process on; an empty text marks its end."""
        for line in self.process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def events(self, plan: dict) -> Iterator[dict]:
        """Yield what a plan's run tells: 'ready', then 'progress' and the 'result'.

        Raises:
            SenderError: It ended without a result, or has said nothing for too long.
        """
        result = Path(self._folder.name, "result.json")
        plan = plan | {"result_file": str(result)}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(plan), file=self.process.stdin, flush=True)
        while line := self._next_line(plan):
            event = json.loads(line)
            if event["event"] == "result":
                yield event | json.loads(result.read_text())
                return
            yield event
        self._errors.seek(0)
        last_words = self._errors.read().strip()[-1500:]
        raise SenderError(f"the sender stopped without a result:\n{last_words}")

    def _next_line(self, plan: dict) -> str:
        # It is silent while it warms up, and each request of a client may take until its timeout.
        turns = math.ceil(plan["warmup_requests"] / plan["warmup_clients"])
        waits = _SILENT_WAITS + math.ceil(turns * plan["timeout_s"])
        for _ in range(waits):
            with contextlib.suppress(queue.Empty):
                return self._lines.get(timeout=1.0)
        raise SenderError(
            f"the sender has said nothing for {waits} seconds and was ended; nothing of this run "
            "was recorded. Run it again; if it happens again, close what else uses the processor."
        )

    def close(self) -> None:
        """End the process."""
        with self.process:  # closes its pipes
            self.process.kill()
            self._listener.join()
        self._errors.close()
        self._folder.cleanup()


#: Senders that wait for another plan: starting one takes a third of a second, which a race would
#: pay at every turn.
_idle: list[_Sender] = []


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().close()


@contextlib.contextmanager
def _sender() -> Iterator[_Sender]:
    """Yield a sender; after a run without an error it waits for the next."""
    sender = None
    while sender is None or sender.process.poll() is not None:
        sender = _idle.pop() if _idle else _Sender()
    try:
        yield sender
    except BaseException:
        sender.close()
        raise
    _idle.append(sender)
