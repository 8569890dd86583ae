"""Provision a system: what running side by side saves, and one of everything after two runs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.leases import judge_critical, judge_once
from labs.records import Records


@prediction(
    "s.provision.saved_guess",
    about={"subject": "system.plan"},
    title="Predict how many minutes running steps side by side saves",
    between=(0, 24 * 60),
    show=lambda minutes: f"{minutes:.0f} min",
)
def saved_minutes(records: Records) -> float | None:
    """Return the plan's minutes one after the other, less those side by side."""
    seen = records.seen("system.plan")
    return None if seen is None else (seen["serial_s"] - seen["total_s"]) / 60


@checkpoint(
    "s.provision.critical",
    points=2,
    title="Name the steps that decide how long set-up takes",
    hint="Begin at the end: which of the steps that it needs is done last? Then the same for that one.",
)
def critical(records: Records) -> Verdict:
    """Judge the critical path against the plan that was shown."""
    return judge_critical(records, "system", "s.provision.critical")


@checkpoint(
    "s.provision.once",
    points=2,
    title="Run the steps twice, and count what the site holds under your name",
    hint="`seen['held']` is what the site says after the second run.",
)
def once(records: Records) -> Verdict:
    """Judge that two runs left one of everything."""
    return judge_once(records, "system", "s.provision.once")
