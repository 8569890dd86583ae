"""Meet the testbed: what python-chi does when a lease fails, and what the status says."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from labs.records import Records


@prediction(
    "start.submit_guess",
    about={"subject": "start.practice"},
    title="Predict what python-chi does when a lease goes to ERROR",
    choices=("raises an error", "returns", "waits for ever"),
)
def outcome(records: Records) -> str | None:
    """Return what `submit` did."""
    seen = records.seen("start.practice")
    return None if seen is None else seen["outcome"]


@checkpoint(
    "start.statuses",
    points=2,
    title="Read the status of a lease that failed, and of the one that replaced it",
    hint="Each status is one word in capitals, in the record right after the `submit()` it belongs to.",
)
def statuses(records: Records) -> Verdict:
    """Judge the two statuses, and that the second lease really came."""
    given = records.answer("start.statuses")
    if given is None:
        return unanswered()
    practice, recovered = records.seen("start.practice"), records.seen("start.recovered")
    if practice is None or recovered is None:
        return failed("Both leases have to be asked for first: run the cells above, then answer again.")
    expected = (practice["status"], recovered["status"])
    shown = (" then ".join(expected), f"{given['first']} then {given['second']}")
    if expected[0] != "ERROR":
        return failed("The fault did not strike: arm it again, and run the cells from there.", *shown)
    if expected[1] != "ACTIVE":
        return failed("The second lease is not active: delete it and ask once more.", *shown)
    if (str(given["first"]).upper(), str(given["second"]).upper()) != expected:
        return failed("The records say something else.", *shown)
    return passed("It returned both times. Only the status told them apart.", *shown)
