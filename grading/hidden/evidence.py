"""What hidden checkpoints judge: plain values that the grader's parent process has in its hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from grading.artefacts.inspect import Facts
from grading.checkpoints import Verdict
from labs.records import Measurement, Records


@dataclass(frozen=True)
class Rerun:
    """What a student's function did when it was called again on secret cases."""

    #: The verdict on what it wrote down; None where it came to nothing.
    verdict: Verdict | None = None
    #: Why nothing came back, or only after an interruption, in words of the grader's own; empty when all went well.
    fault: str = ""
    #: Whether that is the submission's doing: it holds no such function, or none that can be called.
    is_absent: bool = False


@dataclass(frozen=True)
class Evidence:
    """Everything about one submission that a hidden checkpoint may look at."""

    #: Entries that contradict nothing.
    records: Records
    #: Submitted models, measured again, by sha256.
    facts: Mapping[str, Facts] = field(default_factory=dict)
    #: Classes of the pictures that they were measured with: evaluation pictures, then views.
    labels: tuple[int, ...] = ()
    #: Places of the evaluation pictures in the split's order.
    places: tuple[int, ...] = ()
    #: Answer cells that were run again, by checkpoint id.
    reruns: Mapping[str, Rerun] = field(default_factory=dict)


#: The recommendation at the end of each part that has one: it names the option whose file is measured again.
RECOMMENDATION = {1: "m.choose.recommendation", 2: "e.choose.recommendation"}


def choice(records: Records, part: int) -> str | None:
    """Return the option that the recommendation of a part chooses, or None."""
    given = records.answer(RECOMMENDATION.get(part, ""))
    chosen = given.get("choice") if isinstance(given, dict) else None
    return chosen if isinstance(chosen, str) else None


def recommended(records: Records, part: int) -> Measurement | None:
    """Return the newest accuracy record of the option that a part's recommendation chooses, or None."""
    return records.latest(kind="accuracy", option=choice(records, part)) if part in RECOMMENDATION else None


def wanted_models(records: Records, part: int) -> list[str]:
    """Return the sha256s of the models that are worth measuring again, the most important first.

    The file of the recommended option, and in part 1 the smallest one that an accuracy record names.
    """
    named = records.measurements(kind="accuracy") if part == 1 else []
    smallest = min(named, key=lambda one: one.model.size_bytes, default=None)
    found = [one.model.sha256 for one in (recommended(records, part), smallest) if one is not None]
    return list(dict.fromkeys(found))
