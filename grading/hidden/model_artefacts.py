"""The artefact of parts 1 and 2: the file behind the recommendation is there, is the one that was measured, and does
what it claims.

This is the strongest evidence that a grader without the student's machine can have: the file itself, run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from grading.artefacts.inspect import Facts
from grading.checkpoints import Verdict, failed, passed
from grading.hidden.checkpoint import HiddenCheckpoint
from grading.hidden.evidence import RECOMMENDATION, Evidence, recommended
from labs.records import Measurement
from labs.records.format import megabytes, percent

#: Share of the pictures on which record and file must agree. Another processor rounds INT8 in another way (without
#: VNNI, sums of two products may saturate), and then a picture in thirty changes its class.
_AGREE = 0.85

#: Of the pictures that the record calls right, those that the file gets wrong, less those the other way round: more
#: were edited. Rounding spoils a class as often as it mends one. At one picture in thirty, fewer than four honest
#: records in 10,000 fail of 40 pictures (at one in ten, one in a hundred); of records raised by 8 points, which have 53
#: of the some 130 pictures edited that are hard, one in a hundred passes, and of those raised by 10 one in a thousand.
_MOST_LOST = 4

#: Standard errors by which accuracy on other pictures may fall short of the claim: one honest model in a thousand
#: would.
_SIGMAS = 3.1

#: Views are harder than the pictures that the claim was measured on: 72 % right in the place of 81 %.
_HARDER = 0.10

#: A file that is right on less than this share of its claim knows the public pictures and nothing else.
_KNOWS_MORE = 0.5

#: No file that is right on fewer views has learned to see: the class of the nearest public picture is right on 31 %,
#: and an honest file of which 72 % are right falls below once in a hundred thousand times.
_SEES = 0.40

#: What the device target allows.
_SMALL_BYTES = 5_000_000


def _measured(evidence: Evidence, part: int) -> tuple[Measurement, Facts] | str:
    """Return the recommended option's accuracy record and the facts of its file, or why they are not there."""
    record = recommended(evidence.records, part)
    if record is None:
        return "There is no accuracy record of the option that you recommend."
    facts = evidence.facts.get(record.model.sha256)
    if facts is None:
        return f"The file of {record.option} was not handed in, or is not the one that was measured."
    return _unfit(evidence, record, facts) or (record, facts)


def _unfit(evidence: Evidence, record: Measurement, facts: Facts) -> str:
    """Return why a file is no model that its record could be about; an empty text when it may be one."""
    if facts.fault:
        return f"{facts.name} could not be measured again: {facts.fault}."
    right = _right_on_views(evidence, facts)
    if right is not None and right < max(_SEES, _KNOWS_MORE * record.value.value):
        shown = f"{percent(right)} right there, {percent(record.value.value)} in its record"
        return f"{facts.name} knows the public pictures, and not what is on others: {shown}."
    return ""


def _right_on_views(evidence: Evidence, facts: Facts) -> float | None:
    """Return the share of views that a file gets right, or None where there are none."""
    count = len(evidence.places)
    views = list(zip(facts.predicted[count:], evidence.labels[count:], strict=True))
    return sum(one == other for one, other in views) / len(views) if views else None


def submitted(evidence: Evidence, part: int) -> Verdict:
    """Judge that the recommended option's file is the one that was measured: same hash, same size."""
    found = _measured(evidence, part)
    if isinstance(found, str):
        return failed(found)
    record, facts = found
    if facts.size_bytes != record.model.size_bytes:
        shown = (megabytes(record.model.size_bytes), megabytes(facts.size_bytes))
        return failed(f"The record gives {facts.name} another size than it has.", *shown)
    return passed("The file that was measured is the file that was handed in.", yours=facts.name)


def same_classes(evidence: Evidence, part: int) -> Verdict:
    """Judge that the file gives evaluation pictures the classes that the record says it gave."""
    found = _measured(evidence, part)
    if isinstance(found, str):
        return failed(found)
    record, facts = found
    claimed, said = (record.details.get(name, ()) for name in ("predicted", "labels"))
    count = len(evidence.places)
    if not count or max(evidence.places) >= min(len(claimed), len(said)):
        return failed("The accuracy record does not cover the evaluation pictures; measure it on all of them.")
    seen = list(zip(evidence.places, facts.predicted[:count], evidence.labels[:count], strict=True))
    if wrong := sum(said[place] != label for place, _, label in seen):
        return failed(f"The record of {facts.name} has {wrong} of {count} pictures under a class that is not theirs.")
    same = sum(claimed[place] == found for place, found, _ in seen)
    lost = sum((claimed[place] == label) - (found == label) for place, found, label in seen)
    shown = (f"{_AGREE:.0%} or more", f"{same} of {count}")
    if same < _AGREE * count or lost > _MOST_LOST:
        return failed(f"{facts.name} gives the pictures other classes than its record holds.", *shown)
    return passed("Run again, the file gives the classes that its record holds.", *shown)


def unseen(evidence: Evidence, part: int) -> Verdict:
    """Judge accuracy on views that nobody has seen against the claim, with room for chance."""
    found = _measured(evidence, part)
    if isinstance(found, str):
        return failed(found)
    record, facts = found
    right = _right_on_views(evidence, facts)
    if right is None:
        return failed("There were no pictures to measure it with.")
    claim, views = record.value.value, len(evidence.labels) - len(evidence.places)
    noise = _SIGMAS * math.sqrt(claim * (1 - claim) * (1 / views + 1 / len(record.samples)))
    shown = (f"{percent(claim)}, give or take {percent(noise + _HARDER)}", percent(right))
    if right < claim - noise - _HARDER:
        return failed("On pictures that it was not shown before, the file is worse than its record claims.", *shown)
    return passed("It is as accurate on other pictures as its record claims.", *shown)


def is_int8(evidence: Evidence) -> Verdict:
    """Judge that one of the measured files holds 8-bit weights and fits the device."""
    named = {one.model.sha256: one for one in evidence.records.measurements(kind="accuracy")}
    integers = [facts for facts in evidence.facts.values() if not facts.fault and facts.is_int8]
    small = [facts for facts in integers if facts.size_bytes < _SMALL_BYTES and facts.sha256 in named]
    faults = {facts.name: _unfit(evidence, named[facts.sha256], facts) for facts in small}
    if fit := [name for name, fault in faults.items() if not fault]:
        return passed("Its weights are 8-bit integers, and it fits the device.", yours=fit[0])
    if faults:
        return failed(next(iter(faults.values())))
    if integers:
        return failed("There is an INT8 file, and no record of yours measured it.")
    return failed("No file of 8-bit weights below 5 MB was handed in that a record of yours measured.")


def _of_part(part: int, letter: str) -> tuple[HiddenCheckpoint, ...]:
    """Return what is asked of the recommended file of a part."""
    asked: tuple[tuple[str, str, int, Callable[[Evidence, int], Verdict]], ...] = (
        ("submitted", "The recommended model is the one that was measured", 4, submitted),
        ("same_classes", "Run again, it gives the recorded classes", 4, same_classes),
        ("unseen", "It is as accurate as claimed on other pictures", 6, unseen),
    )
    needs = RECOMMENDATION[part]
    return tuple(
        HiddenCheckpoint(f"{letter}.artefact.{name}", title, points, part, needs, partial(judge, part=part))
        for name, title, points, judge in asked
    )


CHECKPOINTS = (
    *_of_part(1, "m"),
    HiddenCheckpoint("m.artefact.int8", "A model of 8-bit weights was made", 4, 1, "m.quantize.static", is_int8),
    *_of_part(2, "e"),
)
