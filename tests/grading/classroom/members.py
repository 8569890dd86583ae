"""A made-up class, which the batch and `make grade-demo` grade.

All hold the work of ``tests.grading.whole``, or a part of it. A diligent member has its own ids and
slightly changed samples: answers still fit, and two members differ as much as two runs.
"""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from grading.builder.notebook import build, text_of
from labs.course.assignment import assignment
from tests.grading.classroom import attacks
from tests.grading.classroom.attacks import timed
from tests.grading.exported import NAME
from tests.grading.recorded import MODEL
from tests.grading.whole import hand_in, whole

Entries = list[dict]


def entries() -> Entries:
    """Return the work of a student who did everything, new at each call."""
    return whole(1).records.to_json()


def diligent(dice: random.Random) -> Entries:
    """Return the evidence of a member who did everything."""
    ledger = entries()
    for entry in timed(ledger):
        # Each a little less: they fit into the run that the record's clock enclosed, and nobody
        # else has them.
        samples = entry["samples"]
        entry["samples"] = [sample * (1 - 1e-6 * dice.random()) for sample in samples]
    return in_own_words(attacks.with_ids_of_its_own(ledger, dice), dice)


def in_own_words(ledger: Entries, dice: random.Random) -> Entries:
    """Return a ledger with unique functions and written answers."""
    for entry in ledger:
        if entry["type"] == "answer" and isinstance(entry["value"], dict):
            for name, text in entry["value"].items():
                if name == "source":
                    entry["value"][name] = f"{text}\nnobody_elses = {dice.getrandbits(32)}"
                elif isinstance(text, str) and " " in text:
                    entry["value"][name] = f"{text} (written by number {dice.getrandbits(32)})"
    return ledger


def half_way(dice: random.Random) -> Entries:
    """Return the evidence of a member who stopped somewhere."""
    ledger = diligent(dice)
    return ledger[: dice.randrange(len(ledger) // 4, len(ledger))]


def mistaken(dice: random.Random) -> Entries:
    """Return the evidence of a member who took milliseconds for seconds, now and then."""
    ledger = diligent(dice)
    for entry in ledger:
        if entry["type"] == "answer" and dice.random() < 0.4:
            entry["value"] = _in_thousandths(entry["value"])
    return ledger


def _in_thousandths(value: object) -> object:
    """Return an answer, or a function's result, with each fractional number multiplied by a
    thousand.
    """
    if isinstance(value, dict):
        return {name: _in_thousandths(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_in_thousandths(part) for part in value]
    return 1000 * value if isinstance(value, float) else value


def copied(ledger: Entries, dice: random.Random) -> Entries:
    """Return another member's evidence with all times scaled and a little noise on top; ids and
    texts stay.
    """
    scale = dice.uniform(0.7, 0.9)
    for entry in timed(ledger):
        samples = entry["samples"]
        entry["samples"] = [sample * scale * dice.uniform(0.995, 1.005) for sample in samples]
    return ledger


def drawn_again(ledger: Entries, dice: random.Random) -> Entries:
    """Return another member's evidence with new ids, texts and functions, and times drawn again."""
    ledger = in_own_words(attacks.with_ids_of_its_own(ledger, dice), dice)
    for entry in timed(ledger):
        samples = entry["samples"]
        drawn = dice.choices(samples, k=len(samples))
        scale = min(1.0, sum(samples) / sum(drawn))
        entry["samples"] = [sample * scale for sample in drawn]
    return ledger


def hostile(folder: Path, dice: random.Random) -> None:
    """Spoil a submission in one of the ways that a grader has to survive."""
    kind = dice.randrange(6)
    if kind == 0:
        (folder / "conftest.py").write_text("raise SystemExit\n")
    elif kind == 1:
        (folder / "ledger.jsonl").write_text("[" * 100_000)
    elif kind == 2:
        (folder / "ledger.jsonl").write_text('{"samples": [NaN, 1e999, true]}\n' * 100)
    elif kind == 3:
        (folder / "ledger.jsonl").unlink(missing_ok=True)
        (folder / "ledger.jsonl").symlink_to("/etc/passwd")
    elif kind == 4:
        (folder / MODEL.name).write_bytes(b"\x08\x07" + bytes(200))
    else:
        (folder / "pipe").unlink(missing_ok=True)
        os.mkfifo(folder / "pipe")


#: How many of sixty are what.
MIXTURE: dict[str, int] = {
    "diligent": 36,
    "half-way": 5,
    "mistaken": 4,
    "copied": 3,
    "drawn again": 2,
    "stub": 2,
    "empty": 1,
    "hostile": 4,
    "by heart": 1,
    "typed answers": 2,
}


def make_class(folder: Path, size: int) -> list[Path]:
    """Make the submissions of a class, one folder per member, named after its kind, and return
    them.
    """
    solved = folder.with_name(f"{folder.name}-solved")
    notebooks = [*hand_in(solved, 1).glob("*.ipynb")]
    members: list[Path] = []
    first: Entries = []
    for number, kind in enumerate(_kinds(size), start=1):
        dice = random.Random(f"20 {number}")
        member = folder / f"{number:03d}-{kind}"
        member.mkdir(parents=True)
        members.append(member)
        if kind == "empty":
            continue
        if kind == "stub":
            for lesson in assignment().lessons(1):
                (member / lesson.notebook.name).write_text(text_of(build(lesson)), encoding="utf-8")
            continue
        if kind in _COPIES and first:
            ledger = _COPIES[kind](json.loads(json.dumps(first)), dice)
        else:
            ledger = _LEDGERS.get(kind, diligent)(dice)
        if kind == "diligent" and not first:
            first = ledger
        model = MODEL.read_bytes()
        if kind == "by heart":
            ledger, model = attacks.by_heart(ledger, attacks.public_pictures()[0])
        lines = "".join(json.dumps(entry) + "\n" for entry in ledger)
        (member / "ledger.jsonl").write_text(lines, encoding="utf-8")
        for path in notebooks:
            # Hard links: five hundred members need not fill the disk. What is spoiled is written
            # anew.
            os.link(path, member / path.name)
        (member / MODEL.name).write_bytes(model)
        os.link(solved / NAME, member / NAME)
        if kind == "hostile":
            hostile(member, dice)
    shutil.rmtree(solved)
    return members


def typed_answers(dice: random.Random) -> Entries:
    """Return the evidence of a member who answered everything and measured nothing."""
    return [entry for entry in diligent(dice) if entry["type"] != "measurement"]


_LEDGERS: dict[str, Callable[[random.Random], Entries]] = {
    "half-way": half_way,
    "mistaken": mistaken,
    "typed answers": typed_answers,
}

#: Changes of the first diligent member's ledger.
_COPIES: dict[str, Callable[[Entries, random.Random], Entries]] = {
    "copied": copied,
    "drawn again": drawn_again,
}


def _kinds(size: int) -> list[str]:
    """Return ``size`` kinds, mixed evenly; the first is diligent, so that others can copy it."""
    places: list[tuple[float, str]] = []
    for kind, count in MIXTURE.items():
        places += [((turn + 0.5) / count, kind) for turn in range(count)]
    deck = [kind for _, kind in sorted(places)]
    return [deck[place % len(deck)] for place in range(size)]
