"""Serve several models: what the neighbour costs, whether sharing used the machine better, and who gives way."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import is_close, is_number
from grading.checkpoints.system.lesson_33 import NOT_RUN, ratio_of_rates
from labs.records import Records
from labs.records.format import times

_PAGE = ("show an error", "retry until it works", "leave them out")


def slowdown(records: Records) -> float | None:
    """Return the classifier's median beside the palette over its median alone; None while a run is missing."""
    runs = [records.latest(kind="load", option=f"classifier-{how}") for how in ("both", "alone")]
    return None if None in runs else runs[0].percentile(50) / runs[1].percentile(50)


@prediction(
    "s.several.slower_guess",
    about={"kind": "load", "option": "classifier-both"},
    title="Predict how many times as long the classifier takes beside another model",
    between=(0.05, 100),
    show=times,
)
def slower_guess(records: Records) -> float | None:
    """Return the ratio of the classifier's medians."""
    return slowdown(records)


@checkpoint(
    "s.several.slower",
    title="Say how much longer the classifier takes beside the palette",
    hint="`percentile(50)` of both of the classifier's records.",
)
def slower(records: Records) -> Verdict:
    """Judge the ratio of the medians of the newest runs."""
    given = records.answer("s.several.slower")
    if given is None:
        return unanswered()
    right = slowdown(records)
    if right is None:
        return failed(NOT_RUN)
    if is_close(given, right, within=0.01):
        return passed("Nobody sent the classifier anything more.", times(right), times(given))
    if is_close(given, 1 / right, within=0.01):
        return failed("Turned around: beside the palette over alone.", times(right), times(given))
    return failed("The classifier's median beside the palette, over its median alone.", times(right), times(given))


@checkpoint(
    "s.several.shares",
    points=2,
    title="Say whether sharing used the machine better or divided it",
    hint="Each model's answers a second beside the other, over its own alone; then add.",
)
def shares(records: Records) -> Verdict:
    """Judge both shares and their sum."""
    given = records.answer("s.several.shares")
    if given is None:
        return unanswered()
    right = {name: ratio_of_rates(records, f"{name}-both", f"{name}-alone") for name in ("classifier", "palette")}
    if None in right.values():
        return failed(NOT_RUN)
    expected = ", ".join(f"{name} {share:.2f}" for name, share in right.items())
    yours = ", ".join(f"{name} {share:.3g}" for name, share in given.items())
    for name, share in right.items():
        if is_close(given[name], 1 / share, within=0.01) and not is_close(share, 1, within=0.02):
            return failed(f"{name}: turned around; beside the other over alone.", expected, yours)
        if not is_close(given[name], share, within=0.02):
            return failed(f"{name}: not the ratio of its newest two runs.", expected, yours)
    if not is_close(given["sum"], sum(right.values()), within=0.02):
        return failed("The sum is not the sum of the two shares.", f"{sum(right.values()):.2f}", yours)
    words = "Something idle was put to use." if sum(right.values()) > 1.1 else "The machine was divided."
    return passed(words, f"{expected}, sum {sum(right.values()):.2f}", yours)


@checkpoint(
    "s.several.during",
    title="Count what the classifier's senders noticed of models that come and go",
    hint="`len(record.load.failures)`",
)
def during(records: Records) -> Verdict:
    """Judge the number of failures in the newest run during which the palette came and went."""
    given = records.answer("s.several.during")
    if given is None:
        return unanswered()
    run = records.latest(kind="load", option="classifier-during")
    if run is None:
        return failed(NOT_RUN)
    right = len(run.load.failures)
    if is_number(given) and given == right:
        return passed("The server goes on, whoever moves in or out.", str(right), str(given))
    return failed("Count the failures of the run `during`.", str(right), str(given))


@checkpoint(
    "s.several.refused",
    title="Say what a refused request gets, and what a page makes of it",
    hint="Colours are a nicety, and the server has just said that it is too busy.",
)
def refused(records: Records) -> Verdict:
    """Judge the status against the newest run, and the page's manners."""
    given = records.answer("s.several.refused")
    if given is None:
        return unanswered()
    run = records.latest(kind="load", option="palette-crowd")
    if run is None:
        return failed(NOT_RUN)
    seen = {one.status for one in run.load.failures}
    expected = ", ".join(map(str, sorted(seen))) or "no request was refused"
    if not seen:
        return failed("Nothing was refused: run the crowd again, with the palette's short queue.", expected)
    if given["status"] not in seen:
        return failed("No failure of the newest run has this status.", expected, str(given["status"]))
    if given["page"] not in _PAGE:
        return failed("Choose one of the three, word for word.", ", ".join(_PAGE), str(given["page"]))
    if given["page"] == "retry until it works":
        return failed("Everybody who is refused comes again at once: what becomes of the load?", yours=given["page"])
    if given["page"] == "show an error":
        return failed("The photo itself is fine, and its class too. Does the user miss anything?", yours=given["page"])
    return passed("What is optional may be missing.", expected, f"{given['status']}, {given['page']}")
