"""Questions whose answer is a file that the student makes: looked into where it is, judged from the facts anywhere."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grading.checkpoints.registry import REGISTRY, Verdict, unanswered
from labs.records import Records

#: Beginning of the subject under which facts about a question's file are written down.
SUBJECT = "artefact."

Inspect = Callable[[object], dict]


@dataclass(frozen=True)
class Example:
    """Facts about a file, with the records that the judge looks at beside them."""

    #: What ``inspect`` would return.
    facts: Mapping
    #: Fields of measurements that stand in the ledger; a test completes them.
    records: tuple[Mapping, ...] = ()


@dataclass(frozen=True)
class Artefact:
    """What a checkpoint on a file knows about its question."""

    #: Returns plain facts about the file; runs where the file is.
    inspect: Inspect
    #: Facts by name: 'good', and each known mistake.
    examples: Mapping[str, Example] = field(default_factory=dict)
    #: How the page of questions calls it.
    kind: str = "artefact"

    def open(self, id: str, records: Records) -> Verdict | None:
        """Return the verdict while no file was looked into."""
        if records.seen(SUBJECT + id) is not None:
            return None
        return unanswered("Make the file in the cell above, then run this check.")


def artefact_question(
    id: str,
    *,
    title: str,
    inspect: Inspect,
    points: int = 2,
    hints: Sequence[str] = (),
    needs: Sequence[Mapping] = (),
    mistakes: Mapping[str, str] | None = None,
    examples: Mapping[str, Mapping | Example] | None = None,
    gate: Sequence[str] = (),
) -> Callable[[Callable[[dict, Records], Verdict]], Callable]:
    """Register the decorated function as the judge of a question whose answer is a file.

    Args:
        id: Checkpoint id.
        title: The question in a few words.
        inspect: Returns facts about the file as plain JSON; it imports what it needs itself, and may raise.
        points: What it is worth.
        hints: Two: the second, stronger one from the second failing try on.
        needs: Records without which it cannot be passed.
        mistakes: Sentences of known mistakes; the judge returns ``failed_as`` with the name.
        examples: Facts by name: 'good', and each known mistake.
        gate: Capabilities without which a machine cannot earn it.
    """

    def register(judge: Callable[[dict, Records], Verdict]) -> Callable:
        named = {name: one if isinstance(one, Example) else Example(one) for name, one in (examples or {}).items()}
        REGISTRY.register(
            judge,
            id,
            lambda records: judge(records.seen(SUBJECT + id), records),
            title=title,
            points=points,
            asks=Artefact(inspect, named),
            hints=tuple(hints),
            needs=tuple(needs),
            gate=tuple(gate),
            mistakes=mistakes or {},
        )
        return judge

    return register


def paths_in(value: object) -> list[Path]:
    """Return the paths that were handed over: one, or those in a list or dictionary."""
    if isinstance(value, str | os.PathLike):
        return [Path(value)]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [path for part in value for path in paths_in(part)] if isinstance(value, list | tuple) else []


def stub_in(value: object) -> str:
    """Return where a program that was handed over still ends in a stub's dots ('`execute` in `model.py`'), or nothing.

    Looking into a program may start a server, and half a minute is long for hearing that nothing is written yet.
    """
    for path in paths_in(value):
        for program in sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.suffix == ".py" else []:
            try:
                tree = ast.parse(program.read_bytes())
            except (OSError, SyntaxError, ValueError):
                continue  # the question's own look says it in its own words
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_dots(node.body[-1]):
                    return f"`{node.name}` in `{program.name}`"
    return ""


def _is_dots(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and getattr(statement.value, "value", None) is ...


def facts_about(value: object, inspect: Inspect) -> dict:
    """Return what a question's ``inspect`` says about what was handed over; of a single file, its hash and size too."""
    facts = dict(inspect(value))
    paths = paths_in(value)
    if isinstance(value, str | os.PathLike) and paths[0].is_file():
        with paths[0].open("rb") as file:
            facts.setdefault("sha256", hashlib.file_digest(file, "sha256").hexdigest())
        facts.setdefault("size_bytes", paths[0].stat().st_size)
    return facts
