"""The checks that only the grader can make, as one table: measure the recommended file again, and
call functions again.

Each row depends on a public question: a hidden point needs a passed public question. Students get
this file with no archive (``provisioning.node.archive`` packs by an allow-list).
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from grading.grade.artefacts.measured import Facts
from grading.grade.artefacts.pictures import HARD
from grading.grade.artefacts.reopen import hashes, is_model
from grading.grade.functions.run import Called
from labs.course.lessons import Lesson, lessons
from labs.course.question import STUMBLES, Question, ResultRow, State, Verdict, of_lesson
from labs.display.format import megabytes, percent
from labs.machine.fingerprint import Fingerprint
from labs.machine.quantization_format import quantization_format
from labs.optimize.multiplications import IN_INTEGERS
from labs.records import Measurement, Records

#: Recommendations: each names the option whose file is measured again.
RECOMMENDATIONS = ("defend.choice", "target.choice")

#: A leaderboard's figures of the recommended file, by name: whether more is better.
LEADERBOARD = {
    "accuracy on unseen views": True,
    "size in MB": False,
    "multiplications in millions": False,
}

#: Share of the pictures on which record and file must agree. Another processor rounds INT8 in
#: another way (without VNNI, sums of two products may saturate), and then a picture in thirty
#: changes its class.
_AGREE = 0.85

#: Most pictures that are right in the record and wrong by the file, minus the reverse; with more,
#: the record was edited. Rounding breaks classes and repairs them equally often, so fewer than four
#: honest records in 10,000 fail.
_MOST_LOST = 4

#: Standard errors by which accuracy on other pictures may fall short of the claim: one honest model
#: in a thousand would. Views are harder than the pictures that the claim was measured on: 72 %
#: right in the place of 81 %.
_SIGMAS, _HARDER = 3.1, 0.10

#: A file that is right on less than this share of its claim, or of the views, knows the public
#: pictures and nothing else: the class of the nearest public picture is right on 31 % of the views,
#: an honest file on 72 %.
_KNOWS_MORE, _SEES = 0.5, 0.40

#: Share of the evaluation pictures on which an exported file must be right or wrong as the network
#: is: float32 on another processor changes no class, but one of 40 may be on the border of two.
_SAME = 0.95

#: A pruned network keeps a third of the published weights, those of its first stages.
_MOST_PUBLISHED = 0.5

#: Limits of the device target.
_SMALL_BYTES = 5_000_000


def _verdict(state: State, message: str, expected: str = "", came: str = "") -> Verdict:
    shown = []
    if expected:
        shown.append(("Expected", expected))
    if came:
        shown.append(("Came", came))
    return Verdict(state, message, tuple(shown))


_passed = partial(_verdict, State.PASSED)
_failed = partial(_verdict, State.FAILED)


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
    #: Its subject, in words that a student reads after the grades are out.
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
        """Whether it judges a function that was called again (otherwise a model)."""
        return self.id.endswith(".computed")


def recommended(records: Records, question: str) -> Measurement | None:
    """Return the newest accuracy record of the option that a recommendation chooses, or None."""
    answer = records.answer(question)
    option = answer.get("option") if isinstance(answer, dict) else None
    if not isinstance(option, str):
        return None
    return records.latest(kind="accuracy", option=option)


def _recommendations(lesson_ids: set[str]) -> list[str]:
    """Return the questions of some lessons in which a file is recommended."""
    return [id for id in RECOMMENDATIONS if id.partition(".")[0] in lesson_ids]


def wanted_models(records: Records, asked: Iterable[Lesson]) -> list[str]:
    """Return the sha256s of the models to measure again, the most important first.

    The files of recommended options, and those that questions ask for.
    """
    lesson_ids = {lesson.id for lesson in asked}
    chosen = [recommended(records, id) for id in _recommendations(lesson_ids)]
    wanted = [record.model.sha256 for record in chosen if record]
    checked: list[Question] = []
    for id in lesson_ids:
        checked += filter(is_model, of_lesson(id))
    wanted += hashes(records, checked)
    return list(dict.fromkeys(wanted))


def _right_on_views(evidence: Evidence, facts: Facts) -> float | None:
    """Return the share of views that a file gets right, or None without views."""
    count = len(evidence.places)
    predicted = facts.predicted[count:]
    labels = evidence.labels[count:]
    right = _count_equal(predicted, labels)
    return right / len(labels) if labels else None


def _count_equal(first: Sequence[int], second: Sequence[int]) -> int:
    """Return at how many places two sequences of one length are equal.

    Raises:
        ValueError: They have two lengths.
    """
    return sum(here == there for here, there in zip(first, second, strict=True))


def _unfit(evidence: Evidence, record: Measurement, facts: Facts) -> str:
    """Return why a file is no model that its record could be about; an empty text when it may be
    one.
    """
    if fault := sees_nothing(evidence, facts):
        return fault
    right = _right_on_views(evidence, facts)
    claim = record.value.value
    if right is not None and right < _KNOWS_MORE * claim:
        shown = f"{percent(right)} right there, {percent(claim)} in its record"
        return f"{facts.name} knows the public pictures, and not what is on others: {shown}."
    return ""


def sees_nothing(evidence: Evidence, facts: Facts) -> str:
    """Return why a file is no model of pictures, whatever is said of it; an empty text when it may
    be one.
    """
    if facts.fault:
        return f"{facts.name} could not be measured again: {facts.fault}."
    right = _right_on_views(evidence, facts)
    if right is None or right >= _SEES:
        return ""
    return f"{facts.name} is right on {percent(right)} of pictures that it was not shown before."


def of_the_recommended(question: str, judge: Callable[[Evidence, Measurement, Facts], Verdict]):
    """Return a judge of the recommended option's file; it fails if no file could be measured."""

    def judged(evidence: Evidence) -> Verdict:
        record = recommended(evidence.records, question)
        if record is None:
            return _failed("There is no accuracy record of the option that you recommend.")
        facts = evidence.facts.get(record.model.sha256)
        if facts is None:
            return _failed(
                f"The file of {record.option} was not handed in, or is not the one that was "
                "measured."
            )
        unfit = _unfit(evidence, record, facts) or _as_published(facts)
        return _failed(unfit) if unfit else judge(evidence, record, facts)

    return judged


def _as_published(facts: Facts) -> str:
    """Return why a file is one of the course's networks as it ships; an empty text if it was
    optimized.
    """
    if facts.published_share <= _MOST_PUBLISHED:
        return ""
    published = f"{facts.published_share:.0%} of a network's weights as the course published them"
    return (
        f"{facts.name} holds {published}, and {facts.integer_share:.0%} of its multiplications are "
        "of 8-bit integers. Recommend a file that you optimized: quantized, or pruned and trained."
    )


def submitted(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Judge that the file is the measured file: same hash, same size."""
    if facts.size_bytes != record.model.size_bytes:
        shown = (megabytes(record.model.size_bytes), megabytes(facts.size_bytes))
        return _failed(f"The record gives {facts.name} another size than it has.", *shown)
    return _passed("The file that was measured is the file that was handed in.", "", facts.name)


def _as_on(machine: Fingerprint, facts: Facts) -> tuple[int, ...]:
    """Return the classes that a file gives on a machine, as far as the grader's processor can."""
    saturates = bool(machine.cpu_flags) and quantization_format(machine).reduce_range
    return facts.saturated if saturates and facts.saturated else facts.predicted


def same_classes(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Judge that the file gives evaluation pictures the recorded classes."""
    recorded_classes = record.details.get("predicted", ())
    recorded_labels = record.details.get("labels", ())
    covered = min(len(recorded_classes), len(recorded_labels))
    count = len(evidence.places)
    if not count or max(evidence.places) >= covered:
        return _failed(
            "The accuracy record does not cover the evaluation pictures; measure it on all of them."
        )
    recorded = [recorded_classes[place] for place in evidence.places]
    predicted = _as_on(record.machine, facts)[:count]
    labels = evidence.labels[:count]
    claimed_labels = [recorded_labels[place] for place in evidence.places]
    if wrong := count - _count_equal(claimed_labels, labels):
        return _failed(
            f"The record of {facts.name} has {wrong} of {count} pictures under a class that is "
            "not theirs."
        )
    same = _count_equal(recorded, predicted)
    lost = _count_equal(recorded, labels) - _count_equal(predicted, labels)
    shown = (f"{_AGREE:.0%} or more", f"{same} of {count}")
    if same < _AGREE * count or lost > _MOST_LOST:
        return _failed(
            f"{facts.name} gives the pictures other classes than its record holds.", *shown
        )
    return _passed("Run again, the file gives the classes that its record holds.", *shown)


def unseen(evidence: Evidence, record: Measurement, facts: Facts) -> Verdict:
    """Compare the claimed accuracy with that on hidden views, with a margin for chance."""
    right = _right_on_views(evidence, facts)
    if right is None:
        return _failed("There were no pictures to measure it with.")
    claim = record.value.value
    views = len(evidence.labels) - len(evidence.places)
    of_one = claim * (1 - claim)
    noise = _SIGMAS * math.sqrt(of_one * (1 / views + 1 / len(record.samples)))
    shown = (f"{percent(claim)}, give or take {percent(noise + _HARDER)}", percent(right))
    if right < claim - noise - _HARDER:
        return _failed(
            "On pictures that it was not shown before, the file is worse than its record claims.",
            *shown,
        )
    return _passed("It is as accurate on other pictures as its record claims.", *shown)


def is_int8(question: Question, evidence: Evidence) -> Verdict:
    """Judge that the file that was checked multiplies in 8-bit integers, fits the device, and was
    measured.
    """
    checked = hashes(evidence.records, [question])
    facts = evidence.facts.get(checked[0]) if checked else None
    if facts is None:
        return _failed("The file that was checked is not in the hand-in.")
    records = evidence.records.measurements(kind="accuracy")
    measured = [record for record in records if record.model.sha256 == facts.sha256]
    if not measured:
        return _failed(f"No accuracy record of yours is about {facts.name}: measure it.")
    if unfit := _unfit(evidence, measured[-1], facts):
        return _failed(unfit)
    shown = (f"{IN_INTEGERS:.0%} or more", f"{facts.integer_share:.0%}")
    if facts.integer_share < IN_INTEGERS:
        return _failed(
            f"{facts.name} multiplies in float32: both what a layer reads and its weights have to "
            "be quantized.",
            *shown,
        )
    if facts.size_bytes >= _SMALL_BYTES:
        return _failed(
            f"{facts.name} does not fit the device.", "below 5 MB", megabytes(facts.size_bytes)
        )
    return _passed("It multiplies in 8-bit integers, and it fits the device.", *shown)


def exported(asked: Question, evidence: Evidence) -> Verdict:
    """Judge that the exported file is right on the pictures that the course's network gets right,
    and wrong on the others.
    """
    files = [evidence.facts[sha256] for sha256 in hashes(evidence.records, [asked])]
    count = len(evidence.places)
    if not files or not count:
        return _failed("There is no exported file that could be measured again.")
    (facts, *_) = files
    alike = 0
    for place, label, predicted in zip(
        evidence.places, evidence.labels, facts.predicted, strict=False
    ):
        alike += (predicted == label) != (place in HARD)
    shown = (f"{_SAME:.0%} or more", f"{alike} of {count}")
    if alike < _SAME * count:
        return _failed(f"{facts.name} does not answer as the exported network does.", *shown)
    return _passed("The exported file answers as the network does.", *shown)


def is_right_again(id: str, evidence: Evidence) -> Verdict:
    """Judge a function on cases that a secret seed draws; a function written only for the public
    cases fails there.
    """
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
    """Return what a leaderboard shows of the recommended file, as measured again; no entry for an
    unfit one.
    """
    for question_id in _recommendations({lesson.id for lesson in asked}):
        record = recommended(evidence.records, question_id)
        facts = evidence.facts.get(record.model.sha256) if record else None
        if not record or not facts or _unfit(evidence, record, facts):
            continue
        right = _right_on_views(evidence, facts)
        if right is not None:
            size_mb = facts.size_bytes / 1e6
            millions = facts.multiplications / 1e6
            values = (round(right, 3), size_mb, round(millions, 1))
            return dict(zip(LEADERBOARD, values, strict=True))
    return {}


#: Repeated checks, by the names in a question's ``hidden_points``: title and judge. A function
#: is judged by ``is_right_again``, under the name 'computed'.
_OF_A_FILE: Mapping[str, tuple[str, Callable[[Evidence, Measurement, Facts], Verdict]]] = {
    "submitted": ("The recommended model is the one that was measured", submitted),
    "same_classes": ("Run again, it gives the recorded classes", same_classes),
    "unseen": ("It is as accurate as claimed on other pictures", unseen),
}


@functools.lru_cache(maxsize=1)
def all_hidden() -> tuple[HiddenRow, ...]:
    """Return the hidden rows of all lessons: files, then functions."""
    rows = []
    for lesson in lessons():
        for asked in of_lesson(lesson.id):
            rows += [_hidden(asked, name, points) for name, points in asked.hidden_points.items()]
    return tuple(sorted(rows, key=lambda row: row.is_rerun))


def _hidden(asked: Question, name: str, points: int) -> HiddenRow:
    if name == "computed":
        id = f"{asked.id}.computed"
        title = f"Computed, not typed: {asked.title}"
        return HiddenRow(id, title, points, asked.id, partial(is_right_again, asked.id))
    id = f"{asked.lesson_id}.{name}"
    if name == "int8":
        title = "The file multiplies in 8-bit integers"
        return HiddenRow(id, title, points, asked.id, partial(is_int8, asked))
    if name == "exported":
        title = "The export answers as the network does"
        return HiddenRow(id, title, points, asked.id, partial(exported, asked))
    title, judge = _OF_A_FILE[name]
    return HiddenRow(id, title, points, asked.id, of_the_recommended(asked.id, judge))


def hidden_rows(
    evidence: Evidence,
    asked: Sequence[Lesson],
    public: Sequence[ResultRow],
    *,
    models: str = "",
    functions: str = "",
) -> list[ResultRow]:
    """Return one row for each hidden row of some lessons.

    Args:
        public: Rows of the public questions, which the hidden ones depend on.
        models: Why no model was measured again; empty if they were.
        functions: Why no function was called again; empty if they were.
    """
    by_id = {row.id: row for row in public}
    lesson_ids = {lesson.id for lesson in asked}
    rows = []
    for hidden in all_hidden():
        if hidden.lesson in lesson_ids:
            untried = functions if hidden.is_rerun else models
            verdict = _standing(hidden, evidence, by_id[hidden.needs], untried)
            rows.append(_row(hidden, verdict))
    return rows


def _row(hidden: HiddenRow, verdict: Verdict) -> ResultRow:
    return ResultRow(
        id=hidden.id,
        title=hidden.title,
        lesson="",
        points=hidden.points if verdict.ok else 0,
        possible=hidden.points,
        message=verdict.message,
        shown=verdict.shown,
        state=verdict.state,
        hidden=True,
        needs=hidden.needs,
    )


def _standing(hidden: HiddenRow, evidence: Evidence, needs: ResultRow, untried: str) -> Verdict:
    """Return how a hidden row stands, given the public one that it needs."""
    if needs.is_pending:
        return Verdict(State.PENDING, f"It rests on “{needs.title}”, which is not judged yet.")
    if needs.points < needs.possible:
        return _failed(f"It rests on “{needs.title}”, which did not earn its points.")
    if untried:
        return Verdict(State.PENDING, untried)
    try:
        return hidden.judge(evidence)
    except STUMBLES as error:
        return _failed(
            "The evidence does not have the form that this needs.", "", type(error).__name__
        )
    except Exception as error:  # the grader's own, whatever it is
        return Verdict(
            State.PENDING,
            f"The grader could not judge it ({type(error).__name__}); staff has been told.",
        )
