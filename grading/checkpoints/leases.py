"""What a good lease, a good set-up and a good release look like, judged from what the services said at that time.

The lessons of all three parts ask the same, so the judging stands here once; each part's checkpoints name themselves,
and hand over records in which they are answered.
Subjects of the observations are ``<part>.lease``, ``.plan``, ``.machine``, ``.lease_at_release`` and ``.release``.
"""

from __future__ import annotations

from dataclasses import dataclass

from grading.checkpoints.registry import Verdict, failed, passed
from grading.checkpoints.values import is_close, is_number, moment
from labs.records import Measurement, Records


@dataclass(frozen=True)
class Terms:
    """What a part's lease has to be."""

    #: Node types or devices on which the part can run.
    types: tuple[str, ...]
    #: Length of the block in hours, the minutes after its end included.
    hours: int
    #: Minute of the hour at which it ends, so that the next lease finds the machine free.
    end_minute: int


TERMS = {
    "model": Terms(("compute_liqid", "compute_gigaio", "gpu_mi100", "gpu_h100"), 3, 50),
    "edge": Terms(("raspberrypi5", "raspberrypi4-64"), 2, 55),
    "system": Terms(("gpu_p100", "compute_liqid", "compute_gigaio", "gpu_h100"), 3, 50),
}

#: What may still count after a machine's deletion.
LEFT_CHOICES = ("nothing", "lease", "floating IP", "floating IP and lease")


def judge_lease(records: Records, part: str, question: str) -> Verdict:
    """Judge the lease that the site has, and what the student read from it.

    Args:
        records: The ledger.
        part: 'model', 'edge' or 'system'.
        question: Asks for ``{"status": …, "minutes": …}``.
    """
    given = records.answer(question)
    seen = records.seen(f"{part}.lease")
    if seen is None:
        return failed("No lease of yours was seen yet: run the cell that reads it from the site, then answer again.")
    fault = lease_fault(seen, TERMS[part])
    if fault:
        return failed(fault, yours=f"{seen['node'] or 'any machine'}, {seen['start']} to {seen['end']}")
    minutes = (moment(seen["end"]) - moment(seen["start"])).total_seconds() / 60
    expected = f"{seen['status']}, {minutes:g} minutes"
    yours = f"{given['status']}, {given['minutes']} minutes"
    # It was PENDING when it was reserved, and ACTIVE when the cell is run once more: each was true at its time.
    statuses = {one.seen["status"] for one in records.observations(f"{part}.lease")}
    if str(given["status"]).upper() not in statuses:
        return failed("The status is the one word that the site says about this lease.", expected, yours)
    if not is_number(given["minutes"]) or not is_close(given["minutes"], minutes):
        return failed("How long is it from the lease's start to its end, in minutes?", expected, yours)
    return passed("One machine by its name, from a full hour, with time left for the next one.", expected, yours)


def lease_fault(seen: dict, terms: Terms) -> str:
    """Return what is wrong with a lease, in a sentence; an empty text when nothing is."""
    start, end = moment(seen["start"]), moment(seen["end"])
    if seen["status"] == "ERROR":
        return "The site made this lease and could not fill it: delete it and reserve another machine."
    if not seen["node"]:
        return "This lease takes any machine of a type: name the one that the planner found free."
    if seen["type"] not in terms.types:
        return f"This lease holds another kind of machine; this part runs on {' or '.join(terms.types)}."
    if start.minute or start.second:
        return "This lease does not begin at a full hour, so it takes two blocks from others."
    if end.minute != terms.end_minute:
        return f"This lease does not end at :{terms.end_minute}: the next one would begin before the machine is free."
    if not 0 < (end - start).total_seconds() <= terms.hours * 3600:
        return f"This lease is not one block of {terms.hours} hours."
    if seen["of_this_name"] > 1:
        return "There are several leases of this name: names need not be unique. Delete all but one."
    return ""


def judge_critical(records: Records, part: str, question: str) -> Verdict:
    """Judge a list of the steps that decide how long set-up takes."""
    given = records.answer(question)
    seen = records.seen(f"{part}.plan")
    if seen is None:
        return failed("No plan was kept yet: run the cell that shows it, then answer again.")
    try:
        expected = critical_path(seen["steps"])
    except PlanError as error:
        return failed(f"{error}: run the cell that shows the plan again.")
    shown = (", ".join(expected), ", ".join(map(str, given)))
    unknown = sorted(set(given) - {step["name"] for step in seen["steps"]})
    if unknown:
        return failed("A name here is no step of the plan; write them as its first column does.", yours=shown[1])
    if set(given) - set(expected):
        return failed("One of these could take longer without delaying the end: something beside it is slower.", *shown)
    if set(expected) - set(given):
        return failed("A step is missing that delays everything behind it.", *shown)
    return passed("A minute saved on any of these is a minute of your lease.", *shown)


class PlanError(ValueError):
    """Steps that cannot run in their order."""


def critical_path(steps: list[Measurement]) -> list[str]:
    """Return the names of the steps that decide the total, the first one first.

    Args:
        steps: Each with ``name``, ``needs`` and ``expected_s``, in an order in which they can run.

    Raises:
        PlanError: Two steps have one name, or one needs a step that does not stand before it: somebody edited the plan.
    """
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for step in steps:
        if step["name"] in ends or not ends.keys() >= set(step["needs"]):
            raise PlanError(f"The plan has `{step['name']}` twice, or before what it needs")
        before[step["name"]] = max(step["needs"], key=ends.__getitem__, default=None)
        ends[step["name"]] = ends.get(before[step["name"]] or "", 0.0) + step["expected_s"]
    path: list[str] = []
    current = max(ends, key=ends.__getitem__, default=None)
    while current is not None:
        path.insert(0, current)
        current = before[current]
    return path


def judge_once(records: Records, part: str, question: str) -> Verdict:
    """Judge what was counted after the steps had run twice: one of everything."""
    given = records.answer(question)
    seen = records.seen(f"{part}.machine")
    if seen is None:
        return failed("No machine was seen yet: run the steps and the cell that looks at the result.")
    open_steps = sorted(name for name, step in seen["steps"].items() if step["state"] != "done")
    if open_steps or not seen["steps"]:
        return failed("A step is not done: run the steps again, they resume.", "every step done", ", ".join(open_steps))
    if min(step["attempts"] for step in seen["steps"].values()) < 2:
        return failed("The steps ran only once so far: run them a second time, then look and count again.")
    held = {kind: count for kind, count in seen["held"].items() if kind != "volume"}
    shown = (_counted(held), _counted(given))
    if given != held:
        return failed("The site counts something else under your name.", *shown)
    if set(held.values()) != {1}:
        return failed("There is more than one of something: release what is too much.", "one of each", shown[1])
    return passed("Twice run, once made.", *shown)


def judge_rehearsed(records: Records, part: str, question: str) -> Verdict:
    """Judge which of the health checks only played their part."""
    given = records.answer(question)
    seen = records.seen(f"{part}.machine")
    if seen is None or not seen["checks"]:
        return failed("No check of the machine was kept yet: run the steps to their end, then look again.")
    expected = {name for name, outcome in seen["checks"].items() if outcome == "rehearsed"}
    shown = (", ".join(sorted(expected)) or "none", ", ".join(sorted(map(str, given))) or "none")
    if set(given) - expected:
        return failed("One of these really ran on this machine.", *shown)
    if expected - set(given):
        return failed("One is missing that did not really run here.", *shown)
    return passed("It is good to know what a green line stands for.", *shown)


def left_after_deletion(records: Records, part: str) -> str | None:
    """Return what the site still held after the machine alone was deleted, as one of ``LEFT_CHOICES``."""
    seen = records.seen(f"{part}.after_delete")
    if seen is None:
        return None
    return " and ".join(sorted(set(seen["held"]) - {"volume"})) or LEFT_CHOICES[0]


def judge_release(records: Records, part: str, question: str) -> Verdict:
    """Judge that nothing is left, and the hours that others can have now."""
    given = records.answer(question)
    released, lease = (records.observations(f"{part}.{subject}") for subject in ("release", "lease_at_release"))
    if not released or not lease or records.index(released[-1]) < records.index(lease[-1]):
        return failed("No release of your lease was seen yet: run the cells above, then answer again.")
    seen = released[-1].seen
    if seen["held"]:
        return failed("Something still counts against you: run the release again.", "nothing", ", ".join(seen["held"]))
    expected = (moment(lease[-1].seen["end"]) - moment(seen["at"])).total_seconds() / 3600
    if not is_number(given):
        return failed("A number is asked for: hours.", f"{expected:.2f} h", str(given))
    shown = (f"{expected:.2f} h", f"{given:.2f} h")
    if abs(given + expected) <= 0.02 and abs(expected) > 0.02:
        return failed("Turned around: from the release to the lease's end.", *shown)
    if abs(given - expected) > 0.02:
        return failed("From the moment of the release to the lease's end: how many hours is that?", *shown)
    return passed("Nothing is left, and somebody else can have the rest.", *shown)


def _counted(kinds: dict) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
