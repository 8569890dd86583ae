"""What only the grader can judge, as one table: the recommended file, measured again, and functions, called again.

Each row rests on a public question: nobody earns a hidden point for a question that was not answered. Students get
this file with no archive (``provisioning.node.archive`` packs by an allow-list).
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from grading.grade.artefacts.again import hashes, is_model
from grading.grade.artefacts.measured import Facts
from grading.grade.functions.run import Called
from labs.course.lessons import Lesson, lessons
from labs.course.question import STUMBLES, Question, Row, State, Verdict, of_lesson
from labs.display.format import megabytes, percent
from labs.records import Measurement, Records

#: Recommendations: each names the option whose file is measured again.
RECOMMENDATIONS = ("defend.choice", "target.choice")

#: What a leaderboard shows of the recommended file, by name: whether more of it is better.
LEADERBOARD = {
    "accuracy on unseen views": True,
    "size in MB": False,
    "multiplications in millions": False,
}

#: Share of the pictures on which record and file must agree. Another processor rounds INT8 in another way (without
#: VNNI, sums of two products may saturate), and then a picture in thirty changes its class.
_AGREE = 0.85

#: Of the pictures that the record calls right, those that the file gets wrong, less those the other way round: more
#: were edited. Rounding spoils a class as often as it mends one: fewer than four honest records in 10,000 fail.
_MOST_LOST = 4

#: Standard errors by which accuracy on other pictures may fall short of the claim: one honest model in a thousand
#: would. Views are harder than the pictures that the claim was measured on: 72 % right in the place of 81 %.
_SIGMAS, _HARDER = 3.1, 0.10

#: A file that is right on less than this share of its claim, or of the views, knows the public pictures and nothing
#: else: the class of the nearest public picture is right on 31 % of the views, an honest file on 72 %.
_KNOWS_MORE, _SEES = 0.5, 0.40

#: What the device target allows.
_SMALL_BYTES = 5_000_000


def _verdict(state: State, message: str, expected: str = "", came: str = "") -> Verdict:
    return Verdict(
        state, message, tuple(pair for pair in (("Expected", expected), ("Came", came)) if pair[1])
    )


_passed, _failed = partial(_verdict, State.PASSED), partial(_verdict, State.FAILED)


@dataclass(frozen=True)
class Evidence:
    """Everything about one submission that a hidden row may look at."""

    #: Entries that contradict nothing.
    records: Records
    #: Submitted models, measured again, by sha256.
    facts: Mapping[str, Facts] = field(default_factory=dict)
    #: Classes of the pictures that they were measured with: evaluation pictures, then views.
    labels: tuple[int, ...] = ()
    #: Places of the evaluation pictures in the split's order.
    places: tuple[int, ...] = ()
    #: Functions that were called again, by question.
    reruns: Mapping[str, Called] = field(default_factory=dict)


@dataclass(frozen=True)
class HiddenRow:
    """One row of the table."""

    #: Stable id, such as 'm.artefact.unseen'.
    id: str
    #: What it is about, in words that a student reads after the grades are out.
    title: str
    points: int
    #: The public question without which it earns nothing.
    needs: str
    judge: Callable[[Evidence], Verdict]

    @property
    def lesson(self) -> str:
        """Id of the lesson that it belongs to."""
        return self.needs.partition(".")[0]

    @property
    def is_rerun(self) -> bool:
        """Whether it judges a function that was called again, and not a model."""
        return self.id.endswith(".computed")


def recommended(records: Records, question: str) -> Measurement | None:
    """Return the newest accuracy record of the option that a recommendation chooses, or None."""
    given = records.answer(question)
    option = given.get("option") if isinstance(given, dict) else None
    return records.latest(kind="accuracy", option=option) if isinstance(option, str) else None


def wanted_models(records: Records, asked: Iterable[Lesson]) -> list[str]:
    """Return the sha256s of the models that are worth measuring again, the most important first.

    The files of recommended options, those that questions ask for and, where files are quantized, the smallest one that
    an accuracy record names.
    """
    ids = {one.id for one in asked}
    found = [recommended(records, one) for one in RECOMMENDATIONS if one.partition(".")[0] in ids]
    if "quantize" in ids:
        found.append(
            min(
                records.measurements(kind="accuracy"),
                key=lambda one: one.model.size_bytes,
                default=None,
            )
        )
    named = [one.model.sha256 for one in found if one is not None]
    checked = [one for id in ids for one in of_lesson(id) if is_model(one)]
    return list(dict.fromkeys([*named, *hashes(records, checked)]))


def _right_on_views(evidence: Evidence, facts: Facts) -> float | None:
    """Return the share of views that a file gets right, or None where there are none."""
    count = len(evidence.places)
    views = list(zip(facts.predicted[count:], evidence.labels[count:], strict=True))
    return sum(one == other for one, other in views) / len(views) if views else None


def _unfit(evidence: Evidence, record: Measurement, facts: Facts) -> str:
    """Return why a file is no model that its record could be about; an empty text when it may be one."""
    if fault := sees_nothing(evidence, facts):
        return fault
    right = _right_on_views(evidence, facts)
    if right is not None and right < _KNOWS_MORE * record.value.value:
        shown = f"{percent(right)} right there, {percent(record.value.value)} in its record"
        return f"{facts.name} knows the public pictures, and not what is on others: {shown}."
    return ""


def sees_nothing(evidence: Evidence, facts: Facts) -> str:
    """Return why a file is no model of pictures, whatever is said of it; an empty text when it may be one."""
    if facts.fault:
        return f"{facts.name} could not be measured again: {facts.fault}."
    right = _right_on_views(evidence, facts)
    if right is None or right >= _SEES:
        return ""
    return f"{facts.name} is right on {percent(right)} of pictures that it was not shown before."


def of_the_recommended(question: str, judge: Callable[[Evidence, Measurement, Facts], Verdict]):
    """Return a judge of the recommended option's file, which fails where there is none that could be measured."""

    def judged(evidence: Evidence) -> Verdict:
        record = recommended(evidence.records, question)
        if record is None:
            return _failed("There is no accuracy record of the option that you recommend.")
        facts = evidence.facts.get(record.model.sha256)
        if facts is None:
            return _failed(
                f"The file of {record.option} was not handed in, or is not the one that was measured."
            )
        unfit = _unfit(evidence, record, facts)
        return _failed(unfit) if unfit else judge(evidence, record, facts)

    return judged


def submitted(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Judge that the file is the one that was measured: same hash, same size."""
    if facts.size_bytes != record.model.size_bytes:
        shown = (megabytes(record.model.size_bytes), megabytes(facts.size_bytes))
        return _failed(f"The record gives {facts.name} another size than it has.", *shown)
    return _passed("The file that was measured is the file that was handed in.", "", facts.name)


def same_classes(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Judge that the file gives evaluation pictures the classes that the record says it gave."""
    claimed, said = (record.details.get(name, ()) for name in ("predicted", "labels"))
    count = len(evidence.places)
    if not count or max(evidence.places) >= min(len(claimed), len(said)):
        return _failed(
            "The accuracy record does not cover the evaluation pictures; measure it on all of them."
        )
    seen = list(zip(evidence.places, facts.predicted[:count], evidence.labels[:count], strict=True))
    if wrong := sum(said[place] != label for place, _, label in seen):
        return _failed(
            f"The record of {facts.name} has {wrong} of {count} pictures under a class that is not theirs."
        )
    same = sum(claimed[place] == found for place, found, _ in seen)
    lost = sum((claimed[place] == label) - (found == label) for place, found, label in seen)
    shown = (f"{_AGREE:.0%} or more", f"{same} of {count}")
    if same < _AGREE * count or lost > _MOST_LOST:
        return _failed(
            f"{facts.name} gives the pictures other classes than its record holds.", *shown
        )
    return _passed("Run again, the file gives the classes that its record holds.", *shown)


def unseen(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Judge accuracy on views that nobody has seen against the claim, with room for chance."""
    right = _right_on_views(evidence, facts)
    if right is None:
        return _failed("There were no pictures to measure it with.")
    claim, views = record.value.value, len(evidence.labels) - len(evidence.places)
    noise = _SIGMAS * math.sqrt(claim * (1 - claim) * (1 / views + 1 / len(record.samples)))
    shown = (f"{percent(claim)}, give or take {percent(noise + _HARDER)}", percent(right))
    if right < claim - noise - _HARDER:
        return _failed(
            "On pictures that it was not shown before, the file is worse than its record claims.",
            *shown,
        )
    return _passed("It is as accurate on other pictures as its record claims.", *shown)


def is_int8(evidence: Evidence) -> Verdict:
    """Judge that one of the measured files holds 8-bit weights and fits the device."""
    named = {one.model.sha256: one for one in evidence.records.measurements(kind="accuracy")}
    integers = [facts for facts in evidence.facts.values() if not facts.fault and facts.is_int8]
    small = [
        facts for facts in integers if facts.size_bytes < _SMALL_BYTES and facts.sha256 in named
    ]
    faults = {facts.name: _unfit(evidence, named[facts.sha256], facts) for facts in small}
    if fit := [name for name, fault in faults.items() if not fault]:
        return _passed("Its weights are 8-bit integers, and it fits the device.", "", fit[0])
    if faults:
        return _failed(next(iter(faults.values())))
    if integers:
        return _failed("There is an INT8 file, and no record of yours measured it.")
    return _failed(
        "No file of 8-bit weights below 5 MB was handed in that a record of yours measured."
    )


def is_right_again(id: str, evidence: Evidence) -> Verdict:
    """Judge a function on cases that a secret seed draws: what was written for the public ones alone fails there."""
    rerun = evidence.reruns.get(id)
    if rerun is None or (rerun.is_right is None and not rerun.is_absent):
        why = f": {rerun.fault}" if rerun else ""
        return Verdict(
            State.PENDING,
            f"The grader could not call the function again{why}. Staff has been told.",
        )
    if rerun.fault or rerun.is_right is None:
        return _failed(f"Run by itself, the cell gives no answer: {rerun.fault}.")
    if rerun.is_right:
        return _passed("The cell computes its answer: it is right on what it had not seen, too.")
    return _failed("On what the cell had not seen, its answer is wrong.")


def leaderboard(evidence: Evidence, asked: Iterable[Lesson]) -> dict[str, float]:
    """Return what a leaderboard shows of the recommended file, as measured again; nothing of one that is not fit."""
    ids = {one.id for one in asked}
    for question_id in (one for one in RECOMMENDATIONS if one.partition(".")[0] in ids):
        record = recommended(evidence.records, question_id)
        facts = evidence.facts.get(record.model.sha256) if record else None
        if not record or not facts or _unfit(evidence, record, facts):
            continue
        if (right := _right_on_views(evidence, facts)) is not None:
            millions = facts.multiplications / 1e6
            return dict(
                zip(
                    LEADERBOARD,
                    (round(right, 3), facts.size_bytes / 1e6, round(millions, 1)),
                    strict=True,
                )
            )
    return {}


#: What is opened again, by the names in a question's ``again``: title and judge. A function is judged by
#: ``is_right_again``, under the name 'computed'.
_OF_A_FILE: Mapping[str, tuple[str, Callable[[Evidence, Measurement, Facts], Verdict]]] = {
    "submitted": ("The recommended model is the one that was measured", submitted),
    "same_classes": ("Run again, it gives the recorded classes", same_classes),
    "unseen": ("It is as accurate as claimed on other pictures", unseen),
}


@functools.lru_cache(maxsize=1)
def all_hidden() -> tuple[HiddenRow, ...]:
    """Return the hidden rows of all lessons: files, then functions."""
    asked = [one for lesson in lessons() for one in of_lesson(lesson.id)]
    rows = [_hidden(one, name, points) for one in asked for name, points in one.again.items()]
    return tuple(sorted(rows, key=lambda row: row.is_rerun))


def _hidden(one: Question, name: str, points: int) -> HiddenRow:
    if name == "computed":
        title = f"Computed, not typed: {one.title}"
        return HiddenRow(
            f"{one.id}.computed", title, points, one.id, partial(is_right_again, one.id)
        )
    id = f"{one.lesson_id}.{name}"
    if name == "int8":
        return HiddenRow(id, "A model of 8-bit weights was made", points, one.id, is_int8)
    title, judge = _OF_A_FILE[name]
    return HiddenRow(id, title, points, one.id, of_the_recommended(one.id, judge))


def hidden_rows(
    evidence: Evidence,
    asked: Sequence[Lesson],
    public: Sequence[Row],
    *,
    models: str = "",
    functions: str = "",
) -> list[Row]:
    """Return one row for each hidden row of some lessons.

    Args:
        public: Rows of the public questions, which the hidden ones depend on.
        models: Why no model was measured again; empty if they were.
        functions: Why no function was called again; empty if they were.
    """
    by_id, ids = {row.id: row for row in public}, {one.id for one in asked}
    rows = []
    for one in (row for row in all_hidden() if row.lesson in ids):
        verdict = _standing(one, evidence, by_id[one.needs], functions if one.is_rerun else models)
        points, message = one.points if verdict.ok else 0, verdict.message
        shown, state = verdict.shown, verdict.state
        rows.append(
            Row(
                one.id,
                one.title,
                "",
                points,
                one.points,
                message,
                shown,
                state=state,
                hidden=True,
                needs=one.needs,
            )
        )
    return rows


def _standing(one: HiddenRow, evidence: Evidence, needs: Row, untried: str) -> Verdict:
    """Return how a hidden row stands, given the public one that it needs."""
    if needs.is_pending:
        return Verdict(State.PENDING, f"It rests on “{needs.title}”, which is not judged yet.")
    if needs.points < needs.possible:
        return _failed(f"It rests on “{needs.title}”, which did not earn its points.")
    if untried:
        return Verdict(State.PENDING, untried)
    try:
        return one.judge(evidence)
    except STUMBLES as error:
        return _failed(
            "The evidence does not have the form that this needs.", "", type(error).__name__
        )
    except Exception as error:  # the grader's own, whatever it is
        return Verdict(
            State.PENDING,
            f"The grader could not judge it ({type(error).__name__}); staff has been told.",
        )
