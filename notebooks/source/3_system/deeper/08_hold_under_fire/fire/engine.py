"""Good photos throughout, and attacks in their windows: what was answered, and what the attacks
did.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from labs.deeper.fire.attacks import ATTACKS, NEED_PROCESSES, AttackRun, wall
from labs.deeper.fire.plan import plan
from labs.load.loops import open_loop
from labs.load.target import LoadTarget
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, silent
from labs.serve.contract.cases import Target
from labs.serve.contract.exchange import ask

#: Good photos a second, on average, and the seconds after which a phone gives up.
RATE_RPS, PHOTO_WITHIN_S = 8.0, 5.0

#: Seconds between two health checks, and until one counts as unanswered.
HEALTH_EVERY_S, HEALTH_WITHIN_S = 0.5, 5.0

#: Seconds of a whole run.
DURATION_S = 180.0


@dataclass
class _Seen:
    """What attacks and health checks saw, at times of the monotonic clock."""

    #: When each check began, the seconds that it took, and its status.
    health: list[tuple[float, float, int]] = field(default_factory=list)
    #: Each attack's name, begin and end.
    windows: list[tuple[str, float, float]] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)

    def as_details(self, start_s: float) -> dict[str, Any]:
        """Return it as plain JSON, in seconds after a start."""
        health = [[begin_s - start_s, *rest] for begin_s, *rest in self.health]
        windows = []
        for name, begin_s, end_s in self.windows:
            windows.append([name, begin_s - start_s, end_s - start_s])
        events = [[at_s - start_s, text] for at_s, text in self.events]
        return {"health": health, "windows": windows, "events": events}


def fire(
    good: LoadTarget,
    attacked: Callable[[], Target],
    *,
    seed: int,
    option: str,
    duration_s: float = DURATION_S,
    rate_rps: float = RATE_RPS,
    revive: Callable[[], bool] = lambda: False,
    on_window: Callable[[str], None] = lambda attack: None,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Attack a service, and return the record of its good photos.

    Its ``details`` have ``health``, ``windows`` and ``events``, in seconds after the start.

    Args:
        good: The good photos' requests.
        attacked: Returns the service with its processes of this moment.
        seed: Makes arrivals, and the attacks' order and times, the same in each run.
        option: Name of the record.
        revive: Starts the service again if it does not answer, and returns whether it did so;
            called at the end of each attack.
        on_window: Called with an attack's name when it begins, and with an empty text when it has
            ended.
        on_progress: Told how far it is; may raise ``Cancelled``, and then nothing is recorded.

    Raises:
        NothingAnsweredError: Not one good photo was answered.
    """
    seen = _Seen()
    stop = threading.Event()
    begun = threading.Event()
    # A connection that is kept would be lost with its process although no photo was under way.
    single = replace(good, headers={**good.headers, "connection": "close"})

    def report(fraction: float, text: str) -> None:
        if fraction > 0:
            begun.set()
        on_progress(fraction, text)

    def attack() -> None:
        begun.wait()
        start_s = time.monotonic()
        for window in plan(seed, duration_s):
            if stop.wait(max(0.0, start_s + window.begin_s - time.monotonic())):
                return
            on_window(window.attack)
            target = attacked()
            # As long as planned, whatever took its time until now.
            end_s = time.monotonic() + window.end_s - window.begin_s
            _attack(window.attack, target, end_s, stop, seen)
            if revive():
                seen.events.append((time.monotonic(), "it was started again by hand"))
            on_window("")

    def check_health() -> None:
        begun.wait()
        while not stop.wait(HEALTH_EVERY_S):
            target = attacked()
            begin_s = time.monotonic()
            path = target.interface.health
            reply = ask(target.url, "GET", path, within_s=wall(HEALTH_WITHIN_S))
            seen.health.append((begin_s, reply.took_s, reply.status))

    with ThreadPoolExecutor(2) as pool:
        works = [pool.submit(work) for work in (attack, check_health)]
        try:
            record = open_loop(
                single,
                rate_rps=rate_rps,
                duration_s=duration_s,
                seed=seed,
                option=option,
                timeout_s=PHOTO_WITHIN_S,
                on_progress=report,
            )
        finally:
            begun.set()
            stop.set()
    for work in works:
        work.result()  # raises what went wrong there
    # Both clocks of Python are CLOCK_MONOTONIC on Linux; elsewhere they differ by a constant.
    start_s = record.monotonic_start_s + time.monotonic() - time.perf_counter()
    return replace(record, details=record.details | seen.as_details(start_s))


def _attack(
    name: str, target: Target, end_s: float, stop: threading.Event, seen: _Seen
) -> None:
    """Carry out one attack until its end."""
    run = AttackRun(end_s, stop)
    begin_s = time.monotonic()
    if name in NEED_PROCESSES and not target.pids:
        run.note(f"{name}: not tried, since the process is not ours")
    else:
        ATTACKS[name](target, run)
    seen.windows.append((name, begin_s, time.monotonic()))
    seen.events += run.events
