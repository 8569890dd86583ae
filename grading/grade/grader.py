"""One unit of work: ``grade(submission, part=1) -> Result``. Everything else (a class, Gradescope,
Ray) calls this.

The steps are in one list. A step that fails by itself is a fault of the grader's: the submission
keeps the other steps' results, and staff get a message. Nothing that a submission holds makes
``grade`` raise.
"""

import contextlib
import functools
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

from grading.grade.artefacts.measured import Facts, inspect_models
from grading.grade.artefacts.pictures import Pictures, at_hand
from grading.grade.artefacts.reopen import Opened, fault_of, is_model, judge_model, open_again
from grading.grade.contradictions import Examined, examine, with_files
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
    ResultRow,
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

#: Seconds that one step in this process may take, and one question; an honest submission needs a
#: fraction of one.
_STEP_S, _CHECKPOINT_S = 100.0, 10.0

#: A longer gap between two entries, in minutes, counts as a break.
_BREAK_MIN = 10

#: Samples of a record that the result keeps, for questions in person.
_KEPT_SAMPLES = 200


@dataclass(frozen=True)
class Setup:
    """How this grader grades; the same for a whole class."""

    #: File with the pictures for measuring models again (``Pictures.save``); drawn with the public
    #: seed when None.
    pictures: Path | None = None
    #: Whether submitted models are measured again; if not, rows that depend on them are pending.
    measure: bool = True
    #: Whether functions and programs are run again in the sandbox; if not, what rests on them is
    #: pending.
    rerun: bool = True
    #: Seconds for all answer cells together.
    rerun_s: float = 150.0
    #: Draws the cases on which functions are called.
    seed: str = PUBLIC_SEED
    #: Those cases by question, where they were drawn before; drawn with the seed from the lessons'
    #: sources when None.
    cases: Mapping[str, Cases] | None = field(default=None, hash=False)


@dataclass
class _Work:
    """The facts about the current submission so far."""

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
    public: list[ResultRow] = field(default_factory=list)
    hidden: list[ResultRow] = field(default_factory=list)
    leaderboard: dict[str, float] = field(default_factory=dict)
    #: Faults of the grader's own, by the step that had them.
    faults: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def records(self) -> Records:
        """The evidence that nothing contradicts, typed."""
        return as_records(self.examined.entries)

    @property
    def evidence(self) -> Evidence:
        """The evidence for hidden rows and for questions about models."""
        labels: tuple[int, ...] = ()
        places: tuple[int, ...] = ()
        if self.pictures is not None:
            labels = tuple(map(int, self.pictures.labels))
            places = tuple(map(int, self.pictures.places))
        return Evidence(self.records, self.facts, labels, places, self.reruns)

    @property
    def passed(self) -> list[str]:
        """Ids of the public questions that the ledger passes."""
        return [row.id for row in self.public if row.points]


def grade(submission: Path, *, part: int, student: str = "", setup: Setup | None = None) -> Result:
    """Return what a submission, a folder or zip that is only read, is worth; the student is kept in
    the result.
    """
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        work = _Work(
            submission=Path(submission),
            lessons=assignment().lessons(part),
            part=part,
            setup=setup or Setup(),
            folder=Path(folder),
        )
        for step in STEPS:
            try:
                with deadline(_STEP_S) if step in _IN_PROCESS else contextlib.nullcontext():
                    step(work)
            # Whatever it is, the student keeps what the other steps find.
            except Exception as error:
                work.faults[step.__name__] = fault_of(error)
        return _result(work, student, time.monotonic() - begin_s)


def take(work: _Work) -> None:
    """Take the submission in."""
    taken = work.folder / "taken"
    taken.mkdir()
    work.intake = take_in(work.submission, taken)


def agree(work: _Work) -> None:
    """Exclude records that contradict themselves, and find the functions' cells in the rest."""
    work.examined = examine(work.intake.ledger.entries)
    cells: dict[str, str] = {}
    for lesson in work.lessons:
        for asked in of_lesson(lesson.id):
            cell = _cell(asked, work.records) if asked.kind == "function" else None
            if cell:
                cells[asked.id] = cell
    work.cells = cells


def _cell(asked: Question, records: Records) -> str | None:
    """Return the function's cell that its check kept, or None where the ledger has none that may
    be run.
    """
    answer, *_ = counted_answer(asked, records)
    cell = answer.get("source") if isinstance(answer, dict) else None
    if not isinstance(cell, str) or len(cell) > MOST_CHARACTERS:
        return None
    return cell


def judge_public(work: _Work) -> None:
    """Judge the public questions from the evidence that is left."""
    until_s = time.monotonic() + _STEP_S

    def in_time(asked: Question, records: Records) -> Verdict:
        """Judge a question. If the grader cannot judge it, or not in time, only this question is
        pending.
        """
        left_s = min(_CHECKPOINT_S, until_s - time.monotonic())
        try:
            with deadline(max(0.001, left_s)):
                return asked.verdict(records)
        except TooLongError:
            return Verdict(
                State.PENDING,
                "Judging this takes far longer than any honest record does, so it was given up.",
            )
        # Any exception outside those that a reader of evidence may raise.
        except Exception as error:
            name = type(error).__name__
            work.faults[f"judge {asked.id}"] = name
            return Verdict(State.PENDING, f"The grader could not judge it ({name}).")

    work.public = public_rows(work.records, work.lessons, in_time)


def measure(work: _Work) -> None:
    """Measure the models behind the evidence again."""
    wanted = wanted_models(work.records, work.lessons)
    models = {model.sha256: model for model in work.intake.of(Kind.MODEL)}
    ordered = [models[sha256] for sha256 in wanted if sha256 in models]
    if not work.setup.measure or not ordered:
        return
    path = work.setup.pictures
    if path is None:
        path = work.folder / "pictures.npz"
        Pictures.draw(PUBLIC_SEED).save(path)
    work.pictures, _ = at_hand(path)
    work.facts = {facts.sha256: facts for facts in inspect_models(ordered, path).values()}


def agree_with_files(work: _Work) -> None:
    """Set aside times that the recorded processor cannot reach with the file that was measured."""
    multiplications = {sha256: facts.multiplications for sha256, facts in work.facts.items()}
    examined = with_files(work.examined, multiplications)
    if examined is not work.examined:
        work.examined = examined
        work.__dict__.pop("records", None)  # what was cached of the ledger before


def reopen(work: _Work) -> None:
    """Open the questions' files again, if they pass in the ledger."""
    passed = map(question, work.passed)
    files = [asked for asked in passed if asked.kind == "file" and asked.opened]
    models = [asked for asked in files if is_model(asked)]
    if work.setup.measure:
        unfit = partial(sees_nothing, work.evidence)
        for asked in models:
            work.opened[asked.id] = judge_model(asked, work.records, work.facts, unfit)
    if work.setup.rerun:
        others = [asked for asked in files if not is_model(asked)]
        work.opened |= open_again(others, work.records)


def rerun(work: _Work) -> None:
    """Call functions again, on secret cases, and hold them against the course's own."""
    passed = set(work.passed)
    if not work.setup.rerun or not passed:
        return
    cases = work.setup.cases
    if cases is None:
        cases = _drawn(work.setup.seed)
    work.reruns = run_again(work.cells, wanted=passed, cases=cases, wall_s=work.setup.rerun_s)


@functools.lru_cache(maxsize=4)
def _drawn(seed: str) -> Mapping[str, Cases]:
    # Only where the lessons' sources are: on the instructor's own machine.
    from grading.builder.compiled import secret_cases
    from grading.builder.sources import sources

    return secret_cases(sources(), seed)


def judge_hidden(work: _Work) -> None:
    """Judge the hidden rows."""
    work.hidden = hidden_rows(
        work.evidence,
        work.lessons,
        _public(work),
        models=_untried(work, "measure"),
        functions=_untried(work, "rerun"),
    )
    if assignment().part(work.part).leaderboard:
        work.leaderboard = leaderboard(work.evidence, work.lessons)


def _public(work: _Work) -> list[ResultRow]:
    """Return one row for each public question, as the grader confirmed it."""
    rows = work.public
    if not rows or any(name in work.faults for name in ("take", "agree", "judge_public")):
        rows = public_rows(work.records, work.lessons, _waits)
    return [_settled(work, row) for row in rows]


#: Why nothing was judged, where an earlier step failed.
_FAULT_BEFORE = "The grader had a fault of its own before it came to this."


def _waits(asked: Question, records: Records) -> Verdict:
    """Judge nothing: the grader never came to this question."""
    return Verdict(State.PENDING, _FAULT_BEFORE)


def _settled(work: _Work, row: ResultRow) -> ResultRow:
    """Return a public row after the grader has opened the evidence: earned, lost, or pending if it
    could not be opened.
    """
    asked = question(row.id)
    if not asked.opened or not row.points:
        return row
    if asked.kind == "function":
        opened = _as_opened(work.reruns.get(row.id))
        untried = _untried(work, "rerun")
    elif is_model(asked):
        opened = work.opened.get(row.id)
        untried = _untried(work, "measure", "reopen")
    else:
        opened = work.opened.get(row.id)
        untried = _untried(work, "rerun", "reopen")
    if untried or opened is None or opened.verdict is None:
        fault = opened.fault if opened else ""
        why = untried or fault or "The grader could not open it again."
        return replace(row, points=0, state=State.PENDING, message=why, hint="")
    if opened.verdict.ok:
        return row
    return replace(row, points=0, message=opened.verdict.message)


def _untried(work: _Work, *steps: str) -> str:
    """Return in a sentence why steps can have no result; an empty text if all steps were done."""
    switched_off = {"measure": not work.setup.measure, "rerun": not work.setup.rerun}
    if any(switched_off.get(step) for step in steps):
        return "Not opened in this pass of the grader, which left that out."
    if any(step in work.faults for step in ("take", "agree", *steps)):
        return "The grader had a fault of its own when it was to open this; staff has been told."
    return ""


def _as_opened(called: Called | None) -> Opened | None:
    """Return what calling a function again says about its public row: results that it does not have
    were typed.
    """
    if called is None:
        return None
    if called.is_right:
        return Opened(Verdict(State.PASSED, ""))
    if called.is_right is None and not called.is_absent:
        return Opened(None, called.fault)
    if called == NO_CELL:
        return _failed(f"It could not be called again, since {called.fault}")
    why = "Called again on other cases, the function is wrong"
    if called.is_absent:
        why = f"Called again, the function came to nothing ({called.fault})"
    return _failed(f"{why}: the results in the ledger are not its own, and count for nothing.")


def _failed(message: str) -> Opened:
    return Opened(Verdict(State.FAILED, message))


#: What happens to a submission, in this order.
STEPS: tuple[Callable[[_Work], None], ...] = (
    take,
    agree,
    measure,
    agree_with_files,
    judge_public,
    reopen,
    rerun,
    judge_hidden,
)


#: Those that read a submission in this process, as a whole; the others keep the time of each thing
#: that they do.
_IN_PROCESS = (take, agree, agree_with_files, judge_hidden)


def _result(work: _Work, student: str, wall_s: float) -> Result:
    entries = work.examined.entries
    public = _public(work)
    if "judge_hidden" in work.faults or not work.hidden:
        work.hidden = hidden_rows(
            Evidence(as_records([])),
            work.lessons,
            public,
            models=_FAULT_BEFORE,
            functions=_FAULT_BEFORE,
        )
    models = work.intake.of(Kind.MODEL)
    own_files = models + work.intake.of(Kind.PROGRAM)
    own_hashes = [file.sha256 for file in own_files]
    endings = {name: called.ending for name, called in work.reruns.items() if called.ending}
    return Result(
        student=student,
        part=work.part,
        digest=work.intake.digest,
        rows=(*public, *work.hidden),
        notes=tuple(work.intake.notes),
        findings=work.examined.findings,
        machines=_machines(entries),
        samples=_samples(entries),
        prints=prints(entries, own_hashes, student, work.cells),
        answers=_answers(entries),
        minutes=_minutes(entries),
        leased=_leased(entries),
        models={model.name: model.sha256 for model in models},
        leaderboard=work.leaderboard,
        reruns=endings,
        fault=_faults(work),
        limits=tuple(abilities().missing()),
        worth=assignment().part(work.part).worth,
        wall_s=wall_s,
    )


def _faults(work: _Work) -> str:
    """Return each fault of the grader once; staff must repair it, and grade again."""
    faults = [f"{step}: {why}" for step, why in work.faults.items()]
    faults += [opened.fault for opened in work.opened.values()]
    for called in work.reruns.values():
        if opened := _as_opened(called):
            faults.append(opened.fault)
    return "; ".join(filter(None, dict.fromkeys(faults)))


def _measurements(entries: Iterable[Mapping]) -> Iterator[Mapping]:
    return (entry for entry in entries if entry["type"] == "measurement")


def _machines(entries: Iterable[Mapping]) -> tuple[str, ...]:
    """Return each machine of the measurements once, in words."""
    names = [_machine(measurement["machine"]) for measurement in _measurements(entries)]
    return tuple(dict.fromkeys(names))


def _samples(entries: Iterable[Mapping]) -> dict[str, list[float]]:
    """Return the first samples of the newest latency record of each option and batch size."""
    samples: dict[str, list[float]] = {}
    for measurement in _measurements(entries):
        if measurement["kind"] == "latency":
            label = f"{measurement['option']} × {measurement['batch_size']}"
            samples[label] = measurement["samples"][:_KEPT_SAMPLES]
    return samples


def _answers(entries: Iterable[Mapping]) -> dict[str, int]:
    """Return how often each question was answered."""
    answers = [entry for entry in entries if entry["type"] in ("answer", "prediction")]
    return dict(Counter(answer["question"] for answer in answers))


def _minutes(entries: Sequence[Mapping]) -> dict[str, float]:
    """Return minutes by lesson, from its first entry to its last, without breaks.

    An entry that is about no question, such as a measurement, belongs to the lesson of the one
    before it.
    """
    known = {lesson.id for lesson in lessons()}
    moments: list[tuple[float, str]] = []
    for entry in entries:
        about = str(entry.get("question") or entry.get("subject", "")).removeprefix(SUBJECT)
        lesson_id = about.partition(".")[0]
        if lesson_id not in known:
            lesson_id = ""
        with contextlib.suppress(*STUMBLES):  # a time that somebody wrote by hand
            at = datetime.fromisoformat(entry.get("made_at") or entry["started_at"])
            moments.append((at.timestamp() / 60, lesson_id))
    spent = defaultdict[str, float](float)
    current = ""
    for (begin_min, first), (end_min, second) in pairwise(sorted(moments)):
        current = first or current
        is_the_same = second in ("", current)
        gap_min = end_min - begin_min
        if is_the_same and gap_min <= _BREAK_MIN:
            spent[current] += gap_min
    return {id: round(minutes, 1) for id, minutes in spent.items() if id}


def _leased(entries: Iterable[Mapping]) -> list[dict[str, str]]:
    """Return the results that a ledger says were measured on a lease, one for each hour."""
    leased: dict[tuple[str, ...], dict[str, str]] = {}
    for measurement in _measurements(entries):
        machine = measurement["machine"]
        site = machine["testbed"].get("site", "")
        # A container at the edge is told no site: its processor shows the board.
        is_board = not site and machine["cpu_model"].startswith("Cortex")
        if machine["emulator"] or site == "rehearsal" or not (site or is_board):
            continue
        with contextlib.suppress(*STUMBLES):  # a time that somebody wrote by hand
            begun = datetime.fromisoformat(measurement["started_at"]).astimezone(UTC)
            node = machine["testbed"].get("node", "")
            result = {"kind": measurement["kind"], "site": site, "node": node}
            key = (*result.values(), f"{begun:%Y-%m-%d %H}")
            leased.setdefault(key, result | {"started_at": begun.isoformat()})
    return list(leased.values())


def _machine(machine: dict) -> str:
    """Return a machine in a few words: its processor, its GPUs, and that it plays another one."""
    gpus = dict.fromkeys(gpu["name"] for gpu in machine["gpus"])
    words = " + ".join([machine["cpu_model"], *gpus])
    if machine["testbed"].get("site") == "rehearsal":
        words += " (rehearsal)"
    return words
