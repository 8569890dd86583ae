"""Sweeps: one run a load level, each in the ledger before the next begins, so that stopping loses one run at most."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence

from labs.load.loops import OnSnapshot, closed_loop, open_loop
from labs.load.target import Target
from labs.progress import OnProgress, part, silent
from labs.records import Ledger, Measurement
from labs.records.format import rate


def sweep_concurrency(
    target: Target,
    concurrencies: Sequence[int],
    *,
    option: str,
    duration_s: float = 5.0,
    ledger: Ledger | None = None,
    details: dict | None = None,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
    cancel: threading.Event | None = None,
) -> list[Measurement]:
    """Return one closed-loop record for each number of clients.

    Args:
        target: What is sent, and where to.
        concurrencies: Clients in each run, in this order.
        option: Name under which the records are kept.
        duration_s: Seconds of each run.
        ledger: Where each record goes as soon as it is there; nowhere when None.
        details: Anything else to keep with the records; each also gets the sweep's id.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the current run stands.
        cancel: Stops the sweep when it is set; finished runs stay in the ledger.

    Raises:
        Cancelled: It was stopped.
    """

    def run(level: float, **more: object) -> Measurement:
        return closed_loop(target, concurrency=int(level), duration_s=duration_s, option=option, **more)

    return _sweep(run, concurrencies, ledger, details, on_progress, on_snapshot, cancel)


def sweep_rate(
    target: Target,
    rates_rps: Sequence[float],
    *,
    option: str,
    duration_s: float = 5.0,
    seed: int = 0,
    stop_when: Callable[[Measurement], bool] = lambda record: False,
    ledger: Ledger | None = None,
    details: dict | None = None,
    on_progress: OnProgress = silent,
    on_snapshot: OnSnapshot | None = None,
    cancel: threading.Event | None = None,
) -> list[Measurement]:
    """Return one open-loop record for each rate.

    Args:
        target: What is sent, and where to.
        rates_rps: Requests a second that are due, in this order; rising, if ``stop_when`` is to save time.
        option: Name under which the records are kept.
        duration_s: Seconds in which requests are due, for each rate.
        seed: Makes the arrivals the same in each sweep; level k uses ``seed + k``.
        stop_when: Asked after each run; True ends the sweep early (a rate that the server cannot keep, for one).
        ledger: Where each record goes as soon as it is there; nowhere when None.
        details: Anything else to keep with the records; each also gets the sweep's id.
        on_progress: Told how far it is; may raise ``Cancelled``.
        on_snapshot: Told how the current run stands.
        cancel: Stops the sweep when it is set; finished runs stay in the ledger.

    Raises:
        Cancelled: It was stopped.
    """
    rates_rps = list(rates_rps)

    def run(level: float, **more: object) -> Measurement:
        chosen = seed + rates_rps.index(level)
        return open_loop(target, rate_rps=level, duration_s=duration_s, seed=chosen, option=option, **more)

    return _sweep(run, rates_rps, ledger, details, on_progress, on_snapshot, cancel, stop_when)


def keeps_up(record: Measurement, share: float = 0.95) -> bool:
    """Return whether a server kept up with an open loop: hardly a failure, and answers as fast as requests were due.

    Args:
        record: An open-loop record.
        share: Answers a second over requests a second that must be reached.
    """
    due_rps = (len(record.samples) + len(record.load.failures)) / record.load.duration_s
    return record.load.error_rate <= 1 - share and record.throughput_rps.value >= share * due_rps


def level_words(record: Measurement) -> str:
    """Return a record's load level in words: '8 clients' or '120 requests/s due'."""
    if record.load.mode == "closed":
        return f"{record.concurrency} client{'s' * (record.concurrency > 1)}"
    return f"{rate(record.load.offered_rps, 'requests/s')} due"


def _sweep(
    run: Callable[..., Measurement],
    levels: Sequence[float],
    ledger: Ledger | None,
    details: dict | None,
    on_progress: OnProgress,
    on_snapshot: OnSnapshot | None,
    cancel: threading.Event | None,
    stop_when: Callable[[Measurement], bool] = lambda record: False,
) -> list[Measurement]:
    details = {"sweep_id": uuid.uuid4().hex, **(details or {})}
    records: list[Measurement] = []
    for index, level in enumerate(levels):
        here = part(on_progress, index / len(levels), (index + 1) / len(levels))
        made = run(level, details=details, on_progress=here, on_snapshot=on_snapshot, cancel=cancel)
        records.append(ledger.append(made) if ledger is not None else made)
        if stop_when(made):
            break
    on_progress(1.0, f"{len(records)} of {len(levels)} runs")
    return records
