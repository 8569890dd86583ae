"""Provision a device: which object knows the container, and one of everything after two runs."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.leases import judge_once
from labs.records import Records

_OBJECTS = ("first", "second", "returned")


@prediction(
    "e.provision.id_guess",
    about={"subject": "edge.objects"},
    title="Predict which of two container objects knows its id",
    choices=("both", "the first", "the second"),
)
def knows(records: Records) -> str | None:
    """Return which of the two submitted objects had an id."""
    seen = records.seen("edge.objects")
    if seen is None:
        return None
    known = [name for name in ("first", "second") if seen[name]]
    return "both" if len(known) == 2 else f"the {known[0]}" if known else "neither"


@checkpoint(
    "e.provision.object",
    title="Name the objects by which the container can still be used",
    hint="An object without an id cannot name its container to the site.",
)
def usable(records: Records) -> Verdict:
    """Judge the objects whose id is the container's."""
    given = records.answer("e.provision.object")
    if given is None:
        return unanswered()
    seen = records.seen("edge.objects")
    if seen is None:
        return failed("The objects were not compared yet: run the cell that submits the second one.")
    expected = {name for name in _OBJECTS if seen[name]}
    yours = {given} if isinstance(given, str) else set(given)
    shown = (", ".join(sorted(expected)), ", ".join(sorted(map(str, yours))))
    if yours - set(_OBJECTS):
        return failed("Choose out of the three names in the question.", *shown)
    if yours - expected:
        return failed("One of these has no id, so it cannot name its container.", *shown)
    if expected - yours:
        return failed("One more knows the id.", *shown)
    return passed("Use what `submit` returned.", *shown)


@checkpoint(
    "e.provision.once",
    points=2,
    title="Run the steps twice, and count what the site holds under your name",
    hint="`seen['held']` is what the site says after the second run.",
)
def once(records: Records) -> Verdict:
    """Judge that two runs left one of everything."""
    return judge_once(records, "edge", "e.provision.once")
