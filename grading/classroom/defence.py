"""Defend your numbers: a short sheet for each student, drawn by a seed from the student's own records.

Whoever measured knows what becomes of a run when something in it changes; whoever took a neighbour's ledger has to
read it first. A sheet serves as a written question, or for two minutes of talk; the one for staff has the expected
answers. It costs and earns no point here: what an answer is worth a person says.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from grading.classroom.roster import Handed
from grading.grade.result import Result, write_text
from grading.grade.result.page import rendered
from labs import stats
from labs.course.assignment import assignment

#: Samples below which a percentile says too little to be asked about.
_FEWEST = 40


@dataclass(frozen=True)
class Item:
    """One thing to ask a student, and the answer for whoever asks."""

    question: str
    expected: str


def of_lessons(part: int) -> list[Item]:
    """Return what to ask about the lessons of a part, whatever was measured."""
    asked = {one.id for one in assignment().lessons(part)}
    items = tomllib.loads(
        Path(__file__).with_name("defence.toml").read_text(encoding="utf-8")
    ).items()
    return [Item(**item) for lesson, of_lesson in items if lesson in asked for item in of_lesson]


def items(result: Result, seed: str) -> list[Item]:
    """Return what to ask a student: a counterfactual, an outlier, a claim; fewer where the records are too few.

    The same seed, student and submission give the same sheet.
    """
    drawn_from = f"{seed}\0{result.student}\0{result.digest}\0defence"
    digest = hashlib.sha256(drawn_from.encode(errors="surrogateescape")).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    known = {
        name: np.asarray(samples, float)
        for name, samples in sorted(result.samples.items())
        if len(samples) >= _FEWEST and min(samples) > 0
    }
    if not known:
        return []
    names = list(known)
    first, second = (names[random.integers(len(names))] for _ in range(2))
    found = [_counterfactual(first, known[first], random), _outlier(second, known[second])]
    if len(names) > 1:
        one, other = random.choice(names, 2, replace=False)
        found.append(_claim(one, known[one], other, known[other]))
    return found


def _counterfactual(name: str, samples_s: np.ndarray, random: np.random.Generator) -> Item:
    share, factor = random.choice((0.02, 0.04, 0.1)), int(random.choice((3, 5, 10)))
    changed = np.sort(samples_s)
    count = max(1, round(share * len(changed)))
    changed[-count:] *= factor
    pairs = [
        (label, float(of(samples_s)), float(of(changed)))
        for label, of in (
            ("median", np.median),
            ("95th percentile", partial(np.percentile, q=95)),
            ("mean", np.mean),
        )
    ]
    said = "; ".join(f"{label} {_ms(before)} → {_ms(after)}" for label, before, after in pairs)
    return Item(
        f"In your record {name} ({len(samples_s)} samples), let the slowest {count} take {factor} times as long. "
        "What becomes of median, 95th percentile and mean? Which of them would you have put into a service level "
        "objective, and why?",
        f"{said}. A median does not see the slowest samples; the percentile does once they are more than 5 %; the mean "
        "always.",
    )


def _outlier(name: str, samples_s: np.ndarray) -> Item:
    place, middle_s = int(samples_s.argmax()), float(np.median(samples_s))
    rest = np.delete(samples_s, place)
    return Item(
        f"Sample {place + 1} of your record {name} took {_ms(samples_s[place])}, {samples_s[place] / middle_s:.2g} "
        "times the median. Name two causes on the machine that you measured on, say how you would tell them apart, and "
        "how far the mean moves without it.",
        f"Mean {_ms(samples_s.mean())} → {_ms(rest.mean())}, median {_ms(middle_s)} → {_ms(float(np.median(rest)))}. "
        "Causes that can be told apart: another process (slow samples of all options at the same time), a first "
        "call that was not warmed up (among the first), a clock frequency that changed (all later ones are slower).",
    )


def _claim(one: str, a_s: np.ndarray, other: str, b_s: np.ndarray) -> Item:
    found = stats.quotient(stats.median_interval(a_s.tolist()), stats.median_interval(b_s.tolist()))
    verdict = "includes 1: no difference is shown" if found.low <= 1 <= found.high else "excludes 1"
    return Item(
        f"How many times as long as {other} does {one} take, by medians? Give an interval, say what it was computed "
        "from, and name one reason for which it may be too narrow.",
        f"{found.value:.3g} times, between {found.low:.3g} and {found.high:.3g} (of the medians' own 95 % intervals; "
        f"it {verdict}). Too narrow where neighbouring samples depend on each other, or the two did not take turns.",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.4g} ms"


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
    """Write two sheets per student, to hand out and ``…-answers`` for staff, and return their folder."""
    folder = out / "defence"
    for one, result in zip(submissions, results, strict=True):
        write_text(sheet(result, seed, answers=False), folder / f"{one.slug}.html")
        write_text(sheet(result, seed, answers=True), folder / f"{one.slug}-answers.html")
    return folder
