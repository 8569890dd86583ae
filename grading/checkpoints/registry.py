"""All checkpoints of the course, each defined once: an id, its points, and a pure function of ledger entries."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass

from grading.checkpoints.verdict import Verdict, failed

#: Ledger entries as plain JSON (``labs.records.Ledger.to_json``) in, verdict out. No torch, no clock, no files.
Judge = Callable[[list[dict]], Verdict]

#: The parts of the course that have checkpoints: the packages beside this file, in the course's order.
PARTS = ("start", "model", "edge", "system")

#: Dots separate words, so that '.' ↔ '-' maps ids to notebook cell ids and back (those know no dot).
ID_FORM = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")


class UnknownCheckpointError(KeyError):
    """There is no checkpoint with this id; the message names the nearest ones."""

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class Prediction:
    """What a checkpoint on a prediction knows about its question."""

    #: Fields of the measurements that it concerns, such as ``{"kind": "latency", "option": "torch-compiled"}``.
    about: dict
    #: The value that the ledger's measurements give, or None while they are not there.
    measured: Callable[[list[dict]], float | str | None]
    #: How a value of this question is shown.
    show: Callable[[float | str], str]


@dataclass(frozen=True)
class Checkpoint:
    """One thing that a lesson asks for."""

    #: Stable id, such as 'm.measure.p99'.
    id: str
    #: The question in a few words.
    title: str
    #: What it is worth.
    points: int
    #: Judges the evidence.
    judge: Judge
    #: Part of the course: 'start', 'model', …
    part: str = ""
    #: Number of the lesson, which is also the number in the notebook's name.
    lesson: int = 0
    #: Shown when the check fails: where to look, never the answer.
    hint: str = ""
    #: Known to the autograder only.
    hidden: bool = False
    #: What a machine must be able to do for it to be earned there, by the names of the capability gate; its lesson says
    #: so. Empty where any machine will do.
    needs: tuple[str, ...] = ()
    #: Set when the question asks for a prediction.
    prediction: Prediction | None = None

    def verdict(self, entries: list[dict]) -> Verdict:
        """Return the verdict on these ledger entries.

        Evidence is written by others and may be anything, so a judge that stumbles over it fails the checkpoint
        instead of the grader.
        """
        try:
            return self.judge(entries)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            return failed(
                "This answer does not have the form that was asked for; read the question's comment again.",
                yours=f"{type(error).__name__}: {error}",
            )


class Registry:
    """Checkpoints by id, in order of definition."""

    def __init__(self) -> None:
        self._checkpoints: dict[str, Checkpoint] = {}

    def add(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint.

        Raises:
            ValueError: The id is taken or malformed, or it is worth nothing.
        """
        if not ID_FORM.fullmatch(checkpoint.id):
            raise ValueError(f"checkpoint id {checkpoint.id!r}: lower-case words joined by dots, as in 'm.measure.p99'")
        if checkpoint.id in self._checkpoints:
            raise ValueError(f"checkpoint {checkpoint.id!r} is defined twice")
        if checkpoint.points < 1:
            raise ValueError(f"checkpoint {checkpoint.id!r} is worth {checkpoint.points} points; one is the least")
        self._checkpoints[checkpoint.id] = checkpoint

    def checkpoint(
        self,
        id: str,
        *,
        points: int = 1,
        title: str = "",
        hint: str = "",
        hidden: bool = False,
        needs: tuple[str, ...] = (),
    ) -> Callable[[Judge], Judge]:
        """Register the decorated pure function as a checkpoint; the function itself is returned unchanged."""

        def register(judge: Judge) -> Judge:
            part, lesson = place_of(judge.__module__)
            self.add(
                Checkpoint(
                    id, title or id, points, judge, part=part, lesson=lesson, hint=hint, hidden=hidden, needs=needs
                ),
            )
            return judge

        return register

    def __getitem__(self, id: str) -> Checkpoint:
        if id not in self._checkpoints:
            near = difflib.get_close_matches(id, self._checkpoints, n=3, cutoff=0.4)
            more = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UnknownCheckpointError(f"there is no checkpoint {id!r}{more}")
        return self._checkpoints[id]

    def __iter__(self):
        return iter(sorted(self._checkpoints.values(), key=lambda one: one.lesson))

    def __contains__(self, id: str) -> bool:
        return id in self._checkpoints


def place_of(module: str) -> tuple[str, int]:
    """Return part and lesson number of a module of checkpoints: '….model.lesson_11_samples' → ('model', 11).

    The sittings of one lesson share its number: '….model.lesson_14b_forms' → ('model', 14).
    """
    found = re.search(r"\.([a-z]+)\.lesson_(\d+)[a-z]?(_\w+)?$", module)
    return (found[1], int(found[2])) if found else ("", 0)


REGISTRY = Registry()
checkpoint = REGISTRY.checkpoint


@functools.lru_cache(maxsize=1)
def all_checkpoints() -> Registry:
    """Return the course's registry with every part's lessons loaded, once a process."""
    for part in PARTS:
        package = importlib.import_module(f"grading.checkpoints.{part}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return REGISTRY
