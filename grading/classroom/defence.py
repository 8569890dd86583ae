"""Defend your numbers: a short sheet for each student, drawn by a seed from the student's records.

Students who measured know how a run reacts to a change; students who copied a ledger have to read
it first. A sheet serves as a written question, or for two minutes of talk; the staff's sheet has
the expected answers. It changes no points here: a person decides the worth of an answer.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grading.classroom.handed_in import Handed
from grading.grade.result import Result, write_text
from grading.grade.result.page import rendered
from labs import stats
from labs.course.assignment import assignment

#: Samples below which a percentile says too little to be asked about.
_FEWEST = 40


@dataclass(frozen=True)
class Item:
    """One question to a student, and its answer for the examiner."""

    question: str
    expected: str


def of_lessons(part: int) -> list[Item]:
    """Return what to ask about the lessons of a part, whatever was measured."""
    asked = {lesson.id for lesson in assignment().lessons(part)}
    text = Path(__file__).with_name("defence.toml").read_text(encoding="utf-8")
    items = []
    for lesson_id, of_lesson in tomllib.loads(text).items():
        if lesson_id in asked:
            items += [Item(**item) for item in of_lesson]
    return items


def items(result: Result, seed: str) -> list[Item]:
    """Return what to ask a student: a counterfactual, an outlier, a claim; fewer where the records
    are too few.

    The same seed, student and submission give the same sheet.
    """
    drawn_from = f"{seed}\0{result.student}\0{result.digest}\0defence"
    digest = hashlib.sha256(drawn_from.encode(errors="surrogateescape")).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    samples_s = {}
    for name, samples in sorted(result.samples.items()):
        if len(samples) >= _FEWEST and min(samples) > 0:
            samples_s[name] = np.asarray(samples, float)
    if not samples_s:
        return []
    names = list(samples_s)
    changed = names[random.integers(len(names))]
    looked_at = names[random.integers(len(names))]
    drawn = [
        _counterfactual(changed, samples_s[changed], random),
        _outlier(looked_at, samples_s[looked_at]),
    ]
    if len(names) > 1:
        option, baseline = random.choice(names, 2, replace=False)
        drawn.append(_claim(option, samples_s[option], baseline, samples_s[baseline]))
    return drawn


def _counterfactual(name: str, samples_s: np.ndarray, random: np.random.Generator) -> Item:
    share = random.choice((0.02, 0.04, 0.1))
    factor = int(random.choice((3, 5, 10)))
    changed_s = np.sort(samples_s)
    count = max(1, round(share * len(changed_s)))
    changed_s[-count:] *= factor
    median = _change(np.median(samples_s), np.median(changed_s))
    percentile = _change(np.percentile(samples_s, 95), np.percentile(changed_s, 95))
    mean = _change(np.mean(samples_s), np.mean(changed_s))
    return Item(
        f"In your record {name} ({len(samples_s)} samples), let the slowest {count} take "
        f"{factor} times as long. What becomes of median, 95th percentile and mean? Which of "
        "them would you have put into a service level objective, and why?",
        f"median {median}; 95th percentile {percentile}; mean {mean}. A median does not see the "
        "slowest samples; the percentile does once they are more than 5 %; the mean always.",
    )


def _outlier(name: str, samples_s: np.ndarray) -> Item:
    place = int(samples_s.argmax())
    slowest_s = samples_s[place]
    times_median = slowest_s / np.median(samples_s)
    rest_s = np.delete(samples_s, place)
    mean = _change(samples_s.mean(), rest_s.mean())
    median = _change(np.median(samples_s), np.median(rest_s))
    return Item(
        f"Sample {place + 1} of your record {name} took {_ms(slowest_s)}, "
        f"{times_median:.2g} times the median. Name two causes on the machine "
        "that you measured on, say how you would tell them apart, and how far the mean moves "
        "without it.",
        f"Mean {mean}, median {median}. Causes that can be told apart: another process (slow "
        "samples of all options at the same time), a first call that was not warmed up (among "
        "the first), a clock frequency that changed (all later ones are slower).",
    )


def _claim(option: str, option_s: np.ndarray, baseline: str, baseline_s: np.ndarray) -> Item:
    ratio = stats.quotient(
        stats.median_interval(option_s.tolist()), stats.median_interval(baseline_s.tolist())
    )
    low, high = f"{ratio.low:.3g}", f"{ratio.high:.3g}"
    includes_1 = ratio.low <= 1 <= ratio.high
    verdict = "includes 1: no difference is shown" if includes_1 else "excludes 1"
    return Item(
        f"How many times as long as {baseline} does {option} take, by medians? Give an interval, "
        "say what it was computed from, and name one reason for which it may be too narrow.",
        f"{ratio.value:.3g} times, between {low} and {high} (of the medians' "
        f"own 95 % intervals; it {verdict}). Too narrow where neighbouring samples depend on "
        "each other, or the two did not take turns.",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.4g} ms"


def _change(before_s: float, after_s: float) -> str:
    return f"{_ms(before_s)} → {_ms(after_s)}"


def sheet(result: Result, seed: str, *, answers: bool) -> str:
    """Return a student's sheet as HTML, with the expected answers for staff or without."""
    return rendered(
        Path(__file__).with_name("templates") / "defence.html",
        title=f"Part {result.part}: defend your numbers",
        student=result.student,
        own=items(result, seed),
        of_lessons=of_lessons(result.part),
        answers=answers,
    )


def write_sheets(
    submissions: Sequence[Handed], results: Sequence[Result], seed: str, out: Path
) -> Path:
    """Write two sheets per student, to hand out and ``…-answers`` for staff, and return their
    folder.
    """
    folder = out / "defence"
    for hand_in, result in zip(submissions, results, strict=True):
        write_text(sheet(result, seed, answers=False), folder / f"{hand_in.slug}.html")
        write_text(sheet(result, seed, answers=True), folder / f"{hand_in.slug}-answers.html")
    return folder
