"""One unit of work: ``grade(submission, part=1) -> Result``. Everything else (a class, Gradescope, Ray) calls this.

The steps stand in one list. A step that fails of itself is a fault of the grader's: the submission keeps what the other
steps found, and staff is told. Nothing that a submission holds makes ``grade`` raise.
"""

import contextlib
import functools
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

from grading.grade.artefacts.again import Opened, fault_of, is_model, judge_model, open_again
from grading.grade.artefacts.measured import Facts, inspect_models
from grading.grade.artefacts.pictures import Pictures, at_hand
from grading.grade.contradictions import Examined, examine
from grading.grade.deadline import TooLongError, deadline
from grading.grade.functions.run import NO_CELL, Called, Cases, run_again
from grading.grade.hidden import Evidence, hidden_rows, leaderboard, sees_nothing, wanted_models
from grading.grade.intake import Intake, Kind, take_in
from grading.grade.result.prints import prints
from grading.grade.result.result import Result
from grading.grade.sandbox import abilities
from labs.course.assignment import assignment
from labs.course.cells import MOST_CHARACTERS
from labs.course.lessons import Lesson, lessons
from labs.course.question import (
    STUMBLES,
    SUBJECT,
    Question,
    Row,
    State,
    Verdict,
    as_records,
    counted_answer,
    of_lesson,
    public_rows,
    question,
)
from labs.records import Records

#: Seed of the pictures where the instructor names none. It is public: good for trying things out.
PUBLIC_SEED = "public"

#: Seconds that one step in this process may take, and one question; an honest submission needs a fraction of one.
_STEP_S, _CHECKPOINT_S = 100.0, 10.0

#: Minutes between two entries beyond which nobody was at work.
_BREAK_MIN = 10

#: Samples of a record that the result keeps, for questions in person.
_KEPT_SAMPLES = 200


@dataclass(frozen=True)
class Setup:
    """How this grader grades; the same for a whole class."""

    #: File with the pictures for measuring models again (``Pictures.save``); drawn with the public seed when None.
    pictures: Path | None = None
    #: Whether submitted models are measured again; if not, what rests on them is pending.
    measure: bool = True
    #: Whether functions and programs are run again in the sandbox; if not, what rests on them is pending.
    rerun: bool = True
    #: Seconds for all answer cells together.
    rerun_s: float = 150.0
    #: Draws the cases on which functions are called.
    seed: str = PUBLIC_SEED
    #: Those cases by question, where they were drawn before; drawn with the seed from the lessons' sources when None.
    cases: Mapping[str, Cases] | None = field(default=None, hash=False)


@dataclass
class _Work:
    """What is known so far about the submission at hand."""

    submission: Path
    lessons: list[Lesson]
    part: int
    setup: Setup
    folder: Path
    intake: Intake = field(default_factory=Intake)
    #: Of functions, as their checks kept them, by question.
    cells: dict[str, str] = field(default_factory=dict)
    examined: Examined = field(default_factory=lambda: Examined([], ()))
    facts: dict[str, Facts] = field(default_factory=dict)
    pictures: Pictures | None = None
    opened: dict[str, Opened] = field(default_factory=dict)
    reruns: dict[str, Called] = field(default_factory=dict)
    public: list[Row] = field(default_factory=list)
    hidden: list[Row] = field(default_factory=list)
    leaderboard: dict[str, float] = field(default_factory=dict)
    #: Faults of the grader's own, by the step that had them.
    faults: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def records(self) -> Records:
        """The evidence that nothing contradicts, typed."""
        return as_records(self.examined.kept)

    @property
    def evidence(self) -> Evidence:
        """What hidden rows and questions about models are judged by."""
        labels, places = (
            ((), ()) if self.pictures is None else (self.pictures.labels, self.pictures.places)
        )
        return Evidence(
            self.records, self.facts, tuple(map(int, labels)), tuple(map(int, places)), self.reruns
        )


def grade(submission: Path, *, part: int, student: str = "", setup: Setup | None = None) -> Result:
    """Return what a submission, a folder or zip that is only read, is worth; the student is kept in the result."""
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        work = _Work(
            Path(submission), assignment().lessons(part), part, setup or Setup(), Path(folder)
        )
        for step in STEPS:
            try:
                with deadline(_STEP_S) if step in _IN_PROCESS else contextlib.nullcontext():
                    step(work)
            except (
                Exception
            ) as error:  # whatever it is, the student keeps what the other steps find
                work.faults[step.__name__] = fault_of(error)
        return _result(work, student, time.monotonic() - begin_s)


def take(work: _Work) -> None:
    """Take the submission in."""
    taken = work.folder / "taken"
    taken.mkdir()
    work.intake = take_in(work.submission, taken)


def agree(work: _Work) -> None:
    """Set aside what contradicts itself, and find the functions' cells in what is left."""
    work.examined = examine(work.intake.ledger.entries)
    asked = [
        one for lesson in work.lessons for one in of_lesson(lesson.id) if one.kind == "function"
    ]
    answers = {one.id: counted_answer(one, work.records)[0] for one in asked}
    cells = {id: answer.get("source") for id, answer in answers.items() if isinstance(answer, dict)}
    work.cells = {
        id: cell
        for id, cell in cells.items()
        if isinstance(cell, str) and 0 < len(cell) <= MOST_CHARACTERS
    }


def judge_public(work: _Work) -> None:
    """Judge the public questions from the evidence that is left."""
    until_s = time.monotonic() + _STEP_S

    def in_time(one: Question, records: Records) -> Verdict:
        """Judge one question: what the grader cannot judge, or not in time, is pending, and that question alone."""
        try:
            with deadline(max(0.001, min(_CHECKPOINT_S, until_s - time.monotonic()))):
                return one.verdict(records)
        except TooLongError:
            return Verdict(
                State.PENDING,
                "Judging this takes far longer than any honest record does, so it was given up.",
            )
        except (
            Exception
        ) as error:  # any other than those that a reader of evidence may stumble over
            work.faults[f"judge {one.id}"] = type(error).__name__
            return Verdict(
                State.PENDING, f"The grader could not judge it ({type(error).__name__})."
            )

    work.public = public_rows(work.records, work.lessons, in_time)


def measure(work: _Work) -> None:
    """Measure the models again that the evidence rests on."""
    wanted = wanted_models(work.records, work.lessons)
    models = {one.sha256: one for one in work.intake.of(Kind.MODEL) if one.sha256 in wanted}
    if not work.setup.measure or not models:
        return
    path = work.setup.pictures
    if path is None:
        path = work.folder / "pictures.npz"
        Pictures.draw(PUBLIC_SEED).save(path)
    work.pictures, _ = at_hand(path)
    ordered = [models[sha256] for sha256 in wanted if sha256 in models]
    work.facts = {one.sha256: one for one in inspect_models(ordered, path).values()}


def reopen(work: _Work) -> None:
    """Open the files again that questions ask for and that the ledger passes."""
    passed = [question(row.id) for row in work.public if row.points]
    files = [one for one in passed if one.kind == "file" and one.opened]
    if work.setup.measure:
        unfit = partial(sees_nothing, work.evidence)
        work.opened = {
            one.id: judge_model(one, work.records, work.facts, unfit)
            for one in files
            if is_model(one)
        }
    if work.setup.rerun:
        work.opened |= open_again([one for one in files if not is_model(one)], work.records)


def rerun(work: _Work) -> None:
    """Call functions again, on secret cases, and hold them against the course's own."""
    if work.setup.rerun and any(row.points for row in work.public):
        passed = {row.id for row in work.public if row.points}
        cases = _drawn(work.setup.seed) if work.setup.cases is None else work.setup.cases
        work.reruns = run_again(work.cells, wanted=passed, cases=cases, wall_s=work.setup.rerun_s)


@functools.lru_cache(maxsize=4)
def _drawn(seed: str) -> Mapping[str, Cases]:
    # Only where the lessons' sources are: on the instructor's own machine.
    from grading.builder.compiled import secret_cases
    from grading.builder.sources import sources

    return secret_cases(sources(), seed)


def judge_hidden(work: _Work) -> None:
    """Judge the hidden rows."""
    models, functions = (_untried(work, *names) for names in (("measure",), ("rerun",)))
    work.hidden = hidden_rows(
        work.evidence, work.lessons, _public(work), models=models, functions=functions
    )
    if assignment().part(work.part).leaderboard:
        work.leaderboard = leaderboard(work.evidence, work.lessons)


def _public(work: _Work) -> list[Row]:
    """Return one row for each public question, as what was opened leaves it."""
    judged = {row.id: row for row in work.public}
    if any(name in work.faults for name in ("take", "agree", "judge_public")):
        judged = {}
    waiting = partial(
        Verdict, State.PENDING, "The grader had a fault of its own before it came to this."
    )
    rows = (
        public_rows(work.records, work.lessons, lambda one, _: waiting())
        if not judged
        else judged.values()
    )
    return [_settled(work, row) for row in rows]


def _settled(work: _Work, row: Row) -> Row:
    """Return a public row as what was opened leaves it: earned, lost, or pending if nobody could open it."""
    asked = question(row.id)
    if not asked.opened or not row.points:
        return row
    if asked.kind == "function":
        opened, untried = _as_opened(work.reruns.get(row.id)), _untried(work, "rerun")
    else:
        opened = work.opened.get(row.id)
        untried = _untried(
            work, *(("measure", "reopen") if is_model(asked) else ("rerun", "reopen"))
        )
    if untried or opened is None or opened.verdict is None:
        why = untried or (opened.fault if opened else "") or "The grader could not open it again."
        return replace(row, points=0, state=State.PENDING, message=why, hint="")
    return row if opened.verdict.ok else replace(row, points=0, message=opened.verdict.message)


def _untried(work: _Work, *steps: str) -> str:
    """Return why nothing can have come of steps, in a sentence; an empty text if they were gone through."""
    switched_off = {"measure": not work.setup.measure, "rerun": not work.setup.rerun}
    if any(switched_off.get(step) for step in steps):
        return "Not opened in this pass of the grader, which left that out."
    if any(step in work.faults for step in ("take", "agree", *steps)):
        return "The grader had a fault of its own when it was to open this; staff has been told."
    return ""


def _as_opened(called: Called | None) -> Opened | None:
    """Return what calling a function again says about its public row: results that it does not have were typed."""
    if called is None or called.is_right:
        return Opened(Verdict(State.PASSED, "")) if called else None
    if called.is_right is None and not called.is_absent:
        return Opened(None, called.fault)
    if called == NO_CELL:
        return Opened(Verdict(State.FAILED, f"It could not be called again, since {called.fault}"))
    wrong = "Called again on other cases, the function is wrong"
    why = (
        f"Called again, the function came to nothing ({called.fault})"
        if called.is_absent
        else wrong
    )
    return Opened(
        Verdict(
            State.FAILED,
            f"{why}: the results in the ledger are not its own, and count for nothing.",
        )
    )


#: What happens to a submission, in this order.
STEPS: tuple[Callable[[_Work], None], ...] = (
    take,
    agree,
    judge_public,
    measure,
    reopen,
    rerun,
    judge_hidden,
)


#: Those that read a submission in this process, as a whole; the others keep the time of each thing that they do.
_IN_PROCESS = (take, agree, judge_hidden)


def _result(work: _Work, student: str, wall_s: float) -> Result:
    kept, public = work.examined.kept, _public(work)
    if "judge_hidden" in work.faults or not work.hidden:
        why = "The grader had a fault of its own before it came to this."
        work.hidden = hidden_rows(
            Evidence(as_records([])), work.lessons, public, models=why, functions=why
        )
    # Each reason once why something could not be opened: staff has to mend it, and grade again.
    opened = [*work.opened.values(), *filter(None, map(_as_opened, work.reruns.values()))]
    faults = dict.fromkeys(
        [*(f"{step}: {why}" for step, why in work.faults.items()), *(one.fault for one in opened)]
    )
    records = [entry for entry in kept if entry["type"] == "measurement"]
    made = [one.sha256 for kind in (Kind.MODEL, Kind.PROGRAM) for one in work.intake.of(kind)]
    return Result(
        student=student,
        part=work.part,
        digest=work.intake.digest,
        rows=(*public, *work.hidden),
        notes=tuple(work.intake.notes),
        findings=work.examined.findings,
        machines=tuple(dict.fromkeys(_machine(one["machine"]) for one in records)),
        samples={
            f"{one['option']} × {one['batch_size']}": one["samples"][:_KEPT_SAMPLES]
            for one in records
            if one["kind"] == "latency"
        },
        prints=prints(kept, made, student, work.cells),
        answers=dict(
            Counter(
                entry["question"] for entry in kept if entry["type"] in ("answer", "prediction")
            )
        ),
        minutes=_minutes(kept),
        models={one.name: one.sha256 for one in work.intake.of(Kind.MODEL)},
        leaderboard=work.leaderboard,
        reruns={name: rerun.said for name, rerun in work.reruns.items() if rerun.said},
        fault="; ".join(filter(None, faults)),
        limits=tuple(abilities().missing()),
        worth=assignment().part(work.part).worth,
        wall_s=wall_s,
    )


def _minutes(entries: Sequence[Mapping]) -> dict[str, float]:
    """Return minutes by lesson, from its first entry to its last, without breaks.

    An entry that is about no question, such as a measurement, belongs to the lesson of the one before it.
    """
    known, seen = {one.id for one in lessons()}, []
    for entry in entries:
        about = (
            str(entry.get("question") or entry.get("subject", ""))
            .removeprefix(SUBJECT)
            .partition(".")[0]
        )
        with contextlib.suppress(*STUMBLES):  # a time that somebody wrote by hand
            at = datetime.fromisoformat(entry.get("made_at") or entry["started_at"])
            seen.append((at.timestamp() / 60, about if about in known else ""))
    spent, before = defaultdict[str, float](float), ""
    for (begin, first), (end, second) in pairwise(sorted(seen)):
        before = first or before
        if (second or before) == before and end - begin <= _BREAK_MIN:
            spent[before] += end - begin
    return {id: round(minutes, 1) for id, minutes in spent.items() if id}


def _machine(machine: dict) -> str:
    """Return a machine in a few words: its processor, its GPUs, and that it plays another one."""
    names = [machine["cpu_model"], *dict.fromkeys(gpu["name"] for gpu in machine["gpus"])]
    return " + ".join(names) + (
        " (rehearsal)" if machine["testbed"].get("site") == "rehearsal" else ""
    )
