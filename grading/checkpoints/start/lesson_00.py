"""Start here: one prediction and one answer, small enough to learn how checkpoints work."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, prediction, unanswered
from grading.checkpoints.evidence import answer_to, is_number, latest

PLAIN_JSON = True


@prediction(
    "start.size_guess",
    about={"kind": "size", "option": "torch-eager"},
    title="Predict the size of the model's file, in megabytes",
    between=(0.001, 100_000),
    show=lambda megabytes: f"{megabytes:.3g} MB",
)
def size_megabytes(entries: list[dict]) -> float | None:
    """Return the measured size of the model's file in megabytes."""
    record = latest(entries, kind="size", option="torch-eager")
    return None if record is None else record["samples"][-1] / 1e6


@checkpoint(
    "start.processors",
    title="Read from a record how many processors its machine could use",
    hint="A record knows its machine: `record.machine` has a field for this.",
)
def processors(entries: list[dict]) -> Verdict:
    """Judge the number of processors against the machine of the size record."""
    given = answer_to(entries, "start.processors")
    if given is None:
        return unanswered()
    record = latest(entries, kind="size", option="torch-eager")
    if record is None:
        return failed("There is no record of the model's size yet: run the cell that measures it, then answer again.")
    expected = record["machine"]["cpu_count"]
    if not is_number(given):
        return failed("A number is asked for: how many processors, not which.", str(expected), str(given))
    if given != expected:
        return failed("The record says something else about its machine.", str(expected), f"{given:g}")
    return passed("That is what the record says.", str(expected), f"{given:g}")
