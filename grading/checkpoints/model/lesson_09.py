"""Provision: the steps that decide the time, what was only rehearsed, and one of everything after two runs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, prediction
from grading.checkpoints.leases import judge_critical, judge_once, judge_rehearsed
from labs.records import Records


@prediction(
    "m.provision.minutes_guess",
    about={"subject": "model.plan"},
    title="Predict how many minutes of the lease set-up takes on a real node",
    between=(0.1, 24 * 60),
    show=lambda minutes: f"{minutes:.0f} min",
)
def planned_minutes(records: Records) -> float | None:
    """Return the plan's minutes, independent steps side by side."""
    seen = records.seen("model.plan")
    return None if seen is None else seen["total_s"] / 60


@checkpoint(
    "m.provision.critical",
    points=2,
    title="Name the steps that decide how long set-up takes",
    hint="Begin at the end: which of the steps that it needs is done last? Then the same for that one.",
)
def critical(records: Records) -> Verdict:
    """Judge the critical path against the plan that was shown."""
    return judge_critical(records, "model", "m.provision.critical")


@checkpoint(
    "m.provision.rehearsed",
    title="Tell the checks that really ran from those that were rehearsed",
    hint="`seen['checks']` has each check with its outcome.",
)
def rehearsed(records: Records) -> Verdict:
    """Judge the checks that only played their part."""
    return judge_rehearsed(records, "model", "m.provision.rehearsed")


@checkpoint(
    "m.provision.once",
    points=2,
    title="Run the steps twice, and count what the site holds under your name",
    hint="`seen['held']` is what the site says after the second run.",
)
def once(records: Records) -> Verdict:
    """Judge that two runs left one of everything."""
    return judge_once(records, "model", "m.provision.once")
