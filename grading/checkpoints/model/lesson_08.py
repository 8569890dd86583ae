"""Plan and reserve: a block foreseen, the end of a lease understood, and the lease that the site has."""

from __future__ import annotations

from datetime import datetime

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.leases import judge_lease
from grading.checkpoints.values import is_number, moment
from labs.records import Records

_FORM = "%Y-%m-%d %H:%M"


@prediction(
    "m.reserve.wait_guess",
    about={"subject": "model.block"},
    title="Predict how many hours away the block is that you choose",
    between=(0, 28 * 24),
    show=lambda hours: f"{hours:.1f} h",
)
def hours_away(records: Records) -> float | None:
    """Return how many hours away the block was that was chosen."""
    seen = records.seen("model.block")
    return None if seen is None else seen["hours_away"]


@checkpoint(
    "m.reserve.draft_hours",
    title="Say how long a lease with a start and a duration would last",
    hint=(
        "After `from datetime import datetime`, `datetime.strptime(draft.end_date, '%Y-%m-%d %H:%M')` turns a date "
        "into something to subtract from."
    ),
)
def draft_hours(records: Records) -> Verdict:
    """Judge the hours between the draft's two dates."""
    given = records.answer("m.reserve.draft_hours")
    if given is None:
        return unanswered()
    seen = records.seen("model.draft")
    if seen is None:
        return failed("No draft was kept yet: run the cell that makes it, then answer again.")
    start, end = (datetime.strptime(seen[name], _FORM) for name in ("start", "end"))
    expected = (end - start).total_seconds() / 3600
    if not is_number(given):
        return failed("A number is asked for: hours.", f"{expected:.1f} h", str(given))
    shown = (f"{expected:.1f} h", f"{given:.1f} h")
    if abs(given - expected) <= 0.06:
        return passed("Counted from now, whatever the start is.", *shown)
    if abs(given - 3) <= 0.06:
        return failed("Three hours is what was asked for. Which dates does the draft hold?", *shown)
    if abs(given + expected) <= 0.06:
        return failed("Turned around: from the start to the end, which may be negative.", *shown)
    return failed("Subtract the draft's start from its end.", *shown)


@checkpoint(
    "m.reserve.end",
    title="Give the end of a three-hour block on bare metal",
    hint="Three hours on, and then leave the next one the time that a node needs to be made ready.",
)
def end(records: Records) -> Verdict:
    """Judge the end of the block that was chosen."""
    given = records.answer("m.reserve.end")
    if given is None:
        return unanswered()
    seen = records.seen("model.block")
    if seen is None:
        return failed("No block was kept yet: run the cell that reads the planner's choice, then answer again.")
    expected, start = moment(seen["end"]), moment(seen["start"])
    shown = (f"{expected:{_FORM}}", str(given))
    try:
        yours = datetime.strptime(str(given).strip(), _FORM).replace(tzinfo=expected.tzinfo)
    except ValueError:
        return failed("Write it as in the example: year-month-day hour:minute.", *shown)
    late_min = (yours - expected).total_seconds() / 60
    if not late_min:
        return passed("On time, and the node is ready for the next one.", *shown)
    if late_min == 10:
        return failed("The next lease begins at that minute, and the node is not ready for it.", *shown)
    if not late_min % 30:
        return failed("The minutes are right, the hour is not: is it UTC, and three hours with the pause?", *shown)
    if yours <= start:
        return failed("That is before it begins.", *shown)
    return failed("Blocks on bare metal end ten minutes before a full hour.", *shown)


@checkpoint(
    "m.reserve.lease",
    points=3,
    title="Reserve one GPU node by name, from hour to ten to, and read its record",
    hint="Both are in the last record: one word in capitals, and less than 180 minutes from start to end.",
)
def lease(records: Records) -> Verdict:
    """Judge the lease as the site has it."""
    return judge_lease(records, "model", "m.reserve.lease")
